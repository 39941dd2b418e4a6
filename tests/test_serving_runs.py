"""Whole runs with a server of their own: however they end, nothing of it is left."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from support.engine_runs import corpus, finish, kill, start, until
from support.processes import run
from support.served import TEST_SERVER, log_of, running_in, script, serve, servers_in

SILENT = "import time; print('loading', flush=True); time.sleep(60)"


def recipe(folder: Path, how: dict[str, Any]) -> Path:
    """A recipe with its folder, where the server runs too."""
    corpus(folder / "docs.jsonl", 30)
    path = folder / "r.yaml"
    path.write_text(
        "name: r\nstore: x.duckdb\ndocuments: [docs.jsonl]\nmodels:\n"
        f'  writer: {{model: "openai:test-model", concurrency: 4, serve: {json.dumps(how)}}}\n'
        "generate: [{use: qa, model: writer}]\nmax_failed_share: 1\n",
        encoding="utf-8",
    )
    return path


def slow() -> dict[str, Any]:
    """A server that takes a moment for every answer."""
    return serve(command=[*TEST_SERVER, "--latency", "0.2"])


def test_a_run_starts_and_stops_it(tmp_path: Path) -> None:
    path = recipe(tmp_path, serve())
    summary, said = finish(start(path))
    assert summary["calls"]["sent"] > 0
    assert "test-model: starting its server; log: " in said
    assert running_in(tmp_path) == {}
    summary, said = finish(start(path))
    assert summary["calls"]["sent"] == 0
    assert log_of(tmp_path).count("gristmill starts") == 1


def test_killed_runs_take_it_along(tmp_path: Path) -> None:
    process = start(recipe(tmp_path, slow()), cwd="/")
    assert until(lambda: answered(tmp_path), process)
    assert servers_in(tmp_path)
    kill(process)
    assert until(lambda: not running_in(tmp_path), seconds=10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_stops_it(tmp_path: Path, number: signal.Signals) -> None:
    process = start(recipe(tmp_path, slow()), cwd="/")
    assert until(lambda: answered(tmp_path), process)
    process.send_signal(number)
    summary, _ = finish(process, 1)
    assert summary["status"] == "interrupted"
    assert summary["pending"] > 0
    assert summary["failed"] == {}
    assert running_in(tmp_path) == {}


def test_a_signal_during_the_start(tmp_path: Path) -> None:
    process = start(recipe(tmp_path, script(SILENT)), cwd="/")
    assert until(lambda: servers_in(tmp_path) and "loading" in log_of(tmp_path), process)
    process.send_signal(signal.SIGINT)
    summary, _ = finish(process, 1)
    assert summary["status"] == "interrupted"
    assert running_in(tmp_path) == {}


def test_a_server_that_cannot_be_started_ends_the_run(tmp_path: Path) -> None:
    _, said = finish(start(recipe(tmp_path, script("raise SystemExit('no weights here')")), cwd="/"), 1)
    assert said.count("no weights here") == 1
    assert log_of(tmp_path).count("gristmill starts") == 1


def test_models_check(tmp_path: Path) -> None:
    path = recipe(tmp_path, serve())
    done = run("models", "check", path, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["ok"]
    assert running_in(tmp_path) == {}


def answered(folder: Path) -> bool:
    """Whether the first answers are in the cache."""
    import sqlite3

    cache = folder / "x.cache.sqlite"
    if not cache.exists():
        return False
    try:
        with sqlite3.connect(f"file:{cache}?mode=ro", uri=True) as db:
            return db.execute("SELECT count(*) FROM calls").fetchone()[0] > 0
    except sqlite3.OperationalError:  # it is being made
        return False
