"""The door: caching, single flight, retries, repair, budget and closing, against a real server."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.openai_server import OpenAIServer, Scripted, completion

from gristmill.errors import (
    BudgetError,
    ModelAnswerError,
    ModelConfigError,
    ModelUnavailableError,
    UsageError,
)
from gristmill.models import Budget, CallEvent, Door, ModelSpec, RetryPolicy
from gristmill.models.spec import Price
from gristmill.models.types import Answer
from gristmill.records import Message

SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}
QUICK = RetryPolicy(base=0.001, longest=0.01)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def spec_for(server: OpenAIServer, **more: Any) -> ModelSpec:
    return ModelSpec(model="openai:test-model", base_url=server.url, **more)


def open_door(server: OpenAIServer, cache: Path | None = None, **more: Any) -> Door:
    spec = more.pop("spec", None) or spec_for(server)
    return Door({"writer": spec}, cache=cache, retry=QUICK, **more)


def say(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


async def test_a_second_run_sends_nothing_and_gives_the_same(server: OpenAIServer, tmp_path: Path) -> None:
    runs: list[list[Answer]] = []
    for _ in range(2):
        async with open_door(server, tmp_path / "c.sqlite") as door:
            ask = door.ask_for("writer")
            runs.append([(await ask(say(f"number {i}"), schema=SCHEMA))[0] for i in range(5)])
    assert [a.text for a in runs[0]] == [a.text for a in runs[1]]
    assert [a.key for a in runs[0]] == [a.key for a in runs[1]]
    assert [{a.cached for a in answers} for answers in runs] == [{False}, {True}]
    assert (server.seen.total(), door.counters.total.cached, door.counters.total.sent) == (5, 5, 0)


async def test_equal_calls_at_the_same_time_are_sent_once(server: OpenAIServer, tmp_path: Path) -> None:
    server.behaviour.latency = 0.05
    async with open_door(server, tmp_path / "c.sqlite") as door:
        ask = door.ask_for("writer")
        answers = await asyncio.gather(*(ask(say("the same")) for _ in range(20)))
    assert server.seen.total() == 1
    assert len({a[0].text for a in answers}) == 1
    assert (door.counters.total.sent, door.counters.total.cached) == (1, 19)


async def test_an_asker_that_goes_away_takes_nothing_from_the_others(server: OpenAIServer) -> None:
    server.behaviour.latency = 0.1
    async with open_door(server) as door:
        ask = door.ask_for("writer")
        first = asyncio.create_task(ask(say("the same")))
        second = asyncio.create_task(ask(say("the same")))
        await asyncio.sleep(0.02)
        first.cancel()
        assert (await second)[0].text
    assert first.cancelled()
    assert server.seen.total() == 1


async def test_only_missing_samples_are_asked(server: OpenAIServer, tmp_path: Path) -> None:
    async with open_door(server, tmp_path / "c.sqlite") as door:
        ask = door.ask_for("writer")
        [one] = await ask(say("hello"))
        three = await ask(say("hello"), n=3)
    assert three[0].key == one.key
    assert [a.cached for a in three] == [True, False, False]
    assert len({a.key for a in three}) == 3
    assert [body.get("n") for body in server.bodies] == [None, 2]


async def test_a_server_that_ignores_n_is_asked_one_by_one(tmp_path: Path) -> None:
    with OpenAIServer(max_choices=1) as server:
        async with open_door(server, tmp_path / "c.sqlite") as door:
            ask = door.ask_for("writer")
            assert len(await ask(say("hello"), n=3)) == 3
            assert len(await ask(say("again"), n=2)) == 2
        assert [body.get("n") for body in server.bodies] == [3, None, None, None, None]
        assert door.counters.total.sent == 5


KEY_CHANGES: list[tuple[dict[str, Any], bool]] = [
    ({"concurrency": 1, "timeout": 5.0, "retries": 1, "requests_per_minute": 6000}, True),
    ({"price": Price(input=1, output=1)}, True),
    ({"params": {"temperature": None}}, True),
    ({"params": {"temperature": 0.1}}, False),
    ({"model": "openai:other"}, False),
]


@pytest.mark.parametrize(("change", "same"), KEY_CHANGES)
async def test_what_an_answer_is_addressed_by(
    server: OpenAIServer, tmp_path: Path, change: dict[str, Any], same: bool
) -> None:
    cached = []
    for spec in (spec_for(server), spec_for(server).model_copy(update=change)):
        async with open_door(server, tmp_path / "c.sqlite", spec=spec) as door:
            cached.append((await door.ask_for("writer")(say("hello")))[0].cached)
    assert cached == [False, same]


async def test_an_answer_outlives_a_change_of_address(tmp_path: Path) -> None:
    for _ in range(2):
        with OpenAIServer() as server:
            async with open_door(server, tmp_path / "c.sqlite") as door:
                [answer] = await door.ask_for("writer")(say("hello"))
    assert answer.cached


async def test_temporary_errors_are_retried_and_counted(server: OpenAIServer) -> None:
    server.script.extend([Scripted({"error": {"message": "busy"}}, status) for status in (429, 500, 503)])
    async with open_door(server) as door:
        assert (await door.ask_for("writer")(say("hello")))[0].text
    total = door.counters.total
    assert (total.sent, total.retried, total.failed, total.in_flight) == (1, 3, 0, 0)


async def test_retries_end(server: OpenAIServer) -> None:
    server.script.extend([Scripted({"error": {"message": "busy"}}, 503)] * 9)
    async with open_door(server, spec=spec_for(server, retries=2)) as door:
        with pytest.raises(ModelUnavailableError, match="gave up after 3 attempts"):
            await door.ask_for("writer")(say("hello"))
    assert server.seen.total() == 3
    assert (door.counters.total.failed, door.counters.total.retried) == (1, 2)


async def test_a_configuration_error_is_fatal_and_stops_the_queue(server: OpenAIServer) -> None:
    server.behaviour.key = "sk-right-one"
    async with open_door(server, spec=spec_for(server, concurrency=2)) as door:
        ask = door.ask_for("writer")
        results = await asyncio.gather(*(ask(say(str(i))) for i in range(50)), return_exceptions=True)
    assert {type(result) for result in results} == {ModelConfigError}
    assert server.faults["auth"] <= 2
    assert door.counters.total.retried == 0


async def test_broken_json_is_repaired_once(server: OpenAIServer, tmp_path: Path) -> None:
    server.script.append(completion('{"ok": tr'))
    events: list[CallEvent] = []
    async with open_door(server, tmp_path / "c.sqlite", on_call=events.append) as door:
        [answer] = await door.ask_for("writer")(say("hello"), schema=SCHEMA)
    assert answer.data == {"ok": True}
    assert [m["role"] for m in server.bodies[1]["messages"]] == ["user", "assistant", "user"]
    assert server.bodies[1]["messages"][1]["content"] == '{"ok": tr'
    assert "not JSON" in server.bodies[1]["messages"][2]["content"]
    assert [event.call.key == answer.key for event in events] == [False, True]
    assert door.counters.total.repairs == 1


BROKEN = [('{"ok": tr', "invalid-json"), ('{"ok": "yes"}', "schema-mismatch")]


@pytest.mark.parametrize(("text", "kind"), BROKEN)
async def test_what_stays_broken_is_an_error_with_the_text(
    server: OpenAIServer, tmp_path: Path, text: str, kind: str
) -> None:
    server.script.extend([completion(text), completion(text)])
    for _ in range(2):
        async with open_door(server, tmp_path / "c.sqlite") as door:
            with pytest.raises(ModelAnswerError) as caught:
                await door.ask_for("writer")(say("hello"), schema=SCHEMA)
        assert (caught.value.kind, caught.value.raw) == (kind, text)
    # The second run reads both broken answers again instead of paying for new ones.
    assert server.seen.total() == 2


UNUSABLE = [
    (completion(None), "empty", ""),
    (completion(" \n"), "empty", " \n"),
    (completion('{"ok": true}', finish="length"), "truncated", '{"ok": true}'),
    (completion(None, refusal="I cannot."), "refused", "I cannot."),
    (completion(None, finish="content_filter"), "content-filter", ""),
    (completion(None, finish="tool_calls"), "tool-calls", ""),
]


@pytest.mark.parametrize(("scripted", "kind", "raw"), UNUSABLE)
async def test_no_answer_is_never_an_answer(
    server: OpenAIServer, scripted: Scripted, kind: str, raw: str
) -> None:
    server.script.append(scripted)
    async with open_door(server) as door:
        with pytest.raises(ModelAnswerError) as caught:
            await door.ask_for("writer")(say("hello"), schema=SCHEMA)
    assert (caught.value.kind, caught.value.raw) == (kind, raw)
    assert caught.value.key
    assert server.seen.total() == 1


async def test_unusable_answers_are_asked_again_on_request_only(server: OpenAIServer, tmp_path: Path) -> None:
    server.script.append(completion("cut", finish="length"))
    for redo, wanted in [((), "truncated"), (("refused",), "truncated"), (("truncated",), None), ((), None)]:
        async with open_door(server, tmp_path / "c.sqlite", redo=frozenset(redo)) as door:
            try:
                await door.ask_for("writer")(say("hello"))
                kind = None
            except ModelAnswerError as error:
                kind = error.kind
        assert kind == wanted
    assert server.seen.total() == 2


async def test_every_answered_call_is_reported(server: OpenAIServer, tmp_path: Path) -> None:
    events: list[CallEvent] = []
    async with open_door(server, tmp_path / "c.sqlite", on_call=events.append) as door:
        for _ in range(2):
            await door.ask_for("writer")(say("hello"), temperature=0.5)
    assert [(event.cached, event.role) for event in events] == [(False, "writer"), (True, "writer")]
    assert events[0].call == events[1].call
    assert events[0].call.params == {"temperature": 0.5}
    assert events[0].call.messages == tuple(say("hello"))


async def test_the_key_never_reaches_the_cache(
    server: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret-1234")
    server.behaviour.key = "sk-very-secret-1234"
    async with open_door(server, tmp_path / "c.sqlite", spec=spec_for(server, api_key_env="MY_KEY")) as door:
        await door.ask_for("writer")(say("hello"))
    rows = "".join(sqlite3.connect(tmp_path / "c.sqlite").iterdump())
    assert "hello" in rows
    assert "very-secret" not in rows


async def test_a_token_budget_stops_before_it_is_passed(server: OpenAIServer) -> None:
    async with open_door(server, budget=Budget(tokens=1200)) as door:
        asking = (door.ask_for("writer")(say(f"number {i}"), max_tokens=100) for i in range(300))
        results = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(result) for result in results} == {list, BudgetError}
    total = door.counters.total
    assert total.sent > 1
    assert total.input_tokens + total.output_tokens <= 1200
    assert (door.budget.held_tokens, door.budget.spent_tokens) == (
        0,
        total.input_tokens + total.output_tokens,
    )


async def test_a_spent_budget_still_reads_the_cache(server: OpenAIServer, tmp_path: Path) -> None:
    async with open_door(server, tmp_path / "c.sqlite") as door:
        await door.ask_for("writer")(say("known"))
    async with open_door(server, tmp_path / "c.sqlite", budget=Budget(tokens=1)) as door:
        assert (await door.ask_for("writer")(say("known")))[0].cached
        with pytest.raises(BudgetError):
            await door.ask_for("writer")(say("new"))


def test_a_dollar_budget_needs_prices(server: OpenAIServer) -> None:
    with pytest.raises(UsageError, match="price of openai:test-model is not known"):
        open_door(server, budget=Budget(usd=1.0))
    open_door(server, budget=Budget(usd=1.0), spec=spec_for(server, price=Price(input=0, output=0)))


async def test_cost_is_counted_with_the_recipes_price(server: OpenAIServer) -> None:
    server.script.append(completion("fine"))  # 7 tokens in, 3 out
    async with open_door(server, spec=spec_for(server, price=Price(input=1e6, output=2e6))) as door:
        await door.ask_for("writer")(say("hello"))
    assert (door.counters.total.cost_usd, door.counters.total.unpriced) == (13.0, 0)


async def test_roles_share_a_model_but_not_its_parameters(server: OpenAIServer) -> None:
    specs = {
        "writer": spec_for(server, params={"temperature": 0.9}, concurrency=2),
        "judge": spec_for(server, params={"temperature": 0.0}, concurrency=2),
    }
    server.behaviour.latency = 0.02
    async with Door(specs, cache=None) as door:
        ask = door.ask_for("writer")
        await asyncio.gather(*(ask(say(str(i)), model=r) for i in range(6) for r in specs))
    assert sorted({body["temperature"] for body in server.bodies}) == [0.0, 0.9]
    assert server.peak <= 2
    assert list(door.counters.by_model) == ["openai:test-model"]


async def test_roles_and_parameters_that_cannot_be_are_usage_errors(server: OpenAIServer) -> None:
    two = {"writer": spec_for(server), "judge": spec_for(server)}
    async with Door(two, cache=None) as door:
        with pytest.raises(UsageError, match="unknown model role 'jury'"):
            door.ask_for("jury")
        for wrong in ({"model": "jury"}, {}, {"model": "judge", "n": 0}, {"model": "judge", "stream": True}):
            with pytest.raises(UsageError):
                await door.ask_for(None)(say("hello"), **wrong)
    with pytest.raises(UsageError, match="the parameter n is set by"):
        Door({"writer": spec_for(server, params={"n": 4})}, cache=None)
    assert server.seen.total() == 0


async def test_closing_keeps_what_is_on_the_wire_and_drops_what_waits(
    server: OpenAIServer, tmp_path: Path
) -> None:
    server.behaviour.latency = 0.2
    door = open_door(server, tmp_path / "c.sqlite", spec=spec_for(server, concurrency=3))
    ask = door.ask_for("writer")
    asking = [asyncio.create_task(ask(say(str(i)))) for i in range(10)]
    await asyncio.sleep(0.1)
    await door.close()
    results = await asyncio.gather(*asking, return_exceptions=True)
    stopped = [r for r in results if isinstance(r, ModelUnavailableError) and r.kind == "stopped"]
    assert (len(stopped), server.answered.total(), door.counters.total.sent) == (7, 3, 3)
    rows = sqlite3.connect(tmp_path / "c.sqlite").execute("SELECT count(*) FROM calls").fetchone()
    assert rows == (3,)


async def test_a_thousand_at_once_through_a_faulty_server(tmp_path: Path) -> None:
    with OpenAIServer(p429=0.1, p500=0.05, broken=0.05, latency=0.05) as server:
        for _ in range(2):
            async with open_door(
                server, tmp_path / "c.sqlite", spec=spec_for(server, concurrency=256)
            ) as door:
                ask = door.ask_for("writer")
                results = await asyncio.gather(
                    *(ask(say(str(i)), schema=SCHEMA) for i in range(1000)), return_exceptions=True
                )
            broken = [r for r in results if isinstance(r, ModelAnswerError)]
            assert len(broken) + sum(isinstance(r, list) for r in results) == 1000
            assert len(broken) < 30
        assert server.repeated == {}
        assert (door.counters.total.sent, server.faults["rate-limit"] > 50) == (0, True)
