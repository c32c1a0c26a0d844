"""Canonical records -> files in every format and the folder that LLaMA-Factory trains on."""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import IO

from ml.formats.conversations import conversation_row
from ml.formats.csv_text import csv_parts
from ml.formats.errors import FormatError
from ml.formats.folders import EXTRA_KEY
from ml.formats.rows import RecordFields
from ml.formats.sheets import sheet_parts
from ml.formats.tables import cells_from_rows
from ml.formats.texts import PART


def dump(rows: Iterable[RecordFields], *, format: str = "alpaca") -> bytes:
    """The records as a file that ``parse`` reads back unchanged.

    Args:
        rows: the records, in the file's order.
        format: ``alpaca`` or ``sharegpt`` (a JSON list), ``jsonl`` or ``openai`` (JSON lines),
            ``csv`` or ``xlsx``.

    Every row has every key, because a loader of tables (LLaMA-Factory's) wants them alike.
    """
    return b"".join(dump_stream(rows, format=format))


def dump_stream(rows: Iterable[RecordFields], *, format: str) -> Iterator[bytes]:
    """The same in parts, so that it takes little memory however many records there are.

    Beside the formats of ``dump`` there is ``llamafactory``, a folder in a ZIP file. ShareGPT and
    OpenAI rows keep input, phrasings, tags, language, golden and the days of validity in keys of
    these names beside the conversation.
    """
    match format:
        case "alpaca":
            return _list_parts(_alpaca_row(row) | _extra_keys(row) for row in rows)
        case "jsonl":
            return map(_line, (_alpaca_row(row) | _extra_keys(row) for row in rows))
        case "sharegpt":
            return _list_parts(_conversation(row, format) for row in rows)
        case "openai":
            return map(_line, (_conversation(row, format) for row in rows))
        case "csv":
            return csv_parts(rows)
        case "xlsx":
            return sheet_parts(cells_from_rows(rows))
        case "llamafactory":
            return _folder_parts(rows)
        case _:
            raise FormatError("unknown_format", kind=format)


def _list_parts(rows: Iterable[object]) -> Iterator[bytes]:
    between = b"[\n"
    for row in rows:
        yield between + json.dumps(row, ensure_ascii=False, indent=2).encode()
        between = b",\n"
    yield b"[]\n" if between == b"[\n" else b"\n]\n"


def _line(row: object) -> bytes:
    return (json.dumps(row, ensure_ascii=False) + "\n").encode()


def _folder_parts(rows: Iterable[RecordFields]) -> Iterator[bytes]:
    """A folder that LLaMA-Factory trains on as we do: golden records in a dataset of their own.

    Rows with a history come first, for a loader takes the first rows for the form of all.
    """
    with ExitStack() as stack:
        parts: dict[tuple[str, bool], IO[bytes]] = {}

        def add(name: str, row: dict[str, object], fields: RecordFields) -> None:
            key = (name, not fields.history)
            if key not in parts:
                parts[key] = stack.enter_context(tempfile.TemporaryFile())
            parts[key].write(_line(row))

        for fields in rows:
            row = _alpaca_row(fields)
            extra = json.dumps(_extra_keys(fields), ensure_ascii=False)
            add("golden" if fields.golden else "records", row | {EXTRA_KEY: extra}, fields)
            for question in () if fields.golden else fields.phrasings:
                add("phrasings", row | {"instruction": question, EXTRA_KEY: "phrasing"}, fields)
        names = sorted({name for name, _empty in parts}, reverse=True)
        packed = stack.enter_context(tempfile.TemporaryFile())
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            files = {f"loredesk_{name}": f"loredesk_{name}.jsonl" for name in names}
            archive.writestr("dataset_info.json", dataset_info(files))
            for name in names:
                with archive.open(f"loredesk_{name}.jsonl", "w") as member:
                    for without in (False, True):
                        if (name, without) in parts:
                            parts[name, without].seek(0)
                            shutil.copyfileobj(parts[name, without], member)
        packed.seek(0)
        while part := packed.read(PART):
            yield part


def _alpaca_row(fields: RecordFields) -> dict[str, object]:
    keys = ("instruction", "input", "output", "system", "history")
    return {key: getattr(fields, key) for key in keys}


def _extra_keys(fields: RecordFields) -> dict[str, object]:
    return {key: value for key, value in asdict(fields).items() if key not in _alpaca_row(fields)}


def _conversation(fields: RecordFields, style: str) -> dict[str, object]:
    return conversation_row(fields, style=style) | _extra_keys(fields)


def _json_list(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def dataset_info(files: Mapping[str, str]) -> bytes:
    """LLaMA-Factory's dataset_info.json for alpaca files: dataset name -> file name."""
    # Once `columns` is there, LLaMA-Factory takes every key that is not listed for absent.
    columns = {
        "prompt": "instruction",
        "query": "input",
        "response": "output",
        "system": "system",
        "history": "history",
    }
    return _json_list(
        {
            name: {"file_name": file_name, "formatting": "alpaca", "columns": columns}
            for name, file_name in files.items()
        }
    )


def write_llamafactory_folder(
    folder: Path,
    *,
    name: str,
    train: Iterable[tuple[str, RecordFields]],
    validation: Iterable[tuple[str, RecordFields]],
) -> list[Path]:
    """Write datasets that LLaMA-Factory trains on as we do: one row per wording of a question.

    Args:
        folder: exists; files of the same names are replaced.
        name: the datasets are ``<name>_train`` and ``<name>_validation``.
        train: (record id, fields) in order.
        validation: the same; when empty, its file and entry are left out.

    Returns:
        The files written, dataset_info.json first.
    """
    written = []
    files = {}
    for split, records in (("train", train), ("validation", validation)):
        rows = [
            _alpaca_row(fields) | {"instruction": question, "id": f"{record_id}#{k}"}
            for record_id, fields in records
            for k, question in enumerate((fields.instruction, *fields.phrasings))
        ]
        if rows:
            files[f"{name}_{split}"] = f"{name}_{split}.json"
            written.append(folder / f"{name}_{split}.json")
            written[-1].write_bytes(_json_list(rows))
    info = folder / "dataset_info.json"
    info.write_bytes(dataset_info(files))
    return [info, *written]
