"""The review app in a real browser, against a real server process; what was decided is read from the file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from support import review_rows
from support.review_server import ReviewServer

from gristmill_ui.services import blind

pytestmark = pytest.mark.browser

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WAIT = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is not installed: the browser tests are part of CI")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[ReviewServer]:
    review_rows.fill(tmp_path / "mill.duckdb")
    server = ReviewServer(tmp_path / "mill.duckdb")
    yield server
    server.stop()


@pytest.fixture
def page(browser: Browser, app: ReviewServer) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    opened = context.new_page()
    opened.set_default_timeout(WAIT)
    expect.set_options(timeout=WAIT)
    sign_in(opened, app.url)
    yield opened
    context.close()


def sign_in(page: Page, url: str, name: str = "Ada") -> None:
    page.goto(url)
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Start reviewing").click()
    settle(page)


SCREEN = "document.documentElement.dataset.gmKeys"


def settle(page: Page, before: str | None = None) -> None:
    """Wait until a screen other than ``before`` is complete: a key pressed earlier is meant for that one."""
    page.wait_for_function(f"before => {SCREEN} && {SCREEN} !== before", arg=before)


def button(page: Page, label: str):
    return page.locator(".st-key-gm_verdict button", has_text=label)


def main(page: Page):
    return page.get_by_test_id("stMain")


def key(page: Page, name: str, then: str) -> None:
    """Press a key and wait until the text that follows from it is there."""
    before = page.evaluate(SCREEN)
    page.keyboard.press(name)
    expect(main(page)).to_contain_text(then)
    settle(page, before)


def show(page: Page, text: str) -> None:
    """Bring a row up by searching for it."""
    before = page.evaluate(SCREEN)
    field = page.get_by_label("Search")
    field.fill(text)
    field.press("Enter")
    expect(page.locator(".st-key-gm_left")).to_contain_text(text)
    field.blur()
    settle(page, before)


def test_a_row_is_accepted_by_key_and_the_receipt_names_its_event(app, page):
    expect(main(page)).to_contain_text("French burr stones")
    key(page, "a", "Saved: accepted")
    said = page.locator(".gm-receipt code").inner_text()
    [event] = app.events()
    assert (event["action"], event["reviewer"]) == ("accept", "Ada")
    assert said == f"event {event['event_id']}"


def test_a_row_is_rejected_by_keys_with_a_reason_and_a_note(app, page):
    key(page, "x", "Wrong answer")
    page.keyboard.press("2")
    expect(button(page, "Not in the source")).to_have_attribute("kind", "primaryFormSubmit")
    page.get_by_label("Note").fill("not said anywhere")
    page.keyboard.press("Control+Enter")
    expect(main(page)).to_contain_text("Saved: rejected")
    [event] = app.events()
    assert event["payload"] == {
        "reason": "unsupported",
        "reasons": ["unsupported"],
        "note": "not said anywhere",
    }


def test_an_edit_saves_the_text_and_not_the_old_one(app, page):
    key(page, "e", "Show changes")
    page.get_by_label("Response").fill("After about 90 hours.")
    page.keyboard.press("Control+Enter")
    expect(main(page)).to_contain_text("Saved: edited and accepted")
    [event] = app.events()
    assert event["action"] == "edit"
    assert event["payload"]["messages"][-1]["content"] == "After about 90 hours."


def test_letters_typed_in_a_field_decide_nothing(app, page):
    key(page, "e", "Show changes")
    page.get_by_label("Response").press_sequentially("axsun ")
    page.get_by_label("Search").click()
    page.keyboard.type("axsu")
    key(page, "Escape", "French burr stones")
    assert app.events() == []


@pytest.mark.parametrize("undo", ["u", "z"])
def test_undo_by_key_brings_the_row_back(app, page, undo):
    key(page, "a", "Saved: accepted")
    expect(button(page, "Undo")).to_be_enabled()
    key(page, undo, "Undone: accepted")
    expect(main(page)).to_contain_text("French burr stones")
    assert [event["action"] for event in app.events()] == ["accept", "undo"]


def test_two_quick_clicks_save_one_decision(app, page):
    button(page, "Accept").dblclick()
    expect(main(page)).to_contain_text("Saved: accepted")
    expect(page.locator(".gm-progress")).to_contain_text("1 of 6 reviewed")
    page.wait_for_timeout(1000)
    assert len(app.events()) == 1


def test_a_key_held_down_decides_one_row(app, page):
    page.keyboard.down("a")
    for _ in range(20):
        page.keyboard.down("a")
        page.wait_for_timeout(50)
    page.keyboard.up("a")
    expect(main(page)).to_contain_text("Saved: accepted")
    assert len(app.events()) == 1


def test_a_hostile_row_runs_nothing_and_loads_nothing(app, page):
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url))
    show(page, "Is this safe?")
    expect(page.locator(".st-key-gm_left")).to_contain_text("window.pwned")
    page.wait_for_timeout(500)
    assert page.evaluate("window.pwned") is None
    assert page.locator(".st-key-gm_left img, .st-key-gm_left script, .st-key-gm_left a").count() == 0
    key(page, "e", "Show changes")
    button(page, "Show changes").click()
    assert page.evaluate("window.pwned") is None
    assert [url for url in outside if not url.startswith((app.url, "data:", "blob:"))] == []


def test_nothing_is_fetched_from_elsewhere(app, browser):
    context = browser.new_context()
    opened = context.new_page()
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    sign_in(opened, app.url)
    for name in ("Browse", "Dashboard"):
        opened.get_by_role("link", name=name).click()
        opened.wait_for_timeout(1500)
    context.close()
    assert asked
    assert [url for url in asked if not url.startswith((app.url, "data:", "blob:"))] == []


@pytest.mark.parametrize(("press", "place"), [("1", 0), ("ArrowRight", 1)])
def test_a_pair_is_blind_until_the_verdict(app, page, press, place):
    frames: list[bytes] = []

    def take(data: str | bytes) -> None:
        frames.append(data if isinstance(data, bytes) else data.encode())

    page.on("websocket", lambda socket: socket.on("framereceived", take))
    page.reload()
    sign_in(page, page.url)
    show(page, "Where does a vessel of 30 metres go?")
    expect(page.locator(".st-key-gm_left")).to_contain_text("Response B")
    for sent in (b"".join(frames), page.content().encode()):
        assert b"It berths at the north quay." in sent
        assert b"chosen" not in sent
        assert b"omission" not in sent
    key(page, press, "preference saved")
    [event] = app.events()
    assert event["payload"]["side"] == blind.sides("Ada", event["example_id"])[place]


def test_a_link_opens_its_row_after_signing_in(app, page):
    show(page, "What does a berth cost?")
    page.wait_for_url("**item=*")
    link = page.url
    page.goto("about:blank")
    sign_in(page, link, "Bo")
    expect(page.locator(".st-key-gm_left")).to_contain_text("What does a berth cost?")


def test_the_verdict_bar_stays_in_sight_and_the_page_does_not_scroll(page):
    box = button(page, "Accept").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 768
    assert page.evaluate("document.querySelector('.stMain').scrollHeight <= window.innerHeight + 1")


def test_the_shortcut_sheet_opens_by_key_once_and_closes(app, page):
    key(page, "a", "Saved: accepted")
    key(page, "n", "How is a dressing logged")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Keyboard shortcuts")
    page.keyboard.press("a")
    page.wait_for_timeout(500)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert len(app.events()) == 1, "a key pressed in the window decided the row behind it"


def test_streamlits_own_chrome_is_hidden(page):
    for name in ("stAppDeployButton", "stMainMenu", "stDecoration"):
        assert not page.get_by_test_id(name).is_visible()


def test_rows_of_a_run_in_another_process_appear(browser, tmp_path):
    db = tmp_path / "new.duckdb"
    server = ReviewServer(db)
    context = browser.new_context()
    opened = context.new_page()
    opened.set_default_timeout(WAIT)
    try:
        opened.goto(server.url)
        opened.get_by_label("Your name").fill("Ada")
        opened.get_by_role("button", name="Start reviewing").click()
        expect(main(opened)).to_contain_text("No rows yet", timeout=WAIT)
        review_rows.fill(db)
        expect(main(opened)).to_contain_text("French burr stones", timeout=WAIT)
    finally:
        context.close()
        server.stop()
