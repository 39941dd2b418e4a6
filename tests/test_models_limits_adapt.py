"""Limits that adapt: to a server that admits less, to refusals at random, and what stops at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from support.openai_server import OpenAIServer, Scripted
from support.projects import gristmill, make_project
from support.timed_backend import TimedBackend, line_to, send, send_all
from support.virtual_time import now, run_virtual

from gristmill.errors import BudgetError, ModelConfigError, ModelUnavailableError
from gristmill.models import Door, ModelSpec, RetryPolicy
from gristmill.models.aimd import Concurrency
from gristmill.records import Message

BUSY = {"error": {"message": "busy"}}


def say(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


def test_a_burst_of_refusals_counts_once() -> None:
    limit = Concurrency(64)
    sent = limit.epoch
    assert [limit.refused(64, sent) for _ in range(50)] == [True] + [False] * 49
    assert limit.allowed == 48
    assert limit.refused(48, limit.epoch)
    assert limit.allowed == 36


def test_the_limit_never_falls_below_one() -> None:
    limit = Concurrency(2)
    for _ in range(20):
        limit.refused(2, limit.epoch)
    assert limit.allowed == 1


def test_answers_raise_the_limit_by_one_for_25() -> None:
    limit = Concurrency(64)
    limit.refused(64, limit.epoch)
    for _ in range(100):
        limit.answered(10)
    assert limit.allowed == 52
    for _ in range(1000):
        limit.answered(10)
    assert limit.allowed == 64


def test_after_a_stray_refusal_the_known_load_is_soon_reached_again() -> None:
    limit = Concurrency(1000)
    limit.answered(1000)
    assert limit.refused(1000, limit.epoch)
    assert limit.allowed == 750
    assert not limit.refused(700, limit.epoch)  # another one before that is made good
    for _ in range(200):
        limit.answered(800)
    assert limit.allowed == 949


def test_a_load_that_is_refused_again_and_again_is_no_longer_known_to_work() -> None:
    limit = Concurrency(100)
    limit.answered(100)
    for _ in range(100):
        limit.refused(30, limit.epoch)
        limit.answered(20)
    assert limit.allowed < 30


SERVERS = [
    # room, stray refusals, allowed at once, calls; mean load that calls meet at least, share refused at most
    (8, 0.0, 64, 3000, 6.5, 0.1),
    (100, 0.0, 200, 5000, 90, 0.1),
    (10**9, 0.0, 256, 5000, 240, 0.0),
    (10**9, 0.01, 256, 8000, 225, 0.02),
    (10**9, 0.1, 64, 4000, 40, 0.14),
]


@pytest.mark.parametrize(("room", "stray", "allowed", "calls", "load", "refused"), SERVERS)
def test_the_load_settles_at_what_the_server_admits(
    room: int, stray: float, allowed: int, calls: int, load: float, refused: float
) -> None:
    backend = TimedBackend(room, stray)

    async def scene() -> None:
        found = await send_all(line_to(backend, concurrency=allowed), calls)
        assert [reply for reply in found if isinstance(reply, BaseException)] == []

    run_virtual(scene())
    settled = backend.loads[len(backend.loads) // 4 :]
    assert sum(settled) / len(settled) >= load
    assert backend.peak <= min(room, allowed)
    assert backend.refused <= refused * calls


def test_a_call_ends_with_its_deadline_and_no_attempt_outlasts_it() -> None:
    backend = TimedBackend(seconds=1e9)

    async def scene() -> float:
        line = line_to(backend, timeout=40, deadline=100, retries=50)
        with pytest.raises(ModelUnavailableError, match="100 s were allowed") as caught:
            await send(line)
        assert caught.value.kind == "time-out"
        assert line.limits.concurrency.allowed < 48  # time-outs are a sign of overload, too
        return now()

    assert run_virtual(scene()) <= 101
    assert backend.timeouts[:2] == [40, 40]
    assert backend.timeouts[-1] < 40


def test_a_single_attempt_may_not_outlast_the_deadline() -> None:
    backend = TimedBackend()
    run_virtual(send(line_to(backend, timeout=40, deadline=10)))
    assert backend.timeouts == [10]


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    backend = TimedBackend()
    backend.script.append(ModelUnavailableError("busy", kind="rate-limited", retry_after=80.0))

    async def scene() -> float:
        with pytest.raises(ModelUnavailableError, match="gave up after 1 attempts: 60 s"):
            await send(line_to(backend, deadline=60))
        return now()

    assert run_virtual(scene()) < 1


def test_a_call_turned_away_while_others_are_answered_uses_up_no_attempts() -> None:
    backend = TimedBackend(room=1)

    async def scene() -> int:
        line = line_to(backend, concurrency=8, retries=1)
        await send(line)
        found = await send_all(line, 40)
        assert not any(isinstance(reply, BaseException) for reply in found)
        return line.tally.retried

    assert run_virtual(scene()) > 8
    assert backend.peak == 1


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def door_to(server: OpenAIServer, **spec: Any) -> Door:
    model = ModelSpec(model="openai:test-model", base_url=server.url, **spec)
    return Door({"writer": model}, cache=None, retry=RetryPolicy(base=0.01))


async def test_a_real_server_that_admits_five_is_asked_little_more(server: OpenAIServer) -> None:
    server.behaviour.max_active, server.behaviour.latency = 5, 0.02
    async with door_to(server, concurrency=20) as door:
        ask = door.ask_for("writer")
        await asyncio.gather(*(ask(say(str(i))) for i in range(600)))
        [limits] = door.limits()
    assert server.answered.total() == 600
    assert 3 <= limits["allowed"] <= 8
    assert limits["throttled"] == server.faults["crowded"] == door.counters.total.throttled
    assert server.faults["crowded"] < 150
    assert (limits["limit"], limits["in_flight"], limits["waiting"]) == (20, 0, 0)


class Timed(OpenAIServer):
    """Remembers when a request came and when the first refusal was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.arrivals: list[float] = []
        self.refused_at = 0.0

    async def _reply(self, request: web.Request, body: dict[str, Any], key: str) -> web.StreamResponse:
        self.arrivals.append(time.monotonic())
        response = await super()._reply(request, body, key)
        if response.status == 429:
            self.refused_at = self.refused_at or time.monotonic()
        return response


@pytest.mark.parametrize(("status", "pause"), [(429, "0.6"), (503, "0.6")])
async def test_a_wait_that_one_call_was_told_holds_all_of_the_model(status: int, pause: str) -> None:
    with Timed() as server:
        server.script.extend([Scripted(BUSY, status, {"Retry-After": pause}, latency=0.05)])
        specs = {
            role: ModelSpec(model="openai:test-model", base_url=server.url, concurrency=4, timeout=seconds)
            for role, seconds in [("writer", 30.0), ("judge", 40.0)]
        }
        async with Door(specs, cache=None, retry=RetryPolicy(base=0.01)) as door:
            ask = door.ask_for("writer")
            first = asyncio.create_task(ask(say("first")))
            while not door.limits() or not door.limits()[0]["throttled"]:  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0.005)
            told = time.monotonic()
            await asyncio.gather(first, *(ask(say(f"{r} {i}"), model=r) for i in range(9) for r in specs))
            assert len(door.limits()) == 1
    assert len(server.arrivals) == 20  # the first one twice
    # The client learnt of it before ``told`` and looks at its clock again before it sends.
    assert min(server.arrivals[1:]) - told > 0.5


FATAL = [
    (400, "Unknown parameter: 'speed'", "check the model's params"),
    (401, "Incorrect API key provided: sk-wrong", "check the key"),
    (403, "You have no access to this project", "check the key"),
    (404, "The model 'test-model' does not exist", "check the model's name"),
]


@pytest.mark.parametrize(("status", "said", "cure"), FATAL)
def test_what_no_retry_can_mend_stops_the_run_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, said: str, cure: str
) -> None:
    monkeypatch.setenv("VILLAGE_KEY", "not-to-be-shown-77")
    with OpenAIServer() as server:
        server.script.extend([Scripted({"error": {"message": said}}, status)] * 200)
        options = f'"openai:test-model", base_url: "{server.url}", api_key_env: VILLAGE_KEY, concurrency: 3'
        done = gristmill("run", make_project(tmp_path, options, copies=30))
        assert server.seen.total() <= 3
    assert done.returncode == 1
    words = " ".join(done.stderr.split())
    assert f"HTTP {status}: {said.replace('sk-wrong', '***')}" in words
    assert cure in words
    assert "VILLAGE_KEY" in words
    assert "not-to-be-shown" not in done.stderr + done.stdout


ROW_FAULTS = [
    (400, "This model's maximum context length is 4096 tokens", "too-long"),
    (400, "Rejected by the content management policy (content_filter)", "content-filter"),
]


@pytest.mark.parametrize(("status", "said", "kind"), ROW_FAULTS)
async def test_what_is_wrong_with_one_prompt_fails_that_call_only(
    server: OpenAIServer, status: int, said: str, kind: str
) -> None:
    server.script.append(Scripted({"error": {"message": said}}, status))
    async with door_to(server, concurrency=1) as door:
        ask = door.ask_for("writer")
        found = await asyncio.gather(*(ask(say(str(i))) for i in range(4)), return_exceptions=True)
    assert [getattr(error, "kind", "fine") for error in found] == [kind, "fine", "fine", "fine"]


async def test_a_fatal_error_of_one_role_stops_those_that_share_the_model(server: OpenAIServer) -> None:
    server.script.append(Scripted({"error": {"message": "no such model"}}, 404))
    spec = ModelSpec(model="openai:test-model", base_url=server.url, concurrency=1)
    specs = {"writer": spec, "judge": spec.model_copy(update={"timeout": 5.0})}
    async with Door(specs, cache=None) as door:
        asking = (door.ask_for(role)(say(f"{role} {i}")) for i in range(5) for role in specs)
        found = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(error) for error in found} == {ModelConfigError}
    assert server.seen.total() == 1
    assert len({getattr(error, "key", "") for error in found}) == 10


async def test_a_halted_door_sends_nothing_more_and_keeps_what_is_on_the_wire(server: OpenAIServer) -> None:
    server.behaviour.latency = 0.2
    async with door_to(server, concurrency=2) as door:
        ask = door.ask_for("writer")
        asking = [asyncio.create_task(ask(say(str(i)))) for i in range(6)]
        while server.active < 2:  # noqa: ASYNC110 - it counts in its own thread
            await asyncio.sleep(0.01)
        door.halt(BudgetError("the time is up"))
        found = await asyncio.gather(*asking, return_exceptions=True)
        with pytest.raises(BudgetError, match="time is up"):
            await ask(say("one more"))
    assert [type(reply) for reply in found] == [list, list] + [BudgetError] * 4
    assert server.seen.total() == 2
