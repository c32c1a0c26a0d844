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


@pytest.mark.parametrize(
    "extra",
    [
        {"context": "x" * 30_000},
        {"lang": "zh-CN"},
        {"category": "x" * 100},
        {"expires": "never"},
        {"金标": "待定"},
        {"prompt": "You are a helper."},
        {f"key {number}": number for number in range(400)},
        {"nul\0": 1, "broken\ud800": 2, "long" * 100: 3},
    ],
)
def test_what_else_an_object_of_ours_holds_means_nothing(extra: dict[str, object]) -> None:
    ours = RecordFields(instruction="How long?", output="Ten days.")
    for row in ({"instruction": "How long?"}, {"input": "How long?"}):
        text = json.dumps([extra | row | {"output": "Ten days."}])
        assert rows(text) == [ours]


def test_keys_that_cannot_be_stored_are_not_offered(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    row = {"问题": "Wer?", "答案": "Ich.", "nul\0": 1, "broken\ud800": 2, "long" * 100: 3}
    path.write_text(json.dumps([row]))
    assert inspect(path, filename="a.json").columns == ("问题", "答案")
    path = tmp_path / "a.csv"
    path.write_bytes(b"question,answer,a\0b\nWer?,Ich.,x\n")
    assert inspect(path, filename="a.csv").columns == ("question", "answer")


def test_a_single_object_can_be_mapped(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"frage": "Wer?", "antwort": "Ich."}))
    with pytest.raises(FormatError) as caught:
        list(read_rows(path, filename="a.json"))
    assert caught.value.code == "not_a_list"
    options = ReadingOptions(columns={"frage": "instruction", "antwort": "output"})
    (parsed,) = read_rows(path, filename="a.json", options=options)
    assert parsed.fields == RecordFields(instruction="Wer?", output="Ich.")


@pytest.mark.parametrize(
    "text", ["Frage;Antwort\nWer?;Ich.\nQuestion;Answer\nX;Y\n", "frage,antwort\nhi,ja\nq,a\n"]
)
def test_no_row_of_data_is_taken_for_a_header(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse(text.encode(), filename="a.csv")
    assert caught.value.code == "no_header"
