"""The two sides of ``benchmarks/vllm.py``, each in a process of its own.

python benchmarks/throughput/sides.py run FOLDER      a run of FOLDER/r.yaml, result in FOLDER/run.json
python benchmarks/throughput/sides.py chat FOLDER     what that run asked, by LLM.chat; FOLDER/chat.json
"""

from __future__ import annotations

import asyncio
import cProfile
import io
import json
import pstats
import sqlite3
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gristmill.errors import ModelAnswerError
from gristmill.models.inprocess.engine import Engine
from gristmill.models.inprocess.engines import Engines
from gristmill.models.types import Ask
from gristmill.pipeline.run import Options, Run, Summary
from gristmill.recipe import Loaded, Task, load_recipe
from gristmill.records import Chunk, Document, Example
from gristmill_generators.base import Writer

ENGINE = "engine.json"


class Text(Writer):
    """Asks for free text about a passage: every answer has exactly ``max_tokens`` tokens."""

    async def generate(self, chunk: Chunk, document: Document, ask: Ask) -> Sequence[Example]:
        asked = f"Tell what this passage is about, at length.\n\n{chunk.text}"
        length = {"max_tokens": self.max_tokens, "min_tokens": self.max_tokens, "ignore_eos": True}
        try:
            [answer] = await ask([{"role": "user", "content": asked}], model=self.model, **length)
        except ModelAnswerError as error:
            if error.kind != "truncated":
                raise
            said, key = error.raw, error.key  # cut off at just the length that was wanted
        else:
            said, key = answer.text, answer.key
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
        chunks, calls = [chunk.id], [key]
        return [Example.make("instruction", turns, generator=self.origin, chunk_ids=chunks, calls=calls)]


def run_side(folder: Path, profiled: bool) -> dict[str, Any]:
    """Execute the recipe; ``text`` in its name puts :class:`Text` in the place of the generators."""
    loaded = load_recipe(folder / "r.yaml")
    if loaded.recipe.name == "text":
        loaded = replace(loaded, tasks=(_text_task(loaded),))
    profile = cProfile.Profile() if profiled else None
    run, began, parts = Run(loaded, Options()), time.time(), _timed_parts()
    if profile is not None:
        profile.enable()
    summary = asyncio.run(run.execute())
    if profile is not None:
        profile.disable()
    return {**_phases(folder, began, summary), **_client(run, summary), **parts, "profile": _top(profile)}


def _timed_parts() -> dict[str, float]:
    """Filled in as a run goes on: this process's CPU after loading, seconds to shut the engine down."""
    parts, start, walk, close = {"cpu": 0.0, "closing": 0.0}, Engine.start, Run._walk_all, Engines.close
    before = {"cpu": 0.0}

    async def started(self: Engine) -> None:
        loads = not self.running
        await start(self)
        if loads:
            before["cpu"] = time.process_time()

    async def walked(self: Run, *arguments: Any) -> None:
        await walk(self, *arguments)
        parts["cpu"] = time.process_time() - before["cpu"]

    async def closed(self: Engines) -> None:
        began = time.monotonic()
        await close(self)
        parts["closing"] += time.monotonic() - began

    Engine.start, Run._walk_all, Engines.close = started, walked, closed  # type: ignore[method-assign]
    return parts


def _text_task(loaded: Loaded) -> Task:
    step = loaded.recipe.generate[0]
    made = Text(model=step.args["model"], max_tokens=step.args["max_tokens"])
    return Task("text", made, made.fingerprint())


def _phases(folder: Path, began: float, summary: Summary) -> dict[str, Any]:
    """When calls were on their way, seconds since the start of the run; by the store's call log."""
    from gristmill_data.store import Store

    with Store.open(folder / "gristmill.duckdb") as store:
        rows = store.rows("SELECT epoch_us(sent) / 1e6, seconds FROM call_log ORDER BY sent")
    spans = [(sent - began, sent - began + seconds) for sent, seconds in rows]
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    return {
        "first": first,
        "last": last,
        "whole": summary.seconds,
        "in_flight": sum(end - start for start, end in spans) / (last - first),
        # From when the queue was empty: the last requests leave the engine half idle, here and there.
        "last_sent": max(start for start, _ in spans) - first,
    }


def _client(run: Run, summary: Summary) -> dict[str, Any]:
    calls = summary.counters.total
    reports = run.local.as_json() if run.local is not None else {}
    return {
        "calls": calls.sent,
        "input": calls.input_tokens,
        "output": calls.output_tokens,
        "failed": sum(summary.tally.failed.values()),
        "engine": reports,
    }


def _top(profile: cProfile.Profile | None) -> str:
    if profile is None:
        return ""
    out = io.StringIO()
    pstats.Stats(profile, stream=out).sort_stats("tottime").print_stats(25)
    return out.getvalue()


def chat_side(folder: Path) -> dict[str, Any]:
    """Give all prompts of the run to ``LLM.chat`` at once, with the same engine and sampling."""
    from vllm import LLM

    engine = json.loads((folder / ENGINE).read_text())
    started = time.perf_counter()
    llm = LLM(**engine)
    loading = time.perf_counter() - started
    chats, params = _prompts(folder)
    llm.chat(chats[:1], params[:1], use_tqdm=False)
    llm.reset_prefix_cache()
    started = time.perf_counter()
    outputs = llm.chat(chats, params, use_tqdm=False)
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "loading": loading,
        "calls": len(outputs),
        "input": sum(len(output.prompt_token_ids or ()) for output in outputs),
        "output": sum(len(output.outputs[0].token_ids) for output in outputs),
    }


def _prompts(folder: Path) -> tuple[list[Any], list[Any]]:
    """Messages and parameters of every call, in the order in which the run sent them."""
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    with sqlite3.connect(folder / "gristmill.cache.sqlite") as cache:
        rows = cache.execute("SELECT messages, params, json_schema FROM calls ORDER BY rowid").fetchall()
    chats, params = [], []
    for messages, given, schema in rows:
        wanted = json.loads(given)
        if schema:
            wanted["structured_outputs"] = StructuredOutputsParams(json=schema)
        chats.append(json.loads(messages))
        params.append(SamplingParams(**wanted))
    return chats, params


def main() -> None:
    """One side."""
    side, folder = sys.argv[1], Path(sys.argv[2])
    found = chat_side(folder) if side == "chat" else run_side(folder, "--profile" in sys.argv)
    (folder / f"{side}.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
