"""Batches that go wrong: partial failure, expiry, cancellation, refusal, broken files, wrong key."""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from pathlib import Path

import pytest
from support.batch_runs import project, rounds
from support.batch_server import BatchServer, Plan
from support.projects import gristmill, run_json


@pytest.mark.parametrize(
    "plan",
    [
        Plan(p429=0.3, p500=0.3, polls=1),
        Plan("expired", left=0.5),
        Plan(dropped=0.4),
        Plan(junk=3, strangers=2),
    ],
    ids=["errors", "expired", "dropped", "junk"],
)
def test_what_did_not_succeed_goes_into_another_batch(tmp_path: Path, plan: Plan) -> None:
    with BatchServer() as server:
        server.plans.append(plan)
        done = rounds(project(tmp_path, server.url))
    assert done[-1]["status"] == "done"
    assert done[-1]["failed"] == {}
    assert done[-1]["pending"] == 0
    again = sum(one["batches"]["collected"]["again"] for one in done)
    assert (again > 0) == (plan.junk == 0)
    assert server.executed == len(server.submitted)  # nobody was answered twice
    assert sum(one["batches"]["collected"]["odd"] for one in done) == plan.junk + plan.strangers


def test_an_error_that_stays_becomes_a_failed_row_with_its_words(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.default = Plan(p400=0.4, p500=0.3, again=True)
        recipe = project(tmp_path, server.url, ", retries: 1")
        done = rounds(recipe)
        assert {"bad-request", "server-error"} <= set(done[-1]["failed"])
        assert done[-1]["pending"] == 0
        # A new run asks the failed ones again, as it does online.
        server.default = Plan()
        assert rounds(recipe)[-1]["failed"] == {}
    assert max(server.attempts.values()) <= 3


def test_a_refused_batch_stops_with_the_providers_words_and_its_requests_are_kept(tmp_path: Path) -> None:
    fault = {"code": "invalid_body", "message": "The body is no good.", "line": 2, "param": None}
    with BatchServer() as server:
        server.plans.append(Plan(errors=[fault]))
        recipe = project(tmp_path, server.url)
        run_json(recipe, "--batch")
        refused = run_json(recipe, "--batch", code=1)
        assert "line 2: The body is no good." in refused["error"]
        assert refused["balanced"]
        assert refused["pending"] == refused["planned"]
        assert rounds(recipe)[-1]["pending"] == 0
    assert server.executed == len(server.submitted)


def test_too_many_at_once_are_handed_in_by_and_by(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.max_enqueued = 5
        done = rounds(project(tmp_path, server.url), most=20)
    assert done[-1]["pending"] == 0
    assert server.executed == len(server.submitted)


def test_a_cancelled_batch_stops_and_its_answers_are_kept(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.plans.append(Plan("cancelled", left=0.5, polls=1))
        recipe = project(tmp_path, server.url)
        run_json(recipe, "--batch")
        run_json(recipe, "--batch")
        stopped = run_json(recipe, "--batch", code=1)
        assert "was cancelled" in stopped["error"]
        assert stopped["batches"]["collected"]["answered"] > 0
        assert rounds(recipe)[-1]["pending"] == 0
    assert server.executed == len(server.submitted)


def test_a_wrong_key_stops_at_once_and_is_nowhere(tmp_path: Path) -> None:
    with BatchServer(key="right") as server:
        recipe = project(tmp_path, server.url, ", api_key_env: VILLAGE_KEY")
        done = gristmill("run", recipe, "--batch", env={**os.environ, "VILLAGE_KEY": "wr0ng-s3cret"})
    assert done.returncode == 1
    assert "VILLAGE_KEY" in done.stderr
    assert "401" in done.stderr
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"wr0ng-s3cret" not in kept + done.stderr.encode() + done.stdout.encode()


def test_an_endpoint_without_batches_says_what_to_do(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.fail["files"] = deque([404])
        done = gristmill("run", project(tmp_path, server.url), "--batch")
    assert done.returncode == 1
    assert "batch: false" in done.stderr


def test_a_server_that_is_down_leaves_everything_as_it_is(tmp_path: Path) -> None:
    with BatchServer() as server:
        recipe = project(tmp_path, server.url)
        run_json(recipe, "--batch")
        port = int(server.url.rsplit(":", 1)[1].split("/")[0])
        server.stop()
        down = run_json(recipe, "--batch", code=1)
    assert down["status"] == "waiting"
    assert down["pending"] == down["planned"]
    assert f":{port}" in down["error"]
    assert len(down["batches"]["outstanding"]) == 1


@pytest.mark.parametrize("fault", ["null", "refusal", "truncated", "broken"])
def test_unusable_answers_fail_their_rows_as_online(tmp_path: Path, fault: str) -> None:
    with BatchServer(**{fault: 1.0}) as server:
        batch = rounds(project(tmp_path / "batch", server.url, copies=1))[-1]
        online = run_json(project(tmp_path / "online", server.url, copies=1))
    assert batch["failed"] == online["failed"] != {}


def test_a_server_that_takes_no_schema_is_asked_in_words(tmp_path: Path) -> None:
    with BatchServer(formats=()) as server:
        done = rounds(project(tmp_path, server.url))
    assert done[-1]["failed"] == {}
    assert done[-1]["accepted"] > 0
    with sqlite3.connect(tmp_path / "gristmill.batches.sqlite") as table:
        assert table.execute("SELECT mode FROM endpoints").fetchall() == [("prompt",)]
