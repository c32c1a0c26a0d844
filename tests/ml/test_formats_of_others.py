"""Conversations and tables: what others write is read, what we write comes back equal."""

import csv
import io
import json
import zipfile
from datetime import date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from ml.formats import FormatError, ParsedRow, RecordFields, dump, parse

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "data"

FULL = RecordFields(
    instruction="=HYPERLINK(1)\n第二行",
    output='\'-apostrophe, "quotes"; and | bars\ttabs',
    input="@context",
    system="You are _x0041_",
    history=(("问", "答"), ("q\r\n", "")),
    phrasings=("one\ntwo", "[three"),
    tags=("a;b", "c"),
    language="zh",
    golden=True,
    valid_from="2026-01-31",
    valid_until="2026-12-31",
)
PLAIN = RecordFields(
    instruction="Who?", output="Me.", phrasings=("Who is it?", "+1"), tags=("x", "y")
)
NAUGHTY = RecordFields(instruction="a\x01b\x0b", output="\ufffe 😀 '=x", tags=("-1",))


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_a_table_is_read_back_equal(format: str) -> None:
    rows = [FULL, PLAIN, NAUGHTY]
    assert [row.fields for row in parse(dump(rows, format=format), format=format)] == rows


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "＝", "'="])
def test_no_cell_of_an_export_is_a_formula(begin: str) -> None:
    record = RecordFields(instruction=f"{begin}1+1", output="x")
    table = list(csv.reader(io.StringIO(dump([record], format="csv").decode("utf-8-sig"))))
    assert table[1][0].startswith("'")
    sheet = load_workbook(io.BytesIO(dump([record], format="xlsx"))).active
    assert sheet is not None
    assert sheet["A2"].data_type == "s"
    assert str(sheet["A2"].value).startswith("'")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_chinese_headers_and_every_delimiter_are_recognised(delimiter: str, encoding: str) -> None:
    lines = [
        ["编号", "标准问题", "答案", "标签"],
        ["1", "怎么请假，多久？", "在系统里申请。", "请假、人事"],
    ]
    text = "\r\n".join(delimiter.join(line) for line in lines)
    (row,) = parse(text.encode(encoding), filename="a.csv")
    assert row.fields == RecordFields(
        instruction="怎么请假，多久？",
        output="在系统里申请。",
        tags=("请假", "人事"),
        language="zh",
    )
    assert row.number == 2


def test_a_table_without_question_or_answer_says_what_it_found() -> None:
    with pytest.raises(FormatError, match="name, age") as caught:
        parse(b"name,age\nx,1\n", filename="a.csv")
    assert caught.value.code == "no_header"


def test_a_broken_quote_is_named_by_its_line() -> None:
    with pytest.raises(FormatError, match="line 3"):
        parse(b'question,answer\na,b\n"c"d,e\n', filename="a.csv")


def test_a_row_of_a_million_columns_is_refused() -> None:
    with pytest.raises(FormatError) as caught:
        parse(b"question,answer\n" + b"x," * 1_000_000, filename="a.csv")
    assert caught.value.code == "too_many_columns"


def test_numbers_and_days_of_a_spreadsheet_are_text() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Question", "Answer", "生效日期", "Valid until"])
    sheet.append(["How many?", 15, date(2026, 1, 31), datetime(2026, 12, 31, 18, 0)])
    out = io.BytesIO()
    book.save(out)
    (row,) = parse(out.getvalue(), filename="a.xlsx")
    assert row.fields == RecordFields(
        instruction="How many?", output="15", valid_from="2026-01-31", valid_until="2026-12-31"
    )


def test_a_zip_bomb_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 60_000_000)
    with pytest.raises(FormatError) as caught:
        parse(out.getvalue(), filename="a.xlsx")
    assert caught.value.code == "spreadsheet_too_large"


@pytest.mark.parametrize("data", [b"PK", b"no spreadsheet", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_spreadsheet_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        parse(data, filename="a.xlsx")
    assert caught.value.code == "bad_spreadsheet"


def test_conversations_become_question_answer_and_history() -> None:
    openai = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": [{"type": "text", "text": "Who?"}]},
            {"role": "assistant", "content": "Me."},
        ]
    }
    sharegpt = {
        "system": "Be brief.",
        "conversations": [
            {"from": "human", "value": "Hi"},
            {"from": "gpt", "value": "Hello"},
            {"from": "human", "value": "Who?"},
            {"from": "gpt", "value": "Me."},
        ],
    }
    wanted = RecordFields(
        instruction="Who?", output="Me.", system="Be brief.", history=(("Hi", "Hello"),)
    )
    rows = parse(json.dumps([openai, sharegpt]).encode(), filename="a.json")
    assert rows == [ParsedRow(1, fields=wanted), ParsedRow(2, fields=wanted)]


@pytest.mark.parametrize(
    ("turns", "code"),
    [
        ([], "question_missing"),
        ([{"role": "user", "content": "a"}], "answer_missing"),
        ([{"role": "assistant", "content": "a"}], "bad_turns"),
        ([{"role": "tool", "content": "a"}], "tool_turns"),
        ([{"role": "user", "content": 1}], "not_text"),
        ([3], "bad_turns"),
        ("text", "bad_turns"),
    ],
)
def test_a_conversation_that_is_no_exchange_says_why(turns: object, code: str) -> None:
    (row,) = parse(json.dumps([{"messages": turns}]).encode())
    assert row.problem is not None
    assert row.problem.code == code


def test_csv_spectrum_is_read_as_its_expected_json() -> None:
    from ml.formats.csv_text import csv_cells

    folder = REFERENCE / "hostile" / "csv-spectrum"
    if not folder.is_dir():
        pytest.skip("shared/data/hostile is not here")
    files = sorted((folder / "csvs").glob("*.csv"))
    assert files
    for path in files:
        if path.stem == "location_coordinates":
            continue  # its JSON names another telephone number than its CSV
        # Line breaks in a cell are LF here, whatever the file (or a checkout) makes of them.
        wanted = (folder / "json" / f"{path.stem}.json").read_bytes().decode("utf-8", "replace")
        expected = json.loads(wanted.replace("\\r\\n", "\\n"))
        text = path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
        header, *rows = [row for row in csv_cells(iter([text])) if row]
        found = [dict(zip(header, row, strict=True)) for row in rows]
        assert found == (expected if isinstance(expected, list) else [expected]), path.name
