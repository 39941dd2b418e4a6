"""A headless Chromium, and the app's screens in it: a screen says in the root element when it is complete."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WAIT = 30_000
SCREEN = "document.documentElement.dataset.gmKeys"


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for as long as this lasts; without Chromium the test is skipped, in CI it fails."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is not installed: the browser tests are part of CI")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        expect.set_options(timeout=WAIT)
        yield browser
        browser.close()


def settle(page: Page, before: str | None = None) -> None:
    """Wait until a screen other than ``before`` is complete: a key pressed earlier is meant for that one."""
    page.wait_for_function(f"before => {SCREEN} && {SCREEN} !== before", arg=before, timeout=WAIT)


def press(page: Page, *keys: str) -> None:
    """Press keys, each on the screen that the one before led to."""
    for key in keys:
        before = page.evaluate(SCREEN)
        page.keyboard.press(key)
        settle(page, before)


def sign_in(browser: Browser, url: str, name: str) -> Page:
    """The app at ``url`` as ``name`` sees it, in a browser session of its own."""
    page = browser.new_context(viewport={"width": 1366, "height": 768}).new_page()
    page.set_default_timeout(WAIT)
    page.goto(url)
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Start reviewing").click()
    return page
