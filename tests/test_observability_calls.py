"""Every sent call leaves a row with its time, tokens, retries and cost; failed ones too."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from support.openai_server import OpenAIServer, Scripted
from support.projects import make_project, run_json
from support.store_rows import fill, new_store

from gristmill.errors import ModelError, UsageError
from gristmill.models import Door, ModelSpec, RetryPolicy
from gristmill.models.spec import Price
from gristmill.models.telemetry import CallLog
from gristmill_data.store import SegmentWriter, Store, call, schema

SAY = [{"role": "user", "content": "Say something about wells."}]
QUICK = RetryPolicy(base=0.001, cap=0.002)


def spec(server: OpenAIServer, **more: Any) -> ModelSpec:
    return ModelSpec(model="openai:test-model", base_url=server.url, **more)


async def asked(server: OpenAIServer, log: CallLog, *prompts: str, **more: Any) -> Door:
    """Ask each prompt once; errors of the model are left to the log."""
    door = Door({"writer": spec(server, **more)}, cache=None, retry=QUICK, log=log)
    async with door:
        for prompt in prompts:
            try:
                await door.ask_for("writer")([{"role": "user", "content": prompt}])
            except ModelError:
                continue
    return door


async def test_an_answered_call_is_a_row() -> None:
    log, before = CallLog(), time.time()
    with OpenAIServer(latency=0.05) as server:
        door = await asked(server, log, "a", price=Price(input=1, output=2))
    [row] = log.rows
    calls = door.counters.total
    assert (row.role, row.model, row.finish_reason, row.error) == (
        "writer",
        "openai:test-model",
        "stop",
        None,
    )
    assert (row.input_tokens, row.output_tokens) == (calls.input_tokens, calls.output_tokens)
    assert row.cost == pytest.approx(calls.cost_usd)
    assert (row.attempts, row.samples, row.retried_for) == (1, 1, None)
    assert 0.05 <= row.seconds < time.time() - before
    assert before <= row.sent / 1e6 <= time.time()


async def test_retries_are_told_with_their_causes_and_the_time_before() -> None:
    log = CallLog()
    with OpenAIServer(latency=0.02) as server:
        server.script.extend([Scripted({"error": {"message": "busy"}}, status) for status in (429, 503)])
        await asked(server, log, "a")
    [row] = log.rows
    assert row.attempts == 3
    first, second = (row.retried_for or "").split(",")
    assert first != second
    assert row.waited > 0
    assert log.last_error is not None
    assert (log.last_error.kind, log.last_error.final) == (second, False)


async def test_a_failed_call_is_a_row_with_the_kind_of_its_error() -> None:
    log = CallLog()
    with OpenAIServer(p500=1.0) as server:
        await asked(server, log, "a", retries=2)
    [row] = log.rows
    assert (row.finish_reason, row.attempts, row.input_tokens, row.cost) == (None, 3, 0, None)
    assert row.error
    assert log.last_error is not None
    assert (log.last_error.kind, log.last_error.final) == (row.error, True)


async def test_cached_calls_are_counted_not_logged(tmp_path: Path) -> None:
    log = CallLog()
    with OpenAIServer() as server:
        async with Door({"writer": spec(server)}, cache=tmp_path / "c.sqlite", log=log) as door:
            for _ in range(3):
                await door.ask_for("writer")(SAY)
    rows, hits = log.drain()
    assert len(rows) == 1
    assert hits == {("writer", "openai:test-model"): 2}
    assert log.drain() == ([], {})


async def test_samples_of_one_request_share_its_attempts() -> None:
    log = CallLog()
    with OpenAIServer() as server:
        async with Door({"writer": spec(server)}, cache=None, log=log) as door:
            await door.ask_for("writer")(SAY, n=3)
    assert [(row.samples, row.attempts) for row in log.rows] == [(3, 1)] * 3
    assert len({row.key for row in log.rows}) == 3


def row(key: str, seconds: float, **more: Any) -> tuple[Any, ...]:
    full = {
        "run": "r1",
        "key": key,
        "role": "writer",
        "model": "openai:m",
        "sent": 1_000_000,
        "seconds": seconds,
    }
    full |= {"waited": 0.5, "attempts": 1, "samples": 1, "input": 10, "output": 20, "cost": 0.25}
    full |= {"finish": "stop", "error": None, "retried_for": None}
    return tuple((full | more).values())


def logged(folder: Path, rows: list[tuple[Any, ...]], hits: int = 0) -> Path:
    """A store with one run and these calls, taken over once."""
    path = folder / "data.duckdb"
    writer = SegmentWriter(path, "r1")
    writer.add_row("runs", {"run_id": "r1", "name": "village", "status": "done"})
    writer.add_tuples("call_log", rows)
    writer.add_tuples("call_hits", [("r1", "writer", "openai:m", hits)] if hits else [])
    writer.flush()
    assert call(path, "ingest") == len(rows) + 1 + bool(hits)
    assert call(path, "ingest") == 0
    return path


def test_percentiles_cost_and_tokens_per_role_and_model(tmp_path: Path) -> None:
    rows = [row(f"k{n}", (n + 1) / 100) for n in range(100)]
    told = call(logged(tmp_path, rows, hits=4), "run_calls")
    [found] = told["calls"]
    assert (told["run_id"], told["status"]) == ("r1", "done")
    assert (found["answered"], found["failed"], found["cached"], found["retries"]) == (100, 0, 4, 0)
    assert found["p50"] == pytest.approx(0.505)
    assert found["p95"] == pytest.approx(0.9505)
    assert found["p99"] == pytest.approx(0.9901)
    assert (found["slowest"], found["waited_p95"]) == (1.0, 0.5)
    assert (found["input_tokens"], found["output_tokens"], found["cost"]) == (1000, 2000, 25.0)
    assert found["output_tokens_per_second"] == pytest.approx(2000 / 50.5)


def test_failed_calls_and_retries_by_kind(tmp_path: Path) -> None:
    failed = {"input": 0, "output": 0, "cost": None, "finish": None}
    rows = [
        row("a", 1.0, attempts=3, retried_for="rate-limited,timeout"),
        *(row(f"b{n}", 1.0, attempts=2, samples=2, retried_for="timeout") for n in range(2)),
        row("c", 9.0, attempts=2, error="timeout", retried_for="timeout", **failed),
        row("d", 1.0, cost=None, finish="length"),
    ]
    told = call(logged(tmp_path, rows), "run_calls", run="r1")
    [found] = told["calls"]
    assert (found["answered"], found["failed"], found["unpriced"], found["slowest"]) == (4, 1, 1, 1.0)
    assert found["retries"] == 2 + 1 + 1
    assert found["finish_reasons"] == {"stop": 3, "length": 1}
    errors = {e["kind"]: (e["failed"], e["retried"]) for e in told["errors"]}
    assert errors == {"timeout": (1, 3), "rate-limited": (0, 1)}


def test_only_cached_calls(tmp_path: Path) -> None:
    [found] = call(logged(tmp_path, [], hits=7), "run_calls")["calls"]
    assert (found["answered"], found["failed"], found["cached"], found["p50"]) == (0, 0, 7, None)


def test_unknown_run_and_no_run(tmp_path: Path) -> None:
    new_store(tmp_path).close()
    path = tmp_path / "data.duckdb"
    assert call(path, "run_calls") == {"calls": [], "errors": []}
    with pytest.raises(UsageError, match="no run 'nope'"):
        call(path, "run_calls", run="nope")


def test_a_run_stores_every_call_it_sent_and_counts_the_rest(tmp_path: Path) -> None:
    with OpenAIServer(p429=0.1, p500=0.1, retry_after=0.01) as server:
        options = ", retries: 1, price: {input: 1, output: 1}"
        recipe = make_project(
            tmp_path, f'"openai:test-model", base_url: "{server.url}"{options}', "max_failed_share: 1\n", 10
        )
        first, again = run_json(recipe), run_json(recipe)
    path = tmp_path / "gristmill.duckdb"
    [calls] = call(path, "run_calls", run=first["run"])["calls"]
    assert (calls["answered"], calls["cached"]) == (first["calls"]["sent"], first["calls"]["cached"])
    assert calls["retries"] == first["calls"]["retried"]
    assert calls["answered"] + calls["failed"] == 40
    assert (calls["input_tokens"], calls["output_tokens"]) == tuple(first["tokens"].values())
    assert calls["cost"] == pytest.approx(first["cost_usd"], abs=1e-6)
    with Store.open(path) as store:
        counted = store.rows("SELECT count(*) FROM call_log WHERE error IS NULL")
    assert counted == [(first["calls"]["sent"] + again["calls"]["sent"],)]


def test_a_dataset_of_version_1_gets_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        first = schema.migrations()[:1]
        patch.setattr(schema, "migrations", lambda: first)
        with Store.open(tmp_path / "data.duckdb") as store:
            fill(store)
    [found] = call(logged(tmp_path, [row("a", 1.0)]), "run_calls", run="r1")["calls"]
    assert found["answered"] == 1
    assert (tmp_path / "data.duckdb.v1.backup").is_file()
    with new_store(tmp_path) as store:
        assert store.rows("SELECT count(*) FROM examples") == [(4,)]
