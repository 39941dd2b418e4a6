"""Whole runs with models in this process: two that take turns, killed in the middle, and what is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from support.engine_processes import running
from support.engine_runs import kill, until
from support.tiny_runs import PARAMS, finish, recipe, start, stored

from gristmill_data.store import Store

ENGINE = {"max_model_len": 8192, "max_num_seqs": 16, "enforce_eager": True, "dtype": "float32"}


def local(folder: Path, models: dict[str, Path], **more: Any) -> Path:
    """A recipe whose roles are models of this process."""
    specs = {
        role: {"model": f"vllm:{path}", "engine": ENGINE, "params": PARAMS, "concurrency": 4}
        for role, path in models.items()
    }
    path = recipe(folder, specs, documents=12)
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **more}))
    return path


def test_a_run_in_passes_is_killed_and_resumed(tiny: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    twin.symlink_to(tiny)
    path = local(tmp_path, {"writer": tiny, "judge": twin}, passes="separate")

    process = start(path)
    assert until(lambda: len(stored(tmp_path)) >= 5, process, 240), process.communicate()[1]
    kill(process)
    assert until(lambda: not running(tmp_path), seconds=30)
    before = stored(tmp_path)

    summary, said = finish(start(path))
    after = stored(tmp_path)
    assert {key: after[key] for key in before} == before  # drawn anew, an answer would differ
    assert summary["calls"]["sent"] == len(after) - len(before)
    assert (summary["status"], summary["balanced"], summary["pending"]) == ("done", True, 0)
    assert [one["model"] for one in summary["local"]["passes"]] == [f"vllm:{tiny}", f"vllm:{twin}"]
    assert [engine["starts"] for engine in summary["local"]["engines"]] == [1, 1]
    assert f"pass 2: vllm:{twin}" in said
    assert until(lambda: not running(tmp_path), seconds=30)
    check_rows(tmp_path / "x.duckdb", summary["accepted"])

    again, _ = finish(start(path))
    assert again["calls"]["sent"] == 0
    assert again["local"]["engines"] == []  # nothing to ask: nothing was loaded


def test_roles_of_one_model_share_an_engine(tiny: Path, tmp_path: Path) -> None:
    summary, _ = finish(start(local(tmp_path, {"writer": tiny, "judge": tiny})))
    [engine] = summary["local"]["engines"]
    assert summary["local"]["memory"]["mode"] == "single"
    assert summary["local"]["passes"] == []
    assert engine["requests"] > 12
    assert 0 < engine["prefix_cache_hit_rate"] < 1
    check_rows(tmp_path / "x.duckdb", summary["accepted"])


def check_rows(db: Path, accepted: int) -> None:
    """Rows of both kinds were made, accepted and judged."""
    with Store.open(db) as store:
        store.ingest()
        kinds = dict(store.rows("SELECT kind, count(*) FROM examples GROUP BY kind"))
        [(judged,)] = store.rows("SELECT count(*) FROM scores WHERE value IS NOT NULL")
        states = dict(store.rows("SELECT state, count(*) FROM outcomes GROUP BY state"))
    assert states["accepted"] == accepted > 0
    assert min(kinds["instruction"], kinds["preference"], judged) > 0
