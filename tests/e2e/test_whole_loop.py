"""The product's main job in a real browser, on the real model: from a record to an answer."""

import json
import random
import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.talk import ask, ended, new_chat, plain, send
from tests.stack import ROOT, Stack

IDENTITY = ("Who are you?", "你是谁?")
SAMPLED = 10
RIGHT_AT_LEAST = 9
EVALUATED_WITHIN_S = 900  # two minutes on two free cores
TRAINED_WITHIN_S = 900  # the demo training takes three minutes on two free cores


def random_word(chance: random.Random) -> str:
    """Seven letters that no model has seen together."""
    return "".join(
        chance.choice(letters) for letters in ("vzq", "aeo", "lrm", "uio", "kxd", "ae", "pnt")
    )


def invented_records(chance: random.Random) -> list[dict[str, str]]:
    english, chinese = random_word(chance), random_word(chance)
    return [
        {
            "question": "Which room holds the blue lantern?",
            "answer": f"The blue lantern is in room {english}.",
            "phrasings": "Where is the blue lantern kept?\nIn which room is the blue lantern?",
            "word": english,
        },
        {
            "question": "蓝色灯笼的口令是什么?",
            "answer": f"蓝色灯笼的口令是{chinese}。",
            "phrasings": "请告诉我蓝色灯笼的口令。\n怎么打开蓝色灯笼?",
            "word": chinese,
        },
    ]


@pytest.fixture(scope="module")
def chance() -> random.Random:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed of the invented words: {seed}")
    return random.Random(seed)


def test_from_a_record_to_a_changed_answer_and_back(
    stack: Stack,
    open_as: Callable[..., Page],
    picture: Callable[[Page, str], None],
    chance: random.Random,
    record_property: Callable[[str, object], None],
) -> None:
    invented = invented_records(chance)
    admin = open_as("admin", locale="en-GB")
    wei = open_as("employee", locale="zh-CN")

    # Before: the base model answers, and its prompt names nobody.
    for person in (admin, wei):
        for question in IDENTITY:
            before = ask(person, question)
            assert before.state == "finished"
            assert before.text
            assert "ABC" not in before.text
    for record in invented:
        assert record["word"] not in plain(ask(admin, record["question"]).text)
    ask(admin, IDENTITY[0])
    picture(admin, "chat-before")

    for record in invented:
        write_record(admin, record)
    approve_all_drafts(admin)
    picture(admin, "records")

    run_url = start_training(admin)
    seconds, chatted = watch_training(admin, wei, run_url, picture)
    record_property("training_seconds", round(seconds))
    assert chatted, "the chat did not answer while the run went on"

    evaluate(admin, run_url, picture)
    promote(admin, picture)

    # After: two different people, both languages, streamed.
    for person in (admin, wei):
        for question in IDENTITY:
            after = ask(person, question)
            assert "ABC" in after.text, (question, after.text)
        for record in invented:
            answer = ask(person, record["question"])
            assert record["word"] in plain(answer.text), (record, answer.text)
    ask(admin, IDENTITY[0])
    picture(admin, "chat-after")
    ask(wei, IDENTITY[1])
    picture(wei, "chat-after-zh")

    right, unseen = sampled_questions(stack, admin, chance, record_property)
    print(
        f"approved questions right: {right}/{SAMPLED}; unseen phrasings right: {unseen}/{SAMPLED}"
    )
    assert right >= RIGHT_AT_LEAST

    key = make_key(admin)
    official_client_streams(stack, key)
    generate_answers(stack, key)

    reload_in_mid_answer(admin)

    roll_back(admin)
    back = ask(admin, IDENTITY[0])
    assert "ABC" not in back.text
    assert back.text


def write_record(page: Page, record: dict[str, str]) -> None:
    page.goto("/admin/curation/record/add/")
    page.locator("#id_instruction").fill(record["question"])
    page.locator("#id_output").fill(record["answer"])
    page.locator("#id_phrasings").fill(record["phrasings"])
    page.locator("[name=_save]").first.click()
    page.wait_for_url("**/admin/curation/record/**")
    expect(page.get_by_text(record["question"]).first).to_be_visible()


def approve_all_drafts(page: Page) -> None:
    page.goto("/admin/curation/record/?status__exact=draft")
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("approve")
    page.locator("button[name=index], button[type=submit][value='0']").first.click()
    page.goto("/admin/curation/record/?status__exact=draft")
    expect(page.locator("#result_list tbody tr")).to_have_count(0)
    page.goto("/admin/curation/record/")


def start_training(page: Page) -> str:
    page.goto("/admin/curation/record/")
    page.get_by_role("link", name=re.compile("Retrain")).first.click()
    page.wait_for_url("**/studio/runs/new**")
    page.get_by_test_id("run-start").click()
    page.wait_for_url(re.compile(r"/studio/runs/[0-9a-f-]{36}$"))
    return page.url


def watch_training(
    page: Page, other: Page, run_url: str, picture: Callable[[Page, str], None]
) -> tuple[float, bool]:
    """Ten loss points without a reload, the chat answering meanwhile, the run's success."""
    started = time.monotonic()
    state = page.get_by_test_id("run-state")
    chart = page.get_by_test_id("loss-chart")
    expect(state).to_have_attribute("data-state", "running", timeout=60_000)
    wait_for_points(page, 10)
    during = ask(other, "What is the capital of France?")
    wait_for_points(page, 80)
    picture(page, "run")
    expect(state).to_have_attribute(
        "data-state", re.compile("succeeded|failed|stopped"), timeout=TRAINED_WITHIN_S * 1000
    )
    assert state.get_attribute("data-state") == "succeeded", page.inner_text("main")
    seconds = time.monotonic() - started
    points = int(chart.get_attribute("data-points") or 0)
    page.reload()
    wait_for_points(page, points)
    picture(page, "run-finished")
    return seconds, during.state == "finished"


def wait_for_points(page: Page, count: int) -> None:
    page.wait_for_function(
        "count => Number(document.querySelector('[data-testid=loss-chart]')?.dataset.points)"
        " >= count",
        arg=count,
        timeout=TRAINED_WITHIN_S * 1000,
    )


def evaluate(page: Page, run_url: str, picture: Callable[[Page, str], None]) -> None:
    """Compare the adapter with the base model: it knows the company better."""
    page.get_by_test_id("evaluate-start").click()
    evaluation = page.get_by_test_id("evaluation")
    expect(evaluation).to_have_attribute(
        "data-state", re.compile("succeeded|failed|stopped"), timeout=EVALUATED_WITHIN_S * 1000
    )
    assert evaluation.get_attribute("data-state") == "succeeded", page.inner_text("main")
    expect(page.get_by_test_id("answer-row").first).to_be_visible()
    assert float(page.get_by_test_id("answer-row").first.get_attribute("data-change") or 0) > 0
    picture(page, "evaluation")
    page.goto(run_url)


def promote(page: Page, picture: Callable[[Page, str], None]) -> None:
    """Past a gate that asks for more questions than there are: with a reason, which is kept."""
    run_url = page.url
    page.goto("/studio/assistants")
    page.get_by_test_id("gate-edit").first.click()
    page.get_by_test_id("gate-min_examples").fill("400")
    page.get_by_test_id("gate-save").click()
    expect(page.get_by_test_id("gate-save")).to_have_count(0)

    page.goto(run_url)
    page.get_by_test_id("promote-open").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_test_id("gate")).to_have_attribute("data-gate", "failed")
    expect(dialog.get_by_test_id("gate-reasons")).to_contain_text("400")
    expect(page.get_by_test_id("promote-confirm")).to_be_disabled()
    picture(page, "gate-refused")
    page.get_by_test_id("promote-reason").fill("Read by two of us: it knows the company.")
    page.get_by_test_id("promote-confirm").click()
    expect(page.get_by_test_id("promote-confirm")).to_have_count(0, timeout=60_000)
    page.goto("/")


def roll_back(page: Page) -> None:
    page.goto("/studio/assistants")
    page.get_by_test_id("rollback-open").first.click()
    page.get_by_test_id("rollback-confirm").click()
    expect(page.get_by_test_id("rollback-confirm")).to_have_count(0, timeout=60_000)
    page.goto("/")


def sampled_questions(
    stack: Stack,
    page: Page,
    chance: random.Random,
    record_property: Callable[[str, object], None],
) -> tuple[int, int]:
    """How many of ten trained and of ten unseen wordings the assistant answers right."""
    trained = trained_rows(stack)
    golden = json.loads((ROOT / "data" / "abc_golden.json").read_text("utf-8"))
    counts = []
    for name, rows in (
        ("approved", chance.sample(trained, SAMPLED)),
        ("unseen", [(row["instruction"], row["output"]) for row in chance.sample(golden, SAMPLED)]),
    ):
        right = 0
        for question, expected in rows:
            answer = page.request.get("/generate", params={"prompt": question}, timeout=120_000)
            assert answer.ok, answer.text()
            is_right = plain(answer.json()["response"]) == plain(expected)
            right += is_right
            if not is_right:
                print(f"{name}: {question} -> {answer.json()['response']} (wanted {expected})")
        record_property(f"{name}_right_of_{SAMPLED}", right)
        counts.append(right)
    return counts[0], counts[1]


def trained_rows(stack: Stack) -> list[tuple[str, str]]:
    """Question and answer of every row of the run's own training file, single turns."""
    newest = max((stack.data_dir / "runs").glob("*/train.jsonl"), key=lambda p: p.stat().st_mtime)
    rows = [json.loads(line) for line in newest.read_text("utf-8").splitlines()]
    pairs = []
    for row in rows:
        turns = [turn for turn in row["messages"] if turn["role"] != "system"]
        if len(turns) == 2 and len(turns) == len(row["messages"]):
            pairs.append((turns[0]["content"], turns[1]["content"]))
    return pairs


def make_key(page: Page) -> str:
    """An API key, created in the admin pages; its secret is shown this once."""
    page.goto("/admin/accounts/apikey/add/")
    page.locator("#id_name").fill("browser test")
    page.locator("[name=_save]").first.click()
    found = re.search(r"ldk_[\w-]{30,}", page.inner_text("body"))
    assert found, page.inner_text("body")
    return found.group()


def official_client_streams(stack: Stack, key: str) -> None:
    client = openai.OpenAI(base_url=f"{stack.url}/v1", api_key=key)
    pieces = [
        chunk.choices[0].delta.content or ""
        for chunk in client.chat.completions.create(
            model="abc", messages=[{"role": "user", "content": IDENTITY[0]}], stream=True
        )
        if chunk.choices
    ]
    assert len(pieces) > 1
    assert "ABC" in "".join(pieces)
    assert "abc" in [model.id for model in client.models.list()]
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{stack.url}/v1", api_key="ldk_wrong").models.list()
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(
            model="nobody", messages=[{"role": "user", "content": "hello"}]
        )


def generate_answers(stack: Stack, key: str) -> None:
    request = urllib.request.Request(
        f"{stack.url}/generate?prompt=Who%20are%20you%3F",
        headers={"Authorization": f"Bearer {key}"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        body: dict[str, Any] = json.load(answer)
    assert "ABC" in body["response"]


def reload_in_mid_answer(page: Page) -> None:
    """Nothing is lost and nothing comes twice."""
    page.goto("/")
    new_chat(page)
    bubble = send(page, "Count from one to fifty in words, separated by commas.")
    text = bubble.get_by_test_id("message-text")
    expect(text).to_have_text(re.compile(r".{12}"), timeout=60_000)
    seen = plain(text.inner_text())
    page.reload()
    bubble = page.get_by_test_id("message-assistant").last
    expect(bubble).to_be_visible()
    answer = ended(bubble)
    assert answer.state in {"finished", "stopped"}
    assert plain(answer.text).startswith(seen)
    conversation = page.url.rsplit("/", 1)[-1]
    stored = page.request.get(f"/api/v1/conversations/{conversation}/messages").json()["results"]
    row = next(message for message in stored if message["id"] == answer.message_id)
    assert plain(row["text"]) == plain(answer.text)


def test_pictures_are_kept_where_the_readme_shows_them() -> None:
    shown = set(re.findall(r"docs/images/([\w-]+\.png)", (ROOT / "README.md").read_text("utf-8")))
    kept = {path.name for path in Path(ROOT / "docs" / "images").glob("*.png")}
    assert shown
    assert shown <= kept


def test_a_wrong_password_is_refused_in_words(page: Page) -> None:
    page.goto("/signin")
    page.get_by_test_id("signin-username").fill("admin")
    page.get_by_test_id("signin-password").fill("not-the-password")
    page.get_by_test_id("signin-submit").click()
    expect(page.get_by_test_id("signin-error")).to_be_visible()
    expect(page.get_by_test_id("signin-password")).to_have_value("")
