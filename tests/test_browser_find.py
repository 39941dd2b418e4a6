"""Rows like a rejected one, in a real browser: windows lead to one another, and one undo takes all back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support.chromium import SCREEN, chromium, settle, sign_in
from support.find_rows import ASKED, fill_alike
from support.review_server import ReviewServer

pytestmark = pytest.mark.browser


def test_rows_like_a_rejected_one_are_rejected_together_and_looked_through(tmp_path: Path) -> None:
    app = ReviewServer(fill_alike(tmp_path / "mill.duckdb"))
    with chromium() as browser:
        _go_through(sign_in(browser, f"{app.url}/?q=rye+dried&status=pending", "Ada"))
    done = [(event["reviewer"], event["action"], "bulk" in event["payload"]) for event in app.events()]
    assert done == [("Ada", "reject", False), ("Ada", "reject", True), ("Ada", "undo", True)]


def _go_through(page: Page) -> None:
    settle(page)
    for key, then in (("x", "Wrong answer"), ("6", "Too trivial"), ("x", "Saved: rejected")):
        before = page.evaluate(SCREEN)
        page.keyboard.press(key)
        expect(page.get_by_test_id("stMain")).to_contain_text(then)
        if key == "x":
            settle(page, before)
        else:  # the next press waits for the answer to this one, or else it is not heard
            expect(page.locator(".st-key-gm_verdict").get_by_role("button", name=then)).to_have_attribute(
                "kind", "primaryFormSubmit"
            )
    page.get_by_role("button", name="1 row like that one").click()
    page.get_by_role("button", name="Reject them").click()
    window = page.get_by_role("dialog")
    window.get_by_role("button", name="Too trivial").click()
    window.get_by_role("button", name="Reject 1 row").click()
    expect(window).to_contain_text("Rejected 1 row")
    window.get_by_role("button", name="Undo all").click()
    expect(window).to_contain_text("Undone: 1 row")
    window.get_by_role("button", name="Close").last.click()
    expect(window).to_have_count(0)
    page.get_by_role("button", name="1 row like that one").click()
    page.get_by_role("button", name="Look through them").click()
    page.wait_for_url(re.compile("like="))
    expect(page.locator(".st-key-gm_left")).to_contain_text(ASKED.split("{")[0])
