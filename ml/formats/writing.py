"""Canonical records -> files in every format and the folder that LLaMA-Factory trains on."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from ml.formats.conversations import conversation_row
from ml.formats.errors import FormatError
from ml.formats.rows import RecordFields
from ml.formats.sheets import sheet_dump
from ml.formats.tables import cells_from_rows, csv_dump


def dump(rows: Iterable[RecordFields], *, format: str = "alpaca") -> bytes:
    """The records as a file that ``parse`` reads back unchanged.

    Args:
        rows: the records, in the file's order.
        format: ``alpaca`` or ``sharegpt`` (a JSON list), ``jsonl`` or ``openai`` (JSON lines),
            ``csv`` or ``xlsx``.

    Every row has every key, because a loader of tables (LLaMA-Factory's) wants them alike.
    """
    match format:
        case "alpaca":
            return _json_list([_alpaca_row(row) | _extra_keys(row) for row in rows])
        case "jsonl":
            return _json_lines(_alpaca_row(row) | _extra_keys(row) for row in rows)
        case "sharegpt":
            return _json_list([_conversation(row, format) for row in rows])
        case "openai":
            return _json_lines(_conversation(row, format) for row in rows)
        case "csv":
            return csv_dump(rows)
        case "xlsx":
            return sheet_dump(cells_from_rows(rows))
        case _:
            raise FormatError("unknown_format", kind=format)


def dump_stream(rows: Iterable[RecordFields], *, format: str) -> Iterator[bytes]:
    """The same in parts, so that it takes little memory however many records there are."""
    yield dump(rows, format=format)


def _alpaca_row(fields: RecordFields) -> dict[str, object]:
    keys = ("instruction", "input", "output", "system", "history")
    return {key: getattr(fields, key) for key in keys}


def _extra_keys(fields: RecordFields) -> dict[str, object]:
    return {key: value for key, value in asdict(fields).items() if key not in _alpaca_row(fields)}


def _conversation(fields: RecordFields, style: str) -> dict[str, object]:
    return conversation_row(fields, style=style) | _extra_keys(fields)


def _json_list(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _json_lines(rows: Iterable[object]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


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
