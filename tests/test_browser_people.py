"""People who sign in, or whom a proxy names, in a real browser; what they decided is read from the file."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from support import review_rows
from support.chromium import WAIT, chromium, settle
from support.identity_server import CLIENT, SECRET, Provider, Proxy
from support.processes import Process
from support.review_server import ReviewServer

from gristmill_data.store import call

pytestmark = pytest.mark.browser

ADA, BO = "ada@example.org", "bo@example.org"
Start = Callable[..., ReviewServer]


class Command(ReviewServer):
    """The app as the command line starts it, on a port known before."""

    def __init__(self, db: Path, port: int, *options: str) -> None:
        self.db = db
        args = ("review", "--db", db, "--no-browser", "--port", port, *options)
        self.process = Process(*args, cwd=db.parent, app=True)
        self.url = self._address()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    opened = context.new_page()
    opened.set_default_timeout(WAIT)
    yield opened
    context.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    db, started = tmp_path / "mill.duckdb", []
    review_rows.fill(db)
    call(db, "ingest")

    def starting(port: int, *options: str) -> ReviewServer:
        started.append(Command(db, port, *options))
        return started[-1]

    yield starting
    for server in started:
        server.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def status(port: int, target: str, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", target, headers=headers)
    code = connection.getresponse().status
    connection.close()
    return code


def accept_a_row(page: Page) -> None:
    settle(page)
    page.locator(".st-key-gm_verdict button", has_text="Accept").click()
    expect(page.locator(".gm-receipt")).to_contain_text("Saved: accepted")


def test_a_proxy_says_who_is_there_and_nobody_else_can(start, page):
    proxy = Proxy("X-Forwarded-User", ADA, source="127.0.0.2")
    proxy.port = free_port()
    options = ("--trusted-header", "X-Forwarded-User", "--trusted-proxy", "127.0.0.2", "--url", proxy.url)
    app = start(proxy.port, *options, "--lead", ADA, "--host", "0.0.0.0")
    assert app.url == proxy.url
    page.set_extra_http_headers({"X-Forwarded-User": BO})
    page.goto(proxy.url)
    accept_a_row(page)
    expect(page.get_by_role("button", name=ADA)).to_be_visible()

    host = urlsplit(proxy.url).netloc
    assert status(proxy.port, "/", Host=host, **{"X-Forwarded-User": ADA}) == 403
    assert status(proxy.port, "/api/op/status", Host=host) == 403
    assert call(app.db, "status")["rows"]["total"] == 6
    proxy.close()
    assert [(event["action"], event["reviewer"]) for event in app.events()] == [("accept", ADA)]


def test_people_sign_in_with_a_provider_and_strangers_stay_outside(start, page, tmp_path):
    pytest.importorskip("authlib", reason="signing in needs the extra oidc")
    provider, port = Provider({"sub": "1", "email": BO, "email_verified": True}), free_port()
    file = tmp_path / "auth.toml"
    file.write_text(
        f'[auth]\nredirect_uri = "http://127.0.0.1:{port}/oauth2callback"\nclient_id = "{CLIENT}"\n'
        f'client_secret = "{SECRET}"\ncookie_secret = "{"k" * 40}"\n'
        f'server_metadata_url = "{provider.url}/.well-known/openid-configuration"\n'
    )
    file.chmod(0o600)
    app = start(port, "--oidc", str(file), "--lead", ADA)
    page.goto(f"{app.url}/dashboard")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("Nobody has added you")

    provider.person = {"sub": "2", "email": "Ada@example.org", "email_verified": True}
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_role("button", name="Sign in").click()
    accept_a_row(page)
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert cookies["_streamlit_user"]["httpOnly"]
    provider.close()
    assert [(event["action"], event["reviewer"]) for event in app.events()] == [("accept", ADA)]
