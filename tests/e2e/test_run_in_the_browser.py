"""A run as a trainer sees it: what is told before it, its curve, stop, resume, and two beside."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

STEPS_WITHIN_MS = 180_000


def test_preflight_live_curve_stop_resume_and_comparison(
    open_as: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    page = open_as("trainer", locale="en-GB")
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    freeze(page)

    page.goto("/studio/runs/new")
    page.get_by_test_id("form-version").click()
    page.get_by_role("option").last.click()
    expect(page.get_by_test_id("preflight-examples")).to_contain_text("from ")
    expect(page.get_by_test_id("length-histogram")).to_be_visible()
    learnt = page.get_by_test_id("trained").first
    expect(learnt).to_contain_text("<|im_end|>")
    expect(learnt).not_to_contain_text("<|im_start|>")

    # So few steps are warned of, with a button that mends it.
    page.get_by_test_id("form-advanced").click()
    fixed = page.get_by_test_id("setting-max_steps").locator("input")
    fixed.fill("3")
    expect(page.get_by_test_id("preflight-steps")).to_contain_text("3")
    expect(page.get_by_test_id("preflight-caution").first).to_be_visible()
    picture(page, "preflight")

    first = start(page, steps=100_000)
    wait_for_points(page, 3)
    page.get_by_test_id("run-stop").click()
    page.get_by_test_id("run-stop-confirm").click()
    state = page.get_by_test_id("run-state")
    expect(state).to_have_attribute("data-state", "stopped", timeout=STEPS_WITHIN_MS)
    points = int(page.get_by_test_id("loss-chart").get_attribute("data-points") or 0)
    page.get_by_test_id("run-resume").click()
    wait_for_points(page, points + 2)
    page.reload()
    wait_for_points(page, points + 2)
    page.get_by_test_id("run-stop").click()
    page.get_by_test_id("run-stop-confirm").click()
    expect(state).to_have_attribute("data-state", "stopped", timeout=STEPS_WITHIN_MS)

    page.goto("/studio/runs/new")
    page.get_by_test_id("form-version").click()
    page.get_by_role("option").last.click()
    page.get_by_test_id("form-advanced").click()
    second = start(page, steps=4)
    expect(state).to_have_attribute("data-state", "succeeded", timeout=STEPS_WITHIN_MS)

    page.goto("/studio/runs")
    boxes = page.get_by_test_id("run-choose")
    for place in (0, 1):
        boxes.nth(place).click()
    page.get_by_test_id("run-compare").click()
    page.wait_for_url("**/studio/runs/compare?ids=**")
    assert {identity(first), identity(second)} <= set(re.split("[=,]|%2C", page.url))
    expect(page.get_by_test_id("compare-chart")).to_be_visible()
    expect(page.get_by_test_id("compare-settings")).to_contain_text("100000")
    picture(page, "compare-runs")
    assert problems == []


def freeze(page: Page) -> None:
    page.goto("/studio/versions")
    page.get_by_test_id("freeze-open").first.click()
    page.get_by_test_id("freeze-confirm").click()
    expect(page.get_by_test_id("freeze-confirm")).to_have_count(0, timeout=60_000)


def start(page: Page, *, steps: int) -> str:
    """Starts the run of the form with so many steps; its address."""
    page.get_by_test_id("setting-max_steps").locator("input").fill(str(steps))
    page.get_by_test_id("run-start").click()
    page.wait_for_url(re.compile(r"/studio/runs/[0-9a-f-]{36}$"))
    return page.url


def identity(url: str) -> str:
    return url.rpartition("/")[2]


def wait_for_points(page: Page, count: int) -> None:
    page.wait_for_function(
        "count => Number(document.querySelector('[data-testid=loss-chart]')?.dataset.points)"
        " >= count",
        arg=count,
        timeout=STEPS_WITHIN_MS,
    )
