"""`run --batch` from start to end: rounds, the same cache keys as online, accounting in every state."""

from __future__ import annotations

from pathlib import Path

from support.batch_runs import JUDGED, project, rounds
from support.batch_server import BatchServer, Plan
from support.projects import gristmill, run_json


def test_a_run_in_rounds_ends_and_online_has_nothing_left_to_send(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.default = Plan(polls=1)
        recipe = project(tmp_path, server.url)
        done = rounds(recipe)
        online = run_json(recipe)
    assert done[0]["pending"] == done[0]["planned"] > 0
    assert done[0]["batches"]["submitted"]["calls"] == done[0]["batches"]["deferred_calls"] > 0
    assert done[-1]["status"] == "done"
    assert done[-1]["pending"] == 0 < done[-1]["accepted"]
    assert online["calls"]["sent"] == 0
    assert max(server.submitted.values()) == 1
    assert not server.seen  # nothing went to /chat/completions


def test_online_first_leaves_nothing_to_batch(tmp_path: Path) -> None:
    with BatchServer() as server:
        recipe = project(tmp_path, server.url)
        online = run_json(recipe)
        batch = run_json(recipe, "--batch")
    assert online["calls"]["sent"] > 0
    assert batch["status"] == "done"
    assert batch["accepted"] == online["accepted"]
    assert server.batches == {}


def test_rows_are_the_same_as_online(tmp_path: Path) -> None:
    with BatchServer() as server:
        batch = rounds(project(tmp_path / "batch", server.url))[-1]
        online = run_json(project(tmp_path / "online", server.url))
    for part in ("planned", "accepted", "rejected", "failed", "pending"):
        assert batch[part] == online[part]


def test_wait_stays_until_all_is_done(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.default = Plan(polls=2)
        recipe = project(tmp_path, server.url)
        summary = run_json(recipe, "--batch", "--wait", "--poll", 0.1)
    assert summary["status"] == "done"
    assert summary["pending"] == 0
    assert summary["calls"]["sent"] == sum(server.submitted.values()) > 0
    assert len(server.batches) >= 2  # the judge's calls come after the writer's


def test_the_waiting_run_says_how_to_go_on(tmp_path: Path) -> None:
    with BatchServer() as server:
        done = gristmill("run", project(tmp_path, server.url), "--batch")
    assert done.returncode == 0
    assert "run the same command again" in done.stderr
    assert "batch_0000" in done.stderr


def test_preference_pairs_and_judges_of_other_packages_go_the_same_way(tmp_path: Path) -> None:
    extra = (
        "  - {use: preference, model: writer}\nscore:\n  - {use: ultrafeedback, model: writer, samples: 3}\n"
    )
    with BatchServer() as server:
        done = rounds(project(tmp_path, server.url, extra=f"{extra}max_failed_share: 1\n", copies=1))[-1]
        online = run_json(
            project(tmp_path / "online", server.url, extra=f"{extra}max_failed_share: 1\n", copies=1)
        )
    assert done["pending"] == 0
    for part in ("accepted", "rejected", "failed"):
        assert done[part] == online[part]
    assert max(server.submitted.values()) == 1


def test_a_target_hands_in_no_more_than_is_likely_to_be_needed(tmp_path: Path) -> None:
    with BatchServer() as server:
        recipe = project(tmp_path, server.url, extra=f"{JUDGED}target: {{accepted: 4}}\n", copies=10)
        done = rounds(recipe, most=20)
    assert done[-1]["status"] == "target"
    assert done[-1]["accepted"] == 4
    assert done[0]["batches"]["submitted"]["calls"] < done[0]["planned"] / 4


def test_redo_asks_unusable_answers_again_in_a_batch(tmp_path: Path) -> None:
    with BatchServer(truncated=1.0) as server:
        recipe = project(tmp_path, server.url, copies=1)
        assert rounds(recipe)[-1]["accepted"] == 0
        server.behaviour.truncated = 0.0
        summary = run_json(recipe, "--batch", "--redo", "truncated", "--wait", "--poll", 0.1)
    assert summary["status"] == "done"
    assert summary["accepted"] > 0
    assert summary["failed"] == {}
