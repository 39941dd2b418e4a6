"""vLLM's own server, started by Gristmill: the whole pipeline, killed in the middle, and what is left."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from support.engine_runs import kill, until
from support.served import running_in
from support.tiny_runs import PARAMS, finish, recipe, serve, start, stored

from gristmill_data.store import Store


def processes(folder: Path, words: str) -> list[int]:
    """Processes of the server in ``folder`` whose command line or name holds ``words``."""
    return [pid for pid, line in running_in(folder).items() if words in line]


def test_a_run_is_killed_resumed_and_loses_its_engine(tiny: Path, tmp_path: Path) -> None:
    model = {"model": "openai:tiny", "concurrency": 4, "serve": serve(tiny), "params": PARAMS}
    path = recipe(tmp_path, {"writer": model, "judge": model}, documents=30)

    process = start(path)
    assert until(lambda: len(stored(tmp_path)) >= 5, process, 240), process.communicate()[1]
    assert processes(tmp_path, "EngineCore")
    kill(process)
    assert until(lambda: not running_in(tmp_path), seconds=20)
    before = stored(tmp_path)

    process = start(path)
    assert until(lambda: len(stored(tmp_path)) >= len(before) + 5, process, 240)
    engines = processes(tmp_path, "EngineCore")
    assert engines
    for pid in engines:  # all of them: one may be a child that the engine has just forked
        os.kill(pid, signal.SIGKILL)
    killed_at = len(stored(tmp_path))
    summary, said = finish(process)
    assert "ended by itself" in said, f"killed {engines} after {killed_at} answers of {summary}\n{said}"
    assert running_in(tmp_path) == {}

    after = stored(tmp_path)
    assert {key: after[key] for key in before} == before  # drawn anew, an answer would differ
    assert summary["calls"]["sent"] == len(after) - len(before)
    assert summary["balanced"]
    assert not {"connection", "server-error", "overloaded"} & set(summary["failed"]), summary["failed"]
    check_rows(tmp_path / "x.duckdb", summary["accepted"])


def check_rows(db: Path, accepted: int) -> None:
    """Rows of both kinds, accepted and judged, whose evidence stands in the passage."""
    with Store.open(db) as store:
        store.ingest()
        kinds = dict(store.rows("SELECT kind, count(*) FROM examples GROUP BY kind"))
        [(judged,)] = store.rows("SELECT count(*) FROM scores WHERE scorer = 'sound' AND value IS NOT NULL")
        states = dict(store.rows("SELECT state, count(*) FROM outcomes GROUP BY state"))
    assert states["accepted"] == accepted > 0
    assert kinds["instruction"] > 0
    assert kinds["preference"] > 0
    assert judged > 0
