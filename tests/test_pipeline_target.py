"""Exactly as many accepted rows as wanted, with a place for each value, whatever is in flight."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.corpora import make_corpus
from support.engine_runs import review
from support.openai_server import OpenAIServer
from support.processes import Process
from support.projects import gristmill, make_project, run_json

from gristmill.errors import RecipeError
from gristmill.recipe import load_recipe
from gristmill.records import Review
from gristmill_data.store import Filters, Store

HALF = 'score:\n  - {use: rubric, rubric: answer, model: writer}\naccept: "answer >= 0.95"\n'


def stored(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with Store.open(folder / "gristmill.duckdb") as store:
        return store.rows(query)


def accepted(folder: Path) -> int:
    [(count,)] = stored(folder, "SELECT count(*) FROM rows_ WHERE status = 'accepted' AND NOT stale")
    return int(count)


def retarget(recipe: Path, old: str, new: str) -> None:
    recipe.write_text(recipe.read_text().replace(f"target: {{{old}", f"target: {{{new}"))


@pytest.mark.parametrize("goal", [1, 17, 60])
def test_the_store_ends_with_exactly_n_rows_and_little_is_paid_beyond(tmp_path: Path, goal: int) -> None:
    with OpenAIServer(latency=0.02, sigma=0.8, seed=goal) as server:
        extra = f"{HALF}target: {{accepted: {goal}}}\n"
        summary = run_json(make_corpus(tmp_path, server.url, 200, extra, ", concurrency: 64"))
    assert (summary["status"], summary["accepted"], summary["balanced"]) == ("target", goal, True)
    assert accepted(tmp_path) == goal
    assert summary["pending"] > 0
    # 64 slots could have 128 rows on their way; the forecast keeps that down near the end.
    assert summary["rejected"].get("target-reached", 0) <= 16


def test_offline_rows_meet_the_target_too(tmp_path: Path) -> None:
    summary = run_json(make_project(tmp_path, extra="target: {accepted: 7}\ngates: []\n", copies=30))
    assert (summary["status"], summary["accepted"], accepted(tmp_path)) == ("target", 7, 7)
    assert summary["balanced"]


def test_a_larger_target_takes_first_what_was_paid_for(tmp_path: Path) -> None:
    with OpenAIServer(latency=0.02, sigma=0.8) as server:
        extra = f"{HALF}target: {{accepted: 20}}\n"
        recipe = make_corpus(tmp_path, server.url, 150, extra, ", concurrency: 64", per_chunk=4)
        first = run_json(recipe)
        retarget(recipe, "accepted: 20", "accepted: 30")
        second = run_json(recipe)
    assert (first["accepted"], second["accepted"], accepted(tmp_path)) == (20, 30, 30)
    assert (first["balanced"], second["balanced"]) == (True, True)
    assert second["target"]["accepted_before"] == 20
    assert max(server.answered.values()) == 1


def test_rows_turned_away_are_decided_again_from_the_cache(tmp_path: Path) -> None:
    with OpenAIServer(latency=0.02) as server:
        recipe = make_corpus(tmp_path, server.url, 3, "target: {accepted: 4}\n", per_chunk=4)
        first = run_json(recipe)
        retarget(recipe, "accepted: 4", "accepted: 40")
        sent, second = server.answered.total(), run_json(recipe)
        recipe.write_text(recipe.read_text().replace("target: {accepted: 40}\n", ""))
        third = run_json(recipe)
    assert first["rejected"]["target-reached"] > 0
    assert (first["accepted"], second["status"], second["accepted"]) == (4, "short", third["accepted"])
    assert second["calls"]["sent"] == server.answered.total() - sent
    assert "target-reached" not in second["rejected"]
    assert max(server.answered.values()) == 1


def test_a_killed_run_resumes_to_exactly_n(tmp_path: Path) -> None:
    with OpenAIServer(latency=0.05, sigma=0.8) as server:
        extra = f"{HALF}target: {{accepted: 80}}\n"
        recipe = make_corpus(tmp_path, server.url, 300, extra, ", concurrency: 16")
        running = Process("run", recipe, stderr=subprocess.DEVNULL)
        while server.answered.total() < 120:
            assert running.poll() is None, "the run ended before it could be killed"
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
        running.wait()
        summary = run_json(recipe)
        again = run_json(recipe)
    assert (summary["accepted"], accepted(tmp_path), summary["balanced"]) == (80, 80, True)
    assert (again["status"], again["calls"]["sent"]) == ("target", 0)
    # Calls on the wire, and answers that were not written down yet when the process died.
    assert len([key for key, count in server.answered.items() if count > 1]) <= 32


def test_quotas_by_value_fill_each_and_stop(tmp_path: Path) -> None:
    per = "per: {document.metadata.topic: {water: 9, paper: 3, other: 5}}"
    with OpenAIServer(latency=0.02, sigma=0.8) as server:
        recipe = make_corpus(tmp_path, server.url, 150, f"{HALF}target: {{{per}}}\n", ", concurrency: 64")
        summary = run_json(recipe)
    topics = stored(
        tmp_path,
        "SELECT d.metadata ->> 'topic', count(*) FROM rows_ r JOIN documents d ON d.id = r.document_id "
        "WHERE status = 'accepted' GROUP BY 1 ORDER BY 1",
    )
    assert topics == [("paper", 3), ("stone", 5), ("water", 9)]
    assert (summary["status"], summary["accepted"], summary["balanced"]) == ("target", 17, True)
    assert summary["target"]["wanted"] == 17
    assert any(reason.startswith("quota-full:document.metadata.topic=") for reason in summary["rejected"])


def test_a_value_without_a_quota_gets_none_and_costs_nothing(tmp_path: Path) -> None:
    per = "accepted: 6, per: {document.metadata.topic: {water: 6}}"
    with OpenAIServer() as server:
        summary = run_json(make_corpus(tmp_path, server.url, 60, f"target: {{{per}}}\n"))
        asked = [str(body) for body in server.bodies]
    assert summary["accepted"] == 6
    turned = {reason for reason in summary["rejected"] if reason.startswith("quota-full")}
    assert turned <= {f"quota-full:document.metadata.topic={topic}" for topic in ("paper", "stone")}
    assert len(asked) < 20


def test_one_number_bounds_every_value(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        extra = "target: {accepted: 20, per: {document.uri: 2}}\n"
        summary = run_json(make_corpus(tmp_path, server.url, 40, extra, per_chunk=5))
    uris = stored(tmp_path, "SELECT uri, count(*) FROM rows_ WHERE status = 'accepted' GROUP BY 1")
    assert summary["accepted"] == sum(count for _, count in uris) == 20
    assert max(count for _, count in uris) <= 2


def test_a_generator_whose_quota_is_full_is_not_asked_any_more(tmp_path: Path) -> None:
    extra = "target: {per: {generator: {qa: 8, summary: 3}}}\n"
    with OpenAIServer(latency=0.01) as server:
        recipe = make_corpus(tmp_path, server.url, 60, extra, ", concurrency: 4")
        recipe.write_text(
            recipe.read_text().replace("gates: []", "  - {use: summary, model: writer}\ngates: []")
        )
        summary = run_json(recipe)
        summaries = sum("summary" in json.dumps(body.get("response_format")) for body in server.bodies)
    made = dict(
        stored(tmp_path, "SELECT generator, count(*) FROM rows_ WHERE status = 'accepted' GROUP BY 1")
    )
    assert made == {"qa": 8, "summary": 3}
    assert (summary["status"], summary["balanced"]) == ("target", True)
    assert summaries <= 8


def test_too_small_a_corpus_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    with OpenAIServer(key="right") as server:  # every call is refused: the warning comes first
        done = gristmill("run", make_corpus(tmp_path, server.url, 5, "target: {accepted: 500}\n"))
    assert "5 chunks ask for 10 rows, 500 are wanted" in done.stderr


def test_a_yield_too_low_is_told_early_and_at_the_end(tmp_path: Path) -> None:
    with OpenAIServer(latency=0.05) as server:
        extra = f"{HALF}target: {{accepted: 239}}\n"
        recipe = make_corpus(tmp_path, server.url, 120, extra, ", concurrency: 8")
        done = gristmill("run", recipe, "--json")
        asked = server.answered.total()
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["status"], summary["balanced"]) == (0, "short", True)
    assert (summary["pending"], summary["target"]["reached"]) == (0, False)
    assert "of the 239 rows wanted: add documents or loosen accept" in done.stderr
    assert f"{summary['accepted']} of 239 rows wanted are accepted; every chunk was walked" in done.stderr
    assert asked > 200
    expected = summary["target"]["forecast"]["expected"]
    assert expected["low"] <= summary["accepted"] <= expected["high"]


def test_rows_that_reviewers_reject_are_made_up_for(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        recipe = make_corpus(tmp_path, server.url, 60, "target: {accepted: 12}\n", ", concurrency: 4")
        run_json(recipe)
        with Store.open(tmp_path / "gristmill.duckdb") as store:
            for number, row in enumerate(store.queue_page(Filters(), None, 3)):
                store.decide(
                    Review(f"event-{number}", row["example_id"], 0, "ada", "reject", {}, datetime.now(UTC))
                )
        second = run_json(recipe)
    assert (second["status"], second["balanced"]) == ("target", True)
    assert second["target"]["accepted_before"] == 9
    assert accepted(tmp_path) == 12


def test_a_failed_row_beside_an_accepted_one_does_not_count_twice(tmp_path: Path) -> None:
    with OpenAIServer(seed=3, broken=0.3) as server:
        extra = f"{HALF}target: {{accepted: 30}}\n"
        recipe = make_corpus(tmp_path, server.url, 60, extra, ", concurrency: 4", per_chunk=3)
        first = run_json(recipe)
        retarget(recipe, "accepted: 30", "accepted: 40")
        second = run_json(recipe)
    assert sum(first["failed"].values()) > 0
    assert (first["accepted"], second["accepted"], accepted(tmp_path)) == (30, 40, 40)
    assert second["balanced"]


def test_a_smaller_target_takes_nothing_back_and_asks_nothing(tmp_path: Path) -> None:
    recipe = make_project(tmp_path, extra="target: {accepted: 9}\ngates: []\n", copies=10)
    run_json(recipe)
    retarget(recipe, "accepted: 9", "accepted: 4")
    second = run_json(recipe)
    assert (second["status"], second["accepted"], second["calls"]["sent"]) == ("target", 9, 0)
    assert second["balanced"]


@pytest.mark.parametrize(("order", "spread"), [("shuffled", True), ("document", False)])
def test_an_early_stop_takes_rows_from_all_over(tmp_path: Path, order: str, spread: bool) -> None:
    with OpenAIServer() as server:
        extra = f"target: {{accepted: 20, order: {order}}}\n"
        run_json(make_corpus(tmp_path, server.url, 200, extra, ", concurrency: 2"))
    found = stored(tmp_path, "SELECT uri FROM rows_ WHERE status = 'accepted'")
    last = max(int(uri.rpartition("d")[2]) for (uri,) in found)
    assert (last > 100) is spread


MISTAKES = [
    ("accepted: 10, per: {kind: {instruction: 4}}", "add up to 4, less than accepted: 10"),
    ("per: {colour: 4}", "'colour' is no field of a row"),
    ("per: {metadata.: 4}", "is no field of a row"),
    ("per: {kind: 0}", "lets no row through"),
    ("per: {kind: -1}", "greater than or equal to 0"),
    ("accepted: 0", "greater than or equal to 1"),
    ("accepted: 3, order: random", "'shuffled' or 'document'"),
    ("acepted: 3", "unknown key 'acepted'"),
]


@pytest.mark.parametrize(("target", "says"), MISTAKES)
def test_impossible_targets_are_refused_with_the_line(tmp_path: Path, target: str, says: str) -> None:
    recipe = make_project(tmp_path, extra=f"target: {{{target}}}\n")
    with pytest.raises(RecipeError, match=r"recipe\.yaml:8") as caught:
        load_recipe(recipe)
    assert says in str(caught.value)


def test_all_values_of_a_type_quota_are_counted_by_the_rows(tmp_path: Path) -> None:
    recipe = make_project(tmp_path, extra="target: {per: {metadata.type: 3}}\ngates: []\n", copies=10)
    summary = run_json(recipe)
    types = Counter(
        dict(stored(tmp_path, "SELECT type, count(*) FROM rows_ WHERE status = 'accepted' GROUP BY 1"))
    )
    assert max(types.values()) == 3
    assert summary["accepted"] == types.total()
    assert summary["balanced"]


def test_the_target_is_counted_while_the_review_app_owns_the_file(tmp_path: Path) -> None:
    recipe = make_project(tmp_path, extra="target: {accepted: 5, per: {kind: 9}}\ngates: []\n", copies=10)
    run_json(recipe)
    retarget(recipe, "accepted: 5", "accepted: 8")
    with review(tmp_path / "gristmill.duckdb") as app:
        second = run_json(recipe)
        app.send_signal(signal.SIGTERM)
    assert (second["status"], second["accepted"], second["balanced"]) == ("target", 8, True)
    assert second["target"]["accepted_before"] == 5
    assert accepted(tmp_path) == 8


def test_ctrl_c_near_the_target_drains_and_the_next_run_reaches_it(tmp_path: Path) -> None:
    with OpenAIServer(latency=0.15) as server:
        extra = f"{HALF}target: {{accepted: 30}}\n"
        recipe = make_corpus(tmp_path, server.url, 100, extra, ", concurrency: 8")
        running = Process("run", recipe, "--json")
        while server.answered.total() < 40:
            assert running.poll() is None, "the run ended before it could be stopped"
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        first = json.loads(running.communicate(timeout=60)[0])
        second = run_json(recipe)
    assert (first["status"], first["balanced"]) == ("interrupted", True)
    assert first["accepted"] < 30
    assert (second["status"], second["accepted"], accepted(tmp_path)) == ("target", 30, 30)
    assert max(server.answered.values()) == 1
