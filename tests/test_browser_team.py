"""Two reviewers and a lead in real browsers at one server: both get the row, a lead settles it by a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from support import review_rows
from support.chromium import SCREEN, chromium, press, settle, sign_in
from support.review_server import ReviewServer

from gristmill_data.store import Store
from gristmill_data.store.people import enter
from gristmill_data.store.settings import set_setting

pytestmark = pytest.mark.browser


@pytest.fixture
def app(tmp_path: Path) -> Iterator[ReviewServer]:
    db = tmp_path / "mill.duckdb"
    review_rows.fill(db)
    with Store.open(db) as store:
        store.ingest()
        enter(store, "Lea", first_leads=True)
        set_setting(store, "overlap", {"reviewers": 2, "share": 1.0}, "Lea")
    server = ReviewServer(db)
    yield server
    server.stop()


def shown(page: Page) -> str:
    return str(page.locator("[data-example]").first.get_attribute("data-example"))


def test_a_team_reviews_disagrees_and_settles(app: ReviewServer) -> None:
    with chromium() as browser:
        row = _decided_by_two(browser, app.url)
        lea = sign_in(browser, app.url, "Lea")
        settle(lea)
        assert shown(lea) != row
        before = lea.evaluate(SCREEN)
        lea.get_by_role("link", name="Disputes").click()
        settle(lea, before)
        expect(lea.locator(".gm-opinion")).to_have_count(2)
        press(lea, "2")
        expect(lea.locator(".gm-receipt")).to_contain_text("settled · rejected, as Bo said")
    told = [(e["reviewer"], e["action"], e["status"]) for e in app.events() if e["example_id"] == row]
    assert told == [
        ("Ada", "accept", "pending"),
        ("Bo", "reject", "disputed"),
        ("Lea", "adjudicate", "rejected"),
    ]


def _decided_by_two(browser: Browser, url: str) -> str:
    """The first row, which two reviewers get, Ada accepts and Bo rejects; its id."""
    ada, bo = sign_in(browser, url, "Ada"), sign_in(browser, url, "Bo")
    settle(ada)
    settle(bo)
    row = shown(ada)
    assert shown(bo) == row
    press(ada, "a")
    press(bo, "x")
    bo.keyboard.press("2")
    expect(bo.get_by_role("button", name="Not in the source")).to_have_attribute("kind", "primaryFormSubmit")
    press(bo, "x")
    expect(bo.locator(".gm-receipt")).to_contain_text("Saved: rejected")
    return row
