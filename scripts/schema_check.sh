#!/bin/sh
# Fails where docs/openapi.json or the types made from it are not what the code says now.
set -eu
cd "$(dirname "$0")/.."
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
.venv/bin/python manage.py spectacular --validate --fail-on-warn --format openapi-json --file "$fresh/openapi.json"
(cd frontend && npx --no-install openapi-typescript "$fresh/openapi.json" -o "$fresh/schema.d.ts" >/dev/null)
for pair in "docs/openapi.json openapi.json" "frontend/src/api/schema.d.ts schema.d.ts"; do
    # shellcheck disable=SC2086  # two words on purpose
    set -- $pair
    if ! diff -u "$1" "$fresh/$2" | head -40; then :; fi
    if ! cmp -s "$1" "$fresh/$2"; then
        echo "$1 is not what the code says: run 'make schema' and commit it." >&2
        exit 1
    fi
done
