"""The contamination page of the review app: headless, and in a real browser against a real server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect, sync_playwright
from streamlit.testing.v1 import AppTest
from support import review_rows
from support.review_server import ReviewServer

from gristmill.records import Example, Match, example_text
from gristmill_data.store import SegmentWriter, Store
from gristmill_data.store.matches import match_verdicts
from gristmill_ui.owner import attachment

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def more_matches(db: Path, rows: list[Example]) -> None:
    """Beside the one of the harbour: a template, a pair's rejected response, and a hostile item."""
    pair, hostile = rows[4], review_rows.HOSTILE
    at = example_text(pair).index("It berths")
    writer = SegmentWriter(db, "run-2")
    for example, item, label, score, span, text in (
        (rows[0], "q2", "template", 0.4, (0, 9), "How often is a wheel greased?"),
        (pair, "q3", "paraphrase", 0.7, (at, at + 9), "Where do vessels berth?"),
        (rows[3], "q4", "near", 0.95, (0, 4), hostile),
        (rows[3], "q17", "near", 0.82, (0, 4), "A mooring costs 2.40 per metre and night."),
    ):
        writer.add(Match(example.id, "harbour-math", item, label, score, span, (0, 9), text, "fuzzy"))  # type: ignore[arg-type]
    writer.flush()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "mill.duckdb") as opened, attachment(opened):
        rows = review_rows.fill(opened.path)
        opened.ingest()
        more_matches(opened.path, rows)
        opened.ingest()
        yield opened


def started() -> AppTest:
    app = AppTest.from_string("from gristmill_ui.app_pages import contamination\ncontamination.render()")
    app.default_timeout = 60
    app.session_state["gm_reviewer"] = "Ada"
    return app.run()


def page(app: AppTest) -> str:
    return "\n".join(block.proto.body for block in app.get("html"))


def press(app: AppTest, word: str, item: str) -> AppTest:
    desk = app.session_state["gm_matches"]
    name = next(name for key, name in desk.ids.items() if key[2] == item)
    return app.button(key=f"{word}_{name}").click().run()


def test_matches_stand_side_by_side_with_their_spans(store: Store) -> None:
    app = started()
    assert not app.exception
    shown = page(app)
    assert "<b>4</b> matches · 2 uncertain · 0 judged" in shown
    assert '<mark class="gm-match">How often</mark> is a pair of French burr stones dressed?' in shown
    assert '<mark class="gm-match">How often</mark> is a wheel greased?' in shown
    assert shown.index("q4") < shown.index("q17") < shown.index("q3") < shown.index("q2")
    assert "tier fuzzy" in shown


def test_the_sides_of_a_pair_are_not_told_apart_and_nothing_is_run(store: Store) -> None:
    shown = page(started())
    assert "one of the responses" in shown
    assert "rejected" not in shown
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


def test_filters_narrow_the_list(store: Store) -> None:
    app = started()
    app.toggle(key="gm_match_uncertain").set_value(True).run()
    assert [row["item_id"] for row in app.session_state["gm_matches"].rows] == ["q2", "q3"]
    app.multiselect(key="gm_match_label").select("template").run()
    assert [row["item_id"] for row in app.session_state["gm_matches"].rows] == ["q2"]
    app.toggle(key="gm_match_unseen").set_value(True).run()
    press(app, "Wrong", "q2")
    assert "Change the filters" in page(app)


def test_a_verdict_is_saved_shown_and_taken_back(store: Store) -> None:
    app = press(started(), "Right", "q3")
    [saved] = match_verdicts(store)
    assert (saved["item_id"], saved["right"], saved["reviewer"], saved["score"]) == ("q3", True, "Ada", 0.7)
    assert "Saved: paraphrase of q3 right" in page(app)
    assert "you: right" in page(app)
    press(app, "Wrong", "q3")
    assert [row["right"] for row in match_verdicts(store)] == [False]
    press(app, "Take back", "q3")
    assert match_verdicts(store) == []


def test_a_click_on_a_screen_that_is_gone_saves_nothing(store: Store) -> None:
    app = started()
    desk = app.session_state["gm_matches"]
    row = desk.rows[0]
    old = desk.ids[(row["example_id"], row["benchmark"], row["item_id"])]
    assert desk.judge(old, row, True)
    assert not desk.judge(old, row, False)
    assert [said["right"] for said in match_verdicts(store)] == [True]


def test_without_matches_it_says_so(tmp_path: Path) -> None:
    with Store.open(tmp_path / "empty.duckdb") as opened, attachment(opened):
        app = started()
    assert not app.exception
    assert "No matches" in page(app)


def stands_still(button: Locator) -> None:
    """Wait until a button has not moved for a second: fonts and charts arrive late on a busy machine."""
    places: list[object] = []
    for _ in range(300):
        places.append(button.bounding_box())
        if len(places) > 10 and len({str(place) for place in places[-10:]}) == 1:
            return
        button.page.wait_for_timeout(100)
    raise AssertionError(f"the button goes on moving: {places[-10:]}")


@pytest.mark.browser
def test_a_reviewer_judges_and_exports_in_a_real_browser(tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed")
    more_matches(tmp_path / "mill.duckdb", review_rows.fill(tmp_path / "mill.duckdb"))
    server = ReviewServer(tmp_path / "mill.duckdb")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        view = browser.new_page(viewport={"width": 1366, "height": 768})
        expect.set_options(timeout=30_000)
        view.goto(f"{server.url}/contamination")
        view.get_by_label("Your name").fill("Ada")
        view.get_by_role("button", name="Start reviewing").click()
        main = view.get_by_test_id("stMain")
        expect(main).to_contain_text("A mooring costs")
        assert view.evaluate("window.pwned") is None
        expect(main).to_contain_text("How often is a wheel greased?")
        expect(view.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
        right = view.get_by_role("button", name="Right", exact=True).first
        stands_still(right)
        right.dblclick()
        expect(main).to_contain_text("Saved: near of q4 right")
        expect(main).to_contain_text("1 verdicts (1 right)")
        with view.expect_download() as waiting:
            view.get_by_role("button", name="Verdicts as JSONL").click()
        lines = Path(waiting.value.path()).read_text().splitlines()
        browser.close()
    server.stop()
    assert [(row["item_id"], row["right"], row["reviewer"]) for row in map(json.loads, lines)] == [
        ("q4", True, "Ada")
    ]
    with Store.open(tmp_path / "mill.duckdb") as store:
        assert store.rows("SELECT count(*) FROM match_verdicts") == [(1,)]
