"""The lean transport's connections: how they are shared, cut, timed and refused, against real sockets."""

from __future__ import annotations

import asyncio
import gc
import gzip
import inspect
import logging
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.transports import BODY, KEY, attempt, transports
from support.wire import GOOD, Asked, Streams, Wire, after, http, read_request

from gristmill.errors import ModelUnavailableError
from gristmill.models.backends import pool as pool_module
from gristmill.models.backends.addresses import Addresses
from gristmill.models.backends.lean import LeanTransport

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
CUT = (ModelUnavailableError, "connection")


@pytest.fixture(autouse=True)
def nothing_left_unsaid(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that asyncio complains of: errors that nobody retrieved, sockets that nobody closed."""
    yield
    gc.collect()
    records = caplog.get_records("call") + caplog.records
    assert [record.message for record in records if record.levelno >= logging.WARNING] == []


@pytest.fixture(autouse=True)
def no_idle_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests see closed was closed for its own reason."""
    monkeypatch.setattr(pool_module, "IDLE", 1000.0)


@asynccontextmanager
async def lean(url: str, width: int = 64) -> AsyncIterator[LeanTransport]:
    transport = transports(url, concurrency=width)[0]
    try:
        yield transport
    finally:
        await transport.close()


def said(number: int) -> dict[str, Any]:
    return {**BODY, "n": number}


async def echo(_: Asked, streams: Streams, gap: float = 0.001) -> None:
    """Answer this request and all that follow with the number that each names."""
    asked: Asked | None = _
    while asked is not None:
        await asyncio.sleep(gap * (asked.json["n"] % 7))
        if streams[1].is_closing():  # given up
            return
        streams[1].write(http({"n": asked.json["n"]}))
        asked = await read_request(streams[0], 0)


async def test_a_thousand_calls_over_fifty_connections_get_their_own_answers() -> None:
    async with Wire(echo) as wire, lean(wire.url, width=50) as transport:
        answers = await asyncio.gather(*(transport.chat(said(n), 20) for n in range(1000)))
        assert answers == [{"n": n} for n in range(1000)]
        assert wire.opened == 50


async def test_the_connection_used_last_is_used_next() -> None:
    async with Wire() as wire, lean(wire.url) as transport:
        await asyncio.gather(*(attempt(transport) for _ in range(5)))
        for _ in range(4):
            assert (await attempt(transport)).answer == GOOD
        assert len({asked.connection for asked in wire.asked[5:]}) == 1


async def test_nothing_of_an_answer_stays_for_the_next_one() -> None:
    zipped = http(gzip.compress(b"[1]"), headers={"Content-Encoding": "gzip"})
    async with Wire(zipped, http(b"[2]", kind=None), zipped) as wire, lean(wire.url) as transport:
        assert [(await attempt(transport)).answer for _ in range(3)] == [[1], "[2]", [1]]
        assert wire.opened == 1


PIECES = {
    "a length": http(GOOD),
    "chunks": CHUNKED + b'3;x=y\r\n{"a\r\n4\r\n":1}\r\n0\r\nX: y\r\n\r\n',
    "promises": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + http(GOOD),
    "empty headers": http(GOOD, headers={"X-Empty": "", "Y": " z "}),
}


@pytest.mark.parametrize("name", PIECES)
async def test_an_answer_may_be_cut_into_packets_anywhere(name: str) -> None:
    answer = PIECES[name]
    cuts = [after(answer[:cut], answer[cut:], gap=0.001) for cut in range(1, len(answer))]
    whole = {"a": 1} if name == "chunks" else GOOD
    async with Wire(*cuts, after(*(bytes([byte]) for byte in answer))) as wire, lean(wire.url) as transport:
        results = await asyncio.gather(*(attempt(transport) for _ in range(len(answer))))
    assert [result.answer for result in results] == [whole] * len(answer)


async def test_an_answer_may_end_with_the_connection() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    async with Wire(after(head, b"[1,", b"2]", gap=0.005)) as wire, lean(wire.url) as transport:
        assert [(await attempt(transport)).answer for _ in range(2)] == [[1, 2]] * 2
        assert wire.opened == 2


async def test_an_answer_that_ends_with_a_reset_is_cut_off() -> None:
    async def reset(_: Asked, streams: Streams) -> None:
        streams[1].write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}")
        await asyncio.sleep(0.02)
        sock = streams[1].get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        streams[1].transport.abort()

    async with Wire(reset) as wire, lean(wire.url) as transport:
        result = await attempt(transport)
    assert (result.error, result.kind) == CUT
    assert "reset by peer" in result.message


@pytest.mark.parametrize("surplus", [b"x", b"\r\n", http(GOOD), b"HTTP/1.1 200"])
async def test_bytes_that_nobody_asked_for_end_an_idle_connection(surplus: bytes) -> None:
    async def chatty(_: Asked, streams: Streams) -> None:
        streams[1].write(http({"n": 1}))
        await asyncio.sleep(0.02)
        streams[1].write(surplus)
        assert await streams[0].read() == b""

    async with Wire(chatty, http({"n": 2})) as wire, lean(wire.url, width=1) as transport:
        assert (await attempt(transport)).answer == {"n": 1}
        await wire.until(lambda: wire.ended == 1)
        assert (await attempt(transport)).answer == {"n": 2}


@pytest.mark.parametrize(
    "surplus", [http({"n": 3}), b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\nmore"]
)
async def test_a_second_answer_is_given_to_nobody(surplus: bytes) -> None:
    async with Wire(http({"n": 1}) + surplus, http({"n": 2})) as wire, lean(wire.url, width=1) as transport:
        assert [(await attempt(transport)).answer for _ in range(2)] == [{"n": 1}, {"n": 2}]
        assert wire.opened == 2


@pytest.mark.parametrize("version", [b"HTTP/1.0 200", b"HTTP/1.1 200"])
async def test_a_server_that_closes_is_not_asked_on_the_same_connection(version: bytes) -> None:
    closing = http(GOOD, headers={} if b"1.0" in version else {"Connection": "Close"})
    answer = closing.replace(b"HTTP/1.1 200", version)
    async with Wire(answer) as wire, lean(wire.url, width=1) as transport:
        assert [(await attempt(transport)).answer for _ in range(3)] == [GOOD] * 3
        await wire.until(lambda: wire.ended == 3)


async def test_a_server_that_closes_before_it_is_asked_is_an_error() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server, lean(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1") as transport:
        results = await asyncio.gather(*(attempt(transport) for _ in range(100)))
    assert {(result.error, result.kind) for result in results} == {CUT}


async def test_a_request_on_a_connection_that_dies_is_an_error_and_not_sent_twice() -> None:
    async def once(asked: Asked, streams: Streams) -> None:
        streams[1].write(http(GOOD))
        await read_request(streams[0], 0)

    async with Wire(once, http(GOOD)) as wire, lean(wire.url) as transport:
        assert (await attempt(transport)).answer == GOOD
        result = await attempt(transport)
        assert (result.error, result.kind) == CUT
        assert len(wire.asked) == 1
        assert (await attempt(transport)).answer == GOOD


async def flood(_: Asked, streams: Streams) -> None:
    streams[1].write(b"HTTP/1.1 200 OK\r\n")
    while True:
        streams[1].write(b"X: y\r\n" * 1000)
        await streams[1].drain()


async def test_headers_without_end_are_given_up() -> None:
    async with Wire(flood) as wire, lean(wire.url) as transport:
        result = await attempt(transport)
    assert (result.error, result.kind) == CUT
    assert "headers are too long" in result.message


@pytest.mark.parametrize(("size", "fits"), [(100, True), (15_000, True), (17_000, False)])
@pytest.mark.parametrize("count", [1, 3])
async def test_large_headers_have_a_measure(size: int, fits: bool, count: int) -> None:
    headers = {f"X-{number}": "y" * size for number in range(count)}
    async with Wire(http(GOOD, headers=headers)) as wire, lean(wire.url) as transport:
        result = await attempt(transport)
    assert (result.answer == GOOD) is fits


async def test_a_large_answer_without_measure_is_cut_while_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def endless(_: Asked, streams: Streams) -> None:
        streams[1].write(CHUNKED)
        while True:
            streams[1].write(b"400\r\n" + b"x" * 1024 + b"\r\n")
            await streams[1].drain()

    monkeypatch.setattr("gristmill.models.backends.lean.MAX_ANSWER", 2**20)
    async with Wire(endless) as wire, lean(wire.url) as transport:
        result = await attempt(transport)
    assert result.kind == "bad-response"
    assert "longer than 1 MiB" in result.message


async def test_calls_given_up_at_any_moment_leave_the_others_their_answers() -> None:
    async with (
        Wire(lambda asked, streams: echo(asked, streams, 0.004)) as wire,
        lean(wire.url, 8) as transport,
    ):
        calls = [asyncio.create_task(transport.chat(said(n), 20)) for n in range(200)]
        for n, call in enumerate(calls):
            if n % 3 == 0:
                await asyncio.sleep(0.0007 * (n % 5))
                call.cancel()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        given = {n: answer for n, answer in enumerate(answers) if not isinstance(answer, BaseException)}
        assert given == {n: {"n": n} for n in given}
        assert len(given) >= 133
        assert (await attempt(transport, said(7))).answer == {"n": 7}
    assert wire.opened - wire.ended <= 8


async def test_connections_of_calls_given_up_are_closed_and_replaced() -> None:
    async with (
        Wire(lambda asked, streams: echo(asked, streams, 0.02)) as wire,
        lean(wire.url, 8) as transport,
    ):
        calls = [asyncio.create_task(transport.chat(said(6), 20)) for n in range(8)]
        await wire.until(lambda: len(wire.asked) == 8)
        for call in calls[::2]:
            call.cancel()
        await wire.until(lambda: wire.ended == 4)
        assert await asyncio.gather(*calls[1::2]) == [{"n": 6}] * 4
        answers = await asyncio.gather(*(transport.chat(said(n), 20) for n in range(8)))
        assert answers == [{"n": n} for n in range(8)]
        assert (wire.opened, wire.ended) == (12, 4)


async def test_every_call_has_its_own_time_out() -> None:
    async with Wire(lambda asked, streams: echo(asked, streams, 0.05)) as wire, lean(wire.url) as transport:
        waits = [(6, 5.0), (6, 0.1), (1, 5.0), (6, 0.05), (6, 0.2), (1, 1.0)]
        results = await asyncio.gather(*(attempt(transport, said(n), s) for n, s in waits))
    given = [result.kind or result.answer["n"] for result in results]
    assert given == [6, "time-out", 1, "time-out", "time-out", 1]


async def test_waiting_for_a_connection_is_part_of_the_time_out() -> None:
    async with (
        Wire(lambda asked, streams: echo(asked, streams, 0.05)) as wire,
        lean(wire.url, 1) as transport,
    ):
        first, second, third = (
            asyncio.create_task(attempt(transport, said(3), seconds)) for seconds in (5, 0.05, 5)
        )
        assert (await second).kind == "time-out"
        assert (await first).answer == (await third).answer == {"n": 3}
        assert wire.opened == 1


async def test_who_is_given_a_connection_and_gives_up_passes_it_on() -> None:
    async with Wire(echo) as wire, lean(wire.url, width=1) as transport:
        second = asyncio.create_task(asyncio.sleep(0))

        async def first() -> None:
            await transport.chat(said(1), 20)
            second.cancel()  # its turn has come, but it does not know yet

        one = asyncio.create_task(first())
        await asyncio.sleep(0)
        second = asyncio.create_task(transport.chat(said(2), 20))
        await asyncio.gather(one, second, return_exceptions=True)
        assert second.cancelled()
        assert (await attempt(transport, said(3), 5)).answer == {"n": 3}
        assert wire.opened == 1


async def test_connections_that_fail_leave_room_for_others() -> None:
    async with Wire() as wire:
        url = wire.url
    async with lean(url, width=1) as transport:
        results = [await attempt(transport) for _ in range(2)]
        results += await asyncio.gather(*(attempt(transport) for _ in range(3)))
    assert [(result.error, result.kind) for result in results] == [CUT] * 5


async def test_a_server_that_never_accepts_is_a_time_out() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        async with lean(url) as transport:
            results = await asyncio.gather(*(attempt(transport, seconds=0.2) for _ in range(4)))
    assert {result.kind for result in results} == {"time-out"}


async def test_an_idle_connection_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "IDLE", 0.1)
    async with Wire() as wire, lean(wire.url) as transport:
        await asyncio.gather(*(attempt(transport) for _ in range(3)))
        for _ in range(5):
            assert (await attempt(transport)).answer == GOOD
            await asyncio.sleep(0.04)
        assert wire.opened == 3
        await wire.until(lambda: wire.ended == 3)
        assert (await attempt(transport)).answer == GOOD
        assert wire.opened == 4


async def test_closing_ends_the_calls_on_their_way() -> None:
    async with (
        Wire(lambda asked, streams: echo(asked, streams, 0.05)) as wire,
        lean(wire.url, 2) as transport,
    ):
        calls = [asyncio.create_task(attempt(transport, said(6))) for _ in range(4)]
        await wire.until(lambda: len(wire.asked) == 2)
        await transport.close()
        results = await asyncio.gather(*calls)
    assert {(result.error, result.kind) for result in results} == {CUT}
    assert all("the transport was closed" in result.message for result in results)


LONG = {**BODY, "n": 0, "messages": [{"role": "user", "content": "long " * 1_600_000}]}


async def test_a_large_request_waits_for_a_slow_reader() -> None:
    async def slow(asked: Asked, streams: Streams) -> None:
        streams[1].write(http({"read": len(asked.body)}))

    async with Wire(slow) as wire, lean(wire.url) as transport:
        answers = await asyncio.gather(*(transport.chat(LONG, 20) for _ in range(3)))
    assert {answer["read"] for answer in answers} == {len(wire.asked[0].body)}
    assert wire.asked[0].json == LONG


@asynccontextmanager
async def deaf(answer: bytes) -> AsyncIterator[str]:
    """A server that reads no more than the head of a request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await released.wait()
        writer.transport.abort()

    released, listening = asyncio.Event(), socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listening.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(serve, sock=listening, limit=1024)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    finally:
        released.set()
        server.close()
        await asyncio.sleep(0.01)


async def test_a_large_request_may_be_answered_before_it_was_read() -> None:
    async with deaf(http({"error": {"message": "too large"}}, 413)) as url, lean(url) as transport:
        # twice: the first connection still wants the rest of its request
        assert [(await attempt(transport, LONG)).kind for _ in range(2)] == ["too-long"] * 2


def buffered(transport: LeanTransport) -> int:
    """Bytes of requests that wait in memory besides the requests themselves."""
    return sum(each._transport.get_write_buffer_size() for each in transport._roads._home._open)


async def test_a_large_request_that_nobody_reads_is_a_time_out() -> None:
    async with deaf(b"") as url, lean(url) as transport:
        assert (await attempt(transport, LONG, 0.2)).kind == "time-out"
        call = asyncio.create_task(transport.chat(LONG, 20))
        for _ in range(400):
            if unsent := buffered(transport):
                break
            await asyncio.sleep(0.01)
        assert 0 < unsent < 2**20
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_a_name_with_two_addresses_is_reached_at_the_one_that_answers() -> None:
    async with Wire() as wire, lean(wire.url.replace("127.0.0.1", "localhost")) as transport:
        results = await asyncio.gather(*(attempt(transport) for _ in range(6)))
        assert [result.answer for result in results] == [GOOD] * 6
        assert wire.asked[0].headers["host"] == f"localhost:{wire.port}"


class Three(Addresses):
    """A name with three addresses, or with none."""

    lookups = 0

    async def _found(self) -> list[Any]:
        self.lookups += 1
        await asyncio.sleep(0.01)
        if self._host != "three":
            raise OSError("no such name")
        return [*"abc"]


async def test_a_name_is_looked_up_once_and_its_addresses_take_turns() -> None:
    known, unknown = Three("three", 80), Three("none", 80)
    found = await asyncio.gather(*(known.get() for _ in range(4)))
    assert [*map("".join, found)] == ["abc", "bca", "cab", "abc"]
    failed = await asyncio.gather(*(unknown.get() for _ in range(4)), return_exceptions=True)
    assert [*map(str, failed)] == ["no such name"] * 4
    unknown.forget()
    with pytest.raises(OSError, match="no such name"):
        await unknown.get()
    assert (known.lookups, unknown.lookups) == (1, 2)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_an_address_is_no_name(host: str) -> None:
    assert (await Addresses(host, 80).get())[0][4][:2] == (host, 80)


@pytest.fixture
def localhost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's certificate for ``localhost`` that clients trust."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command makes the certificate of this test")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-subj", "/CN=test", "-addext", "subjectAltName=DNS:localhost"]
    made = ["openssl", "req", "-x509", *curve, "-keyout", key, "-out", cert, "-days", "2", *names]
    subprocess.run(made, check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    return server


async def test_calls_over_tls_share_connections(localhost: ssl.SSLContext) -> None:
    async with (
        Wire(echo, tls=localhost) as wire,
        lean(wire.url.replace("127.0.0.1", "localhost"), width=4) as transport,
    ):
        answers = await asyncio.gather(*(transport.chat(said(n), 20) for n in range(60)))
        assert answers == [{"n": n} for n in range(60)]
        assert (await transport.chat({**LONG, "n": 5}, 20)) == {"n": 5}
        assert wire.opened == 4


async def test_a_call_leaves_nothing_for_the_garbage_collector() -> None:
    async with Wire() as wire, lean(wire.url) as transport:
        await attempt(transport)
        gc.collect()
        gc.disable()
        try:
            for _ in range(50):
                await transport.chat(BODY, 10)
            left = [each for each in _collected() if type(each).__module__.startswith("gristmill")]
        finally:
            gc.enable()
    assert left == []


def _collected() -> list[object]:
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return gc.garbage[:]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


async def test_a_key_that_breaks_the_line_is_refused() -> None:
    async with Wire() as wire:
        assert (await attempt(transports(wire.url, f"{KEY}\r\nX: y")[0])).kind == "client"
        assert wire.opened == 0


ASYNC = [each for each in [*globals().values()] if inspect.iscoroutinefunction(each)]
PLAIN = [each for each in ASYNC if each.__name__[:5] == "test_" and not inspect.signature(each).parameters]


@pytest.mark.parametrize("test", PLAIN, ids=lambda test: test.__name__[5:])
def test_on_the_event_loop_of_the_command_line(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test())
