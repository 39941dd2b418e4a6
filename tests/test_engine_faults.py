"""Servers that fail in every way we know: each failure has a kind, each row an end, nothing is paid twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support.engine_runs import GENERATE, corpus, finish, held, recipe, start
from support.openai_faults import ODD_BODIES
from support.openai_server import OpenAIServer, Scripted

from gristmill.errors import ModelAnswerError, ModelUnavailableError
from gristmill.models import Door, ModelSpec, RetryPolicy
from gristmill.models.backends.chat import MAX_CHARS
from gristmill.records import Message

SCHEMA = {
    "type": "object",
    "properties": {"summary": {"type": "string"}},
    "required": ["summary"],
    "additionalProperties": False,
}
KINDS = {
    "p429": {"rate-limited"},
    "p500": {"server-error"},
    "p503": {"server-error", "overloaded"},
    "p529": {"server-error", "overloaded"},
    "html": {"server-error"},
    "cut": {"connection", "bad-response"},
    "trickle": {"time-out"},
    "broken_body": {"bad-response"},
    "wrong_body": {"bad-response"},
    "error_body": {"rate-limited", "server-error", "overloaded"},
    "no_choices": {"bad-response"},
}
# A fifth of all answers is spoilt, on the wire and in what they say.
SHARES: dict[str, Any] = {
    "p429": 0.02,
    "p500": 0.02,
    "p503": 0.01,
    "p529": 0.01,
    "html": 0.01,
    "cut": 0.03,
    "trickle": 0.01,
    "broken_body": 0.01,
    "odd_body": 0.01,
    "error_body": 0.01,
    "broken": 0.02,
    "wrong_schema": 0.02,
    "empty": 0.01,
    "huge": 0.01,
}
ROWS = 360
REASONS = {
    *("rate-limited", "overloaded", "server-error", "connection", "time-out", "bad-response"),
    *("empty", "truncated", "invalid-json", "schema-mismatch"),
}


def door(server: OpenAIServer, cache: Path | None = None, **options: Any) -> Door:
    spec = ModelSpec(model="openai:test-model", base_url=server.url, concurrency=16, **options)
    return Door({"w": spec}, cache=cache, retry=RetryPolicy(base=0.01, cap=0.05))


def only(fault: str, share: float) -> dict[str, Any]:
    return {fault: share}


async def ask(door: Door, count: int) -> list[Any]:
    """Summaries of so many small texts, or the errors in their place."""
    texts = [f"Passage:\nThe well number {i} of the village is deep and very old." for i in range(count)]
    said: list[list[Message]] = [[{"role": "user", "content": text}] for text in texts]
    asked = (door.ask_for("w")(messages, schema=SCHEMA) for messages in said)
    return await asyncio.gather(*asked, return_exceptions=True)


@pytest.mark.parametrize("transport", ["lean", "official"])
@pytest.mark.parametrize("fault", KINDS)
async def test_each_fault_on_the_wire_has_its_kind(fault: str, transport: str) -> None:
    with OpenAIServer(**only(fault, 1.0), trickle_gap=0.05) as server:
        patience = 1 if fault == "trickle" else 30
        async with door(server, retries=0, timeout=patience, transport=transport) as way:
            results = await ask(way, 12)
    assert all(isinstance(result, ModelUnavailableError) for result in results), results
    assert {result.kind for result in results} <= KINDS[fault]


@pytest.mark.parametrize("fault", [*KINDS, "odd_body"])
async def test_another_attempt_gets_through(fault: str, tmp_path: Path) -> None:
    with OpenAIServer(**only(fault, 0.4), trickle_gap=0.5) as server:
        async with door(server, tmp_path / "c.sqlite", retries=20, timeout=2) as way:
            results = await ask(way, 24)
            assert way.counters.total.retried > 0
    assert all(isinstance(result, list) for result in results), results
    assert (server.answered.total(), server.repeated) == (24, {})


NO_TEXT = {"choices": [{"message": {"content": None}, "finish_reason": ["stop"]}]}


@pytest.mark.parametrize("body", [*ODD_BODIES, NO_TEXT], ids=str)
async def test_a_completion_of_an_odd_form_is_a_bad_response_or_empty(body: Any) -> None:
    with OpenAIServer() as server:
        server.script.append(Scripted(body))
        async with door(server, retries=0) as way:
            [result] = await ask(way, 1)
    expected = (ModelAnswerError, "empty") if body is NO_TEXT else (ModelUnavailableError, "bad-response")
    assert (type(result), result.kind) == expected


@pytest.mark.parametrize(
    "usage",
    [None, [], {"prompt_tokens": "7", "completion_tokens": -1}, {"prompt_tokens": None}, {"x": 1e300}],
)
async def test_usage_of_an_odd_form_is_estimated(usage: Any) -> None:
    choice = {"message": {"content": '{"summary": "Fine and well."}'}, "finish_reason": "stop"}
    with OpenAIServer() as server:
        server.script.append(Scripted({"choices": [choice], "usage": usage}))
        async with door(server) as way:
            [[answer]] = await ask(way, 1)
    assert answer.data == {"summary": "Fine and well."}
    assert 0 < answer.usage.input_tokens < 1000
    assert 0 < answer.usage.output_tokens < 100


async def test_answers_that_never_end_are_cut_and_cost_no_repair(tmp_path: Path) -> None:
    with OpenAIServer(huge=1.0, huge_mb=4, no_usage=0.5) as server:
        async with door(server, tmp_path / "c.sqlite", timeout=30) as way:
            results = await ask(way, 12)
            assert way.counters.total.repairs == 0
    assert {result.kind for result in results} == {"truncated"}
    assert all(len(result.raw) == MAX_CHARS for result in results)
    assert (server.seen.total(), server.repeated) == (12, {})


def decided(folder: Path) -> set[Any]:
    """Rows of a store that did not fail: slot, state and example."""
    rows = held(folder / "gristmill.duckdb")["outcomes"]
    assert len(rows) == ROWS
    return {(row[0], row[5], row[7]) for row in rows if row[5] != "failed"}


@pytest.mark.parametrize("seed", range(3))
def test_a_fifth_of_all_answers_spoilt(tmp_path: Path, seed: int) -> None:
    corpus(tmp_path / "docs.jsonl", ROWS // 3)
    generate = GENERATE + "  - {use: preference, model: writer}\n"
    with OpenAIServer(seed=seed, latency=0.01, trickle_gap=1.0, huge_mb=3, **SHARES) as server:
        path = recipe(tmp_path, server.url, ", concurrency: 32, retries: 1, timeout: 4", generate)
        runs = [finish(start(path))[0]]
        kept = [decided(tmp_path)]
        runs.append(finish(start(path))[0])
        kept.append(decided(tmp_path))
        assert server.repeated == {}  # the second run sent what had got no answer, and nothing else
        for name in SHARES:
            setattr(server.behaviour, name, 0.0)
        runs.append(finish(start(path, "--redo", "failed,truncated"))[0])
        kept.append(decided(tmp_path))
    for summary, rows in zip(runs, kept, strict=True):
        assert (summary["balanced"], summary["pending"], summary["planned"]) == (True, 0, ROWS)
        assert len(rows) + sum(summary["failed"].values()) == ROWS
        assert {reason.removeprefix("unscored:answer:") for reason in summary["failed"]} <= REASONS
    assert 0 < len(kept[0]) < len(kept[1]) < len(kept[2]) == ROWS
    assert kept[0] < kept[1] < kept[2]
