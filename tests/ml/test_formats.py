"""Record files: what is read, what is refused and how, and that writing gives it back."""

import json
from datetime import date, datetime
from pathlib import Path

import pytest

from ml.formats import (
    MAX_CHARACTERS,
    MAX_ENTRIES,
    MESSAGES,
    FormatError,
    ParsedRow,
    RecordFields,
    dataset_info,
    detect_language,
    dump,
    examples,
    fields_from_row,
    load_json,
    normalised_question,
    parse,
    question_key,
    write_llamafactory_folder,
)

# Kept beside the repository, never in it; see the skip reasons.
REFERENCE = Path(__file__).parents[3] / "shared" / "data"

FULL = RecordFields(
    instruction="年假有几天?",
    input="入职三年",
    output="13天。",
    system="只回答 {{name}} 的事。",
    history=(("你好", "您好"), ("在吗", "在的")),
    phrasings=("一年休几天?", "How many days?"),
    tags=("leave", "休假"),
    language="zh",
    golden=True,
    valid_from="2026-01-31",
    valid_until="2026-12-31",
)
PLAIN = RecordFields(instruction="Who are you?", output="The assistant.")


def reference(folder: str) -> Path:
    path = REFERENCE / folder
    if not path.is_dir():
        pytest.skip(f"no reference data in ../shared/data/{folder} beside the repository")
    return path


def encode(*rows: object) -> bytes:
    return json.dumps(rows).encode()


def only_reason(row: object) -> str | None:
    (parsed,) = parse(encode(row))
    assert (parsed.fields is None) == (parsed.problem is not None)
    return parsed.reason


# ---------------------------------------------------------------- whole files


def test_a_row_with_every_field_is_read_as_it_stands() -> None:
    data = """[{"instruction": "年假有几天?", "input": "入职三年", "output": "13天。",
        "system": "只回答 {{name}} 的事。", "history": [["你好", "您好"], ["在吗", "在的"]],
        "phrasings": ["一年休几天?", "How many days?"], "tags": ["leave", "休假"],
        "language": "zh", "golden": true,
        "valid_from": "2026-01-31", "valid_until": "2026-12-31"}]"""
    assert parse(data.encode(), filename="records.json") == [ParsedRow(1, fields=FULL)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_the_encodings_of_windows_programs_are_read(encoding: str) -> None:
    text = '[{"instruction": "出差住宿标准是多少?", "output": "一线城市每晚520元。"}]'
    (row,) = parse(text.encode(encoding))
    assert row.fields == RecordFields(
        instruction="出差住宿标准是多少?", output="一线城市每晚520元。", language="zh"
    )


@pytest.mark.parametrize(
    "data",
    [
        '[{"instruction": "公司总部在哪里?", "output": "在江岸市"}]'.encode().replace(
            "哪".encode(), b"\xe5\x93", 1
        ),
        b'[{"instruction": "caf\xe9 a", "output": "b"}]',
    ],
    ids=["damaged UTF-8", "Latin-1"],
)
def test_other_bytes_are_refused_instead_of_read_as_nonsense(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"not UTF-8 text \(byte \d+ cannot be read\)"):
        parse(data)


def test_half_a_unit_of_utf16_is_named_by_byte_and_line() -> None:
    with pytest.raises(FormatError, match="Byte 9, in line 2, is no UTF-16-LE text"):
        parse(b"\xff\xfe" + "[\n]".encode("utf-16-le") + b"\x00")


def test_malformed_json_names_line_and_column() -> None:
    with pytest.raises(FormatError) as caught:
        parse(b'[\n  {"instruction": "a", "output": "b"}\n  {"instruction": "c"}\n]')
    assert str(caught.value) == "Not valid JSON at line 3, column 3: Expecting ',' delimiter."
    assert (caught.value.code, caught.value.params["line"]) == ("json_syntax", 3)


def test_nan_is_refused_where_it_stands_and_not_where_a_text_says_it() -> None:
    with pytest.raises(FormatError, match="at line 2, column 12: NaN is not JSON"):
        parse(b'[{"instruction": "NaN \\" NaN",\n "output": NaN}]')


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf \n\t", "empty_file"),
        (b'"text"', "not_a_list"),
        (b'{"abc": {"file_name": "abc.json"}}', "not_a_list"),
        (b"[" * 100_000, "nested_too_deeply"),
        (b'{"a":' * 100_000, "nested_too_deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "nested_too_deeply"),
    ],
)
def test_a_file_that_holds_no_rows_is_one_clear_error(data: bytes, code: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse(data)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("filename", "format"), [("records.docx", None), ("records.PDF", None), ("a.json", "parquet")]
)
def test_a_kind_that_cannot_be_read_is_named(filename: str, format: str | None) -> None:
    with pytest.raises(FormatError, match=r"docx|pdf|parquet"):
        parse(encode({"instruction": "a", "output": "b"}), filename=filename, format=format)


def test_an_integer_of_five_thousand_digits_is_only_a_wrong_type() -> None:
    (row,) = parse(b'[{"instruction": "a", "output": ' + b"9" * 5000 + b"}]")
    assert row.reason == "“output” must be text."


# ---------------------------------------------------------------- JSON lines


def test_one_bad_line_keeps_only_itself_out() -> None:
    data = (
        b'{"instruction": "a", "output": "1"}\r\n'
        b"\r\n"
        b'{"instruction": "b", "output": \r\n'
        b'{"instruction": "c", "output": "3\xe2\x80\xa8"}'
    )
    rows = parse(data, filename="records.jsonl")
    assert [(row.number, row.problem is None) for row in rows] == [(1, True), (3, False), (4, True)]
    assert rows[1].reason is not None
    assert rows[1].reason.startswith("Not valid JSON at line 3, column ")
    assert rows[2].fields is not None
    assert rows[2].fields.output == "3\u2028"


@pytest.mark.parametrize(("filename", "format"), [("a.json", None), ("a.txt", "jsonl"), ("", None)])
def test_lines_are_recognised_under_any_name(filename: str, format: str | None) -> None:
    data = b'{"instruction": "a", "output": "1"}\n{"instruction": "b", "output": "2"}\n'
    rows = parse(data, filename=filename, format=format)
    assert [row.fields.output for row in rows if row.fields] == ["1", "2"]


@pytest.mark.parametrize(
    "data",
    [b'{\n "instruction": "a"\n}\n{\n "instruction": "b"\n}', b'[]\n{"instruction": "a"}'],
    ids=["objects over several lines", "a list and more"],
)
def test_what_is_neither_a_list_nor_lines_is_one_error(data: bytes) -> None:
    with pytest.raises(FormatError, match="Extra data"):
        parse(data, filename="a.json")


def test_a_single_object_is_one_row() -> None:
    (row,) = parse(b'{\n "instruction": "a",\n "output": "1"\n}', filename="a.json")
    assert row.fields == RecordFields(instruction="a", output="1")


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("text", "The row is not an object with instruction and output."),
        (None, "The row is not an object with instruction and output."),
        ({"output": "b"}, "The question is missing."),
        ({"instruction": " \u200b", "output": "b"}, "The question is missing."),
        ({"instruction": "a"}, "The answer is missing."),
        ({"instruction": "a", "output": None}, "The answer is missing."),
        ({"instruction": "a", "output": " \n"}, "The answer is missing."),
        ({"instruction": "a", "output": 13}, "“output” must be text."),
        ({"instruction": ["a"], "output": "b"}, "“instruction” must be text."),
        ({"instruction": "a", "output": "b", "system": {}}, "“system” must be text."),
        (
            {"instruction": "a", "output": "b", "phrasings": "c"},
            "“phrasings” must be a list of texts.",
        ),
        ({"instruction": "a", "output": "b", "tags": [1]}, "“tags” must be a list of texts."),
        (
            {"instruction": "a", "output": "b", "history": [["x"]]},
            "“history” must be a list of [question, answer] pairs of texts.",
        ),
        (
            {"instruction": "a", "output": "b", "history": {"x": "y"}},
            "“history” must be a list of [question, answer] pairs of texts.",
        ),
        ({"instruction": "a", "output": "b", "language": ["zh"]}, "“language” must be zh or en."),
        ({"instruction": "a", "output": "b", "language": "fr"}, "“language” must be zh or en."),
        ({"instruction": "a", "output": "b", "golden": "yes"}, "“golden” must be true or false."),
        (
            {"instruction": "a", "output": "b", "valid_from": "31.1.2026"},
            "“valid_from” must be a day such as 2026-01-31.",
        ),
        (
            {"instruction": "a", "output": "b", "valid_until": "2026-02-30"},
            "“valid_until” must be a day such as 2026-01-31.",
        ),
        (
            {"instruction": "a", "output": "b", "valid_until": 20260131},
            "“valid_until” must be a day such as 2026-01-31.",
        ),
        (
            {
                "instruction": "a",
                "output": "b",
                "valid_from": "2026-02-01",
                "valid_until": "2026-01-31",
            },
            "The last day of validity is before the first one.",
        ),
        ({"instruction": "a\0", "output": "b"}, "“instruction” holds a NUL character."),
        ({"instruction": "a", "output": "b", "tags": ["\0"]}, "“tags” holds a NUL character."),
        (
            {"instruction": "a", "output": "b\ud800"},
            "“output” holds half of a character (a lone surrogate).",
        ),
        (
            {"instruction": "a", "output": "b", "history": [["x", "\udc00"]]},
            "“history” holds half of a character (a lone surrogate).",
        ),
        (
            {"instruction": "a", "output": "b", "tags": ["x" * 61]},
            "“tags” is longer than 60 characters.",
        ),
        (
            {"instruction": "a", "output": "b", "phrasings": ["x"] * (MAX_ENTRIES + 1)},
            f"“phrasings” holds more than {MAX_ENTRIES} entries.",
        ),
    ],
)
def test_a_row_that_cannot_be_a_record_says_why(row: object, reason: str) -> None:
    assert only_reason(row) == reason


@pytest.mark.parametrize(
    "day",
    [
        "2026-01-31",
        "2026-1-31",
        " 2026/1/31 ",
        "2026.1.31",
        "2026年1月31日",
        "2026-01-31T23:59:59Z",
        "2026-01-31 00:00:00",
        "２０２６/01/31 8:30",
    ],
)
def test_a_day_is_read_however_it_is_written(day: str) -> None:
    (row,) = parse(encode({"instruction": "a", "output": "b", "valid_until": day}))
    assert row.fields == RecordFields(instruction="a", output="b", valid_until="2026-01-31")


def test_days_that_a_program_holds_are_read_too() -> None:
    row = {"instruction": "a", "output": "b", "valid_from": date(2026, 1, 31)}
    fields = fields_from_row(row | {"valid_until": datetime(2026, 1, 31, 8, 30)})
    assert (fields.valid_from, fields.valid_until) == ("2026-01-31", "2026-01-31")


@pytest.mark.parametrize("field", ["instruction", "input", "output", "system"])
def test_a_text_may_be_as_long_as_its_limit_and_no_longer(field: str) -> None:
    row = {"instruction": "a", "output": "b"}
    limit = MAX_CHARACTERS[field]
    assert only_reason(row | {field: "x" * limit}) is None
    assert only_reason(row | {field: "x" * (limit + 1)}) == (
        f"“{field}” is longer than {limit} characters."
    )


def test_null_and_unknown_keys_are_as_if_absent() -> None:
    row = {"instruction": "Who are you?", "output": "The assistant.", "note": {"deep": [1]}}
    nulls = dict.fromkeys(set(RecordFields.__dataclass_fields__) - {"instruction", "output"})
    assert parse(encode(row | nulls)) == [ParsedRow(1, fields=PLAIN)]


def test_a_question_that_stands_in_the_input_alone_is_the_question() -> None:
    (row,) = parse(encode({"instruction": "", "input": "Who are you?", "output": "The assistant."}))
    assert row.fields == PLAIN


def test_a_phrasing_that_says_the_same_letter_for_letter_is_kept_once() -> None:
    phrasings = ["c", "Who are you?", "", "c", "who are you"]
    (row,) = parse(encode({"instruction": "Who are you?", "output": "x", "phrasings": phrasings}))
    assert row.fields is not None
    assert row.fields.phrasings == ("c", "who are you")


def test_every_problem_can_be_said_in_another_language() -> None:
    names: tuple[str, ...] = (
        "byte",
        "line",
        "column",
        "problem",
        "kind",
        "field",
        "limit",
        "seen",
        "row",
    )
    names += ("encoding", "sheet", "delimiter", "file", "name")
    params = dict.fromkeys(names, "1")
    assert all("%" not in template % params for template in MESSAGES.values())


# ---------------------------------------------------------------- question keys and language


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("你是谁?", "你是谁\uff1f"),
        ("ABC中台 的数据权限,怎么设置", "\uff21\uff22\uff23中台的数据权限\uff0c怎么设置\uff1f"),
        ("Who ARE you?", "  who are\tyou "),
        ("STRASSE", "straße"),
        ("caf\u00e9", "cafe\u0301"),
        ("What's it?", "What\u2019s it"),
    ],
)
def test_wordings_that_differ_in_form_only_are_one_question(one: str, other: str) -> None:
    assert question_key(one) == question_key(other)
    assert len(question_key(one)) == 64


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is C#?", "What is C?"),
        ("Is 3.5 enough?", "Is 35 enough?"),
        ("50% of it", "50 of it"),
        ("???", "!!!"),
        ("出差三天", "出差四天"),
    ],
)
def test_wordings_that_mean_something_else_are_two_questions(one: str, other: str) -> None:
    assert question_key(one) != question_key(other)


def test_a_broken_character_has_a_key_too() -> None:
    assert question_key("\ud800") != question_key("\udc00")


def test_the_input_is_part_of_the_question() -> None:
    assert question_key("答", "出差") != question_key("答", "年假")
    assert question_key("答", "出差") == question_key("答出差")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("ABC中台的数据权限怎么设置?", "zh"),
        ("怎么登录 ABC Platform 和 Role Management?", "zh"),
        ("Who are you?", "en"),
        ("What does 你好 mean?", "en"),
        ("12:30", "en"),
        ("", "en"),
    ],
)
def test_a_text_is_chinese_when_it_holds_a_good_share_of_chinese(text: str, language: str) -> None:
    assert detect_language(text) == language


# ---------------------------------------------------------------- examples and writing


def test_a_record_gives_one_example_per_wording() -> None:
    first, second, third = examples(FULL, record_id="r1")
    assert first == {
        "id": "r1#0",
        "messages": [
            {"role": "system", "content": "只回答 {{name}} 的事。"},
            {"role": "user", "content": "你好"},
            {"role": "assistant", "content": "您好"},
            {"role": "user", "content": "在吗"},
            {"role": "assistant", "content": "在的"},
            {"role": "user", "content": "年假有几天?\n入职三年"},
            {"role": "assistant", "content": "13天。"},
        ],
        "language": "zh",
    }
    assert [second["id"], third["id"]] == ["r1#1", "r1#2"]
    assert second["messages"][-2]["content"] == "一年休几天?\n入职三年"
    assert third["messages"][:-2] == first["messages"][:-2]


def test_a_plain_record_has_no_system_message() -> None:
    (example,) = examples(PLAIN, record_id="r")
    assert [message["role"] for message in example["messages"]] == ["user", "assistant"]


@pytest.mark.parametrize("format", ["alpaca", "jsonl", "sharegpt", "openai"])
def test_what_is_written_is_read_back_equal(format: str) -> None:
    data = dump([FULL, PLAIN], format=format)
    assert parse(data, format=format) == [ParsedRow(1, fields=FULL), ParsedRow(2, fields=PLAIN)]
    assert dump([FULL, PLAIN], format=format) == data


@pytest.mark.parametrize("format", ["docx", ""])
def test_an_unknown_export_is_refused(format: str) -> None:
    with pytest.raises(FormatError, match="cannot be read; use JSON"):
        dump([PLAIN], format=format)


def test_every_exported_row_has_the_columns_that_dataset_info_names() -> None:
    entry = json.loads(dataset_info({"abc": "abc.json"}))["abc"]
    assert entry["file_name"] == "abc.json"
    for row in json.loads(dump([FULL, PLAIN])):
        assert set(entry["columns"].values()) <= row.keys()


def test_the_llamafactory_folder_trains_every_wording(tmp_path: Path) -> None:
    written = write_llamafactory_folder(
        tmp_path, name="v1", train=[("r1", FULL), ("r2", PLAIN)], validation=[("r3", PLAIN)]
    )
    assert sorted(written) == sorted(tmp_path.iterdir())
    info = json.loads((tmp_path / "dataset_info.json").read_bytes())
    assert {name: entry["file_name"] for name, entry in info.items()} == {
        "v1_train": "v1_train.json",
        "v1_validation": "v1_validation.json",
    }
    rows = json.loads((tmp_path / "v1_train.json").read_bytes())
    assert [row["id"] for row in rows] == ["r1#0", "r1#1", "r1#2", "r2#0"]
    assert rows[1] == {
        "id": "r1#1",
        "instruction": "一年休几天?",
        "input": "入职三年",
        "output": "13天。",
        "system": "只回答 {{name}} 的事。",
        "history": [["你好", "您好"], ["在吗", "在的"]],
    }


def test_an_empty_validation_set_is_not_announced(tmp_path: Path) -> None:
    write_llamafactory_folder(tmp_path, name="v1", train=[("r", PLAIN)], validation=[])
    assert list(json.loads((tmp_path / "dataset_info.json").read_bytes())) == ["v1_train"]
    assert not (tmp_path / "v1_validation.json").exists()


# ---------------------------------------------------------------- others' files


@pytest.mark.parametrize("name", ["identity.json", "alpaca_zh_demo.json", "alpaca_en_demo.json"])
def test_every_row_of_llamafactorys_own_files_is_read(name: str) -> None:
    data = (reference("llamafactory") / name).read_bytes()
    raw = json.loads(data)
    rows = parse(data, filename=name)
    assert [row.reason for row in rows if row.problem] == []
    assert [(row.fields.instruction, row.fields.output) for row in rows if row.fields] == [
        (row["instruction"], row["output"]) for row in raw
    ]
    fields = [row.fields for row in rows if row.fields]
    assert [row.fields for row in parse(dump(fields))] == fields


def test_placeholders_are_kept_as_they_are() -> None:
    rows = parse((reference("llamafactory") / "identity.json").read_bytes())
    assert all("{{name}}" in row.fields.output for row in rows[:4] if row.fields)


def test_the_language_of_llamafactorys_files_is_seen() -> None:
    for name, language in (("alpaca_zh_demo.json", "zh"), ("alpaca_en_demo.json", "en")):
        rows = parse((reference("llamafactory") / name).read_bytes())
        hits = sum(row.fields is not None and row.fields.language == language for row in rows)
        assert hits >= 0.98 * len(rows)


def test_conversations_that_call_tools_are_refused_row_by_row() -> None:
    folder = reference("llamafactory")
    rows = parse((folder / "reason_tool_use_demo_50.jsonl").read_bytes(), filename="x.jsonl")
    assert len(rows) == 50
    assert {row.problem.code for row in rows if row.problem} <= {"tool_turns", "bad_turns"}


def test_the_json_test_suite_is_judged_rightly() -> None:
    wrong = []
    files = sorted((reference("hostile/json_test_suite") / "test_parsing").glob("*.json"))
    for path in files:
        data = path.read_bytes()
        try:
            load_json(data.decode("utf-8-sig"))
        except (FormatError, UnicodeDecodeError) as error:
            if path.name.startswith("y_"):
                wrong.append((path.name, str(error)))
        else:
            if path.name.startswith("n_"):
                wrong.append((path.name, "was read"))
    assert len(files) > 300
    assert wrong == []


def test_no_file_of_the_json_test_suite_crashes_an_import() -> None:
    for path in (reference("hostile/json_test_suite") / "test_parsing").glob("*.json"):
        for filename in ("a.json", "a.jsonl"):
            try:
                rows = parse(path.read_bytes(), filename=filename)
            except FormatError:
                continue
            # None of them holds a question with an answer.
            assert all(row.problem for row in rows), path.name
            assert filename == "a.jsonl" or not path.name.startswith("n_"), path.name


def test_naughty_strings_survive_reading_and_writing() -> None:
    blns = reference("hostile/blns") / "blns.json"
    strings = [text for text in json.loads(blns.read_bytes()) if text]
    assert len(strings) > 400
    for text in strings:
        row = {"instruction": "q" + text, "input": text, "output": text, "phrasings": [text]}
        (parsed,) = parse(encode(row | {"history": [[text, text]], "tags": [text[:60]]}))
        if parsed.fields is None:
            assert parsed.problem is not None
            assert parsed.problem.code == "answer_missing"
            assert not text.strip().isprintable() or not text.strip()
            continue
        assert parsed.fields.output == text
        for format in ("alpaca", "jsonl"):
            assert [p.fields for p in parse(dump([parsed.fields], format=format))] == [
                parsed.fields
            ]
        key = normalised_question(text)
        assert normalised_question(key) == key, text
