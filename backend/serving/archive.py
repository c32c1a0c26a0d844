"""Files as one ZIP archive, made while it is sent: never more than a piece of it in memory."""

import io
import zipfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PIECE: Final = 1024 * 1024


class _Sent(io.RawIOBase):
    """Takes what the archive writes and gives it away once; it cannot go back."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | memoryview") -> int:  # type: ignore[override]
        # Narrower than any buffer: zipfile writes bytes.
        self._pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def archive_stream(files: "Sequence[tuple[str, Path]]", *, folder: str) -> "Iterator[bytes]":
    """The archive, piece by piece; stored, for weights do not become smaller.

    Args:
        files: name in the archive and place on the disk.
        folder: what everything lies in, so that unpacking fills no other folder.
    """
    sent = _Sent()
    with zipfile.ZipFile(sent, "w", zipfile.ZIP_STORED) as archive:
        for name, path in files:
            entry = zipfile.ZipInfo.from_file(path, f"{folder}/{name}")
            # The size is known beforehand, so zipfile takes the long form only where it must.
            with path.open("rb") as source, archive.open(entry, "w") as member:
                while piece := source.read(PIECE):
                    member.write(piece)
                    yield sent.take()
    yield sent.take()
