"""Both transports on bad roads: redirects, lost and stale connections, time-outs, TLS and proxies."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from support.transports import BODY, KEY, attempt, both, outcome, transports
from support.wire import GOOD, Answer, Asked, Streams, Wire, after, http

from gristmill.errors import ModelConfigError, ModelUnavailableError
from gristmill.models.backends.lean import LeanTransport, can_be_lean
from gristmill.models.backends.openai_api import OpenAIBackend
from gristmill.models.spec import ModelSpec
from gristmill.models.types import Request

PROXIES = [f"{name}_proxy" for name in ("http", "https", "all", "no")]
SETTINGS = ("OPENAI_CUSTOM_HEADERS", "SSL_CERT_FILE", "SSL_CERT_DIR")
BOTH = pytest.mark.parametrize("which", [0, 1], ids=["lean", "official"])


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SETTINGS, *PROXIES, *map(str.upper, PROXIES)):
        monkeypatch.delenv(name, raising=False)


def to(location: str, status: int) -> bytes:
    return http(b"moved", status, {"Location": location}, kind="text/plain")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("elsewhere", [False, True])
@BOTH
async def test_a_redirect_is_followed_and_the_key_stays_at_home(
    status: int, elsewhere: bool, which: int
) -> None:
    async with Wire() as other, Wire() as home:
        target = other if elsewhere else home
        home.answers = [to(f"{target.origin}/new?x=1", status), http(GOOD)]
        assert (await outcome(transports(home.url)[which])).answer == GOOD
        asked = target.asked[-1]
    kept = status in {307, 308}
    assert asked.line == f"{'POST' if kept else 'GET'} /new?x=1 HTTP/1.1"
    assert asked.body == (home.asked[0].body if kept else b"")
    assert asked.headers.get("authorization") == (None if elsewhere else f"Bearer {KEY}")
    assert elsewhere or target.opened == 1


async def test_redirects_without_end_are_given_up_after_as_many_requests() -> None:
    async with Wire(to("/again", 307)) as wire:
        lean, official = await both(wire.url)
        assert len(wire.asked) == 2 * 21
    assert lean == official
    assert lean.kind == "connection"


@pytest.mark.parametrize("location", ["ftp://h/x", "http://[::1", "http://h:99999/", "http:///x", "mailto:x"])
async def test_a_redirect_to_nowhere_is_the_same_error(location: str) -> None:
    async with Wire(to(location, 307)) as wire:
        lean, official = await both(wire.url)
    assert (lean.error, lean.kind) == (official.error, official.kind) == (ModelUnavailableError, "connection")


async def test_a_redirect_without_a_place_is_the_same_error() -> None:
    async with Wire(http(b"", 302)) as wire:
        lean, official = await both(wire.url)
    assert lean == official
    assert (lean.error, lean.message) == (ModelConfigError, "HTTP 302: Error code: 302")


async def test_nobody_there() -> None:
    async with Wire() as wire:
        url = wire.url
    lean, official = await both(url)
    assert lean == official
    assert lean.kind == "connection"
    assert "Connect call failed" in lean.message


async def test_no_such_host() -> None:
    lean, official = await both("http://nowhere.invalid/v1")
    assert lean == official
    assert (lean.error, lean.kind) == (ModelUnavailableError, "connection")


NO_ADDRESSES = [
    "http://[::1/v1",
    "http://127.0.0.1:99999/v1",
    "http://a..b/v1",
    "http://:80/v1",
]


@pytest.mark.parametrize("url", [*NO_ADDRESSES, f"http://{'x' * 300}.localhost/v1"])
async def test_an_address_that_is_none_is_an_error_of_the_setup(url: str) -> None:
    lean, official = await both(url)
    assert lean == official
    assert (lean.error, lean.kind) == (ModelConfigError, "client")


async def silent(_: Asked, streams: Streams) -> None:
    await streams[0].read()


async def half(_: Asked, streams: Streams) -> None:
    streams[1].write(http(GOOD)[:-20])
    await streams[0].read()


SLOW: dict[str, Answer] = {
    "no answer": silent,
    "half an answer": half,
    "a trickle": after(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n", *[b"x"] * 90, gap=0.05),
    "trickling headers": after(b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 90, gap=0.05),
    "only promises": after(*[b"HTTP/1.1 102 Processing\r\n\r\n"] * 90, gap=0.05),
}


@pytest.mark.parametrize("name", SLOW)
async def test_slow_servers_are_time_outs_of_the_whole_call(name: str) -> None:
    async with Wire(SLOW[name]) as wire:
        lean, official = await both(wire.url, seconds=0.3)
    assert lean == official
    assert (lean.error, lean.kind) == (ModelUnavailableError, "time-out")


@BOTH
async def test_connections_are_kept_and_no_more_than_allowed(which: int) -> None:
    async with Wire() as wire:
        transport = transports(wire.url, concurrency=3)[which]
        for _ in range(3):
            results = await asyncio.gather(*(attempt(transport) for _ in range(8)))
            assert [result.answer for result in results] == [GOOD] * 8
        assert wire.opened <= 3
        await transport.close()


@BOTH
async def test_a_connection_closed_while_idle_is_replaced(which: int) -> None:
    async with Wire(after(http(GOOD))) as wire:
        transport = transports(wire.url)[which]
        for _ in range(3):
            assert (await attempt(transport)).answer == GOOD
            await wire.until(lambda: wire.ended == wire.opened)
            await asyncio.sleep(0.02)
        assert wire.opened == 3
        await transport.close()


@BOTH
async def test_a_closed_transport_opens_again(which: int) -> None:
    async with Wire() as wire:
        transport = transports(wire.url)[which]
        assert [(await outcome(transport)).answer for _ in range(2)] == [GOOD] * 2
        assert wire.opened == 2


@pytest.mark.parametrize("answer", [silent, half], ids=["before the answer", "inside it"])
@BOTH
async def test_a_cancelled_call_gives_its_connection_up(which: int, answer: Answer) -> None:
    async with Wire(answer, http(GOOD)) as wire:
        transport = transports(wire.url, concurrency=1)[which]
        task = asyncio.create_task(transport.chat(BODY, 10))
        await wire.until(lambda: bool(wire.asked))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await attempt(transport)).answer == GOOD
        assert [asked.connection for asked in wire.asked] == [1, 2]
        assert wire.ended == 1
        await transport.close()


@BOTH
async def test_a_call_that_timed_out_gives_its_connection_up(which: int) -> None:
    async with Wire(half, http(GOOD)) as wire:
        transport = transports(wire.url, concurrency=1)[which]
        assert (await attempt(transport, seconds=0.1)).kind == "time-out"
        assert (await attempt(transport)).answer == GOOD
        assert wire.asked[1].connection == 2
        await transport.close()


class Certificate:
    """A certificate that signs itself, for one name."""

    def __init__(self, folder: Path, name: str) -> None:
        self.file, key = folder / "cert.pem", folder / "key.pem"
        subprocess.run(
            [
                *(
                    "openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-nodes",
                ),
                *("-keyout", key, "-out", self.file, "-days", "2", "-subj", "/CN=test"),
                *("-addext", f"subjectAltName={name}"),
            ],
            check=True,
            capture_output=True,
        )
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(self.file, key)


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command makes the certificates of these tests")
    return Certificate(tmp_path, "IP:127.0.0.1")


async def test_a_certificate_of_nobody_known_is_refused(certificate: Certificate) -> None:
    async with Wire(tls=certificate.server) as wire:
        lean, official = await both(wire.url)
        assert wire.asked == []
    assert lean == official
    assert lean.kind == "connection"
    assert "CERTIFICATE_VERIFY_FAILED" in lean.message


async def test_certificates_named_in_the_environment_are_trusted(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    async with Wire(tls=certificate.server) as wire:
        assert [result.answer for result in await both(wire.url)] == [GOOD, GOOD]


async def test_a_trusted_certificate_of_another_host_is_refused(
    tmp_path: Path, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Certificate(tmp_path, "DNS:example.com")
    monkeypatch.setenv("SSL_CERT_FILE", str(other.file))
    async with Wire(tls=other.server) as wire:
        lean, official = await both(wire.url)
    assert lean == official
    assert "not valid for '127.0.0.1'" in lean.message


async def test_certificates_that_are_not_there_are_an_error_of_the_setup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    lean, official = await both("https://127.0.0.1:9/v1")
    assert lean == official
    assert (lean.error, lean.kind) == (ModelConfigError, "client")


async def test_the_wrong_protocol_is_the_same_error(certificate: Certificate) -> None:
    async with Wire() as plain, Wire(tls=certificate.server) as wire:
        for url in (plain.url.replace("http:", "https:"), wire.url.replace("https:", "http:")):
            lean, official = await both(url, seconds=0.3)
            assert lean == official
            assert lean.error == ModelUnavailableError


async def tunnel(asked: Asked, streams: Streams) -> None:
    host, _, port = asked.line.split()[1].partition(":")
    far, near = await asyncio.open_connection(host, int(port)), streams
    near[1].write(b"HTTP/1.1 200 OK\r\n\r\n")
    await asyncio.gather(copied(near[0], far[1]), copied(far[0], near[1]))


async def copied(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
    target.close()


async def ask_backend(url: str, transport: str = "lean") -> tuple[str, bool]:
    """The answer's text, and whether the lean transport gave it."""
    backend = OpenAIBackend(ModelSpec(model="openai:m", base_url=url, transport=transport), {"KEY": KEY})
    try:
        reply = await backend.complete(Request("openai:m", BODY["messages"]), timeout=10)
        return reply.text, isinstance(backend._transport, LeanTransport)
    finally:
        await backend.close()


NO_PROXIES = [
    ({}, True),
    ({"HTTP_PROXY": "PROXY"}, False),
    ({"http_proxy": "PROXY"}, False),
    ({"ALL_PROXY": "PROXY"}, False),
    ({"HTTPS_PROXY": "PROXY"}, True),
    ({"HTTP_PROXY": "PROXY", "NO_PROXY": "127.0.0.1"}, True),
    ({"HTTP_PROXY": "PROXY", "NO_PROXY": "x.org, 127.0.0.1 ,y"}, True),
    ({"HTTP_PROXY": "PROXY", "NO_PROXY": "*"}, True),
    ({"ALL_PROXY": "PROXY", "NO_PROXY": "x.org,*"}, True),
    ({"HTTP_PROXY": "PROXY", "NO_PROXY": "localhost"}, False),
    ({"HTTP_PROXY": "PROXY", "NO_PROXY": "1"}, True),
    ({"HTTP_PROXY": "PROXY", "NO_PROXY": ""}, False),
    ({"OPENAI_CUSTOM_HEADERS": "X-Team: a"}, False),
]


@pytest.mark.parametrize(("environment", "lean"), NO_PROXIES)
async def test_a_proxy_is_used_when_the_official_client_would_use_it(
    environment: dict[str, str], lean: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Wire() as proxy, Wire() as wire:
        for name, value in environment.items():
            monkeypatch.setenv(name, proxy.origin if value == "PROXY" else value)
        assert await ask_backend(wire.url) == ("Good day.", lean)
        assert await ask_backend(wire.url, "official") == ("Good day.", False)
        proxied = [asked.line.split()[1] for asked in proxy.asked]
        # Whatever the official client does with this environment, lean did the same.
        assert proxied in ([f"{wire.url}/chat/completions"] * 2, [])
        assert len(proxied) + len(wire.asked) == 2
        assert not (lean and proxied)


@pytest.mark.parametrize("names", ["127.0.0.0/8", "127.0.0.1:PORT", ".0.0.1"])
async def test_what_only_the_official_client_understands_of_no_proxy_is_left_to_it(
    names: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Wire() as proxy, Wire() as wire:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        monkeypatch.setenv("NO_PROXY", names.replace("PORT", str(wire.port)))
        before = len(proxy.asked)
        assert (await ask_backend(wire.url, "official"))[0] == "Good day."
        used = len(proxy.asked) - before
        assert (await ask_backend(wire.url))[0] == "Good day."
        assert len(proxy.asked) == before + 2 * used


async def test_tls_goes_through_a_tunnel(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    async with Wire(tunnel) as proxy, Wire(tls=certificate.server) as wire:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        assert await ask_backend(wire.url) == ("Good day.", False)
        assert proxy.asked[0].line == f"CONNECT 127.0.0.1:{wire.port} HTTP/1.1"
        assert "authorization" not in proxy.asked[0].headers
        assert wire.asked[0].headers["authorization"].startswith("Bearer ")


@pytest.mark.parametrize(
    "proxy", ["http://me:hidden-word@127.0.0.1:9", "ftp://127.0.0.1:9", "socks5://127.0.0.1:9"]
)
async def test_a_proxy_that_is_none_is_an_error_without_its_password(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises((ModelConfigError, ModelUnavailableError)) as caught:
        await ask_backend("http://127.0.0.1:1/v1")
    assert "hidden-word" not in f"{caught.value!r}{caught.value}"


def test_extra_headers_and_odd_addresses_are_left_to_the_official_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert can_be_lean("https://h/v1")
    assert not can_be_lean("https://h/v1?api-version=1")
    assert not can_be_lean("https://user@h/v1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Team: a")
    assert not can_be_lean("https://h/v1")
