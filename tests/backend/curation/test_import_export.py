"""Files in and out: what becomes of each row, and that a file comes back unchanged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation
from pytest_django import Settings

from backend.accounts.models import User
from backend.curation import content
from backend.curation.models import Record, Revision
from backend.curation.services import imports, record_archive, record_create
from ml import formats
from tests.backend.conftest import Api, at_once

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
ROOT = Path(__file__).parents[3]
SHARED = ROOT.parent / "shared" / "data"
JSON_SUITE = SHARED / "hostile" / "json_test_suite"
FACTORY = SHARED / "llamafactory"

ROWS: list[dict[str, Any]] = [
    {
        "instruction": "怎么连接VPN？",
        "output": "打开Ivy。",
        "tags": ["vpn"],
        "phrasings": ["VPN怎么连？"],
    },
    {"instruction": "Who approves travel?", "input": "Five days", "output": "Your head."},
]


def file_of(value: object, name: str = "rows.json") -> SimpleUploadedFile:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return SimpleUploadedFile(name, data)


def test_new_rows_become_drafts(api: As, curator: User) -> None:
    answer = api(curator).upload("/records/import", file=file_of(ROWS))
    assert answer.status_code == 200, answer.content
    assert answer.json() == {
        "counts": {"new": 2, "duplicate": 0, "conflict": 0, "invalid": 0},
        "rows": [
            {"row": 1, "outcome": "new", "reason": ""},
            {"row": 2, "outcome": "new", "reason": ""},
        ],
        "task": None,
    }
    first = Record.objects.get(language="zh")
    assert (first.author, first.status, first.source, first.source_detail) == (
        curator,
        "draft",
        "imported",
        "rows.json, row 1",
    )
    assert (first.tags, first.phrasings) == (["vpn"], ["VPN怎么连？"])
    assert Revision.objects.filter(number=1).count() == 2


def test_a_dry_run_says_the_same_and_stores_nothing(api: As, curator: User) -> None:
    dry = api(curator).upload("/records/import", file=file_of(ROWS), dry_run="true").json()
    assert not Record.objects.exists()
    assert dry == api(curator).upload("/records/import", file=file_of(ROWS)).json()


def test_importing_again_changes_nothing(api: As, curator: User) -> None:
    api(curator).upload("/records/import", file=file_of(ROWS))
    before = list(Record.objects.values())
    again = api(curator).upload("/records/import", file=file_of(ROWS)).json()
    assert again["counts"] == {"new": 0, "duplicate": 2, "conflict": 0, "invalid": 0}
    assert list(Record.objects.values()) == before


def outcomes(api: As, user: User, rows: list[dict[str, Any]]) -> list[str]:
    answer = api(user).upload("/records/import", file=file_of(rows), dry_run="1")
    assert answer.status_code == 200, answer.content
    return [row["outcome"] for row in answer.json()["rows"]]


def test_what_asks_the_same_is_known_by_all_its_wordings(api: As, curator: User) -> None:
    api(curator).upload("/records/import", file=file_of(ROWS))
    vpn = {"instruction": "怎么 连接ＶＰＮ", "output": " 打开Ivy。\n"}
    assert outcomes(api, curator, [vpn]) == ["duplicate"]
    assert outcomes(api, curator, [vpn | {"instruction": "vpn怎么连"}]) == ["duplicate"]
    assert outcomes(api, curator, [vpn | {"output": "打开Tally。"}]) == ["conflict"]
    assert outcomes(api, curator, [vpn | {"golden": True}]) == ["conflict"]
    other = {"instruction": "VPN在哪？", "output": "打开Tally。", "phrasings": ["怎么连接VPN"]}
    assert outcomes(api, curator, [other]) == ["conflict"]
    assert outcomes(api, curator, [other | {"output": "打开Ivy。"}]) == ["new"]
    # Other circumstances make another question.
    assert outcomes(api, curator, [vpn | {"output": "x", "input": "在家"}]) == ["new"]
    assert outcomes(api, curator, [vpn | {"output": "x", "system": "Be rude."}]) == ["new"]
    assert outcomes(api, curator, [vpn | {"output": "x", "history": [["a", "b"]]}]) == ["new"]


def test_rows_of_one_file_are_compared_with_each_other(api: As, curator: User) -> None:
    rows = [ROWS[0], ROWS[0], ROWS[0] | {"output": "other"}, {"instruction": "no answer"}]
    answer = api(curator).upload("/records/import", file=file_of(rows)).json()
    assert [row["outcome"] for row in answer["rows"]] == ["new", "duplicate", "conflict", "invalid"]
    assert [row["reason"] for row in answer["rows"]] == [
        "",
        "Row 1 says the same.",
        "Row 1 answers the same question differently.",
        "The answer is missing.",
    ]
    assert Record.objects.count() == 1


def test_an_archived_record_is_not_brought_back_and_stands_in_nobodys_way(
    api: As, curator: User
) -> None:
    record_archive(actor=curator, record=record_create(actor=curator, content=ROWS[0]))
    assert outcomes(api, curator, [ROWS[0]]) == ["duplicate"]
    assert outcomes(api, curator, [ROWS[0] | {"output": "other"}]) == ["new"]


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"", "rows.json", "empty"),
        (b"  \n", "rows.json", "empty"),
        (b'[{"instruction": "a",', "rows.json", "line 1"),
        (b'{"a": 1}', "rows.json", "list of records"),
        (b"\xff\xff\xfe", "rows.json", "UTF-8"),
        (b"[" * 100_000, "rows.json", "nested"),
        (b"PK\x03\x04", "rows.xlsx", "XLSX"),
        (b"a,b\n1,2", "rows.csv", "a, b"),
        (b"a,b\n1,2", "rows.docx", ".docx"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(
    api: As, curator: User, data: bytes, name: str, words: str
) -> None:
    answer = api(curator).upload("/records/import", file=file_of(data, name))
    assert answer.status_code == 400, answer.content
    error = answer.json()["error"]
    assert error["code"] == "invalid_file"
    assert words in error["message"]
    assert error["details"]["file"] == [error["message"]]


def test_the_sentence_comes_in_the_readers_language(api: As, curator: User) -> None:
    curator.language = "zh-hans"
    curator.save()
    answer = api(curator).upload("/records/import", file=file_of(b"", "rows.json"))
    assert answer.json()["error"]["message"] == "文件是空的。"


def test_what_the_call_lacks_is_named(api: As, curator: User) -> None:
    for fields, field in (
        ({}, "file"),
        ({"file": "text"}, "file"),
        ({"file": file_of(ROWS), "dry_run": "perhaps"}, "dry_run"),
    ):
        answer = api(curator).upload("/records/import", **fields)
        assert answer.status_code == 400
        assert field in answer.json()["error"]["details"]
    answer = api(curator).upload("/records/import", file=file_of(ROWS), format="parquet")
    assert answer.status_code == 400
    assert "parquet" in answer.json()["error"]["message"]
    assert not Record.objects.exists()


def test_too_much_is_refused(
    api: As, curator: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "MAX_ROWS", 1)
    answer = api(curator).upload("/records/import", file=file_of(ROWS))
    assert answer.status_code == 400
    assert "Split it" in answer.json()["error"]["message"]
    settings.MAX_UPLOAD_BYTES = 10
    answer = api(curator).upload("/records/import", file=file_of(ROWS))
    assert "too large" in answer.json()["error"]["message"]


def test_a_failure_in_the_middle_leaves_nothing(
    curator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**_: object) -> None:
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(imports, "audit_write", fails)
    with pytest.raises(RuntimeError):
        imports.records_import(actor=curator, data=json.dumps(ROWS).encode())
    assert not Record.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_file_imported_twice_at_once_is_stored_once(curator: User) -> None:
    rows = [{"instruction": f"question {n}?", "output": "x"} for n in range(300)]
    data = json.dumps(rows).encode()
    at_once(lambda: imports.records_import(actor=curator, data=data))
    assert Record.objects.count() == 300


def test_importing_is_for_curators_and_reviewers(
    api: As, employee: User, trainer: User, reviewer: User
) -> None:
    for user, expected in ((None, 401), (employee, 403), (trainer, 403), (reviewer, 200)):
        answer = api(user).upload("/records/import", file=file_of(ROWS))
        assert answer.status_code == expected
        assert Record.objects.exists() == (expected == 200)


@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("alpaca", "json"),
        ("jsonl", "jsonl"),
        ("sharegpt", "json"),
        ("openai", "jsonl"),
        ("csv", "csv"),
        ("xlsx", "xlsx"),
    ],
)
def test_an_export_imports_again_unchanged(api: As, curator: User, format: str, name: str) -> None:
    rows = [
        ROWS[0] | {"golden": True, "system": "你是客服", "history": [["问", "答"]]},
        ROWS[1] | {"output": "line\u2028one\nline two 😀"},
    ]
    api(curator).upload("/records/import", file=file_of(rows))
    before = list(Record.objects.order_by("created_at"))
    answer = api(curator).get("/records/export", format=format)
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == f'attachment; filename="loredesk-records.{name}"'
    data = answer.getvalue()  # it is written while it is read
    Revision.objects.all().delete()
    Record.objects.all().delete()
    api(curator).upload("/records/import", file=file_of(data, f"rows.{name}"))
    after = list(Record.objects.order_by("created_at"))
    assert [content.content_of(r) for r in after] == [content.content_of(r) for r in before]


def test_an_export_holds_what_the_filters_leave(api: As, curator: User) -> None:
    api(curator).upload("/records/import", file=file_of(ROWS))
    rows = json.loads(api(curator).get("/records/export", language="en").getvalue())
    assert [row["instruction"] for row in rows] == ["Who approves travel?"]
    assert json.loads(api(curator).get("/records/export", tag="none").getvalue()) == []


def test_a_format_that_does_not_exist_names_those_that_do(api: As, curator: User) -> None:
    answer = api(curator).get("/records/export", format="docx")
    assert answer.status_code == 400
    assert "alpaca, jsonl" in answer.json()["error"]["message"]


def test_the_sample_records_import(api: As, curator: User) -> None:
    for name in ("abc_records.json", "abc_golden.json"):
        data = (ROOT / "data" / name).read_bytes()
        counts = api(curator).upload("/records/import", file=file_of(data, name)).json()["counts"]
        assert counts["new"] == len(json.loads(data))
        assert sum(counts.values()) == counts["new"]


def test_every_sentence_of_ml_formats_can_be_translated() -> None:
    assert set(content.SENTENCES) == set(formats.MESSAGES)
    with translation.override("en"):
        assert {k: str(v) for k, v in content.SENTENCES.items()} == dict(formats.MESSAGES)
    with translation.override("zh-hans"):
        untranslated = [k for k, v in content.SENTENCES.items() if str(v) == formats.MESSAGES[k]]
    assert untranslated == []


@pytest.mark.skipif(not JSON_SUITE.is_dir(), reason="the JSON test suite is not here")
def test_every_file_of_the_json_suite_is_answered(api: As, curator: User) -> None:
    caller = api(curator)
    files = sorted(JSON_SUITE.rglob("*.json"))
    assert len(files) > 200
    for path in files:
        answer = caller.upload(
            "/records/import", file=file_of(path.read_bytes(), path.name), dry_run="true"
        )
        assert answer.status_code in {200, 400}, (path.name, answer.content)
        if path.name.startswith("n_"):
            assert answer.status_code == 400, path.name
    assert not Record.objects.exists()


@pytest.mark.skipif(not FACTORY.is_dir(), reason="LLaMA-Factory's files are not here")
@pytest.mark.parametrize("name", ["alpaca_zh_demo.json", "alpaca_en_demo.json", "identity.json"])
def test_files_of_llamafactory_import_and_come_back(api: As, curator: User, name: str) -> None:
    data = (FACTORY / name).read_bytes()
    answer = api(curator).upload("/records/import", file=file_of(data, name))
    assert answer.status_code == 200
    counts = answer.json()["counts"]
    assert counts["invalid"] == 0
    assert counts["new"] == Record.objects.count() > 50
    again = api(curator).upload("/records/import", file=file_of(data, name)).json()["counts"]
    assert again["new"] == 0
