#!/bin/sh
# Makes sure of a Chromium and of Chinese fonts for the browser tests, from the system's packages.
set -eu

missing=""
if [ -n "${CHROMIUM:-}" ]; then
    if [ ! -x "$CHROMIUM" ]; then
        echo "CHROMIUM names $CHROMIUM, which cannot be run: give the path of a Chromium." >&2
        exit 1
    fi
elif [ ! -x /usr/bin/chromium ]; then
    missing="chromium"
fi
if ! fc-list ':lang=zh' 2>/dev/null | grep -q .; then
    missing="$missing fonts-noto-cjk fontconfig"
fi
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    as_root="sudo -n"
fi
if ! command -v apt-get >/dev/null 2>&1 || ! $as_root true 2>/dev/null; then
    echo "The browser tests need$(printf ' %s' $missing), and this account may not install packages: install them, or name a Chromium in CHROMIUM." >&2
    exit 1
fi
echo "Installing $missing from the system's packages …"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "The browser tests need $missing, and installing them failed (see above)." >&2
    exit 1
fi
