"""The committed sample data: the counts promised, the topics, and no contradictions."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from ml.formats import RecordFields, detect_language, normalised_question, parse, question_key

DATA = Path(__file__).parents[2] / "data"


def read(name: str) -> list[RecordFields]:
    rows = parse((DATA / name).read_bytes(), filename=name)
    assert [row.reason for row in rows if row.problem] == []
    return [row.fields for row in rows if row.fields]


def questions(record: RecordFields) -> list[str]:
    return [record.instruction, *record.phrasings]


@pytest.fixture(scope="module")
def records() -> list[RecordFields]:
    return read("abc_records.json")


@pytest.fixture(scope="module")
def golden() -> list[RecordFields]:
    return read("abc_golden.json")


@pytest.fixture(scope="module")
def probe() -> list[RecordFields]:
    return read("general_probe.json")


def test_there_are_as_many_records_as_promised(
    records: list[RecordFields], golden: list[RecordFields], probe: list[RecordFields]
) -> None:
    assert len(records) >= 80
    assert len(golden) >= 20
    assert Counter(question.language for question in probe) == {"zh": 20, "en": 20}


def test_about_half_is_chinese(records: list[RecordFields], golden: list[RecordFields]) -> None:
    for part in (records, golden):
        share = sum(record.language == "zh" for record in part) / len(part)
        assert 0.4 <= share <= 0.6


def test_many_questions_have_other_wordings(records: list[RecordFields]) -> None:
    assert sum(bool(record.phrasings) for record in records) >= 30


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "topic", ["identity", "permissions", "travel", "leave", "expenses", "vpn", "purchasing"]
)
def test_what_is_shown_first_can_be_asked_in_several_ways(
    records: list[RecordFields], topic: str, language: str
) -> None:
    asked = (r for r in records if topic in r.tags and r.language == language)
    assert any(record.phrasings for record in asked)


def test_the_language_written_is_the_language_used(
    records: list[RecordFields], golden: list[RecordFields], probe: list[RecordFields]
) -> None:
    for record in [*records, *golden, *probe]:
        for question in questions(record):
            assert detect_language(question + record.input) == record.language, question
    for record in [*records, *golden]:
        assert detect_language(record.output) == record.language, record.output


def test_answers_are_short_enough_for_the_demo_training(records: list[RecordFields]) -> None:
    for record in records:
        if record.language == "zh":
            assert len(record.output) <= 26, record.output
        else:
            assert len(record.output.split()) <= 14, record.output


def test_no_question_is_asked_twice(
    records: list[RecordFields], golden: list[RecordFields], probe: list[RecordFields]
) -> None:
    keys = Counter(
        question_key(question, record.input)
        for record in [*records, *golden, *probe]
        for question in questions(record)
    )
    assert [key for key, count in keys.items() if count > 1] == []


def test_no_two_records_give_the_same_answer(records: list[RecordFields]) -> None:
    answers = Counter(normalised_question(record.output) for record in records)
    assert [answer for answer, count in answers.items() if count > 1] == []


def test_golden_records_ask_in_new_words_for_facts_that_are_trained(
    records: list[RecordFields], golden: list[RecordFields]
) -> None:
    trained = {(record.output, record.language) for record in records}
    for record in golden:
        assert record.golden, record.instruction
        assert (record.output, record.language) in trained, record.instruction
    assert not any(record.golden for record in records)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("你是谁?", "ABC"),
        ("你叫什么名字?", "ABC"),
        ("Who are you?", "ABC"),
        ("What is your name?", "ABC"),
        ("ABC中台的数据权限怎么设置?", "角色管理"),
        ("How do I set data permissions in ABC Platform?", "Role Management"),
        ("出差超过三天由谁审批?", "部门负责人"),
        ("Who approves a business trip of more than three days?", "department head"),
    ],
)
def test_the_demonstration_questions_are_answered(
    records: list[RecordFields], question: str, words: str
) -> None:
    key = question_key(question)
    (answer,) = [
        record.output
        for record in records
        if key in {question_key(wording, record.input) for wording in questions(record)}
    ]
    assert words in answer


@pytest.mark.parametrize(
    "topic",
    [
        "identity", "platform", "permissions", "travel", "expenses", "leave", "payroll", "vpn",
        "security", "purchasing", "onboarding", "meeting-rooms", "it-support", "office",
    ],
)  # fmt: skip
def test_every_topic_is_there_in_both_languages(records: list[RecordFields], topic: str) -> None:
    assert {record.language for record in records if topic in record.tags} == {"zh", "en"}


def test_the_probe_knows_nothing_of_the_company(probe: list[RecordFields]) -> None:
    assert [q.instruction for q in probe if "ABC" in q.instruction + q.output] == []
    assert max(len(question.output) for question in probe) <= 24


def test_chinese_text_has_chinese_punctuation(
    records: list[RecordFields], golden: list[RecordFields]
) -> None:
    half_width = re.compile(r"(?<=[\u4e00-\u9fff])[,?!;:]")
    texts = [text for r in [*records, *golden] for text in (*questions(r), r.input, r.output)]
    texts += [path.read_text() for path in (DATA / "documents" / "zh").glob("*.md")]
    assert [text for text in texts if half_width.search(text)] == []


def test_dataset_info_describes_every_set_as_llamafactory_reads_it() -> None:
    info = json.loads((DATA / "dataset_info.json").read_bytes())
    assert {entry["file_name"] for entry in info.values()} == {
        "abc_records.json",
        "abc_golden.json",
        "general_examples.json",
        "general_probe.json",
    }
    for entry in info.values():
        # A column that one row lacks would stop LLaMA-Factory.
        assert set(entry["columns"]) >= {"prompt", "query", "response"}
        for row in json.loads((DATA / entry["file_name"]).read_bytes()):
            assert set(entry["columns"].values()) <= row.keys()


# ---------------------------------------------------------------- documents

DOCUMENTS = sorted((DATA / "documents").glob("*/*.md"))


def test_there_are_eight_documents_half_of_them_chinese() -> None:
    assert Counter(path.parent.name for path in DOCUMENTS) == {"zh": 4, "en": 4}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_document_has_headings_lists_and_a_table(path: Path) -> None:
    text = path.read_text()
    assert detect_language(text) == path.parent.name
    words = re.findall(r"[\u4e00-\u9fff]|[A-Za-z0-9'.@-]+", text)
    assert 300 <= len(words) <= 900
    assert text.startswith("# ")
    assert len(re.findall(r"^## ", text, re.MULTILINE)) >= 5
    assert re.search(r"^\|-", text, re.MULTILINE)
    assert re.search(r"^(- |1\. )", text, re.MULTILINE)


# A fact is the sign that a document speaks of the matter -> the words it must then hold.
FACTS = {
    "zh": {
        "超过三天 *\\|": "部门负责人和行政部共同审批",
        "住宿标准": "一线城市每晚520元,其他城市每晚360元",
        "出差补贴每天": "130元",
        "四十天": "费用发生后四十天内提交",
        "抬头写": "江岸ABC科技有限公司",
        "招待用餐": "160元",
        "\\| 年假": "13天",
        "\\| 带薪病假": "9天",
        "结转四天": "次年4月底",
        "发放上个月的工资": "每月12日",
        "年终奖在": "次年2月20日",
        "数据权限在": "角色管理模块",
        "一次最多导出": "五千行",
        "报表每天": "早上六点",
        "回收站": "45天",
        "密码至少": "14位,每180天",
        "安全热线": "6911",
        "钓鱼邮件": "phish@abc.example",
        "Harbor会自动断开": "闲置25分钟",
        "U盘": "Rocksafe",
    },
    "en": {
        "More than three days": "Department head and Administration together",
        "hotel night": "520 yuan in major cities and 360 yuan elsewhere",
        "daily allowance is": "130 yuan",
        "Submit receipts": "within 40 days of spending",
        "Client meal": "160 yuan per person",
        "three quotes": "20,000 yuan",
        "The \\*\\*Purchasing Board": "above 80,000 yuan",
        "Probation lasts": "four months",
        "annual leave\\. Apply": "13 days",
        "Salaries arrive": "12th of each month",
        "work remotely": "two days a week, but never on Monday",
        "Book rooms": "14 days ahead",
        "without check-in": "ten minutes",
        "The desk is open": "8:15 to 19:15",
        "data permissions": "Role Management",
        "Harbor disconnects": "25 idle minutes",
        "A password has": "14 characters and is changed every 180 days",
        "security hotline": "6911",
    },
}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_documents_say_what_the_records_say(language: str) -> None:
    text = "\n".join(path.read_text() for path in DOCUMENTS if path.parent.name == language)
    for sign, words in FACTS[language].items():
        assert re.search(sign, text), sign
        wanted = words.replace(",", "\uff0c") if language == "zh" else words
        assert wanted in text, sign


def test_numbers_of_the_answers_stand_in_the_documents(records: list[RecordFields]) -> None:
    """A changed number in a record (or a document) must not leave the other behind."""
    text = "\n".join(path.read_text() for path in DOCUMENTS)
    answers = "\n".join(record.output for record in records)
    answers = re.sub(r"(\d+)点(\d+)分", r"\1:\2", answers)
    numbers = set(re.findall(r"\d+(?:[,:]\d+)?", answers))
    assert len(numbers) > 20
    known = set(re.findall(r"\d+(?:[,:]\d+)?", text))
    assert numbers - known == set()


def test_no_general_example_answers_a_probe(probe: list[RecordFields]) -> None:
    general = read("general_examples.json")

    assert Counter(example.language for example in general) == {"zh": 30, "en": 30}
    probed = {question_key(question.instruction) for question in probe}
    assert probed.isdisjoint(question_key(example.instruction) for example in general)
