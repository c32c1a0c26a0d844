"""A LLaMA-Factory folder in a ZIP file, and what is recognised in a file."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ml.formats import (
    FormatError,
    ReadingOptions,
    RecordFields,
    dump,
    dump_stream,
    inspect,
    parse,
    read_rows,
)

ROW = {"instruction": "Who?", "output": "Me."}
SHARED = Path(__file__).parents[3] / "shared" / "data" / "llamafactory"
FULL = RecordFields(
    instruction="=问 {{name}}",
    input="x",
    output="答\r\n",
    system="s",
    history=(("a", "b"),),
    phrasings=("p", "q"),
    tags=("t",),
    language="zh",
    golden=True,
    valid_from="2026-01-31",
)


def folder(info: object, **files: object) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data/dataset_info.json", json.dumps(info))
        for name, rows in files.items():
            archive.writestr(f"data/{name}.json", json.dumps(rows))
    return out.getvalue()


@pytest.mark.parametrize(
    "format", ["alpaca", "jsonl", "sharegpt", "openai", "csv", "xlsx", "llamafactory"]
)
def test_every_format_comes_back_as_an_equal_set(format: str) -> None:
    rows = [FULL, RecordFields(instruction="a", output="b", phrasings=("c",))]
    again = [row.fields for row in parse(dump(rows, format=format), format=format)]
    assert {*again} == {*rows}
    assert len(again) == len(rows)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data/llamafactory beside the repo")
@pytest.mark.parametrize(
    "format", ["alpaca", "jsonl", "sharegpt", "openai", "csv", "xlsx", "llamafactory"]
)
@pytest.mark.parametrize("name", ["identity", "alpaca_zh_demo", "alpaca_en_demo"])
def test_llamafactorys_files_come_back_as_an_equal_set(name: str, format: str) -> None:
    rows = [row.fields for row in parse((SHARED / f"{name}.json").read_bytes()) if row.fields]
    again = [row.fields for row in parse(dump(rows, format=format), format=format)]
    assert sorted(map(str, again)) == sorted(map(str, rows))


@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data/llamafactory beside the repo")
def test_llamafactorys_own_folder_is_read_as_far_as_it_holds_answers() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in SHARED.iterdir():
            archive.write(path, path.name)
    codes = {row.problem.code for row in parse(out.getvalue(), filename="a.zip") if row.problem}
    assert codes == {"remote_dataset", "other_dataset", "answer_missing", "too_long"}


def test_columns_and_tags_are_honoured() -> None:
    info = {
        "a": {"file_name": "a.json", "columns": {"prompt": "q", "response": "r"}},
        "b": {
            "file_name": "b.json",
            "formatting": "sharegpt",
            "columns": {"messages": "talk"},
            "tags": {
                "role_tag": "who",
                "content_tag": "says",
                "user_tag": "U",
                "assistant_tag": "A",
            },
        },
    }
    talk = [{"who": "U", "says": "Who?"}, {"who": "A", "says": "Me."}]
    rows = parse(
        folder(info, a=[{"q": "Who?", "r": "Me.", "input": "not listed"}], b=[{"talk": talk}]),
        filename="x.zip",
    )
    assert [row.fields for row in rows] == [RecordFields(instruction="Who?", output="Me.")] * 2
    assert [row.file for row in rows] == ["data/a.json", "data/b.json"]


@pytest.mark.parametrize("name", ["../a.json", "/etc/passwd", "x/../../a.json", "..\\a.json"])
def test_a_file_outside_the_folder_is_refused(name: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse(folder({"a": {"file_name": name}}), filename="x.zip")
    assert caught.value.code == "outside_folder"


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"hf_hub_url": "x"}, "remote_dataset"),
        ({"script_url": "x"}, "remote_dataset"),
        ({"file_name": "a.json", "ranking": True}, "other_dataset"),
        ({"file_name": "a.json", "columns": {"kto_tag": "k"}}, "other_dataset"),
        ({"file_name": "none.json"}, "missing_file"),
        ([], "missing_file"),
    ],
)
def test_other_datasets_are_one_refused_row(entry: object, code: str) -> None:
    (row,) = parse(folder({"a": entry}, a=[ROW]), filename="x.zip")
    assert row.problem is not None
    assert row.problem.code == code


def test_a_mistake_names_the_file_in_the_folder() -> None:
    with pytest.raises(FormatError, match=r"data/a\.json: The file must hold a list"):
        parse(folder({"a": {"file_name": "a.json"}}, a={}), filename="x.zip")


@pytest.mark.parametrize("data", [b"PK", b"no archive", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_folder_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        parse(data, filename="x.zip")
    assert caught.value.code in {"bad_archive", "no_dataset_info"}


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.formats.folders.MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(FormatError) as caught:
        parse(folder({"a": {"file_name": "a.json"}}, a=[ROW] * 100), filename="x.zip")
    assert caught.value.code == "archive_too_large"


def test_the_form_of_a_table_is_recognised_and_can_be_corrected(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("公司知识\nfrage;回复\nWer {{name}}?;Ich.\n".encode("gb18030"))
    with pytest.raises(FormatError) as caught:
        list(read_rows(path, filename="a.csv"))
    assert caught.value.code == "no_header"
    options = ReadingOptions(header=2, delimiter=";", columns={"frage": "instruction"})
    seen = inspect(path, filename="a.csv", options=options)
    assert (seen.encoding, seen.columns, seen.header) == ("gb18030", ("frage", "回复"), 2)
    assert seen.mapping == {"frage": "instruction", "回复": "output"}
    assert seen.placeholders == ("name",)
    (row,) = read_rows(path, filename="a.csv", options=options, placeholders={"name": "da"})
    assert row.fields == RecordFields(instruction="Wer da?", output="Ich.")
    assert inspect(path, filename="a.csv").columns == ("公司知识",)


@pytest.mark.parametrize("format", ["alpaca", "jsonl", "csv", "xlsx", "llamafactory"])
def test_texts_longer_than_a_cell_come_back_whole(format: str) -> None:
    long = RecordFields(
        instruction="a",
        output="\x01\r\U0001f600x" * 10_000,
        phrasings=tuple(str(n) * 4000 for n in range(100, 140)),
    )
    assert [row.fields for row in parse(dump([long], format=format), format=format)] == [long]


TEXTS = st.text(
    st.one_of(
        st.sampled_from("\r\n\t\"'=+-@,;|\ufeff\ufffe_x0041{}[] "), st.characters(codec="utf-8")
    ),
    max_size=20,
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "instruction": TEXTS,
                "input": TEXTS,
                "output": TEXTS,
                "system": TEXTS,
                "history": st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=2),
                "phrasings": st.lists(TEXTS, max_size=3),
                "tags": st.lists(TEXTS, max_size=3),
                "golden": st.booleans(),
            }
        ),
        max_size=3,
    )
)
@settings(max_examples=60)
def test_whatever_a_record_says_comes_back_from_every_format(raw: list[dict[str, object]]) -> None:
    rows = [row.fields for row in parse(json.dumps(raw).encode()) if row.fields]
    assume(rows)  # no lines are an empty file
    for format in ("alpaca", "jsonl", "sharegpt", "openai", "csv", "xlsx", "llamafactory"):
        again = [row.fields for row in parse(dump(rows, format=format), format=format)]
        assert sorted(map(str, again)) == sorted(map(str, rows)), format


READ = """
import resource, sys
from pathlib import Path
from ml.formats import read_rows
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
path = Path(sys.argv[1])
count = sum(row.fields is not None for row in read_rows(path, filename=path.name))
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("ending", ["json", "csv", "zip"])
def test_a_hundred_thousand_rows_are_read_in_little_memory(tmp_path: Path, ending: str) -> None:
    formats = {"json": "alpaca", "csv": "csv", "zip": "llamafactory"}
    path = tmp_path / f"a.{ending}"
    rows = (RecordFields(instruction=f"q {n}", output="x" * 500) for n in range(100_000))
    with path.open("wb") as file:
        file.writelines(dump_stream(rows, format=formats[ending]))
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True
    )
    count, kilobytes = map(int, done.stdout.split())
    assert count == 100_000
    assert kilobytes < 32 * 1024
