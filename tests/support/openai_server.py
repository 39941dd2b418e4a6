"""A real HTTP server on loopback that speaks OpenAI's chat completions, and misbehaves on request.

What it answers depends on the request and the seed only; whether it fails also on how often the same
request came, so a retry can succeed. From ``tests/``: ``python -m support.openai_server --p429 .1``.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
import os
import random
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import orjson
from aiohttp import web

from support.openai_faults import (
    BUSY,
    CONTENT,
    WIRE,
    Spoiled,
    error,
    on_the_wire,
    pick,
    retry_headers,
    spoiled,
)
from support.openai_replies import answer

MAX_LOGGED = 20_000


@dataclass(slots=True)
class Behaviour:
    """Shares are in [0, 1] of requests. ``latency`` is the mean in seconds, lognormal if ``sigma`` > 0.

    ``formats``: what ``response_format`` may be. ``max_choices`` bounds the choices given for ``n``.
    ``max_active``: from so many requests in flight on, more get 429 (0: never). ``plain_type``: the answer
    is labelled ``text/plain``. ``no_usage``: it does not say how many tokens it took.
    """

    seed: int = 0
    latency: float = 0.0
    sigma: float = 0.0
    # On the wire; another attempt may succeed.
    p429: float = 0.0
    p500: float = 0.0
    p503: float = 0.0
    p529: float = 0.0
    html: float = 0.0
    cut: float = 0.0
    trickle: float = 0.0
    broken_body: float = 0.0
    wrong_body: float = 0.0
    error_body: float = 0.0
    no_choices: float = 0.0
    odd_body: float = 0.0
    # In what is said; the same request gets the same again.
    broken: float = 0.0
    null: float = 0.0
    refusal: float = 0.0
    truncated: float = 0.0
    empty: float = 0.0
    wrong_schema: float = 0.0
    huge: float = 0.0
    # Their details.
    retry_after: float = 0.02
    retry_after_form: str = "auto"
    trickle_gap: float = 0.05
    huge_mb: float = 5.0
    plain_type: float = 0.0
    no_usage: float = 0.0
    formats: tuple[str, ...] = ("json_schema", "json_object")
    max_choices: int = 128
    max_active: int = 0
    key: str = ""
    models: tuple[str, ...] = ("test-model",)
    usage: bool = True


@dataclass(slots=True)
class Scripted:
    """A response given word for word instead of the usual one; a text body is sent as it is."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    latency: float = 0.0


@dataclass(slots=True)
class Load:
    """Requests in flight, integrated over time; ``mean`` is from the first request to the last arrival."""

    first: float = 0.0
    at: float = 0.0
    area: float = 0.0
    mean: float = 0.0

    def arrived(self, active: int) -> None:
        """A request comes while ``active`` others are in flight."""
        now = self.left(active)
        if not self.first:
            self.first = now
        elif now > self.first:
            self.mean = self.area / (now - self.first)

    def left(self, active: int) -> float:
        """Account for the time since the last event, during which ``active`` requests were in flight."""
        now = time.monotonic()
        self.area += active * (now - self.at) if self.at else 0.0
        self.at = now
        return now


def completion(content: str | None, *, finish: str | None = "stop", refusal: str | None = None) -> Scripted:
    """A scripted chat completion with one choice."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return Scripted({"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage})


def body_hash(body: Mapping[str, Any]) -> str:
    """Identity of a request: a hash of its body."""
    return hashlib.blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


class OpenAIServer:
    """Context manager: serves in a thread. ``url`` is the base URL; counts are by :func:`body_hash`."""

    def __init__(self, behaviour: Behaviour | None = None, **kwargs: Any) -> None:
        self.behaviour = behaviour or Behaviour(**kwargs)
        self.script: deque[Scripted] = deque()
        self.seen: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.bodies: deque[dict[str, Any]] = deque(maxlen=MAX_LOGGED)
        self.active = 0
        self.peak = 0
        self.load = Load()
        self.url = ""
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> OpenAIServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, port: int = 0) -> OpenAIServer:
        """Serve until :meth:`stop`; port 0 picks a free one."""
        self._port = port
        self._thread.start()
        if not self._ready.wait(20) or not self.url:
            raise RuntimeError("the test server did not start")
        return self

    def stop(self) -> None:
        """Close all connections and end the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(20)

    @property
    def repeated(self) -> dict[str, int]:
        """Requests that were answered with 200 more than once."""
        return {key: count for key, count in self.answered.items() if count > 1}

    def stats(self) -> dict[str, Any]:
        """Counts as JSON, also at ``GET /stats``."""
        return {
            "requests": self.seen.total(),
            "distinct": len(self.seen),
            "answered": self.answered.total(),
            "repeated": self.repeated,
            "faults": dict(self.faults),
            "active": self.active,
            "peak": self.peak,
            "mean_in_flight": round(self.load.mean, 3),
        }

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._ready.set()
            self._loop.run_until_complete(_stop_the_rest())
            self._loop.close()

    async def _serve(self) -> None:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/stats", self._stats)
        self.add_routes(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port, backlog=4096)
        await site.start()
        self._port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}/v1"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    def add_routes(self, app: web.Application) -> None:
        """Routes of a server that can do more."""

    async def _stats(self, request: web.Request) -> web.Response:
        return web.json_response(self.stats())

    async def _models(self, request: web.Request) -> web.Response:
        if (refused := self._unauthorised(request)) is not None:
            return refused
        return web.json_response({"object": "list", "data": [{"id": name} for name in self.behaviour.models]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        if (refused := self._unauthorised(request)) is not None:
            return refused
        body = orjson.loads(await request.read())
        key = body_hash(body)
        self.seen[key] += 1
        self.bodies.append(body)
        self.load.arrived(self.active)
        self.active += 1
        self.peak = max(self.peak, self.active)
        try:
            return await self._reply(request, body, key)
        finally:
            self.load.left(self.active)
            self.active -= 1

    async def _reply(self, request: web.Request, body: dict[str, Any], key: str) -> web.StreamResponse:
        how = self.behaviour
        if self.script:
            return await self._scripted(self.script.popleft(), key)
        if how.max_active and self.active > how.max_active:
            return self._busy()
        rng = random.Random(f"{how.seed}:{key}:{self.seen[key]}")
        if how.latency:
            await asyncio.sleep(_delay(how, rng))
        wanted = (body.get("response_format") or {}).get("type")
        if wanted not in {None, "text", *how.formats}:
            return self._error(400, "format", f"'response_format' of type '{wanted}' is not supported.")
        fault = pick(how, WIRE, rng)
        if fault is not None:
            self.faults[BUSY[fault][1] if fault in BUSY else fault] += 1
            return await on_the_wire(fault, request, self._completion(body, key), how, rng)
        self.answered[key] += 1
        kind = "text/plain" if how.plain_type and rng.random() < how.plain_type else "application/json"
        return web.Response(body=self._completion(body, key), content_type=kind)

    async def _scripted(self, scripted: Scripted, key: str) -> web.Response:
        if scripted.latency:
            await asyncio.sleep(scripted.latency)
        if scripted.status == 200:
            self.answered[key] += 1
        if isinstance(scripted.body, str):
            return web.Response(text=scripted.body, status=scripted.status, headers=scripted.headers)
        return web.json_response(scripted.body, status=scripted.status, headers=scripted.headers)

    def _completion(self, body: dict[str, Any], key: str) -> bytes:
        how = self.behaviour
        count = min(int(body.get("n") or 1), how.max_choices)
        # The answer does not depend on the attempt: asking again after a crash gives the same one.
        choices = [self._choice(body, i, random.Random(f"{how.seed}:{key}:{i}")) for i in range(count)]
        done = {
            "id": f"chatcmpl-{key}",
            "object": "chat.completion",
            "model": body["model"],
            "choices": choices,
        }
        if how.usage and not (how.no_usage and random.Random(f"usage:{key}").random() < how.no_usage):
            written = sum(len(choice["message"]["content"] or "") for choice in choices) // 4
            prompt = sum(len(str(m["content"])) for m in body["messages"]) // 4 + 1
            done["usage"] = {
                "prompt_tokens": prompt,
                "completion_tokens": written,
                "total_tokens": prompt + written,
            }
        return orjson.dumps(done)

    def _choice(self, body: dict[str, Any], index: int, rng: random.Random) -> dict[str, Any]:
        fault = pick(self.behaviour, CONTENT, rng)
        said = Spoiled(answer(body, rng))
        if fault is not None:
            self.faults[fault] += 1
            said = spoiled(fault, said.content or "", self.behaviour, rng)
        message = {"role": "assistant", "content": said.content, "refusal": said.refusal}
        return {"index": index, "message": message, "finish_reason": said.finish}

    def _unauthorised(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self.behaviour.key or given == self.behaviour.key:
            return None
        return self._error(401, "auth", f"Incorrect API key provided: {given}.")

    def _error(self, status: int, fault: str, message: str) -> web.Response:
        self.faults[fault] += 1
        return error(status, fault, message)

    def _busy(self) -> web.Response:
        self.faults["crowded"] += 1
        return error(429, "rate-limit", "Too many requests in flight.", retry_headers(self.behaviour))


async def _stop_the_rest() -> None:
    """Asyncio complains of a task left behind once it is collected, which may be in another test."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def _delay(how: Behaviour, rng: random.Random) -> float:
    if how.sigma <= 0:
        return how.latency
    return rng.lognormvariate(math.log(how.latency) - how.sigma**2 / 2, how.sigma)


def main() -> None:
    """Serve until SIGINT or SIGTERM; the first line printed is the base URL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    for item in fields(Behaviour):
        if isinstance(item.default, (int, float, str)) and not isinstance(item.default, bool):
            parser.add_argument(
                f"--{item.name.replace('_', '-')}", type=type(item.default), default=item.default
            )
    options = vars(parser.parse_args())
    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    port = options.pop("port")
    options["key"] = options["key"] or os.environ.get("OPENAI_SERVER_KEY", "")
    server = OpenAIServer(**options).start(port)
    print(server.url, flush=True)
    stopped.wait()
    print(json.dumps(server.stats()), flush=True)
    server.stop()


if __name__ == "__main__":
    main()
