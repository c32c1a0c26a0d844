"""Files that are meant to break programs, through the REST import: refused or stored whole.

The collections lie in ../shared/data/hostile beside the repository (JSONTestSuite, the Big List of
Naughty Strings); a test whose files are not there is skipped. The bombs are made here.
"""

import csv
import io
import json
import re
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import Workbook

from backend.accounts.models import User
from backend.curation.models import Record
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
HOSTILE = Path(__file__).resolve().parents[4] / "shared" / "data" / "hostile"
MEGABYTE = 2**20
PLACE = re.compile(r"line \d+, column \d+")


def files_of(kind: str) -> list[Path]:
    folder = HOSTILE / "json_test_suite" / "test_parsing"
    if not folder.is_dir():
        pytest.skip("no ../shared/data/hostile/json_test_suite beside the repository")
    found = sorted(folder.glob(f"{kind}_*.json"))
    assert found
    return found


def naughty_strings() -> list[str]:
    path = HOSTILE / "blns" / "blns.json"
    if not path.is_file():
        pytest.skip("no ../shared/data/hostile/blns beside the repository")
    strings: list[str] = json.loads(path.read_text("utf-8"))
    return strings


def send(api: Api, data: bytes, name: str = "rows.json", **fields: Any) -> Any:
    return api.upload("/records/import", file=SimpleUploadedFile(name, data), **fields)


def refusal(answer: Any) -> str:
    """The sentence of a refused file, which has the shape of every error."""
    assert answer.status_code == 400, answer.content
    error = answer.json()["error"]
    assert error["code"] == "invalid_file", error
    assert error["details"]["file"] == [error["message"]]
    return str(error["message"])


def invalid_rows(answer: Any) -> list[str]:
    """Why the rows of a file that was read are refused; there is no other row."""
    assert answer.status_code == 200, answer.content
    shown = answer.json()
    counts = shown["counts"]
    assert counts == {"new": 0, "duplicate": 0, "conflict": 0, "invalid": counts["invalid"]}
    return [row["reason"] for row in shown["rows"]]


@contextmanager
def at_most(megabytes: int) -> Iterator[None]:
    """However large it would be unpacked, this much memory is enough."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < megabytes * MEGABYTE, f"{peak / MEGABYTE:.0f} MB"


def test_what_is_no_json_is_refused_with_its_place(api: As, curator: User) -> None:
    caller, places = api(curator), 0
    files = files_of("n")
    for path in files:
        answer = send(caller, path.read_bytes())
        if answer.status_code == 200:
            reasons = invalid_rows(answer)
            assert reasons, path.name
        else:
            reasons = [refusal(answer)]
        assert all(reasons), path.name
        places += any(PLACE.search(reason) for reason in reasons)
    assert places > 0.8 * len(files)
    assert not Record.objects.exists()


def test_json_that_holds_no_records_is_read_and_refused_for_its_shape(
    api: As, curator: User
) -> None:
    caller = api(curator)
    for path in files_of("y"):
        answer = send(caller, path.read_bytes())
        said = invalid_rows(answer) if answer.status_code == 200 else [refusal(answer)]
        assert not any(PLACE.search(reason) for reason in said), (path.name, said)
    assert not Record.objects.exists()


def test_what_the_standard_leaves_open_is_answered_either_way(api: As, curator: User) -> None:
    caller = api(curator)
    for path in files_of("i"):
        answer = send(caller, path.read_bytes())
        assert invalid_rows(answer) if answer.status_code == 200 else refusal(answer), path.name


@pytest.mark.parametrize("format", ["alpaca", "jsonl", "csv", "xlsx"])
def test_naughty_strings_come_and_go_unchanged(api: As, curator: User, format: str) -> None:
    strings = naughty_strings()
    # A number before each, so that no two ask the same.
    rows = [
        {"instruction": f"{n}. {text}", "output": text if text.strip() else "–"}
        for n, text in enumerate(strings)
    ]
    caller = api(curator)
    answer = send(caller, json.dumps(rows).encode())
    assert answer.status_code == 200, answer.content
    refused = [row for row in answer.json()["rows"] if row["outcome"] != "new"]
    # Nothing but spaces and characters that show nothing.
    assert {row["reason"] for row in refused} == {"The answer is missing."}
    assert len(refused) < 10
    stored = dict(Record.objects.values_list("instruction", "output"))
    assert len(stored) + len(refused) == len(rows)

    exported = b"".join(caller.get("/records/export", format=format).streaming_content)
    Record.objects.all().delete()
    ending = {"alpaca": "json"}.get(format, format)
    again = send(caller, exported, f"rows.{ending}")
    assert again.json()["counts"]["new"] == len(stored), again.content[:2000]
    assert dict(Record.objects.values_list("instruction", "output")) == stored


def test_a_nul_is_refused_in_words(api: As, curator: User) -> None:
    rows = [{"instruction": "a\0b?", "output": "c"}, {"instruction": "d?", "output": "e\0"}]
    answer = send(api(curator), json.dumps(rows).encode())
    assert invalid_rows(answer) == [
        "“instruction” holds a NUL character.",
        "“output” holds a NUL character.",
    ]
    answer = send(api(curator), b"question,answer\na\0b?,c\n", "rows.csv")
    said = invalid_rows(answer) if answer.status_code == 200 else [refusal(answer)]
    assert said
    assert not Record.objects.exists()


def spreadsheet(sheet: bytes) -> bytes:
    """An XLSX file whose only sheet is this XML."""
    file, changed = io.BytesIO(), io.BytesIO()
    Workbook().save(file)
    with (
        zipfile.ZipFile(file) as old,
        zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for part in old.infolist():
            name = part.filename
            new.writestr(name, sheet if name.endswith("sheet1.xml") else old.read(name))
    return changed.getvalue()


def sheet_of(rows: bytes) -> bytes:
    return (
        b'<?xml version="1.0"?><worksheet '
        b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        + rows
        + b"</sheetData></worksheet>"
    )


def test_a_spreadsheet_that_unpacks_to_too_much_is_refused(api: As, curator: User) -> None:
    bomb = spreadsheet(sheet_of(b" " * (300 * MEGABYTE)))
    assert len(bomb) < 5 * MEGABYTE
    # And one that says that its sheet is small: only so much of it is unpacked.
    size = (300 * MEGABYTE + len(sheet_of(b""))).to_bytes(4, "little")
    lying = bomb.replace(size, (1000).to_bytes(4, "little"))
    assert lying != bomb
    with at_most(100):
        assert "unpacks to more than it may" in refusal(send(api(curator), bomb, "rows.xlsx"))
        assert refusal(send(api(curator), lying, "rows.xlsx"))


def test_a_row_of_very_many_columns_is_refused(api: As, curator: User) -> None:
    names = b",".join([b"question", b"answer", *[b"x"] * 1_000_000])
    with at_most(300):
        said = refusal(send(api(curator), names + b"\n", "rows.csv"))
    assert said == "Row 1 has more than 256 columns."
    header = "".join(
        f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in ("question", "answer")
    )
    cells = sheet_of(f"<row>{header}{'<c><v>1</v></c>' * 600_000}</row>".encode())
    said = refusal(send(api(curator), spreadsheet(cells), "rows.xlsx"))
    assert said == "Row 1 has more than 256 columns."


def test_a_cell_without_an_end_is_refused_or_a_row(api: As, curator: User) -> None:
    table = io.StringIO()
    csv.writer(table).writerows([["question", "answer"], ["Why?", "x" * 3 * MEGABYTE]])
    closed = table.getvalue().encode()
    for data in (closed, b'question,answer\nWhy?,"' + b"x\n" * MEGABYTE):
        answer = send(api(curator), data, "rows.csv")
        assert invalid_rows(answer) if answer.status_code == 200 else refusal(answer)
