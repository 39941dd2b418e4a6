"""The review app in a real browser, against a real server process; what was decided is read from the file.

One server for all: each test works under a name of its own, on rows of its own (``plate NN``; any ``beam``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from support import review_rows
from support.chromium import SCREEN, WAIT, chromium, press, settle
from support.chromium import sign_in as open_app
from support.review_server import ReviewServer

from gristmill_ui.services import blind

pytestmark = pytest.mark.browser

Enter = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewServer]:
    db = tmp_path_factory.mktemp("review") / "mill.duckdb"
    ROWS.update((row.instruction, row.id) for row in review_rows.fill(db, more=60))
    server = ReviewServer(db)
    yield server
    server.stop()


ROWS: dict[str, str] = {}
"""Ids by instruction."""


@pytest.fixture
def enter(browser: Browser, app: ReviewServer) -> Iterator[Enter]:
    """Sessions in the app by name, with one row on the screen; closed at the end.

    Rows are opened by their link: others may have them reserved for a while after they left.
    """
    pages: list[Page] = []

    def signed_in(name: str, text: str = "") -> Page:
        link = next(f"{app.url}/?item={key}" for row, key in ROWS.items() if text in row)
        pages.append(open_app(browser, link if text else app.url, name))
        expect(left(pages[-1])).to_contain_text(text)
        settle(pages[-1])
        return pages[-1]

    yield signed_in
    for page in pages:
        page.context.close()


def again(page: Page, name: str) -> None:
    """Sign in once more after a reload."""
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Start reviewing").click()
    settle(page)


def button(page: Page, label: str) -> Locator:
    return page.locator(".st-key-gm_verdict button", has_text=label)


def left(page: Page) -> Locator:
    return page.locator(".st-key-gm_left")


def response(page: Page) -> Locator:
    return page.get_by_label("Response", exact=True)


def receipt(page: Page) -> Locator:
    return page.locator(".gm-receipt")


def grade(page: Page, *grades: str) -> None:
    """Grade the first criteria, each when it is asked for."""
    for number, value in enumerate(grades, 2):
        page.keyboard.press(value)
        expect(page.locator(".gm-asking")).to_contain_text(f"{number} of ")


def show(page: Page, text: str) -> None:
    """Bring a row up by searching for it."""
    before = page.evaluate(SCREEN)
    field = page.get_by_label("Search")
    field.fill(text)
    field.press("Enter")
    expect(left(page)).to_contain_text(text)
    field.blur()
    settle(page, before)


def actions(app: ReviewServer, who: str) -> list[str]:
    return [event["action"] for event in app.events_of(who)]


def test_a_row_is_accepted_by_key_and_the_receipt_names_its_event(app, enter):
    page = enter("Ada", "plate 00")
    press(page, "a")
    expect(receipt(page)).to_contain_text("Saved: accepted")
    [event] = app.events_of("Ada")
    assert receipt(page).locator("code").inner_text() == f"event {event['event_id']}"


def test_a_row_is_rejected_by_keys_with_a_reason_and_a_note(app, enter):
    page = enter("Bea", "plate 01")
    press(page, "x")
    page.keyboard.press("2")
    expect(button(page, "Not in the source")).to_have_attribute("kind", "primaryFormSubmit")
    page.get_by_label("Note").fill("not said anywhere")
    page.keyboard.press("Control+Enter")
    expect(receipt(page)).to_contain_text("Saved: rejected")
    [event] = app.events_of("Bea")
    told = {"reason": "unsupported", "tags": ["unsupported"], "note": "not said anywhere"}
    assert event["payload"] == told


def test_an_edit_shows_its_changes_while_it_is_typed_and_saves_them(app, enter):
    page = enter("Cyd", "plate 02")
    press(page, "e")
    response(page).fill("The number 2, in brass.")
    expect(left(page).locator("ins", has_text="brass")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(receipt(page)).to_contain_text("Saved: edited and accepted")
    [event] = app.events_of("Cyd")
    assert event["payload"]["messages"][-1]["content"] == "The number 2, in brass."


def test_letters_typed_in_a_field_decide_nothing(app, enter):
    page = enter("Dee", "plate 03")
    press(page, "e")
    response(page).press_sequentially("axsun ")
    page.get_by_label("Search").click()
    page.keyboard.type("axsu")
    press(page, "Escape")
    expect(left(page)).to_contain_text("plate 03")
    assert app.events_of("Dee") == []


def test_undo_by_key_brings_the_row_back(app, enter):
    page = enter("Eve", "plate 04")
    for undo in ("u", "z"):
        press(page, "a")
        expect(page.get_by_role("button", name="Undo")).to_be_enabled()
        press(page, undo)
        expect(receipt(page)).to_contain_text("Undone: accepted")
        expect(left(page)).to_contain_text("plate 04")
    assert actions(app, "Eve") == ["accept", "undo"] * 2


@pytest.mark.parametrize("by", ["click", "key"])
def test_a_double_press_at_any_pace_decides_one_row(app, enter, by):
    page = enter(f"Fay {by}")
    show(page, "What is carved")
    box = button(page, "Accept").bounding_box()
    assert box is not None
    for pause in (0, 30, 120, 300):
        before = page.evaluate(SCREEN)
        for wait in (pause, 0):
            if by == "click":
                page.mouse.click(box["x"] + 20, box["y"] + 10)
            else:
                page.keyboard.press("a")
            page.wait_for_timeout(wait)
        settle(page, before)
    page.wait_for_timeout(500)
    assert actions(app, f"Fay {by}") == ["accept"] * 4


def test_a_key_held_down_decides_one_row(app, enter):
    page = enter("Gus", "plate 05")
    page.get_by_label("Search").fill("What is carved")
    page.get_by_label("Search").press("Enter")
    page.get_by_label("Search").blur()
    page.wait_for_timeout(1000)
    for _ in range(20):
        page.keyboard.down("a")
        page.wait_for_timeout(50)
    page.keyboard.up("a")
    expect(receipt(page)).to_contain_text("Saved: accepted")
    assert actions(app, "Gus") == ["accept"]


def test_twenty_rows_are_reviewed_by_keyboard_only(app, enter):
    page = enter("Hal")
    show(page, "What is carved")
    for _ in range(4):
        press(page, "a", "a", "x")
        page.keyboard.press("3")
        expect(button(page, "Incomplete")).to_have_attribute("kind", "primaryFormSubmit")
        press(page, "x", "s", "g")
        grade(page, "1", "0")
        press(page, "Escape", "a")
    expect(receipt(page)).to_contain_text("Saved: accepted")
    done = app.events_of("Hal")
    assert [event["action"] for event in done] == ["accept", "accept", "reject", "skip", "accept"] * 4
    assert len({event["example_id"] for event in done}) == 20
    assert done[-1]["payload"]["ratings"] == {"grounded": 1, "answers": 0}


def test_what_is_typed_survives_a_reload_in_the_middle_of_an_edit(app, enter):
    page = enter("Ida", "plate 06")
    press(page, "e")
    response(page).press_sequentially(" Typed before the reload")
    expect(left(page)).to_contain_text("Draft kept")
    response(page).press_sequentially(", and just before it.")
    page.reload()
    again(page, "Ida")
    whole = "The number 6 and the year 1706. Typed before the reload, and just before it."
    expect(response(page)).to_have_value(whole)
    page.keyboard.press("Control+Enter")
    expect(receipt(page)).to_contain_text("Saved: edited")
    assert actions(app, "Ida") == ["edit"]


def test_two_browsers_editing_one_row_lose_neither_text(app, enter):
    jo, kim = enter("Jo", "plate 07"), enter("Kim", "plate 07")
    for page, text in ((jo, "Jo says so."), (kim, "Kim says so.")):
        press(page, "e")
        response(page).fill(text)
        expect(left(page)).to_contain_text("Draft kept")
    press(jo, "Control+Enter")
    press(kim, "Control+Enter")
    expect(left(kim)).to_contain_text("Jo")
    expect(left(kim)).to_contain_text("changed this row while you were typing")
    expect(response(kim)).to_have_value("Kim says so.")
    assert actions(app, "Kim") == []
    kim.keyboard.press("Control+Enter")
    expect(receipt(kim)).to_contain_text("Saved: edited")
    assert [len(app.events_of(who)) for who in ("Jo", "Kim")] == [1, 1]


def test_a_hostile_row_runs_nothing_and_no_page_loads_anything(app, enter):
    page = enter("Lou", "Is this safe?")
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url))
    page.reload()
    again(page, "Lou")
    expect(left(page)).to_contain_text("window.pwned")
    assert left(page).locator("img, script, a").count() == 0
    press(page, "e")
    response(page).press_sequentially("<img src=x onerror='window.pwned = 3'>")
    expect(left(page).locator("ins", has_text="onerror")).to_be_visible()
    for name in ("Browse", "Dashboard"):
        page.get_by_role("link", name=name).click()
        expect(page.get_by_role("progressbar")).to_have_count(0)
        page.wait_for_timeout(700)
    assert page.evaluate("window.pwned") is None
    assert outside
    assert [url for url in outside if not url.startswith((app.url, "data:", "blob:"))] == []


def test_a_pair_is_blind_until_the_verdict(app, enter):
    frames: list[bytes] = []

    def take(data: str | bytes) -> None:
        frames.append(data if isinstance(data, bytes) else data.encode())

    page = enter("Max", "Where does a vessel")
    page.on("websocket", lambda socket: socket.on("framereceived", take))
    page.reload()
    again(page, "Max")
    expect(left(page)).to_contain_text("Response B")
    press(page, "e", "Escape", "g")
    grade(page, "1")
    press(page, "Escape")
    for sent in (b"".join(frames), page.content().encode()):
        assert b"It berths at the north quay." in sent
        assert b"chosen" not in sent
        assert b"omission" not in sent
    page.keyboard.press("ArrowRight")
    expect(receipt(page)).to_contain_text("preference saved")
    [event] = app.events_of("Max")
    sides = blind.sides("Max", event["example_id"])
    assert event["payload"]["side"] == sides[1]
    assert event["payload"]["ratings"] == {sides[0]: {"grounded": 1}}


def test_a_link_opens_its_row_and_the_whole_document_is_a_key_away(app, enter):
    page = enter("Ned", "What does a berth cost?")
    page.wait_for_url("**item=*")
    page.reload()
    again(page, "Ned")
    expect(left(page)).to_contain_text("What does a berth cost?")
    page.keyboard.press("d")
    expect(page.get_by_role("dialog")).to_contain_text("characters 1 to")


def test_the_verdict_bar_stays_in_sight_and_streamlits_own_chrome_does_not(enter):
    page = enter("Ole")
    box = button(page, "Accept").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 768
    assert page.evaluate("document.querySelector('.stMain').scrollHeight <= window.innerHeight + 1")
    for name in ("stAppDeployButton", "stMainMenu", "stDecoration"):
        assert not page.get_by_test_id(name).is_visible()


def test_windows_open_by_key_and_keep_keys_from_the_row_behind(app, enter):
    page = enter("Pia")
    show(page, "What is carved")
    press(page, "a")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Keyboard shortcuts")
    page.keyboard.press("a")
    for _ in range(5):  # a window that is still being drawn does not hear the key
        page.keyboard.press("Escape")
        with contextlib.suppress(AssertionError):
            expect(page.get_by_role("dialog")).to_have_count(0, timeout=3000)
            break
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("h")
    expect(page.get_by_role("dialog")).to_contain_text("Your decisions")
    page.get_by_role("dialog").get_by_role("button", name="Undo").click()
    expect(receipt(page)).to_contain_text("Undone: accepted")
    assert actions(app, "Pia") == ["accept", "undo"]


def test_rows_of_a_run_appear_and_a_killed_server_loses_and_doubles_nothing(browser: Browser, tmp_path: Path):
    db = tmp_path / "new.duckdb"
    server = ReviewServer(db)
    page = open_app(browser, server.url, "Ada")
    expect(page.get_by_test_id("stMain")).to_contain_text("No rows yet", timeout=WAIT)
    settle(page)
    empty = page.evaluate(SCREEN)
    review_rows.fill(db)
    expect(left(page)).to_contain_text("French burr stones")
    settle(page, empty)
    press(page, "a")
    expect(receipt(page)).to_contain_text("Saved: accepted")
    server.kill()
    restarted = ReviewServer(db, server.port)
    page.goto(restarted.url)
    again(page, "Ada")
    expect(page.locator(".gm-progress").first).to_contain_text("1 of 6 reviewed")
    press(page, "a")
    expect(receipt(page)).to_contain_text("Saved: accepted")
    page.context.close()
    done = restarted.events()
    assert [event["action"] for event in done] == ["accept", "accept"]
    assert len({event["example_id"] for event in done}) == 2
