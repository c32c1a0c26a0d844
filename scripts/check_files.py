"""Refuses files that should not be committed; prints one line for each and why.

python scripts/check_files.py FILE …
"""

import sys
from collections.abc import Iterator
from pathlib import Path

LARGEST = 500 * 1024
# Written by tools that end their files in another way.
GENERATED = {"django.po", "openapi.json"}
KEY_MARKS = tuple(
    f"-----BEGIN {kind}PRIVATE KEY-----".encode() for kind in ("", "RSA ", "EC ", "OPENSSH ")
)


def complaints(path: Path) -> Iterator[str]:
    """What is wrong with one file, a few words each."""
    content = path.read_bytes()
    if len(content) > LARGEST:
        yield f"has {len(content) // 1024} KB, more than {LARGEST // 1024}"
    if any(mark in content for mark in KEY_MARKS):
        yield "holds a private key"
    if b"\0" in content or not content or path.name in GENERATED:
        return  # no text, or not ours to shape
    if not content.endswith(b"\n") or content.endswith(b"\n\n"):
        yield "does not end with exactly one newline"
    if any(line.endswith((b" ", b"\t", b"\r")) for line in content.split(b"\n")):
        yield "has blanks at the end of a line"


def main(names: list[str]) -> int:
    """Exit status: how many files are refused, one at most."""
    refused = [
        f"{name} {complaint}"
        for name in names
        if Path(name).is_file() and not Path(name).is_symlink()
        for complaint in complaints(Path(name))
    ]
    for line in refused:
        print(line)
    return int(bool(refused))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
