#!/bin/sh
# Runs its arguments with the first Python 3.11 or 3.12 that has venv. A name alone proves nothing:
# version managers put names on the path that then refuse to run.
for candidate in python3.11 python3.12 python3 python; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' >/dev/null 2>&1; then
        exec "$candidate" "$@"
    fi
done
for candidate in python3.11 python3.12; do
    if "$candidate" -c 'import sys' >/dev/null 2>&1; then
        echo "Loredesk needs Python's venv, which this $candidate lacks: install your system's package $candidate-venv." >&2
        exit 1
    fi
done
echo "Loredesk needs Python 3.11 or 3.12, and the path has neither ($(python3 --version 2>/dev/null || echo 'no Python at all')): install one of them." >&2
exit 1
