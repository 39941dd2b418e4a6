"""``gristmill compare`` as it is called: evaluations and datasets, what is printed, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.eval_runs import choice_samples, quiz, write_run
from support.projects import gristmill, make_project, run_json

STORE = "data/gristmill.duckdb"


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two projects over the same documents: the second asks for one row a chunk and judges."""
    folder = tmp_path_factory.mktemp("datasets")
    rule = 'score:\n  - {use: groundedness}\naccept: "groundedness >= 0.1"\nstore: rows.duckdb\n'
    for name in ("one", "two"):
        recipe = make_project(folder / name, extra=rule)
        if name == "two":
            recipe.write_text(recipe.read_text().replace("per_chunk: 2", "per_chunk: 1"))
        run_json(recipe)
    return folder


def _json(*args: object) -> dict[str, Any]:
    done = gristmill("compare", *args, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_evaluations_are_told_on_stderr_and_written(tmp_path: Path) -> None:
    for name, right in (("small", 0.5), ("large", 0.7)):
        write_run(tmp_path / name, choice_samples(120, right, len(name)), [quiz(120)], role=name)
    done = gristmill("compare", tmp_path / "small", tmp_path / "large", "--out", tmp_path / "c.html")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "large beside small" in done.stderr
    assert "better" in done.stderr
    twin = json.loads((tmp_path / "c.json").read_text())
    assert twin["compared"][0]["verdict"] == "better"
    assert [s["id"] for s in twin["sections"]][:2] == ["overview", "scores"]
    assert "right → wrong" in (tmp_path / "c.md").read_text()


def test_datasets_are_compared_row_by_row(datasets: Path) -> None:
    found = _json(datasets / "one/rows.duckdb", datasets / "two/rows.duckdb", "--out", datasets / "c.html")
    figures = {row["figure"]: row for row in found["compared"]}
    asked = figures["accepted, of rows asked for"]
    assert asked["baseline"]["n"] == 2 * asked["other"]["n"]
    assert asked["paired_by_document"] is True
    assert [row["name"] for row in found["settings"]] == ["generate[0].per_chunk"]
    assert "not checked" in figures["contaminated, of rows made"]["note"]
    assert "no reviewed rows" in figures["accepted by people"]["note"]
    assert "fewer than 1,000 words" in figures["distinct word pairs"]["note"]
    (rows,) = found["rows"]
    assert rows["chunks"][0] == rows["chunks"][1] == rows["chunks"][2]
    assert rows["same row"] + rows["other text"] + rows["only in the first"] > 0
    assert rows["only in the other"] == 0
    assert "Rows side by side" in (datasets / "c.html").read_text()


def test_two_runs_of_one_file_have_their_own_rows(datasets: Path, tmp_path: Path) -> None:
    shutil.copytree(datasets / "one", tmp_path / "p")
    recipe = tmp_path / "p/recipe.yaml"
    text = recipe.read_text().replace("name: village", "name: summaries")
    recipe.write_text(text.replace("use: qa, model: writer, per_chunk: 2", "use: summary, model: writer"))
    run_json(recipe)
    found = _json(f"{tmp_path}/p/rows.duckdb#village", f"{tmp_path}/p/rows.duckdb#summaries")
    assert [side["label"] for side in found["datasets"]] == ["village", "summaries"]
    assert [side["asked"] for side in found["datasets"]] == [
        found["datasets"][1]["asked"] * 2,
        *[found["datasets"][1]["asked"]],
    ]
    (rows,) = found["rows"]
    assert rows["same row"] == 0
    assert rows["only in the first"] == found["datasets"][0]["rows"]


def test_a_run_whose_rows_were_all_decided_again_is_refused(datasets: Path, tmp_path: Path) -> None:
    shutil.copytree(datasets / "one", tmp_path / "p")
    recipe = tmp_path / "p/recipe.yaml"
    recipe.write_text(recipe.read_text().replace("name: village", "name: strict").replace(">= 0.1", ">= 0.9"))
    run_json(recipe)
    done = gristmill("compare", f"{tmp_path}/p/rows.duckdb#village", f"{tmp_path}/p/rows.duckdb#strict")
    assert done.returncode == 2
    assert "a later run decided them all again" in done.stderr


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (["one/rows.duckdb"], "nothing to compare with"),
        (["one/rows.duckdb", "one/rows.duckdb"], "named twice"),
        (["one/rows.duckdb", "one/rows.duckdb#village"], "named twice"),
        (["one/rows.duckdb", "one"], "cannot be compared with an evaluation"),
        (["one/rows.duckdb", "none.duckdb"], "no such dataset"),
        (["one/rows.duckdb#other", "two/rows.duckdb"], "no run 'other'"),
        (["one", "two"], "no run.json here"),
    ],
)
def test_mistakes_have_a_message_and_a_code(datasets: Path, runs: list[str], message: str) -> None:
    done = gristmill("compare", *(datasets / run for run in runs))
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert message in done.stderr
