"""Who may come in: what the options allow, what a sign-in is worth, and what the gate lets through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from streamlit.testing.v1 import AppTest

from gristmill.errors import UsageError
from gristmill_data.store import Store, owner_routes
from gristmill_data.store.people import people
from gristmill_ui.access import Access, arranged, check_host, origin_of
from gristmill_ui.gate import Gate
from gristmill_ui.oidc import MAX_AGE_S, provided, said_by_provider
from gristmill_ui.owner import attachment
from gristmill_ui.server import ENTRY

FILE = """
[auth]
redirect_uri = "https://review.example.org/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "mill"
client_secret = "hush"
server_metadata_url = "https://id.example.org/.well-known/openid-configuration"
"""
URL = "https://review.example.org"


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"header": "X-User", "oidc": Path("auth.toml")}, "--oidc"),
        ({"proxies": ["10.0.0.7"]}, "--trusted-proxy"),
        ({"header": "X-User", "url": URL, "proxies": ["proxy"]}, "--trusted-proxy"),
        ({"url": URL}, "--url"),
        ({"header": "X-User"}, "--url"),
        ({"header": "X-User", "url": "http://review.example.org"}, "--url"),
        ({"header": "X-User", "url": f"{URL}/app"}, "--url"),
        ({"header": "X User", "url": URL}, "--trusted-header"),
        ({"header": "Host", "url": URL}, "--trusted-header"),
        ({"newcomers": "boss"}, "--newcomers"),
    ],
)
def test_options_that_do_not_fit_are_refused_with_a_cure(options, where):
    with pytest.raises(UsageError) as error:
        arranged(**options)
    assert error.value.where == where
    assert error.value.cure
    assert error.value.exit_code == 2


def test_others_come_in_only_where_the_app_knows_who_they_are():
    with pytest.raises(UsageError, match="this machine only") as error:
        check_host("0.0.0.0", arranged())
    assert "--oidc" in error.value.cure
    behind = arranged(header="X-User", url=f"{URL}/", proxies=["10.0.0.0/24"])
    check_host("0.0.0.0", behind)
    assert behind.hosts("0.0.0.0") == ["127.0.0.1", "::1", "localhost", "review.example.org"]
    peers = ["10.0.0.9", "::ffff:10.0.0.9", "10.0.1.9", "127.0.0.1", "testclient"]
    assert [behind.trusts(peer) for peer in peers] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Review.example.org:443/x", "https://review.example.org"),
        ("http://[::1]:8501/oauth2callback", "http://[::1]:8501"),
        ("http://review.example.org", ""),
        ("https://review.example.org:port", ""),
        ("ftp://127.0.0.1", ""),
        ("review.example.org", ""),
    ],
)
def test_an_address_is_https_or_on_this_machine(url, origin):
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("client_secret", "other"), "has no client_secret"),
        (("https://review", "http://review"), "redirect_uri must be https"),
        (("/oauth2callback", "/"), "must be https"),
        (("https://id.", "http://id."), "server_metadata_url"),
        (("0123456789abcdef0123456789abcdef", "short"), "shorter than 32"),
        (("[auth]", "auth"), "not a TOML file"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_without_its_secrets(tmp_path, change, said):
    pytest.importorskip("authlib", reason="signing in needs the extra oidc")
    file = tmp_path / "auth.toml"
    file.write_text(FILE.replace(*change))
    file.chmod(0o600)
    with pytest.raises(UsageError, match=said) as error:
        provided(file, None)
    assert "hush" not in str(error.value)


def test_the_file_of_a_provider_must_be_private(tmp_path):
    pytest.importorskip("authlib", reason="signing in needs the extra oidc")
    file = tmp_path / "auth.toml"
    file.write_text(FILE)
    file.chmod(0o644)
    with pytest.raises(UsageError, match="everybody") as error:
        arranged(oidc=file)
    assert error.value.cure == f"chmod 600 {file}"
    file.chmod(0o600)
    assert arranged(oidc=file) == Access("oidc", URL, secrets=file, claim="email", newcomers=None)


@pytest.mark.parametrize(
    ("changed", "name", "problem"),
    [
        ({}, "ada@example.org", ""),
        ({"is_logged_in": False}, "", ""),
        ({"email_verified": False}, "", "not verified"),
        ({"email": ""}, "", "did not tell"),
        ({"iat": -MAX_AGE_S}, "", "more than a day"),
        ({"iat": None}, "", "more than a day"),
    ],
)
def test_what_the_word_of_a_provider_is_worth(changed, name, problem):
    claims = {"is_logged_in": True, "iat": 50, "email": "Ada@Example.org", "email_verified": True}
    found, said = said_by_provider(claims | changed, "email", now=100.0)
    assert found == name
    assert problem in said if problem else not said
    assert said_by_provider({"is_logged_in": True, "iat": 1, "sub": "Q7"}, "sub", 2.0) == ("Q7", "")


PROXIED = Access("header", URL, "X-User", ("10.0.0.7/32",))
SIGNED_IN = Access("oidc", URL)
NAMES = Access()


def refusal(access: Access, path: str = "/", peer: str = "127.0.0.1", **headers: str) -> str:
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    server = ("127.0.0.1", 8501) if access is NAMES else ("192.0.2.1", 8501)
    kind = {"type": "websocket"} if path == "/_stcore/stream" else {"type": "http", "method": "POST"}
    scope: dict[str, Any] = {**kind, "path": path, "headers": sent, "client": (peer, 5), "server": server}
    gate = Gate(Starlette(), access, access.hosts("127.0.0.1"), None if access is NAMES else ("127.0.0.1", 9))
    return gate.refusal(scope)


SELF = {"host": "localhost:8501"}
NAMED = {"host": "review.example.org"}
STREAM = "/_stcore/stream"


@pytest.mark.parametrize(
    ("access", "request_", "said"),
    [
        (NAMES, dict(SELF, path=STREAM, origin="http://localhost:8501"), ""),
        (NAMES, {"host": "localhost:9000", "path": STREAM, "origin": "http://localhost:9000"}, ""),
        (NAMES, dict(SELF, path=STREAM, origin="http://localhost:9000"), "a page of"),
        (NAMES, dict(SELF, path=STREAM, origin="https://localhost:8501"), "a page of"),
        (NAMES, dict(SELF, path=STREAM, origin="null"), "a page of null"),
        (NAMES, {"host": "evil.example", "path": "/"}, "not known as 'evil.example'"),
        (NAMES, {"host": "evil@localhost", "path": "/"}, "not known"),
        (NAMES, dict(SELF, peer="203.0.113.5"), "this machine only"),
        (NAMES, dict(SELF, path="/api/op/status"), ""),
        (NAMES, dict(SELF, path="/api/op/status", origin="http://localhost:8501"), "from a browser"),
        (NAMES, dict(SELF, path="/api/op/status", x_forwarded_for="1.2.3.4"), "through a proxy"),
        (NAMES, {"host": "evil.example", "path": "/api/op/status"}, "another name"),
        (SIGNED_IN, dict(SELF, path="/api/op/status"), "this machine only"),
        (SIGNED_IN, dict(NAMED, path="/_stcore/metrics"), "not served"),
        (SIGNED_IN, dict(NAMED, path=STREAM, origin=URL, peer="203.0.113.5"), ""),
        (SIGNED_IN, dict(NAMED, path=STREAM, origin="https://evil.example"), "a page of"),
        (PROXIED, dict(NAMED, path=STREAM, origin=URL, peer="10.0.0.7", x_user="ada"), ""),
        (PROXIED, dict(NAMED, path=STREAM, peer="203.0.113.5", x_user="ada"), "not the trusted proxy"),
        (PROXIED, dict(NAMED, path=STREAM, peer="127.0.0.1", x_user="ada"), "not the trusted proxy"),
        (PROXIED, dict(NAMED, path=STREAM, peer="10.0.0.7"), "did 0 times"),
        (PROXIED, dict(NAMED, path=STREAM, peer="10.0.0.7", x_user="ada", X_User="bo"), "did 2 times"),
        (PROXIED, dict(NAMED, path=STREAM, peer="10.0.0.7", x_user=" "), "did 1 times"),
        (PROXIED, dict(NAMED, path="/_stcore/health", peer="10.0.0.7"), ""),
    ],
)
def test_the_gate_lets_nobody_through_from_the_wrong_place(access, request_, said):
    found = refusal(access, **request_)
    assert said in found if said else not found


def test_a_client_elsewhere_gets_no_operation_and_no_session_even_with_the_token(tmp_path):
    with Store.open(tmp_path / "mill.duckdb") as store:
        gate = Middleware(Gate, access=NAMES, hosts=NAMES.hosts("0.0.0.0"))
        app = Starlette(routes=owner_routes(store, "t0ken"), middleware=[gate])
        token = {"Authorization": "Bearer t0ken", "Host": "127.0.0.1:8501"}
        here, away = (TestClient(app, client=(peer, 5)) for peer in ("127.0.0.1", "203.0.113.5"))
        assert here.post("/api/op/status", json={}, headers=token).json()["result"]["rows"]["total"] == 0
        assert away.post("/api/op/status", json={}, headers=token).status_code == 403
        with pytest.raises(WebSocketDisconnect), away.websocket_connect(STREAM, headers=token):
            pytest.fail("a session was opened")


def test_answers_cannot_be_framed_and_cookies_stay_on_https():
    async def cookie(scope: Any, receive: Any, send: Any) -> None:
        start = {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"Set-Cookie", b"a=secure; Path=/")],
        }
        await send(start)
        await send({"type": "http.response.body", "body": b""})

    client = TestClient(Gate(cookie, SIGNED_IN, ["review.example.org"]), base_url=URL)
    answer = client.get("/")
    assert answer.headers["set-cookie"] == "a=secure; Path=/; Secure"
    assert answer.headers["content-security-policy"] == "frame-ancestors 'self'"
    refused = client.get("/", headers={"Host": "evil.example"})
    assert (refused.status_code, "set-cookie" in refused.headers) == (403, False)


def test_a_name_is_chosen_and_the_first_person_leads(tmp_path):
    with Store.open(tmp_path / "mill.duckdb") as store, attachment(store):
        app = AppTest.from_file(str(ENTRY), default_timeout=60).run()
        for name in ("gristmill review", " Ada "):
            app.text_input(key="gm_name").input(name)
            next(button for button in app.button if button.label == "Start reviewing").click().run()
            assert bool(app.error) is (name == "gristmill review")
        assert not app.exception
        assert [(one.name, one.role) for one in people(store)] == [("Ada", "lead")]
