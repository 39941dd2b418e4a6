"""How the test server misbehaves: on the wire (a retry may succeed), and in what it says (never changing)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Protocol

from aiohttp import web

BUSY = {
    "p429": (429, "rate-limit", "Rate limit reached, try again soon."),
    "p500": (500, "server-error", "The server had an error."),
    "p503": (503, "unavailable", "The engine is overloaded, try again later."),
    "p529": (529, "overloaded", "Overloaded"),
}
WIRE = (*BUSY, "html", "cut", "trickle", "broken_body", "wrong_body", "error_body", "no_choices", "odd_body")
CONTENT = ("broken", "null", "refusal", "truncated", "empty", "wrong_schema", "huge")
GATEWAY = "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>nginx</body>\n</html>"
# Forms of answers that servers were seen to give, or could: each is a 200 with JSON that is no completion.
ODD_BODIES: tuple[Any, ...] = (
    None,
    [],
    "ok",
    {"choices": None},
    {"choices": [None]},
    {"choices": ["text"]},
    {"choices": [{"message": "text", "finish_reason": "stop"}]},
    {"choices": {"0": {"message": {"content": "x"}}}},
    {"object": "error", "message": "backend lost", "code": 50001},
)


class Shares(Protocol):
    """What of the server's behaviour concerns faults; see :class:`support.openai_server.Behaviour`."""

    retry_after: float
    retry_after_form: str
    trickle_gap: float
    huge_mb: float


@dataclass(frozen=True, slots=True)
class Spoiled:
    """What a choice says instead of a good answer."""

    content: str | None
    refusal: str | None = None
    finish: str = "stop"


def pick(how: object, names: tuple[str, ...], rng: random.Random) -> str | None:
    """One of the faults, each with its share of ``how``; None mostly."""
    roll, edge = rng.random(), 0.0
    for name in names:
        edge += getattr(how, name)
        if roll < edge:
            return name
    return None


def error(status: int, fault: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error as OpenAI words it."""
    body = {"error": {"message": message, "type": fault, "param": None, "code": None}}
    return web.json_response(body, status=status, headers=headers)


def retry_headers(how: Shares) -> dict[str, str]:
    """``retry_after`` seconds as ``ms``, ``seconds`` or ``date``; ``auto``: seconds if there are any."""
    wait, form = how.retry_after, how.retry_after_form
    if form == "date":
        return {"Retry-After": formatdate(round(time.time() + wait), usegmt=True)}
    if form == "ms" or (form == "auto" and wait < 1):
        return {"retry-after-ms": str(wait * 1000)}
    return {"Retry-After": str(round(wait))}


async def on_the_wire(
    name: str, request: web.Request, good: bytes, how: Shares, rng: random.Random
) -> web.StreamResponse:
    """Answer a request with the fault ``name`` of :data:`WIRE`; ``good`` is the body it should have got."""
    if name in BUSY:
        return error(*BUSY[name], retry_headers(how) if name in ("p429", "p503") else None)
    if name == "html":
        return web.Response(text=GATEWAY, status=502, content_type="text/html")
    if name == "cut":
        return _cut(request, good, rng)
    if name == "trickle":
        return await _trickle(request, good, how.trickle_gap)
    return web.Response(body=_body(name, good, rng), content_type="application/json")


def _body(name: str, good: bytes, rng: random.Random) -> bytes:
    if name == "broken_body":
        return good[: rng.randint(1, len(good) - 2)]
    if name == "error_body":
        code = rng.choice([429, 500, 503])
        return json.dumps({"error": {"message": "upstream is busy", "code": code}}).encode()
    if name == "no_choices":
        return json.dumps({"id": "x", "object": "chat.completion", "choices": []}).encode()
    if name == "wrong_body":
        return json.dumps({"status": "ok", "result": {"text": "not what was asked"}}).encode()
    return json.dumps(rng.choice(ODD_BODIES)).encode()


def _cut(request: web.Request, good: bytes, rng: random.Random) -> web.Response:
    """Close the connection before the answer, in its headers or in its body."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(good)
    whole = head + good
    until = rng.choice([0, rng.randint(1, len(head) - 3), rng.randint(len(head), len(whole) - 1)])
    transport = request.transport
    if transport is not None:
        transport.write(whole[:until])
        transport.close()
    # The connection is gone: aiohttp drops this.
    return web.Response()


async def _trickle(request: web.Request, good: bytes, gap: float) -> web.StreamResponse:
    """Send a byte at a time, until the client has had enough."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(good)
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        for at in range(len(good)):
            await response.write(good[at : at + 1])
            await asyncio.sleep(gap)
    return response


def spoiled(name: str, content: str, how: Shares, rng: random.Random) -> Spoiled:
    """What is said under the fault ``name`` of :data:`CONTENT` instead of ``content``."""
    cut = content[: max(1, int(len(content) * rng.uniform(0.3, 0.8)))]
    if name == "huge":
        return Spoiled(_huge(content, int(how.huge_mb * 1e6), rng))
    return {
        "broken": Spoiled(cut),
        "null": Spoiled(None),
        "empty": Spoiled(rng.choice(["", " \n"])),
        "refusal": Spoiled(None, "I cannot help with that."),
        "truncated": Spoiled(cut, None, "length"),
        "wrong_schema": Spoiled(rng.choice(['{"answer": 42}', "[1, 2]", '{"pairs": [{"q": 1}]}', "null"])),
    }[name]


def _huge(content: str, size: int, rng: random.Random) -> str:
    """A model that does not stop: inside its JSON, after it, or by opening braces for ever."""
    words = "and so on and on "
    filler = words * (size // len(words))
    head, quote, _ = content.rpartition('"')
    kind = rng.randrange(4)
    if kind == 0 and quote:
        return f"{head[:-1]}{filler}"
    if kind == 1 and quote:
        place = content.index('": "') + 4 if '": "' in content else len(content)
        return content[:place] + filler + content[place:]
    return content + filler if kind == 2 else '{"a":' * (size // 5)
