"""A chat completions server that costs next to nothing, for benchmarks: it never fails and looks at little.

Answers ``qa`` requests (JSON schema with ``pairs``) with sentences of their own passage, so that gates let
them pass; all other tasks get what :mod:`support.openai_replies` says. From ``tests/``:
``python -m support.fast_server --latency 1 --sigma .8``; the first line printed is the base URL, ``GET
/stats`` gives the counts, ``GET /stats?reset`` gives them and starts new ones.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import re
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from support.openai_replies import answer

_LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)
# All on the JSON text as it came: runs without a backslash or quote can be put into the answer as they are.
_PASSAGE = re.compile(rb"<<<PASSAGE (\w+)>>>(.+?)<<<END PASSAGE", re.DOTALL)
_SENTENCE = re.compile(rb"[A-Z][^\\\"<.!?|]{19,240}[.!?]")
_WORDS = re.compile(rb"[A-Z][^\\\"<|]{19,160}(?= )")
_COUNT = re.compile(rb"[Uu]p to (\d+)")
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_CHOICE = (
    b'{"id":"chatcmpl-%d","object":"chat.completion","model":"test-model","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"%b","refusal":null},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}'
)
_PAIR = (
    b'{\\"question\\":\\"What does note %b say in part %d about %b?\\",\\"answer\\":\\"%b\\",'
    b'\\"evidence\\":\\"%b\\",\\"type\\":\\"factual\\"}'
)


@dataclass(slots=True)
class Counts:
    """What came in. ``area`` is in-flight seconds; ``mean`` is from the first to the last arrival."""

    requests: int = 0
    peak: int = 0
    dropped: int = 0
    first: float = 0.0
    at: float = 0.0
    last: float = 0.0
    area: float = 0.0
    mean: float = 0.0
    cpu: float = field(default_factory=time.process_time)
    bodies: set[int] = field(default_factory=set)


class Desk:
    """What all connections share: the latency, the counts and how many requests are in flight."""

    def __init__(self, latency: float, sigma: float, seed: int) -> None:
        self._latency, self._sigma = latency, sigma
        self._mu = math.log(latency) - sigma**2 / 2 if latency > 0 else 0.0
        self._rng = random.Random(seed)
        self.counts = Counts()
        self.active = 0

    def delay(self) -> float:
        """Seconds until the next answer: lognormal with the wanted mean."""
        return self._rng.lognormvariate(self._mu, self._sigma) if self._sigma else self._latency

    def arrived(self, body: bytes) -> None:
        """Account for a request that came in whole."""
        counts, now = self.counts, time.monotonic()
        if not counts.requests:
            counts.first = counts.at = now
        counts.area += self.active * (now - counts.at)
        counts.at = counts.last = now
        if now > counts.first:
            counts.mean = counts.area / (now - counts.first)
        counts.requests += 1
        counts.bodies.add(hash(body))
        self.active += 1
        counts.peak = max(counts.peak, self.active)

    def left(self) -> None:
        """Account for a request that was answered or given up."""
        counts, now = self.counts, time.monotonic()
        counts.area += self.active * (now - counts.at)
        counts.at = now
        self.active -= 1

    def stats(self, *, reset: bool) -> dict[str, Any]:
        """The counts as JSON; ``seconds`` is from the first to the last arrival."""
        counts = self.counts
        cpu = time.process_time() - counts.cpu
        found = {
            "requests": counts.requests,
            "distinct": len(counts.bodies),
            "dropped": counts.dropped,
            "active": self.active,
            "peak": counts.peak,
            "mean_in_flight": round(counts.mean, 3),
            "seconds": round(counts.last - counts.first, 3),
            "cpu_us_per_request": round(cpu * 1e6 / max(1, counts.requests), 1),
        }
        if reset:
            self.counts = Counts()
        return found


class Connection(asyncio.Protocol):
    """One HTTP/1.1 keep-alive connection; requests are answered one after another."""

    def __init__(self, desk: Desk, loop: asyncio.AbstractEventLoop) -> None:
        self._desk, self._loop = desk, loop
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is none of asyncio's

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            self._desk.left()
            self._desk.counts.dropped += 1

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if self._waiting is None:
            self._next()

    def _next(self) -> None:
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        found = _LENGTH.search(buffer, 0, end)
        whole = end + (int(found[1]) if found else 0)
        if len(buffer) < whole:
            return
        self._buffer = buffer[whole:]
        if buffer.startswith(b"POST"):
            self._chat(buffer[end:whole])
        else:
            self._get(buffer[: buffer.index(b"\r\n")])

    def _chat(self, body: bytes) -> None:
        self._desk.arrived(body)
        self._waiting = self._loop.call_later(self._desk.delay(), self._answer, body)

    def _answer(self, body: bytes) -> None:
        self._waiting = None
        self._desk.left()
        if self._transport is not None:
            self._write(reply(body, self._desk.counts.requests))

    def _get(self, line: bytes) -> None:
        if b"/stats" in line:
            self._write(orjson.dumps(self._desk.stats(reset=b"?reset" in line)))
        else:
            self._write(b'{"object":"list","data":[{"id":"test-model"}]}')

    def _write(self, body: bytes) -> None:
        assert self._transport is not None
        self._transport.write(_OK % (len(body), body))
        if self._buffer:
            self._next()


def reply(body: bytes, number: int) -> bytes:
    """The JSON of a chat completion for a request's JSON."""
    found = _PASSAGE.search(body) if b'"pairs"' in body else None
    content = _pairs(found, body) if found else _other(body)
    prompt, written = len(body) // 4, len(content) // 4
    return _CHOICE % (number, content, prompt, written, prompt + written)


def _pairs(found: re.Match[bytes], body: bytes) -> bytes:
    mark, passage = found[1], found[2]
    counted = _COUNT.search(body, found.end())
    wanted = int(counted[1]) if counted else 2
    known = (_SENTENCE.findall(passage) or _WORDS.findall(passage))[:wanted]
    pairs = [
        _PAIR % (mark, part, text[:40].rpartition(b" ")[0], text.rstrip(b".!?") + b".", text)
        for part, text in enumerate(known)
    ]
    return b'{\\"pairs\\":[' + b",".join(pairs) + b"]}"


def _other(body: bytes) -> bytes:
    asked = orjson.loads(body)
    if not asked.get("messages"):  # how Curator asks for rate limits
        return b""
    return orjson.dumps(answer(asked, random.Random(hash(body))))[1:-1]


async def serve(port: int, desk: Desk) -> None:
    """Serve until SIGINT or SIGTERM; prints the base URL when ready."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    server = await loop.create_server(lambda: Connection(desk, loop), "127.0.0.1", port, backlog=16_384)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await stopped.wait()
    server.close()
    print(orjson.dumps(desk.stats(reset=False)).decode(), flush=True)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="mean seconds of an answer")
    parser.add_argument("--sigma", type=float, default=0.0, help="of the lognormal latency; 0: constant")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(given.port, Desk(given.latency, given.sigma, given.seed)))


if __name__ == "__main__":
    main()
