"""The page in a real browser, light, dark and without JavaScript."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from report_frames import make

from gristmill_evals.report import write_report

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
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    out: Path = tmp_path_factory.mktemp("report") / "report.html"
    return write_report(make(), out, "Mill handbook")[0].as_uri()


def _open(browser: Browser, url: str, **options: Any) -> Any:
    page = browser.new_context(offline=True, **options).new_page()
    page.problems = []
    page.on("console", lambda message: page.problems.append(message.text))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(url)
    return page


@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_its_window_and_logs_nothing(browser: Browser, url: str, width: int) -> None:
    page = _open(browser, url, viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.problems == []


def test_samples_can_be_filtered(browser: Browser, url: str) -> None:
    page = _open(browser, url)
    page.select_option("select[name=status]", "rejected")
    shown = page.locator("details.sample:visible")
    assert shown.count() > 0
    assert set(shown.evaluate_all("all => all.map(one => one.dataset.status)")) == {"rejected"}
    page.fill("input[name=text]", "no such words")
    assert page.locator("details.sample:visible").count() == 0
    assert page.locator(".filters output").inner_text() == "0 of 120 rows"


def test_it_can_be_read_without_javascript(browser: Browser, url: str) -> None:
    page = _open(browser, url, java_script_enabled=False)
    assert page.locator("details.sample").count() == 120
    assert not page.locator("form.filters").is_visible()
    page.locator("details.sample >> nth=3").locator("summary").click()
    assert page.locator("details.sample >> nth=3").locator(".part").first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_chart_texts_stand_out_from_their_card(browser: Browser, url: str, scheme: str) -> None:
    page = _open(browser, url, color_scheme=scheme)
    channel = "c => Math.max(...getComputedStyle(c)"
    card = page.locator("figure.chart").first.evaluate(
        channel + ".backgroundColor.match(/\\d+/g).map(Number))"
    )
    text = page.locator("figure.chart svg text").first.evaluate(channel + ".fill.match(/\\d+/g).map(Number))")
    assert abs(card - text) > 120
