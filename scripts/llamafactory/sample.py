"""The sample records as the same work for both: one example for each question, so many of them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ml.formats import examples, parse, write_llamafactory_folder

if TYPE_CHECKING:
    from ml.formats import RecordFields

RECORDS: Final = Path(__file__).resolve().parents[2] / "data" / "abc_records.json"
NAME: Final = "sample"


def write_sample(folder: Path, *, count: int) -> None:
    """Writes ``train.jsonl`` for us and the folder of our own export for LLaMA-Factory.

    Args:
        folder: exists.
        count: of examples, taken evenly from the whole file; repeated where it holds fewer.
    """
    chosen = _chosen(count)
    lines = [
        json.dumps(example, ensure_ascii=False) + "\n"
        for number, fields in chosen
        for example in examples(fields, record_id=number)
    ]
    (folder / "train.jsonl").write_text("".join(lines), encoding="utf-8")
    write_llamafactory_folder(folder, name=NAME, train=chosen, validation=[])


def _chosen(count: int) -> "list[tuple[str, RecordFields]]":
    rows = parse(RECORDS.read_bytes(), filename=RECORDS.name)
    single = [
        replace(row.fields, instruction=question, phrasings=())
        for row in rows
        if row.fields is not None
        for question in (row.fields.instruction, *row.fields.phrasings)
    ]
    places = [at * len(single) // count for at in range(count)]
    return [(str(number), single[place]) for number, place in enumerate(places)]
