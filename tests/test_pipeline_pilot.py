"""The measured dry run: what it says of the whole is what the whole then takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.corpora import make_corpus
from support.openai_server import OpenAIServer
from support.projects import gristmill, make_project, run_json

from gristmill.errors import UsageError
from gristmill.pipeline.pilot import parse_sizes
from gristmill.pipeline.projection import total
from gristmill.pipeline.yields import Range, student

JUDGED = 'score:\n  - {use: rubric, rubric: answer, model: writer}\naccept: "answer >= 0.95"\n'
PRICED = ", concurrency: 32, price: {input: 1, output: 4}"


def inside(found: dict[str, float], truth: float) -> bool:
    return found["low"] <= truth <= found["high"]


def hits(pilot: dict[str, Any], real: dict[str, Any]) -> dict[str, bool]:
    """Which of the real run's numbers lie in the pilot's intervals."""
    projected, first = pilot["projected"], pilot["pilot"]
    return {
        "calls": inside(projected["calls"], first["calls"]["sent"] + real["calls"]["sent"]),
        "input": inside(projected["tokens"]["input"], first["tokens"]["input"] + real["tokens"]["input"]),
        "output": inside(projected["tokens"]["output"], first["tokens"]["output"] + real["tokens"]["output"]),
        "cost": inside(projected["cost_usd"], first["cost_usd"] + real["cost_usd"]),
        "accepted": inside(projected["accepted"], real["accepted"]),
    }


def test_the_real_run_lies_in_the_intervals(tmp_path: Path) -> None:
    """Five corpora, five sums each that err together: three corpora off are a matter of one in a hundred."""
    found: list[bool] = []
    for seed in range(5):
        with OpenAIServer(latency=0.02, sigma=0.8, seed=seed) as server:
            recipe = make_corpus(tmp_path / str(seed), server.url, 120, JUDGED, PRICED, seed)
            pilot, real = run_json(recipe, "--dry-run", "--pilot"), run_json(recipe)
        found += hits(pilot, real).values()
        assert real["calls"]["cached"] >= pilot["pilot"]["calls"]["sent"] > 36
        assert max(server.answered.values()) == 1
    assert sum(found) >= 15


def test_a_pilot_leaves_nothing_but_answers(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        recipe = make_corpus(tmp_path, server.url, 60, JUDGED)
        first = run_json(recipe, "--dry-run", "--pilot", "--pilot-chunks", "3,9")
        again = run_json(recipe, "--dry-run", "--pilot", "--pilot-chunks", "3,9")
    assert not (tmp_path / "gristmill.duckdb").exists()
    assert first["pilot"]["sizes"] == [3, 9]
    assert first["pilot"]["rows"]["planned"] == 24
    assert first["pilot"]["rows"]["balanced"]
    assert again["pilot"]["calls"]["sent"] == 0
    assert again["projected"]["calls"] == first["projected"]["calls"]
    assert again["projected"]["tokens"] == first["projected"]["tokens"]


def test_a_pilot_measures_calls_by_role_and_seconds(tmp_path: Path) -> None:
    with OpenAIServer(latency=0.2) as server:
        recipe = make_corpus(tmp_path, server.url, 40, JUDGED.replace("writer", "judge"))
        judge = f'  judge: {{model: "openai:test-model", base_url: "{server.url}"}}\ngenerate'
        recipe.write_text(recipe.read_text().replace("generate", judge))
        found = run_json(recipe, "--dry-run", "--pilot", "--pilot-chunks", "2,6")
    roles = found["pilot"]["roles"]
    assert roles["writer"]["calls_per_chunk"] == 1
    assert 1 <= roles["judge"]["calls_per_chunk"] <= 2
    assert roles["writer"]["seconds_per_call"] >= 0.2
    assert inside(found["projected"]["calls_by_role"]["writer"], 40)


def test_limits_of_a_minute_are_a_floor_of_the_time(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        recipe = make_corpus(tmp_path, server.url, 100, "", ", requests_per_minute: 600")
        found = run_json(recipe, "--dry-run", "--pilot", "--pilot-chunks", "2,4")
    assert found["projected"]["seconds"]["low"] >= 94 / 600 * 60


def test_a_small_corpus_is_walked_whole_and_said_so(tmp_path: Path) -> None:
    recipe = make_project(tmp_path)
    found, real = run_json(recipe, "--dry-run", "--pilot"), run_json(recipe)
    rows = found["projected"]["accepted"]
    assert rows == dict.fromkeys(("mid", "low", "high"), real["accepted"])
    assert any("walked the whole corpus" in note for note in found["notes"])
    assert real["calls"]["sent"] == 0


def test_the_budget_holds_for_the_pilot_too(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        price = ", price: {input: 100, output: 100}, concurrency: 1"
        recipe = make_corpus(tmp_path, server.url, 50, "", price)
        found = run_json(recipe, "--dry-run", "--pilot", "--max-cost", 0.5, code=3)
    assert found["pilot"]["cost_usd"] <= 0.6
    assert 0 < found["pilot"]["chunks"] < 36
    assert "budget is spent" in found["error"]


def test_a_target_is_projected_to_where_it_is_reached(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        recipe = make_corpus(tmp_path, server.url, 300, f"{JUDGED}target: {{accepted: 80}}\n", PRICED)
        pilot, real = run_json(recipe, "--dry-run", "--pilot"), run_json(recipe)
        text = recipe.read_text().replace("accepted: 80", "accepted: 900")
        recipe.write_text(text)
        done = gristmill("run", recipe, "--dry-run", "--pilot")
    assert pilot["projected"]["chunks"]["high"] < 300
    assert real["accepted"] == 80
    assert hits(pilot, real)["calls"]
    # The pilot's chunks are the first that a run with a target walks.
    assert real["calls"]["cached"] >= pilot["pilot"]["calls"]["sent"] > 36
    assert "of the 900 rows wanted: add documents" in done.stderr


def test_a_pilot_that_cannot_reach_its_model_says_so(tmp_path: Path) -> None:
    with OpenAIServer(key="right") as server:
        found = run_json(make_corpus(tmp_path, server.url, 9), "--dry-run", "--pilot", code=1)
    assert "401" in found["error"]
    assert found["pilot"]["chunks"] == 0
    assert found["projected"]["calls"] == {"mid": None, "low": 0, "high": None}


def test_what_never_varied_is_not_taken_for_certain() -> None:
    found = total([2.0] * 36, Range(1000.0, 1000.0, 1000.0), 1.0)
    assert found.mid == 2000
    assert 1900 < found.low < 1990 < 2010 < found.high < 2100
    assert total([2.0] * 36, Range(36.0, 36.0, 36.0), 1.0) == (72, 72, 72)


@pytest.mark.parametrize(("freedom", "point"), [(1, 6.314), (3, 2.353), (10, 1.812), (35, 1.690)])
def test_points_of_student_are_those_of_the_tables(freedom: int, point: float) -> None:
    assert student(freedom) == pytest.approx(point, rel=0.01)


@pytest.mark.parametrize("text", ["", "4,", "0,3", "few", "-1"])
def test_sizes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no numbers of chunks"):
        parse_sizes(text)


def test_a_pilot_is_only_for_a_dry_run(tmp_path: Path) -> None:
    done = gristmill("run", make_project(tmp_path), "--pilot")
    assert done.returncode == 2
    assert json.dumps("--pilot")[1:-1] in done.stderr
