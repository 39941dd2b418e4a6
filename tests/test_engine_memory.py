"""What a run leaves to the garbage collector, which it lets run seldom: next to nothing a row."""

from __future__ import annotations

import gc
import json
from pathlib import Path

from support.openai_server import OpenAIServer

from gristmill.pipeline.collector import seldom_collected
from gristmill.pipeline.run import Run
from gristmill.recipe import load_recipe

RECIPE = """
name: memory
documents: [docs.jsonl]
models: {{writer: {{model: "openai:test-model", base_url: "{url}", concurrency: 16}}}}
generate: [{{use: qa, model: writer}}]
gates: [{{use: quality_rules}}, {{use: exact_duplicates}}]
score: [{{use: rubric, rubric: answer, model: writer}}]
"""


def project(folder: Path, url: str, documents: int) -> Path:
    folder.mkdir()
    texts = (f"Pump number {n} is a machine that lifts water {n} metres high." for n in range(documents))
    rows = (json.dumps({"id": str(n), "text": text}) for n, text in enumerate(texts))
    (folder / "docs.jsonl").write_text("\n".join(rows))
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(url=url))
    return recipe


async def left_behind(folder: Path, url: str, documents: int) -> int:
    """Unreachable objects after a whole run in this process during which nothing was collected."""
    loaded = load_recipe(project(folder, url, documents))
    gc.unfreeze()  # what stays frozen is not counted
    gc.collect()
    gc.disable()
    try:
        summary = await Run(loaded).execute()
        assert summary.tally.decided == documents
        return gc.collect()
    finally:
        gc.enable()


async def test_a_row_leaves_no_cycles_behind(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        await left_behind(tmp_path / "warm", server.url, 20)  # imports leave cycles of their own
        few = await left_behind(tmp_path / "few", server.url, 50)
        many = await left_behind(tmp_path / "many", server.url, 150)
    assert many - few < 100, f"{(many - few) / 100:.1f} objects a row"


def test_the_collector_is_as_before_afterwards() -> None:
    before = gc.get_threshold()
    gc.unfreeze()
    with seldom_collected():
        assert gc.get_threshold() > before
        assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_what_was_frozen_before_stays_frozen() -> None:
    gc.freeze()
    before = gc.get_freeze_count()
    with seldom_collected():
        pass
    assert gc.get_freeze_count() >= before
