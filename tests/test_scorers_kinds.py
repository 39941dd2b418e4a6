"""A scorer that judges rows of some kinds: others are not asked about, and the accept rule leaves it out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.judge_server import JudgeServer, shown
from support.projects import gristmill, make_project, run_json
from support.store_rows import fill, new_store, review

from gristmill.recipe import load_recipe
from gristmill.records import OTHER_KIND, Score
from gristmill.registry import load
from gristmill_data.store import SegmentWriter, Store
from gristmill_data.store.frames import frames_of
from gristmill_data.store.judged import judged_rows
from gristmill_data.store.queue import facets
from gristmill_data.store.review import decide
from gristmill_evals.report.blocks import Note, Section
from gristmill_evals.report.frames import Frames
from gristmill_evals.report.sections.quality import scores
from gristmill_evals.report.sections.spending import cost

MIXED = """  - {use: preference, model: writer}
score:
  - {use: pair, model: judge}
  - {use: groundedness}
"""


def project(folder: Path, url: str, accept: str) -> Path:
    recipe = make_project(folder, extra=f'{MIXED}accept: "{accept}"\n')
    judge = f'models:\n  judge: {{model: "openai:test-model", base_url: "{url}"}}\n'
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("models:\n", judge), encoding="utf-8")
    return recipe


def says(winner: str) -> str:
    return json.dumps({"explanation": "so", "winner": winner})


def by_kind(folder: Path) -> Counter[tuple[str, str, str]]:
    with Store.open(folder / "gristmill.duckdb") as store:
        rows = store.rows(
            "SELECT kind, state, coalesce(unscored_reason, 'scored') FROM outcomes o "
            "JOIN examples e ON e.id = o.example_id JOIN scores s ON s.example_id = e.id AND scorer = 'pair'"
        )
    return Counter(map(tuple, rows))


def notes(section: Callable[[Frames], Section], folder: Path) -> list[str]:
    """The sentences of a section of the report."""
    blocks = section(frames_of(folder / "gristmill.duckdb")).blocks
    return [block.text for block in blocks if isinstance(block, Note)]


def test_instruction_rows_of_a_mixed_recipe_are_decided_without_the_judge_of_pairs(tmp_path: Path) -> None:
    def second(body: dict[str, Any], earlier: int) -> str:
        assert shown(body, "response_a")
        return says("B")

    with JudgeServer(second) as server:
        summary = run_json(project(tmp_path, server.url, "pair > 0.5 and groundedness >= 0"))
    found = by_kind(tmp_path)
    assert set(found) == {("instruction", "accepted", "other-kind"), ("preference", "rejected", "scored")}
    pairs = found["preference", "rejected", "scored"]
    assert len(server.said) == 2 * pairs > 0, "nothing was asked about instructions"
    assert summary["accepted"] == found["instruction", "accepted", "other-kind"] > 0
    assert not summary["failed"]
    assert summary["rejected"]["accept-rule"] == pairs

    told = notes(scores, tmp_path)
    count = summary["accepted"]
    assert f"Not applicable, rows of a kind that the scorer does not judge: pair {count}." in told
    assert "Every row that reached a scorer was scored." in told


def test_a_pair_that_could_not_be_judged_is_still_unscored(tmp_path: Path) -> None:
    with JudgeServer(lambda body, earlier: "I cannot say.") as server:
        summary = run_json(project(tmp_path, server.url, "pair >= 0.5"), code=4)
    found = by_kind(tmp_path)
    failed = found["preference", "failed", "invalid-json"]
    assert summary["failed"] == {"unscored:pair:invalid-json": failed}
    # each order is asked once and mended once
    assert summary["calls"]["repairs"] == 2 * failed == len(server.said) / 2
    assert summary["accepted"] == found["instruction", "accepted", "other-kind"] > 0
    (told,) = notes(cost, tmp_path)
    assert told.startswith(f"Repair requests, for answers that could not be used: {2 * failed} of ")


def test_the_dry_run_counts_the_judge_for_the_rows_it_judges(tmp_path: Path) -> None:
    recipe = project(tmp_path, "http://127.0.0.1:9/v1", "pair >= 0.5")
    done = gristmill("run", recipe, "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    # per_chunk: 2 questions and 1 pair, which is shown in both orders
    assert told["calls"]["judge"] == 2 * told["chunks"]


@pytest.mark.parametrize("name", ["qa", "summary", "rewrite", "preference"])
def test_generators_say_what_they_make(name: str) -> None:
    kinds = ("preference",) if name == "preference" else ("instruction",)
    assert load("generators", name).kinds == kinds


def test_a_scorer_without_rows_to_judge_is_told(tmp_path: Path) -> None:
    recipe = make_project(tmp_path, extra="score:\n  - {use: pair, model: writer}\n")
    (doubt,) = [text for text in load_recipe(recipe).warnings if "pair" in text]
    assert "judges preference rows" in doubt
    assert "recipe.yaml:" in doubt


def test_a_score_that_is_not_applicable_is_not_unscored_in_the_store(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        data = fill(store, examples=2, pairs=1)
        writer = SegmentWriter(store.path, "run-1")
        for example, reason in [*((one, OTHER_KIND) for one in data.examples), (data.pairs[0], "refused")]:
            writer.add(Score(example.id, "pair", "1", None, reason))
        writer.flush()
        store.ingest()
        for example in data.examples:
            decide(store, review(example, "accept"))
        decide(store, review(data.pairs[0], "prefer", side="chosen"))
        rows = [(row["example_id"], row["value"]) for row in judged_rows(store) if row["scorer"] == "pair"]
        assert rows == [(data.pairs[0].id, None)]
        assert dict(facets(store)["scorer"])["pair"] == 1


SHOWN = [(0.5, None, "0.50"), (None, "refused", "unscored: refused"), (None, OTHER_KIND, "not applicable")]


@pytest.mark.parametrize(("value", "reason", "shown"), SHOWN)
def test_a_score_says_what_it_is(value: float | None, reason: str | None, shown: str) -> None:
    assert Score("e", "pair", "1", value, reason).shown == shown
