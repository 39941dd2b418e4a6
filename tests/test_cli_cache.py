"""gristmill cache, as a user types it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.openai_server import OpenAIServer
from support.processes import run
from support.projects import gristmill, make_project, run_json

from gristmill.models.claims import Claims


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with a cache of some calls, a few of them cut off."""
    folder = tmp_path_factory.mktemp("made")
    with OpenAIServer(truncated=0.3) as server:
        recipe = make_project(
            folder, f'"openai:test-model", base_url: "{server.url}"', "max_failed_share: 1\n", 3
        )
        run_json(recipe)
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(made, tmp_path / "project")


def cache(folder: Path, *words: object, code: int = 0) -> Any:
    done = run("cache", *words, cwd=folder)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if "--json" in words and code == 0 else done


def test_stats_of_the_only_store_here(project: Path) -> None:
    stats = cache(project, "stats", "--json")
    assert stats["calls"] == sum(stats["by_finish"].values()) > 0
    assert set(stats["by_finish"]) == {"complete", "truncated"}
    assert stats["models"]["openai:test-model"]["calls"] == stats["calls"]
    shown = cache(project, "stats", "--cache", "gristmill.cache.sqlite").stderr
    assert "openai:test-model" in shown
    assert f"truncated {stats['by_finish']['truncated']}" in shown


def test_export_to_stdout_is_one_call_a_line_and_survives_head(project: Path) -> None:
    done = cache(project, "export")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == cache(project, "stats", "--json")["calls"]
    assert {"key", "model", "messages", "params", "response", "finish_reason"} <= lines[0].keys()
    command = f"{sys.executable} -m gristmill cache export | head -c 10"
    piped = subprocess.run(command, shell=True, cwd=project, capture_output=True, text=True, timeout=60)
    assert (piped.stdout, piped.stderr) == ('{"key":"' + lines[0]["key"][:2], "")


def test_a_round_trip_through_a_file(project: Path) -> None:
    written = cache(project, "export", "--out", "calls.jsonl", "--since", "1d", "--json")["written"]
    assert written == cache(project, "stats", "--json")["calls"]
    first = cache(project, "import", "calls.jsonl", "--cache", "new.sqlite", "--json")
    again = cache(project, "import", "calls.jsonl", "--cache", "new.sqlite", "--json")
    assert (first["added"], again["added"], again["known"]) == (written, 0, written)
    (project / "calls.jsonl").write_text("{}\nnonsense\n")
    done = cache(project, "import", "calls.jsonl", "--cache", "new.sqlite", code=1)
    assert "line 1: model: Field required" in done.stderr
    assert "line 2: not JSON" in done.stderr


def test_prune_of_what_no_run_of_the_store_used(project: Path) -> None:
    line = {"model": "openai:m", "messages": [{"role": "user", "content": "q"}], "response": "r"}
    (project / "in.jsonl").write_text(json.dumps(line))
    cache(project, "import", "in.jsonl")
    before = cache(project, "stats", "--json")["calls"]
    counted = cache(project, "prune", "--unreferenced", "--dry-run", "--json")
    done = cache(project, "prune", "--unreferenced", "--json")
    assert counted["removed"] == done["removed"] == 1
    assert done["by_model"] == {"openai:m": 1}
    assert cache(project, "stats", "--json")["calls"] == before - 1
    assert run_json(project / "recipe.yaml", "--limit", 1)["calls"]["sent"] == 0


def test_prune_of_what_cannot_be_used(project: Path) -> None:
    by_finish = cache(project, "stats", "--json")["by_finish"]
    shown = cache(project, "prune", "--unusable", "--older-than", "0h").stderr
    assert f"{by_finish['truncated']} calls removed" in shown
    assert f"{by_finish['complete']} stay" in shown
    assert cache(project, "stats", "--json")["by_finish"] == {"complete": by_finish["complete"]}


def test_prune_is_refused_while_a_run_uses_the_cache(project: Path) -> None:
    claims = Claims.of(project / "gristmill.cache.sqlite")
    try:
        assert "in use by a run" in cache(project, "prune", "--unusable", code=1).stderr
        assert cache(project, "prune", "--unusable", "--dry-run", "--json")["removed"] > 0
    finally:
        claims.close()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["prune"], "prune what"),
        (["prune", "--older-than", "soon"], "is no time"),
        (["prune", "--unreferenced", "--cache", "gristmill.cache.sqlite"], "needs the store"),
        (["stats", "--db", "gristmill.duckdb", "--cache", "x.sqlite"], "two files"),
        (["stats", "--cache", "none.sqlite"], "no such file"),
        (["export", "--json"], "both want stdout"),
        (["export", "--model", "gpt"], "there are: openai:test-model"),
        (["export", "--out", "gristmill.cache.sqlite"], "overwrite the cache itself"),
        (["export", "--out", "nowhere/calls.jsonl"], "folder that is there"),
        (["import", "none.jsonl"], "no such file"),
        (["import", "gristmill.cache.sqlite"], "the cache itself"),
    ],
)
def test_wrong_usage_is_told_in_a_sentence(made: Path, words: list[str], says: str) -> None:
    assert says in cache(made, *words, code=2).stderr


def test_the_cache_is_no_document_and_no_export_target(project: Path) -> None:
    assert (project / "gristmill.cache.sqlite-claims").exists()
    done = gristmill(
        "export",
        *("--db", project / "gristmill.duckdb", "--format", "chat"),
        *("--out", project / "gristmill.cache.sqlite-claims"),
    )
    assert done.returncode == 2
