"""Recipes, servers and environments for the tiny model under vLLM."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.tiny_model import passage

SMALL = ("--enforce-eager", "--max-model-len", "8192", "--max-num-seqs", "16", "--dtype", "float32")
# Prompts must not be cut into pieces: with a seed that kills the engine on a CPU (see docs/local-models.md).
SERVER_ARGS = (*SMALL, "--max-num-batched-tokens", "16384")
RUBRIC = "name: sound\ncriteria:\n  - {id: grounded, text: The passage supports the response., points: 1}\n"
PARAMS = {"temperature": 1.0, "max_tokens": 600}


def serve(model: Path, **more: Any) -> dict[str, Any]:
    """``serve`` of a recipe: vLLM's server from this environment, as if it were another one."""
    return {
        "python": sys.executable,
        "model": str(model),
        "args": [*SERVER_ARGS],
        "start_timeout": 240,
        **more,
    }


def recipe(folder: Path, models: dict[str, Any], documents: int = 6) -> Path:
    """A recipe that goes all the way: questions, preference pairs, a judge."""
    with (folder / "docs.jsonl").open("w", encoding="utf-8") as file:
        for i in range(documents):
            file.write(json.dumps({"id": f"d{i}", "text": passage(i)}) + "\n")
    (folder / "rubric.yaml").write_text(RUBRIC, encoding="utf-8")
    path = folder / "r.yaml"
    told = {
        "name": "tiny",
        "store": "x.duckdb",
        "documents": ["docs.jsonl"],
        "models": models,
        "generate": [
            {"use": "qa", "model": "writer", "per_chunk": 2},
            {"use": "preference", "model": "writer"},
        ],
        "gates": [],
        "score": [{"use": "rubric", "rubric": "rubric.yaml", "model": "judge"}],
        "max_failed_share": 1,
    }
    path.write_text(json.dumps(told), encoding="utf-8")  # JSON is YAML
    return path


def stored(folder: Path) -> dict[str, str]:
    """The answers in the cache, by key."""
    cache = folder / "x.cache.sqlite"
    if not cache.exists():
        return {}
    try:
        with sqlite3.connect(f"file:{cache}?mode=ro", uri=True) as db:
            return dict(db.execute("SELECT key, response FROM calls"))
    except sqlite3.OperationalError:  # it is being made
        return {}


def start(path: Path, *args: str) -> subprocess.Popen[str]:
    """``gristmill run --json`` as a process that goes on by itself, in another folder than its server."""
    command = [sys.executable, "-m", "gristmill", "run", str(path), "--json", *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")


def finish(process: subprocess.Popen[str]) -> tuple[dict[str, Any], str]:
    """The summary and the words of a process that must end well."""
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    assert "Traceback" not in err, err
    return json.loads(out), err
