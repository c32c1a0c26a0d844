#!/bin/sh
# Runs the tests of the backend beside all others, each with services of its own, and then shows
# what the others said. Half of the time is waiting for processes, and two cores are the least.
others=$(mktemp)
trap 'rm -f "$others"' EXIT
.venv/bin/pytest --color=yes tests/architecture tests/ml tests/integration > "$others" 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null; exit 130' INT TERM
status=0
.venv/bin/pytest tests/backend || status=$?
wait $pid || status=$?
cat "$others"
exit $status
