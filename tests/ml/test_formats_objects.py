"""JSON objects with other names, and tables with a title above their header."""

import json
from pathlib import Path

import pytest

from ml.formats import FormatError, ReadingOptions, inspect, parse, read_rows
from ml.formats.rows import RecordFields


def rows(data: object, filename: str = "a.json") -> list[RecordFields | str]:
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return [row.fields or str(row.reason) for row in parse(text.encode(), filename=filename)]


@pytest.mark.parametrize(
    "row",
    [
        {"question": "How long?", "answer": "Ten days."},
        {"Question": "How long?", "Response": "Ten days.", "labels": [1, 2]},
        {"问题": "How long?", "答案": "Ten days.", "id": 7},
        {"prompt": "How long?", "completion": "Yes", "output": "Ten days."},
        # A field's own name comes before what others call it.
        {"prompt": "Not this", "instruction": "How long?", "output": "Ten days."},
        {"instruction": "How long?", "context": None, "response": "Ten days."},
    ],
)
def test_keys_of_other_programs_are_known(row: dict[str, object]) -> None:
    expected = RecordFields(instruction="How long?", output="Ten days.")
    assert rows([row]) == [expected]
    assert rows(json.dumps(row), "a.jsonl") == [expected]
    assert rows(json.dumps(row)) == [expected]


def test_texts_are_read_as_in_a_table() -> None:
    row = {
        "问题": "年假几天？",
        "答案": "十天。",
        "标签": "假期；人事",
        "相似问": "几天\n多少天",
        "金标": "是",
    }
    (fields,) = rows([row])
    assert isinstance(fields, RecordFields)
    assert (fields.tags, fields.phrasings) == (("假期", "人事"), ("几天", "多少天"))
    assert fields.golden


def test_a_person_says_what_a_key_means(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    row = {"frage": "Wer?", "answer": "Nein.", "antwort": "Ich.", "tags": "x"}
    path.write_text(json.dumps([row]))
    with_names = {"frage": "instruction", "antwort": "output", "tags": ""}
    seen = inspect(path, filename="a.json")
    assert seen.columns == ("frage", "answer", "antwort", "tags")
    assert seen.mapping == {"answer": "output", "tags": "tags"}
    options = ReadingOptions(columns=with_names)
    assert inspect(path, filename="a.json", options=options).mapping == {
        "frage": "instruction",
        "antwort": "output",
    }
    (parsed,) = read_rows(path, filename="a.json", options=options)
    assert parsed.fields == RecordFields(instruction="Wer?", output="Ich.")
    with pytest.raises(FormatError, match="nonsense"):
        list(
            read_rows(
                path, filename="a.json", options=ReadingOptions(columns={"frage": "nonsense"})
            )
        )


def test_conversations_have_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    turns = [{"role": "user", "content": "Wer?"}, {"role": "assistant", "content": "Ich."}]
    path.write_text(json.dumps({"messages": turns}))
    assert inspect(path, filename="a.jsonl").columns == ()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_a_title_may_stand_above_the_header(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    text = "员工问答汇总\n人事部；2026 年\n\n序号;问题;答案\n1;年假几天？;十天。\n"
    path.write_bytes(text.encode(encoding))
    seen = inspect(path, filename="a.csv")
    assert (seen.header, seen.delimiter) == (4, ";")
    assert seen.mapping == {"问题": "instruction", "答案": "output"}
    (row,) = read_rows(path, filename="a.csv")
    assert row.number == 5
    assert row.fields == RecordFields(instruction="年假几天？", output="十天。", language="zh")


def test_without_a_header_the_first_row_is_named() -> None:
    with pytest.raises(FormatError, match="The first row says: Titel"):
        parse(b"Titel\nfrage;antwort\nWer?;Ich.\n", filename="a.csv")
