"""Whole runs as processes against the test server: a corpus, a recipe, and what a store holds afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gristmill_data.store import Store, segments_folder
from support.openai_server import OpenAIServer
from support.processes import Process

# Segments are written and ingested at every turn, so that a short run does it often.
HASTY = """
import gristmill.pipeline.sink as sink
sink.FLUSH_SECONDS, sink.INGEST_SECONDS, sink.INGEST_SHARE = 0.1, 0.2, 0
"""
AnyProcess = Process | subprocess.Popen[str]
GENERATE = "  - {use: qa, model: writer, per_chunk: 2}\n"
JUDGED = 'score:\n  - {use: rubric, rubric: answer, model: judge}\naccept: "answer >= 0.5"\n'


def corpus(path: Path, documents: int, first: int = 0) -> None:
    """A JSONL file of one-chunk documents that all differ."""
    with path.open("w", encoding="utf-8") as file:
        for i in range(first, first + documents):
            text = (
                f"The mill number {i} was built beside a long river in the year {1000 + i}. It ground grain "
                f"for the people of village {i * 7} until it fell silent. A pump of type {i + 3} lifts the "
                "water out of the well in winter."
            )
            file.write(json.dumps({"id": f"d{i}", "text": text}) + "\n")


def recipe(folder: Path, url: str, options: str = "", generate: str = GENERATE, name: str = "mills") -> Path:
    """A recipe over ``docs.jsonl`` in ``folder`` with a writer and a judge at ``url``."""
    path = folder / f"{name}.yaml"
    path.write_text(
        f"name: {name}\ndocuments: [docs.jsonl]\nmodels:\n"
        f'  writer: {{model: "openai:test-model", base_url: "{url}"{options}}}\n'
        f'  judge: {{model: "openai:test-judge", base_url: "{url}"{options}}}\n'
        f"generate:\n{generate}{JUDGED}max_failed_share: 1\n",
        encoding="utf-8",
    )
    return path


def start(path: Path, *args: str, hasty: bool = False, before: str = "", **options: Any) -> Process:
    """``gristmill run --json`` as a process that goes on by itself."""
    code = HASTY + before if hasty else before
    return Process("run", path, "--json", *args, before=code, **options)


def finish(process: AnyProcess, code: int = 0) -> tuple[dict[str, Any], str]:
    """The summary and the words of a process that must end with ``code``."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert "Traceback" not in err, err
    return json.loads(out) if out else {}, err


def until(ready: Callable[[], object], process: AnyProcess | None = None, seconds: float = 60) -> bool:
    """Wait until ``ready``; False when ``process`` ended before."""
    limit = time.monotonic() + seconds
    while not ready():
        if process is not None and process.poll() is not None:
            return False
        assert time.monotonic() < limit, "waited too long"
        time.sleep(0.003)
    return True


def kill(process: Process) -> None:
    """SIGKILL, and wait until the process is gone."""
    process.kill()
    process.communicate()


def held(db: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What a dataset holds, in an order of its own; rows that are there twice are there twice."""
    with Store.open(db) as store:
        store.ingest()
        wanted = {
            "documents": "id, uri",
            "chunks": "id, document_id, start_, end_",
            "examples": "id, kind, messages, chosen, rejected, chunk_ids, generator",
            "outcomes": "slot_id, chunk_id, task, idx, settings, state, reason, example_id",
            "scores": "example_id, scorer, version, value, unscored_reason",
            "calls": "key, model, response",
        }
        return {
            table: store.rows(f"SELECT {columns} FROM {table} ORDER BY ALL")
            for table, columns in wanted.items()
        }


def segments(db: Path, pattern: str = "[0-9]*") -> list[Path]:
    """Segments waiting (or with ``.*.tmp`` being written)."""
    return list(segments_folder(db).glob(pattern))


def asked_again(server: OpenAIServer, before: Counter[str] | None = None) -> int:
    """Answers given more than once (since ``before``)."""
    counts = server.answered - (before or Counter())
    return sum(count - 1 for count in counts.values() if count > 1)


def review(db: Path) -> Process:
    """The review app as the owner of ``db``, once it serves."""
    process = Process("review", "--no-browser", "--port", 0, "--db", db, stderr=subprocess.STDOUT, app=True)
    assert process.stdout is not None
    assert "http://127.0.0.1" in process.stdout.readline()
    return process


def alone(
    folder: Path, behaviour: dict[str, Any], recipes: Mapping[str, str] = {"mills": GENERATE}
) -> dict[str, Any]:
    """What uninterrupted runs over the corpus beside ``folder`` hold, against a server of their own."""
    folder.mkdir()
    os.link(folder.parent / "docs.jsonl", folder / "docs.jsonl")
    with OpenAIServer(**behaviour) as server:
        for name, generate in recipes.items():
            finish(start(recipe(folder, server.url, generate=generate, name=name)))
    return held(folder / "gristmill.duckdb")
