"""Reports of evaluations and comparisons in a real browser, offline."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from support.eval_runs import choice_samples, quiz, talk, talk_samples, write_run

from gristmill_evals.comparing import compare_models, read_sides, write_comparison
from gristmill_evals.evaluation.report import write_eval_report

CHROMIUM = next(filter(None, (shutil.which(name) for name in ("chromium", "google-chrome"))), None)
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses of a report and a comparison."""
    base = tmp_path_factory.mktemp("pages")
    folders = []
    for name, right in (("small", 0.5), ("large", 0.7)):
        samples = [*choice_samples(80, right, len(name), failed=4), *talk_samples(20, right, 0.1, 3)]
        folders.append(write_run(base / name, samples, [quiz(80), talk(20)], role=name))
    report = write_eval_report(folders[0])[0]
    comparison = write_comparison(compare_models(read_sides(folders)), base / "compare.html")[0]
    return {"report": report.as_uri(), "comparison": comparison.as_uri()}


def _open(browser: Browser, url: str, width: int = 1280) -> Any:
    page = browser.new_context(offline=True, viewport={"width": width, "height": 900}).new_page()
    page.problems = []
    page.on("console", lambda message: page.problems.append(message.text))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(url)
    return page


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["report", "comparison"])
def test_they_fit_their_window_and_log_nothing(
    browser: Browser, pages: dict[str, str], name: str, width: int
) -> None:
    page = _open(browser, pages[name], width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.problems == []


def test_no_table_is_cut_on_a_desk_screen(browser: Browser, pages: dict[str, str]) -> None:
    for url in pages.values():
        wide = (
            _open(browser, url)
            .locator(".scroll")
            .evaluate_all(
                "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText)"
            )
        )
        assert wide == []


def test_answers_can_be_filtered_by_task_and_direction(browser: Browser, pages: dict[str, str]) -> None:
    page = _open(browser, pages["comparison"])
    page.select_option("select[name=f0]", "quiz")
    page.select_option("select[name=f1]", "got better")
    shown = page.locator("details.sample:visible")
    assert 0 < shown.count() < 100
    assert set(shown.locator(".badge").all_inner_texts()) == {"got better"}
    assert page.locator(".filters output").inner_text() == f"{shown.count()} of 100 items"


def test_failed_answers_can_be_found(browser: Browser, pages: dict[str, str]) -> None:
    page = _open(browser, pages["report"])
    page.select_option("select[name=f1]", "failed")
    assert page.locator("details.sample:visible").count() == 4
