"""A whole run with votes: options checked with the recipe, votes in the store, nothing drawn twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.openai_server import OpenAIServer
from support.projects import gristmill, make_project, run_json
from support.samples import CUT, samples

from gristmill.errors import RecipeError
from gristmill.recipe import load_recipe
from gristmill_data.store import Store

MILL = "The mill at the ford employed forty people in 1880, and most of them lived on the other bank."
PAIR = {
    "question": "How many people did the mill at the ford employ in 1880?",
    "answer": "It employed forty people.",
    "evidence": "employed forty people in 1880",
    "type": "factual",
}
RUBRIC = "name: mill\ncriteria:\n  - {id: true_, text: It is true., points: 1}\n"


def project(folder: Path, model: str, generate: str, score: str = "", params: str = "") -> Path:
    (folder / "mill.txt").write_text(MILL, encoding="utf-8")
    (folder / "mill.yaml").write_text(RUBRIC, encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        f"name: mill\ndocuments: [mill.txt]\nmax_failed_share: 1\n"
        f"models:\n  writer: {{model: {model}{params}}}\ngenerate:\n  - {{{generate}}}\n"
        + (f"score:\n  - {{{score}}}\n" if score else ""),
        encoding="utf-8",
    )
    return recipe


def online(folder: Path, url: str, generate: str, score: str = "") -> Path:
    return project(folder, f'"openai:test-model", base_url: "{url}", concurrency: 1', generate, score)


def verdict(met: bool) -> dict[str, Any]:
    quote = "employed forty people" if met else ""
    return {"criteria": [{"id": "true_", "met": met, "quote": quote, "reason": "r"}]}


def read(recipe: Path, query: str) -> list[tuple[Any, ...]]:
    with Store.open(recipe.parent / "gristmill.duckdb") as store, store.cursor() as cursor:
        return cursor.execute(query).fetchall()


def test_votes_are_in_the_store_and_every_call_is_found(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        server.script += [
            samples({"pairs": [PAIR]}),
            samples("Forty.", CUT, "40 people", "Fifty.", "Forty"),
            samples(verdict(True), verdict(False), verdict(True)),
        ]
        qa = "use: qa, model: writer, samples: 5, min_agreement: 0.6"
        recipe = online(
            tmp_path, server.url, qa, "use: rubric, rubric: ./mill.yaml, model: writer, samples: 3"
        )
        summary = run_json(recipe)
        assert server.seen.total() == 3
    assert (summary["accepted"], summary["failed"]) == (1, {})
    [(metadata, calls)] = read(recipe, "SELECT metadata, calls FROM examples")
    found = json.loads(metadata)
    assert found["agreement"] == 0.75
    assert [vote.get("failed", vote.get("agrees")) for vote in found["votes"]] == [
        True,
        "truncated",
        True,
        False,
        True,
    ]
    [(value, votes)] = read(recipe, "SELECT value, votes FROM scores")
    row = json.loads(votes)[0]
    assert (value, row["agreement"]) == (1.0, pytest.approx(2 / 3))
    stored = {key for (key,) in read(recipe, "SELECT key FROM calls")}
    named = {*calls, *(vote["call"] for vote in found["votes"]), *(vote["call"] for vote in row["votes"])}
    assert named == stored
    assert len(stored) == 1 + 5 + 3


def test_more_samples_later_pay_for_the_new_ones_only(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        server.script += [samples({"pairs": [PAIR]}), samples("Forty.", "40", "50")]
        recipe = online(tmp_path, server.url, "use: qa, model: writer, samples: 3")
        first = run_json(recipe)
        server.script.append(samples("50", "Forty people"))
        recipe = online(tmp_path, server.url, "use: qa, model: writer, samples: 5")
        second = run_json(recipe)
        third = run_json(
            online(tmp_path, server.url, "use: qa, model: writer, samples: 5, min_agreement: 0.9")
        )
        assert [body.get("n") for body in server.bodies] == [None, 3, 2]
    assert (first["calls"]["sent"], second["calls"]["sent"], third["calls"]["sent"]) == (4, 2, 0)
    assert (second["accepted"], third["rejected"]) == (1, {"no-agreement": 1})


def test_failing_samples_leave_a_balanced_run(tmp_path: Path) -> None:
    generate = "  - {use: preference, model: writer, strategy: candidates, judge_samples: 3, margin: 1}\n"
    with OpenAIServer(truncated=0.15, broken=0.1, null=0.1, p429=0.05, retry_after=0.01) as server:
        recipe = make_project(tmp_path, f'"openai:test-model", base_url: "{server.url}"', "", copies=4)
        text = recipe.read_text().replace("per_chunk: 2}", "per_chunk: 2, samples: 5, likeness: 0.5}")
        score = "score:\n  - {use: rubric, model: writer, samples: 4}\nmax_failed_share: 1\n"
        recipe.write_text(text + generate + score, encoding="utf-8")
        summary = run_json(recipe)
    assert (summary["balanced"], summary["pending"]) == (True, 0)
    rows = [
        json.loads(votes) for (votes,) in read(recipe, "SELECT votes FROM scores WHERE value IS NOT NULL")
    ]
    assert {len(criterion["votes"]) for row in rows for criterion in row} == {4}
    failed = [vote["failed"] for row in rows for vote in row[0]["votes"] if "failed" in vote]
    assert set(failed) <= {"truncated", "empty", "invalid-json", "no-json", "wrong-schema"}
    assert failed
    found = [
        json.loads(row) for (row,) in read(recipe, "SELECT metadata FROM examples WHERE kind = 'instruction'")
    ]
    voted = [metadata for metadata in found if "votes" in metadata]
    assert voted
    assert {len(metadata["votes"]) for metadata in voted} == {5}


def test_an_unscored_row_keeps_its_votes(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        server.script += [
            samples({"pairs": [PAIR]}),
            samples(verdict(True), CUT, "no JSON"),
            samples("no JSON"),
        ]
        score = "use: rubric, rubric: ./mill.yaml, model: writer, samples: 3"
        recipe = online(tmp_path, server.url, "use: qa, model: writer", score)
        run_json(recipe)
    [(value, reason, votes)] = read(recipe, "SELECT value, unscored_reason, votes FROM scores")
    assert (value, reason) == (None, "no-quorum")
    assert [vote.get("failed") for vote in json.loads(votes)] == [None, "truncated", "invalid-json"]


def test_the_dry_run_counts_the_samples(tmp_path: Path) -> None:
    recipe = project(
        tmp_path,
        '"openai:test-model", base_url: "http://127.0.0.1:9/v1"',
        "use: qa, model: writer, samples: 5",
        "use: rubric, model: writer, samples: 3",
    )
    loaded = load_recipe(recipe)
    assert loaded.tasks[0].generator.calls_per_chunk() == {"writer": 6}
    assert loaded.scorers[0].calls_per_example() == {"writer": 3}


WRONG = [
    ("use: summary, model: writer, samples: 3", "", "samples: 'summary' gives no answers", "preference, qa"),
    ("use: rewrite, model: writer, vote: majority", "", "vote: 'rewrite' gives no answers", "preference, qa"),
    (
        "use: qa, model: writer",
        "use: groundedness, samples: 3",
        "samples: 'groundedness' gives",
        "prometheus, quality_scorer, rubric",
    ),
    ("use: qa, model: writer, samples: 3, vote: median", "", "Input should be 'majority'", "recipe"),
    ("use: qa, model: writer, min_agreement: 0.6", "", "only one is drawn", "recipe"),
    ("use: qa, model: writer, samples: 3, agreement: 0.6", "", "unknown key 'agreement'", "min_agreement"),
]


@pytest.mark.parametrize(("generate", "score", "message", "cure"), WRONG)
def test_options_that_cannot_work_are_refused(
    tmp_path: Path, generate: str, score: str, message: str, cure: str
) -> None:
    recipe = project(tmp_path, '"offline:extractive"', generate, score)
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe)
    assert message in str(caught.value)
    assert cure in caught.value.cure
    assert "recipe.yaml:" in caught.value.where


ONLINE = '"openai:m", base_url: "http://127.0.0.1:9/v1"'
DOUBTS = [
    (ONLINE, ", params: {temperature: 0}", "use: qa, model: writer, samples: 3", "temperature 0"),
    (ONLINE, "", "use: qa, model: writer, samples: 3, temperature: 0", "temperature 0"),
    (
        ONLINE,
        ", params: {temperature: 0}",
        "use: preference, model: writer, strategy: candidates, judge_samples: 3",
        "temperature 0",
    ),
    ('"offline:extractive"', "", "use: qa, model: writer, samples: 3", "alternatives"),
    (ONLINE, ", params: {temperature: 0}", "use: qa, model: writer, samples: 3, temperature: 0.7", ""),
    (ONLINE, ", params: {temperature: 0}", "use: qa, model: writer", ""),
    (ONLINE, "", "use: qa, model: writer, samples: 3", ""),
]


@pytest.mark.parametrize(("model", "params", "generate", "doubt"), DOUBTS)
def test_samples_that_would_be_the_same_are_a_warning(
    tmp_path: Path, model: str, params: str, generate: str, doubt: str
) -> None:
    loaded = load_recipe(project(tmp_path, model, generate, params=params))
    assert [doubt in warning for warning in loaded.warnings] == ([True] if doubt else [])
    assert all("recipe.yaml:" in warning for warning in loaded.warnings)


def test_the_warning_is_shown(tmp_path: Path) -> None:
    recipe = project(tmp_path, '"offline:extractive"', "use: qa, model: writer, samples: 3")
    done = gristmill("run", recipe)
    assert done.returncode == 0, done.stderr
    assert "a vote on them says nothing" in " ".join(done.stderr.split())
