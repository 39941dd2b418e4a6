"""`run --batch` as people use it: budget, signals, mixing with online runs, status, mistakes."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import deque
from pathlib import Path

import pytest
from support.batch_runs import JUDGED, project, rounds
from support.batch_server import BatchServer, Plan
from support.processes import Process
from support.projects import gristmill, run_json

PRICED = ", price: {input: 100, output: 100}, params: {max_tokens: 200}"


def test_the_budget_counts_what_is_on_its_way_and_a_higher_one_goes_on(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.default = Plan(polls=1)
        recipe = project(tmp_path, server.url, PRICED)
        first = run_json(recipe, "--batch", "--max-cost", 0.06, code=3)
        calls = first["batches"]["submitted"]["calls"]
        assert first["status"] == "budget"
        assert first["balanced"]
        again = run_json(recipe, "--batch", "--max-cost", 0.06, code=3)
        assert again["batches"]["submitted"]["calls"] == 0 < calls < first["batches"]["deferred_calls"]
        assert rounds(recipe)[-1]["pending"] == 0
    assert max(server.submitted.values()) == 1


def test_waiting_with_a_spent_budget_collects_and_then_stops(tmp_path: Path) -> None:
    with BatchServer() as server:
        recipe = project(tmp_path, server.url, PRICED)
        summary = run_json(recipe, "--batch", "--wait", "--poll", 0.1, "--max-cost", 0.06, code=3)
    assert summary["status"] == "budget"
    assert summary["batches"]["outstanding"] == []
    assert summary["balanced"]
    assert 0 < summary["cost_usd"] <= 0.06


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_while_waiting_leaves_everything(tmp_path: Path, name: str) -> None:
    with BatchServer() as server:
        server.default = Plan(polls=10**6)
        recipe = project(tmp_path, server.url)
        running = Process("run", recipe, "--batch", "--wait", "--json", "--poll", 0.1)
        while not any(batch.polls > 1 for batch in server.batches.values()):
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(getattr(signal, name))
        out, err = running.communicate(timeout=60)
        assert running.returncode == 1
        assert json.loads(out)["status"] == "interrupted"
        assert "Traceback" not in err
        for batch in server.batches.values():
            batch.plan.polls = 0
        assert rounds(recipe)[-1]["pending"] == 0
    assert max(server.submitted.values()) == 1


def test_waiting_outlives_a_provider_that_is_down_for_a_while(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.fail["retrieve"] = deque([503] * 9)
        recipe = project(tmp_path, server.url)
        summary = run_json(recipe, "--batch", "--wait", "--poll", 0.1)
    assert summary["status"] == "done"
    assert max(server.submitted.values()) == 1


def test_an_online_run_collects_first_and_warns_of_what_is_paid_twice(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.plans.extend([Plan(polls=0), Plan(polls=10**6)])
        recipe = project(tmp_path, server.url)
        run_json(recipe, "--batch")
        run_json(recipe, "--batch")
        done = gristmill("run", recipe, "--json")
        assert done.returncode == 0, done.stderr
        assert "paid for twice" in done.stderr
        summary = json.loads(done.stdout)
        assert summary["pending"] == 0
        assert summary["status"] == "done"
        # The late batch comes in all the same, and changes nothing.
        list(server.batches.values())[1].plan.polls = 0
        late = run_json(recipe, "--batch")
    assert late["status"] == "done"
    assert late["accepted"] == summary["accepted"]


def test_a_role_without_batches_is_asked_online(tmp_path: Path) -> None:
    judged = JUDGED.replace("model: writer", "model: judge")
    with BatchServer() as server:
        recipe = project(tmp_path, server.url, "", judged)
        text = recipe.read_text(encoding="utf-8")
        judge = f'  judge: {{model: "openai:test-model", base_url: "{server.url}", batch: false}}\n'
        recipe.write_text(text.replace("generate:\n", f"{judge}generate:\n"), encoding="utf-8")
        done = rounds(recipe)
    assert len(server.batches) == 1
    assert server.seen.total() > 0, done[-1]
    assert done[-1]["pending"] == 0


def test_status_shows_the_batches_on_their_way(tmp_path: Path) -> None:
    with BatchServer() as server:
        run_json(project(tmp_path, server.url), "--batch")
    db = tmp_path / "gristmill.duckdb"
    [batch] = json.loads(gristmill("status", "--db", db, "--json").stdout)["batches"]
    assert batch["id"] == "batch_0000"
    assert batch["calls"] > 0
    assert "batch_0000" in gristmill("status", "--db", db).stderr


def test_a_batch_that_is_gone_can_be_given_up(tmp_path: Path) -> None:
    with BatchServer() as server:
        recipe = project(tmp_path, server.url)
        run_json(recipe, "--batch")
        server.batches.clear()
        gone = run_json(recipe, "--batch", code=1)
        assert "--give-up batch_0000" in gone["error"]
        assert gone["balanced"]
        run_json(recipe, "--batch", "--give-up", "batch_0000")
        assert rounds(recipe)[-1]["pending"] == 0


@pytest.mark.parametrize("options", [["--batch", "--dry-run"], ["--batch", "--preview", "1"], ["--wait"]])
def test_options_that_do_not_go_together_are_refused(tmp_path: Path, options: list[str]) -> None:
    done = gristmill("run", project(tmp_path, "http://127.0.0.1:9/v1"), *options)
    assert done.returncode == 2
    assert list(tmp_path.glob("*.sqlite")) == []


def test_the_table_is_no_document_and_holds_no_key(tmp_path: Path) -> None:
    with BatchServer(key="s3cret-key") as server:
        recipe = project(tmp_path, server.url, ", api_key_env: VILLAGE_KEY")
        done = gristmill("run", recipe, "--batch", env={**os.environ, "VILLAGE_KEY": "s3cret-key"})
    assert done.returncode == 0, done.stderr
    assert b"VILLAGE_KEY" in (tmp_path / "gristmill.batches.sqlite").read_bytes()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"s3cret-key" not in kept + done.stderr.encode()
