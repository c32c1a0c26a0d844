"""A LLaMA-Factory folder as one ZIP file: its data files, and how each of them is to be read.

A dataset that is no questions with answers in a file of the folder (on a hub, preferences,
pictures, tools) is one refused row, so that the others are still read.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Final

from ml.formats.conversations import Dialect
from ml.formats.errors import FormatError
from ml.formats.json_text import load_json

INFO: Final = "dataset_info.json"
# What Loredesk's exports hold beside what LLaMA-Factory reads, as one JSON text: a loader of
# tables wants every row alike, and an empty list is not like a list of texts.
EXTRA_KEY: Final = "loredesk"
MAX_FILES: Final = 2000
MAX_DIRECTORY_BYTES: Final = 2**20
MAX_UNPACKED_BYTES: Final = 2**30
MAX_INFO_BYTES: Final = 4 * 2**20
ELSEWHERE: Final = ("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name")
OTHER_DATA: Final = ("chosen", "rejected", "kto_tag", "images", "videos", "audios", "tools")
ALPACA: Final = {
    "prompt": "instruction",
    "query": "input",
    "response": "output",
    "system": "system",
    "history": "history",
}


class Member(io.RawIOBase):
    """A file of the archive, of which no more is unpacked than all files together may hold."""

    def __init__(self, folder: "Folder", name: str) -> None:
        self._folder = folder
        try:
            self._file: IO[bytes] = folder.archive.open(name)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
            raise FormatError("bad_archive") from error

    def read(self, size: int = -1) -> bytes:
        try:
            part = self._file.read(size)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise FormatError("bad_archive") from error
        self._folder.unpacked += len(part)
        if self._folder.unpacked > 2 * MAX_UNPACKED_BYTES:  # each file is looked at, then read
            raise FormatError("archive_too_large", limit=MAX_UNPACKED_BYTES // 2**20)
        return part

    def close(self) -> None:
        self._file.close()
        super().close()


@dataclass
class Folder:
    """The archive, with what has been unpacked of it so far."""

    archive: zipfile.ZipFile
    unpacked: int = 0


@dataclass(frozen=True)
class Dataset:
    """One file to read, or the problem that keeps a dataset out."""

    number: int
    file: str = INFO
    problem: FormatError | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    dialect: Dialect | None = None


def open_folder(file: IO[bytes]) -> Folder:
    """The archive, once it is sure that looking into it takes little memory.

    Raises:
        FormatError: it is no ZIP file, or holds more than it may.
    """
    _refuse_large_directory(file)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, OverflowError, EOFError) as error:
        raise FormatError("bad_archive") from error
    parts = archive.infolist()
    if len(parts) > MAX_FILES or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        raise FormatError("archive_too_large", limit=MAX_UNPACKED_BYTES // 2**20)
    if any(
        part.flag_bits & 1 or part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        for part in parts
    ):
        raise FormatError("bad_archive")
    return Folder(archive)


def _refuse_large_directory(file: IO[bytes]) -> None:
    """The list of an archive's files is read as a whole, whatever number it says to hold."""
    size = file.seek(0, io.SEEK_END)
    if not size:
        raise FormatError("empty_file")
    start = file.seek(max(0, size - 65_557))
    end = file.read()
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) - at < 22:
        raise FormatError("bad_archive")
    (directory,) = struct.unpack_from("<L", end, at + 12)
    if directory > MAX_DIRECTORY_BYTES or b"PK\x06\x07" in end or start + at < directory:
        raise FormatError("archive_too_large", limit=MAX_UNPACKED_BYTES // 2**20)


def datasets(folder: Folder) -> Iterator[Dataset]:
    """What dataset_info.json names, in its order.

    Raises:
        FormatError: there is none, it cannot be read, or it names a file outside the folder.
    """
    names = {n for n in folder.archive.namelist() if not n.startswith("__MACOSX/")}
    infos = sorted((n for n in names if PurePosixPath(n).name == INFO), key=lambda n: n.count("/"))
    if not infos:
        raise FormatError("no_dataset_info")
    member = Member(folder, infos[0])
    data = member.read(MAX_INFO_BYTES + 1)
    member.close()
    if len(data) > MAX_INFO_BYTES:
        raise FormatError("archive_too_large", limit=MAX_INFO_BYTES // 2**20)
    try:
        info = load_json(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise FormatError("not_utf8", byte=error.start + 1).in_file(INFO) from error
    except FormatError as error:
        raise error.in_file(INFO) from error
    if not isinstance(info, dict):
        raise FormatError("no_dataset_info")
    above = infos[0].removesuffix(INFO)
    for number, (name, entry) in enumerate(info.items(), start=1):
        yield from _dataset(number, name, entry, above, names)


def _dataset(
    number: int, name: str, entry: object, above: str, names: set[str]
) -> Iterator[Dataset]:
    entry = entry if isinstance(entry, dict) else {}
    columns, tags = (
        {k: v for k, v in part.items() if isinstance(v, str)} if isinstance(part, dict) else None
        for part in (entry.get("columns"), entry.get("tags"))
    )
    file_name = entry.get("file_name")
    other = next((key for key in OTHER_DATA if key in (columns or {})), "")
    problem = None
    if any(key in entry for key in ELSEWHERE):
        problem = FormatError("remote_dataset", name=name[:100])
    elif not isinstance(file_name, str) or not file_name:
        problem = FormatError("missing_file", name=name[:100])
    elif entry.get("ranking") or other:
        problem = FormatError("other_dataset", name=name[:100], kind=other or "ranking")
    if problem or not isinstance(file_name, str):
        yield Dataset(number, problem=problem)
        return
    path = PurePosixPath(file_name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise FormatError("outside_folder", file=file_name[:100])
    inside = above + str(path)
    found = [inside] if inside in names else sorted(n for n in names if n.startswith(inside + "/"))
    if not found:
        yield Dataset(number, problem=FormatError("missing_file", name=file_name[:100]))
    talks = entry.get("formatting") in ("sharegpt", "openai")
    for file in found:
        if file.lower().endswith(".txt"):  # LLaMA-Factory reads prose to train on from these
            problem = FormatError("other_dataset", name=name[:100], kind="txt")
            yield Dataset(number, problem=problem)
        elif talks:
            style = str(entry["formatting"])
            yield Dataset(number, file, dialect=Dialect.of(columns, tags, style=style))
        else:
            yield Dataset(number, file, columns=_fields(columns))


def _fields(columns: Mapping[str, str] | None) -> dict[str, str]:
    """Column -> field; once there are columns, what is not listed counts as absent there."""
    if columns is None:
        return {}
    listed = {columns[name]: field for name, field in ALPACA.items() if name in columns}
    return dict.fromkeys(ALPACA.values(), "") | listed
