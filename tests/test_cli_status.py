"""``gristmill status`` looked at from another process while a run lasts, after it was killed, and after."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.openai_server import OpenAIServer
from support.processes import Process
from support.projects import gristmill, make_project, run_json

from gristmill_data.store import Store, call
from gristmill_data.store.lives import live_folder, read_lives, this_process, write_life

DB = "gristmill.duckdb"
PRICED = ", concurrency: 4, price: {input: 1, output: 2}"


def project(folder: Path, server: OpenAIServer, copies: int = 40, extra: str = "") -> Path:
    return make_project(folder, f'"openai:test-model", base_url: "{server.url}"{PRICED}', extra, copies)


@contextmanager
def started(recipe: Path, *args: str) -> Iterator[Process]:
    running = Process("run", recipe, "--json", *args)
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def status(db: Path, *args: str) -> dict[str, Any]:
    done = gristmill("status", "--db", db, "--json", *args)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def until(look: Callable[[], Any], running: Process) -> Any:
    """What ``look`` gives once it is true; the run must not end before."""
    while not (found := look()):
        assert running.poll() is None, "the run ended too early"
        time.sleep(0.05)
    return found


def walking(db: Path) -> list[dict[str, Any]]:
    return [life for life in read_lives(db) if life["phase"] == "running" and life["rows"]["decided"] > 8]


def test_a_live_run_a_killed_one_and_the_one_that_goes_on(tmp_path: Path) -> None:
    db = tmp_path / DB
    with OpenAIServer(latency=0.15, p429=0.1) as server:
        recipe = project(tmp_path, server)
        with started(recipe, "--max-cost", "5") as running:
            until(lambda: walking(db), running)
            [live] = status(db)["live"]
            assert (live["state"], live["phase"], live["pid"]) == ("running", "running", running.pid)
            assert live["rows"]["planned"] == 320
            assert live["calls"]["sent"] > 0 < live["cost_usd"]
            assert live["budget"]["usd"] == 5
            assert live["models"][0]["limit"] == 4
            assert live["age"] < 30
            running.send_signal(signal.SIGKILL)
            running.wait()
        told = status(db)
        assert told["live"][0]["state"] == "killed"
        assert {run["status"] for run in told["runs"]} <= {"interrupted"}
        assert "run the recipe again" in gristmill("status", "--db", db).stderr
        last = run_json(recipe)
    told = status(db, "--run", last["run"])
    assert told["live"] == []
    assert told["last_calls"]["status"] == "done"
    shown = gristmill("status", "--db", db, "--run", last["run"]).stderr
    assert "p95" in shown
    assert "rate-limited" in shown
    [calls] = told["last_calls"]["calls"]
    assert 0.15 <= calls["p50"] <= calls["p95"] <= calls["p99"] <= calls["slowest"]
    assert calls["answered"] == last["calls"]["sent"]
    assert not live_folder(db).exists()
    with Store.open(db) as store:
        assert store.rows("SELECT status, finished IS NULL FROM runs ORDER BY db_seq") == [
            ("interrupted", False),
            ("done", False),
        ]


def test_the_store_need_not_be_there_nor_free(tmp_path: Path) -> None:
    db = tmp_path / DB
    write_life(db, "r1", life("r1", phase="reading"))
    told = status(db)
    assert [(one["run"], one["state"]) for one in told["live"]] == [("r1", "running")]
    assert "schema" not in told
    assert "7 documents" in gristmill("status", "--db", db).stderr


def life(run: str, **more: Any) -> dict[str, Any]:
    """A sign of life as a run of this very process gives it."""
    zero = {"sent": 3, "cached": 0, "failed": 0, "retried": 0, "repairs": 0, "in_flight": 0}
    rows = {
        "planned": 9,
        "decided": 3,
        "resumed": 0,
        "accepted": 1,
        "rejected": 1,
        "failed": 1,
        "failed_for": {},
    }
    told = {"run": run, "name": "village", **this_process(), "updated": time.time(), "phase": "running"}
    told |= {"stopping": "", "documents": 7, "chunks": {"total": 4, "done": 1}, "rows": rows, "calls": zero}
    told |= {
        "tokens": {"input": 1, "output": 1},
        "cost_usd": 0.5,
        "unpriced_calls": 0,
        "budget": {"usd": 2.0},
    }
    told |= {"models": [], "calls_per_second": 1.0, "tokens_per_second": 1.0, "rows_per_second": 1.0}
    return told | {"eta_seconds": 61.0, "target": None, "last_error": None} | more


STATES = [
    ({}, "running"),
    ({"born": "1"}, "killed"),
    ({"pid": 2**22 + 1}, "killed"),
    ({"host": "elsewhere"}, "running"),
    ({"host": "elsewhere", "updated": 0.0}, "lost"),
    ({"ended": "failed", "error": "no room"}, "failed"),
]


@pytest.mark.parametrize(("change", "state"), STATES)
def test_signs_of_life(tmp_path: Path, change: dict[str, Any], state: str) -> None:
    write_life(tmp_path / DB, "r1", life("r1", **change))
    [told] = read_lives(tmp_path / DB)
    assert told["state"] == state
    said = gristmill("status", "--db", tmp_path / DB).stderr
    assert ("again to go on" in said) == (state != "running")


def test_files_of_life_are_private_and_strange_ones_are_passed_over(tmp_path: Path) -> None:
    write_life(tmp_path / DB, "r1", life("r1"))
    folder = live_folder(tmp_path / DB)
    (folder / "r0.json").write_text("[1]")
    (folder / "r2.json").write_text("{half")
    assert [told["run"] for told in read_lives(tmp_path / DB)] == ["r1"]
    assert stat.S_IMODE((folder / "r1.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_several_runs_into_one_store(tmp_path: Path) -> None:
    with OpenAIServer(latency=0.1) as server:
        first = project(tmp_path, server)
        second = tmp_path / "other.yaml"
        second.write_text(first.read_text().replace("name: village", "name: town"))
        with started(first) as one, started(second) as two:
            until(lambda: len(walking(tmp_path / DB)) == 2, one)
            told = status(tmp_path / DB)["live"]
            assert {(life["name"], life["pid"]) for life in told} == {("village", one.pid), ("town", two.pid)}


def test_a_run_marks_only_the_dead(tmp_path: Path) -> None:
    """A run that starts must not take a living one, or one that ended well, for interrupted."""
    db = tmp_path / DB
    with Store.open(db) as store:
        for run, how in (("dead", "running"), ("alive", "running"), ("well", "done")):
            store.rows("INSERT INTO runs (run_id, name, status) VALUES (?, 'n', ?)", [run, how])
    write_life(db, "alive", life("alive"))
    assert call(db, "close_runs") == ["dead"]
    shown = {run["run_id"]: run["status"] for run in call(db, "runs")}
    assert shown == {"dead": "interrupted", "alive": "running", "well": "done"}


def test_watch_ends_with_the_run(tmp_path: Path) -> None:
    db = tmp_path / DB
    with OpenAIServer(latency=0.1) as server, started(project(tmp_path, server, copies=10)) as running:
        until(lambda: read_lives(db), running)
        done = gristmill("status", "--db", db, "--watch", "--json")
        running.communicate(timeout=60)
    *seen, last = map(json.loads, done.stdout.splitlines())
    assert seen
    assert all(life["state"] == "running" for told in seen for life in told["live"])
    assert last["live"] == []
    assert last["runs"][0]["status"] == "done"


def test_a_run_that_fails_leaves_its_reason(tmp_path: Path) -> None:
    recipe = make_project(tmp_path)
    (tmp_path / DB).write_bytes(b"not a store" * 500)
    assert gristmill("run", recipe).returncode == 1
    [told] = read_lives(tmp_path / DB)
    assert told["state"] == "failed"
    assert "not a valid DuckDB" in told["error"]


def test_the_help_of_status_costs_no_database() -> None:
    code = "import sys, gristmill.cli.status, gristmill_data.store.lives; print('duckdb' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert done.stdout.strip() == "False", done.stderr
