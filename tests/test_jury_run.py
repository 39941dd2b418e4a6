"""A jury in a whole run: warnings, dry run, other weights, and calibration from the store."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from support.judge_server import verdict
from support.jury_server import DOWN, RUBRIC, JuryServer, calibration
from support.projects import WELL, gristmill, run_json

from gristmill.cli import app
from gristmill.errors import RecipeError, UsageError
from gristmill.pipeline.plan import Plan
from gristmill.pipeline.ray.parcel import Parcel, unwrap, wrap
from gristmill.recipe import load_recipe
from gristmill.records import Review
from gristmill_data.store import Store
from gristmill_data.store.judged import judged_rows
from gristmill_data.store.votes import pair_votes

QUOTE = "well is eleven metres deep"
RUBRIC_JURY = "    of: rubric\n    with: {rubric: ./ferry.yaml}\n"
PAIR_JURY = "    of: pair\n"
Minds = dict[str, Any]


def recipe(folder: Path, url: str, score: str, *, pairs: bool = False, accept: str = "") -> Path:
    (folder / "well.md").write_text(WELL, encoding="utf-8")
    (folder / "ferry.yaml").write_text(RUBRIC, encoding="utf-8")
    judges = "".join(
        f'  {role}: {{model: "openai:m-{role}", base_url: "{url}", retries: 0}}\n' for role in "abc"
    )
    generate = "use: preference, faults: [unsupported_claim]" if pairs else "use: qa"
    path = folder / "recipe.yaml"
    path.write_text(
        "name: well\ndocuments: [well.md]\nmax_failed_share: 1\ngates: []\n"
        f'models:\n  writer: {{model: "offline:extractive"}}\n{judges}'
        f"generate:\n  - {{{generate}, model: writer, per_chunk: 1}}\n"
        f"score:\n  - use: jury\n    models: [a, b, c]\n{score}"
        + (f'accept: "{accept}"\n' if accept else ""),
        encoding="utf-8",
    )
    return path


def read(path: Path, query: str) -> list[tuple[Any, ...]]:
    with Store.open(path.parent / "gristmill.duckdb") as store, store.cursor() as cursor:
        return cursor.execute(query).fetchall()


def test_a_run_with_a_member_that_is_down(tmp_path: Path) -> None:
    with JuryServer({"a": 4, "b": 1, "c": DOWN}, quote=QUOTE) as server:
        path = recipe(tmp_path, server.url, RUBRIC_JURY, accept="ferry >= 0.6")
        first, again = run_json(path), run_json(path)
    assert first["accepted"] == 1
    assert again["calls"]["sent"] == 0
    for value, votes in read(path, "SELECT value, votes FROM scores"):
        told = [row.get("unscored", row.get("value")) for row in json.loads(votes)[1:]]
        assert (value, told) == (pytest.approx(0.625), [1.0, 0.25, "overloaded"])


def test_equal_weights_are_told_once_and_a_dry_run_counts_every_judge(tmp_path: Path) -> None:
    path = recipe(tmp_path, "http://127.0.0.1:9/v1", "    of: rubric\n    with: {samples: 3}\n")
    done = gristmill("run", path, "--dry-run", "--json")
    assert done.stderr.count("judges weigh the same") == 1
    assert f"{path.name}:13: jury:" in done.stderr
    assert json.loads(done.stdout)["calls"] == {"writer": 1, "a": 3, "b": 3, "c": 3}
    weighed = f"    calibration: {calibration(tmp_path, 'pair', a=0.9, b=0.8, c=0.5)}\n"
    path = recipe(tmp_path, "http://127.0.0.1:9/v1", PAIR_JURY + weighed, pairs=True)
    done = gristmill("run", path, "--dry-run", "--json")
    assert "weigh the same" not in done.stderr
    assert "c (openai:m-c) was right on 0.500 of 200 rows" in done.stderr
    assert json.loads(done.stdout)["calls"] == {"writer": 2, "a": 2, "b": 2}


def test_other_weights_decide_anew_and_ask_nothing(tmp_path: Path) -> None:
    weighed = RUBRIC_JURY + "    calibration: judges.json\n"
    with JuryServer({"a": 4, "b": 1, "c": 1}, quote=QUOTE) as server:
        path = recipe(tmp_path, server.url, weighed, accept="ferry >= 0.6")
        calibration(tmp_path, a=0.9, b=0.6, c=0.6)
        first = run_json(path)
        calibration(tmp_path, a=0.6, b=0.9, c=0.9)
        second = run_json(path)
        third = run_json(path)
    assert (first["accepted"], first["calls"]["sent"]) == (1, 4)
    assert (second["rejected"], second["calls"]["sent"]) == ({"low-score:ferry": 1}, 0)
    assert third["resumed"] == 1


def test_unusable_answers_of_members_are_asked_again_on_demand(tmp_path: Path) -> None:
    half = verdict({"one": True}, QUOTE)
    with JuryServer({"a": 4, "b": half, "c": half}, quote=QUOTE) as server:
        path = recipe(tmp_path, server.url, RUBRIC_JURY, accept="ferry >= 0.6")
        assert run_json(path, code=0)["failed"] == {"unscored:ferry:no-quorum": 1}
        server.minds = {"a": 4, "b": 4, "c": 4}
        assert run_json(path)["calls"]["sent"] == 0
        again = run_json(path, "--redo", "failed")
    assert (again["accepted"], again["failed"]) == (1, {})
    assert server.asked["m-a"] == 1


def decided(path: Path) -> Store:
    """The store, with every row accepted by one reviewer."""
    store = Store.open(path.parent / "gristmill.duckdb")
    for (example,) in store.rows("SELECT id FROM examples", []):
        store.decide(Review(uuid4().hex, example, 0, "ann", "accept", {}, datetime.now(UTC)))
    return store


def test_a_jury_and_its_members_are_judges_of_pairs_to_calibrate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with JuryServer({"a": "tie", "b": "1/2", "c": DOWN}) as server:
        path = recipe(tmp_path, server.url, PAIR_JURY, pairs=True)
        run_json(path)
    with decided(path) as store:
        lines = pair_votes(store)
        rated = judged_rows(store)
    said = {line["judge"]: (line["winner_forward"], line.get("winner_swapped", "")) for line in lines}
    assert said == {
        "jury": ("tie", ""),
        "openai:m-a": ("tie", "tie"),
        "openai:m-b": ("1", "2"),
        "openai:m-c": (None, None),
    }
    assert len({tuple(line["chars"]) for line in lines}) == 1
    assert [row["scorer"] for row in rated] == ["pair"]
    app(["calibrate", "--db", str(path.parent / "gristmill.duckdb"), "--json"], standalone_mode=False)
    judges = {judge["name"]: judge for judge in json.loads(capsys.readouterr().out)["judges"]}
    assert {name for name in judges if "/" in name} == {f"pair/{judge}" for judge in said}
    assert judges["pair/openai:m-c"]["unscored"] == 1


def test_members_of_a_jury_of_scores_are_judges_to_calibrate(tmp_path: Path) -> None:
    with JuryServer({"a": 4, "b": 1, "c": DOWN}, quote=QUOTE) as server:
        path = recipe(tmp_path, server.url, RUBRIC_JURY)
        run_json(path)
    with decided(path) as store:
        rated = {row["scorer"]: row["value"] for row in judged_rows(store)}
        assert pair_votes(store) == []
    members = {"ferry/openai:m-a": 1.0, "ferry/openai:m-b": 0.25, "ferry/openai:m-c": None}
    assert rated == {"ferry": pytest.approx(0.625), **members}


MISTAKES = [
    ("    of: rubrik\n", ":15: score.0.of: unknown scorer 'rubrik'"),
    ("    of: pii\n", ":15: score.0.of: 'pii' asks no model"),
    ("    of: jury\n", ":15: score.0.of: 'jury' asks no model"),
    (
        "    of: rubric\n    with: {rubrik: x}\n",
        ":16: score.0.with.rubrik: no argument of rubric, did you mean",
    ),
    ("    of: rubric\n    with: {samples: 0}\n", ":16: score.0.with.samples: Input should be greater"),
    ("    of: rubric\n    with: {model: a}\n", ":16: score.0.with.model: the roles of a jury stand under"),
    ("    of: rubric\n    rubric: x\n", ":16: score.0.rubric: what rubric is told stands under `with`"),
    ("    of: rubric\n    wiht: {}\n", "did you mean 'with'?"),
    ("    of: rubric\n    calibration: no.json\n", "no.json: no calibration can be read"),
    ("    of: rubric\n    judges: {d: x}\n", "'d' is none of the roles under models"),
    ("    of: rubric\n    judges: {a: x}\n", "names in a calibration, and none is given"),
    ("    of: pair\n    near: 0.1\n", "near is about scores, and pair gives verdicts"),
]


@pytest.mark.parametrize(("score", "said"), MISTAKES)
def test_mistakes_name_line_and_cure(tmp_path: Path, score: str, said: str) -> None:
    path = recipe(tmp_path, "http://127.0.0.1:9/v1", score)
    with pytest.raises(UsageError) as wrong:
        load_recipe(path, check_keys=False)
    assert said in str(wrong.value)


def test_a_model_that_cannot_do_the_task_is_refused(tmp_path: Path) -> None:
    path = recipe(tmp_path, "http://127.0.0.1:9/v1", "    of: ultrafeedback\n")
    path.write_text(path.read_text().replace("[a, b, c]", "[a, writer]"))
    with pytest.raises(RecipeError, match="no rules for ultrafeedback"):
        load_recipe(path, check_keys=False)
    path.write_text(path.read_text().replace("[a, writer]", "[a, d]"))
    with pytest.raises(RecipeError, match="unknown model 'd'"):
        load_recipe(path, check_keys=False)


def test_a_jury_travels_to_a_worker(tmp_path: Path) -> None:
    path = recipe(tmp_path, "http://127.0.0.1:9/v1", RUBRIC_JURY)
    found = load_recipe(path, check_keys=False)
    parcel = Parcel(found, Plan.of(found), (), frozenset(), "2026", True, frozenset(), False)
    (jury,) = unwrap(wrap(parcel)).loaded.scorers
    assert jury.label == "ferry"
    assert jury.fingerprint() == found.scorers[0].fingerprint()
