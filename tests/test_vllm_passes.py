"""Two models that take turns: the same rows as with both at hand, in as few walks as there are turns."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.engine_runs import corpus, recipe
from support.openai_server import OpenAIServer

from gristmill.models.types import Reply, TokenLogprob
from gristmill.pipeline.passes import Passes, models_in_turn
from gristmill.pipeline.run import Options, Run, Summary
from gristmill.recipe import load_recipe
from gristmill_data.store import Store

WRITER, JUDGE = "openai:test-model", "openai:test-judge"
BOTH = "  - {use: qa, model: writer, per_chunk: 2}\n  - {use: preference, model: writer}\n"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test-key")


def made(folder: Path, url: str, documents: int = 20, more: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    corpus(folder / "docs.jsonl", documents)
    path = recipe(folder, url, generate=BOTH)
    path.write_text(path.read_text() + more)
    return path


async def in_passes(path: Path, **options: Any) -> tuple[Summary, Passes]:
    """A run in which only one of the two models is there at a time."""
    loaded = load_recipe(path)
    passes = Passes([WRITER, JUDGE], len(loaded.tasks))
    summary = await Run(loaded, Options(**options), passes=passes).execute()
    return summary, passes


def outcomes(path: Path) -> set[tuple[Any, ...]]:
    with Store.open(load_recipe(path).store) as store:
        return set(store.rows("SELECT slot_id, state, reason, example_id FROM outcomes"))


async def test_rows_are_the_same_as_with_both_models_at_hand(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        path = made(tmp_path / "passes", server.url)
        summary, passes = await in_passes(path)
        assert not server.repeated  # no call was sent twice
        together = made(tmp_path / "together", server.url)
        plain = await Run(load_recipe(together)).execute()
    assert outcomes(path) == outcomes(together)
    assert (summary.status, summary.tally.balanced, summary.tally.pending) == ("done", True, 0)
    assert (summary.tally.accepted, summary.tally.resumed) == (plain.tally.accepted, 0)
    assert [one.model for one in passes.done] == [WRITER, JUDGE]
    assert [one.answered for one in passes.done] == [
        summary.counters.of(name).sent for name in (WRITER, JUDGE)
    ]
    assert passes.done[0].put_off[JUDGE] > 0


async def test_a_model_that_is_wanted_again_gets_another_pass(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        path = made(tmp_path, server.url)
        # the judge writes the second task's rows, so its turn comes before the writer is done
        path.write_text(path.read_text().replace("preference, model: writer", "preference, model: judge"))
        loaded = load_recipe(path)
        passes = Passes([JUDGE, WRITER], len(loaded.tasks))
        summary = await Run(loaded, passes=passes).execute()
    assert [one.model for one in passes.done] == [JUDGE, WRITER, JUDGE]
    assert (summary.tally.pending, summary.tally.balanced) == (0, True)
    assert not server.repeated


async def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        path = made(tmp_path, server.url)
        first, _ = await in_passes(path, max_tokens=4000)
        assert (first.status, first.tally.balanced) == ("budget", True)
        assert first.tally.pending > 0
        second, _ = await in_passes(path)
        assert (second.status, second.tally.pending, second.tally.balanced) == ("done", 0, True)
        third, _ = await in_passes(path)
    assert not server.repeated
    assert third.tally.resumed + third.tally.failed.total() == third.tally.planned
    assert third.counters.total.sent == 0


async def test_a_target_is_met_without_writing_for_every_chunk(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        path = made(tmp_path, server.url, documents=120, more="target: {accepted: 12}\n")
        summary, passes = await in_passes(path)
    assert summary.goal is not None
    assert (summary.status, summary.goal.accepted, summary.goal.before) == ("target", 12, 0)
    assert summary.tally.accepted == 12
    assert summary.tally.balanced
    assert len(passes.done) >= 2
    assert summary.counters.of(WRITER).sent < 120  # every chunk would take 240


async def test_the_same_two_models_may_fail_rows_without_a_further_pass(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        path = made(tmp_path, server.url, documents=5)
        path.write_text(path.read_text().replace(f'"{JUDGE}"', f'"{JUDGE}", retries: 0, timeout: 0.001'))
        summary, passes = await in_passes(path)
    assert [one.model for one in passes.done] == [WRITER, JUDGE]
    assert Counter(summary.tally.failed) == {"unscored:answer:time-out": summary.tally.failed.total()}
    assert summary.tally.balanced


def test_writers_come_before_judges(tmp_path: Path) -> None:
    path = made(tmp_path, "http://127.0.0.1:9/v1", documents=1)
    loaded = load_recipe(path)
    local = {
        role: spec.model_copy(update={"model": f"vllm:{role}"})
        for role, spec in reversed(loaded.recipe.models.items())
    }
    turned = dataclasses.replace(loaded, recipe=loaded.recipe.model_copy(update={"models": local}))
    assert models_in_turn(turned) == ["vllm:writer", "vllm:judge"]
    assert models_in_turn(loaded) == []


LOGPROBS = [TokenLogprob("Yes", -0.1, [("Yes", -0.1), ("No", -2.5)]), TokenLogprob(".", -0.01, [])]


async def test_log_probabilities_are_kept_with_the_answer(tmp_path: Path) -> None:
    from gristmill.models import Door
    from gristmill.models.spec import ModelSpec

    class Sure:
        name = "openai:sure"

        async def complete(self, request: Any, *, timeout: float) -> Reply:  # noqa: ASYNC109
            return Reply("Yes.", logprobs=LOGPROBS if request.params.get("logprobs") else None)

        async def close(self) -> None:
            """Nothing to release."""

    spec, seen = ModelSpec(model="openai:sure", base_url="http://127.0.0.1:9/v1"), []
    for _ in range(2):
        async with Door({"m": spec}, cache=tmp_path / "x.cache.sqlite") as door:
            line = door._line("m", spec)
            line.backend = Sure()  # type: ignore[assignment]
            for more in ({"logprobs": True, "top_logprobs": 2}, {}):
                seen += await door.ask_for("m")([{"role": "user", "content": "?"}], **more)
    assert [answer.cached for answer in seen] == [False, False, True, True]
    assert [answer.logprobs for answer in seen] == [LOGPROBS, None] * 2
