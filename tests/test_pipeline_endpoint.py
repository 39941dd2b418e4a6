"""A run against a real loopback endpoint that misbehaves: it balances, resumes, stops with a reason."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support.engine_runs import until
from support.openai_server import OpenAIServer
from support.processes import Process, run, small_files
from support.projects import gristmill, make_project, run_json

JUDGED = (
    'score:\n  - {use: rubric, rubric: answer, model: writer}\naccept: "answer >= 0.5"\nmax_failed_share: 1\n'
)


def project(folder: Path, url: str, copies: int = 10, options: str = "", extra: str = JUDGED) -> Path:
    return make_project(folder, f'"openai:test-model", base_url: "{url}"{options}', extra, copies)


def test_faults_become_retries_or_rows(tmp_path: Path) -> None:
    with OpenAIServer(p429=0.1, p500=0.05, broken=0.05, retry_after=0.01) as server:
        summary = run_json(project(tmp_path, server.url))
    assert summary["balanced"]
    assert summary["pending"] == 0
    assert summary["calls"]["retried"] > 0
    assert summary["accepted"] > 0


def test_killed_run_resumes_without_repeating_an_answered_call(tmp_path: Path) -> None:
    with OpenAIServer(latency=0.05, p429=0.1, p500=0.05, broken=0.05, retry_after=0.01) as server:
        recipe = project(tmp_path, server.url, copies=40, options=", concurrency: 8")
        running = Process("run", recipe, stderr=subprocess.DEVNULL)
        assert until(lambda: server.answered.total() >= 60, running), "it ended before it could be killed"
        running.send_signal(signal.SIGKILL)
        running.wait()
        killed_at = server.answered.total()
        summary = run_json(recipe)
        again = run_json(recipe)
    repeated = [key for key, count in server.answered.items() if count > 1]
    assert killed_at < server.answered.total()
    assert summary["balanced"]
    assert summary["pending"] == 0
    assert summary["calls"]["cached"] > 0
    # Only calls whose answer was on its way when the process died may be asked twice.
    assert len(repeated) <= 8
    assert again["calls"]["sent"] == 0


def test_wrong_key_stops_at_once_and_is_never_shown(tmp_path: Path) -> None:
    with OpenAIServer(key="right") as server:
        recipe = project(tmp_path, server.url, options=", api_key_env: VILLAGE_KEY")
        done = gristmill("run", recipe, env={**os.environ, "VILLAGE_KEY": "wr0ng-s3cret"})
        assert done.returncode == 1
        assert "VILLAGE_KEY" in done.stderr
        assert "401" in done.stderr
        assert "Traceback" not in done.stderr
        kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"wr0ng-s3cret" not in kept + done.stderr.encode() + done.stdout.encode()


def test_budget_stops_cleanly_and_a_higher_one_goes_on(tmp_path: Path) -> None:
    price = ", price: {input: 100, output: 100}, concurrency: 2"
    with OpenAIServer() as server:
        recipe = project(tmp_path, server.url, options=price)
        first = run_json(recipe, "--max-cost", 1.0, code=3)
        second = run_json(recipe)
    assert first["balanced"]
    assert first["status"] == "budget"
    # Calls are held at an estimate: at most the two in flight (about $0.07 each) may pass the limit.
    assert 0 < first["cost_usd"] <= 1.2
    assert first["pending"] > 0 == second["pending"]
    assert max(server.answered.values()) == 1


def test_ctrl_c_drains_and_saves(tmp_path: Path) -> None:
    with OpenAIServer(latency=0.05) as server:
        recipe = project(tmp_path, server.url, copies=40, options=", concurrency: 4")
        running = Process("run", recipe, "--json")
        assert until(lambda: server.answered.total() >= 30, running)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
        assert running.returncode == 1
        assert '"status": "interrupted"' in out
        assert '"balanced": true' in out
        assert "Traceback" not in err
        run_json(recipe)
    assert max(server.answered.values()) == 1


def test_unreachable_endpoint_is_failed_rows_with_a_reason(tmp_path: Path) -> None:
    recipe = project(tmp_path, "http://127.0.0.1:9/v1", copies=1, options=", retries: 0", extra="")
    summary = run_json(recipe, code=4)
    assert summary["balanced"]
    assert summary["accepted"] == 0
    assert sum(summary["failed"].values()) == summary["planned"]


@pytest.mark.parametrize("fault", ["null", "refusal", "truncated", "broken"])
def test_unusable_answers_fail_their_rows_and_never_score_zero(tmp_path: Path, fault: str) -> None:
    with OpenAIServer(**{fault: 1.0}) as server:
        summary = run_json(project(tmp_path, server.url, copies=1))
    assert summary["balanced"]
    assert sum(summary["failed"].values()) == summary["planned"]
    assert summary["rejected"] == {}


def test_a_full_disk_stops_the_run_with_a_reason_and_keeps_what_was_saved(tmp_path: Path) -> None:
    with OpenAIServer(latency=0.01) as server:
        recipe = project(tmp_path, server.url, copies=40)
        # The process may write files of at most 256 kB: the segments or the cache hit the limit.
        done = run("run", recipe, before=small_files(1 << 18))
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "error:" in done.stderr
        assert run_json(recipe)["balanced"]


def test_the_same_recipe_is_not_run_twice_at_once(tmp_path: Path) -> None:
    with OpenAIServer(latency=0.05) as server:
        recipe = project(tmp_path, server.url, copies=10, options=", concurrency: 4")
        with Process("run", recipe, stderr=subprocess.DEVNULL) as first:
            assert until(lambda: server.active, first)
            second = gristmill("run", recipe)
            assert first.wait(60) == 0
    assert second.returncode == 2
    assert "being run already" in second.stderr
    assert max(server.answered.values()) == 1


def test_the_second_ctrl_c_stops_at_once_and_says_so(tmp_path: Path) -> None:
    with OpenAIServer(latency=0.5) as server:
        recipe = project(tmp_path, server.url, copies=20, options=", concurrency: 4")
        running = Process("run", recipe)
        assert until(lambda: server.active, running)
        running.send_signal(signal.SIGINT)
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
        assert running.returncode == 1
        assert "run again to go on" in err
        assert "Traceback" not in err
        server.behaviour.latency = 0.0
        assert run_json(recipe)["pending"] == 0
    # Only what was on its way when it stopped may be asked twice.
    assert len([key for key, count in server.answered.items() if count > 1]) <= 4


def test_a_budget_that_cannot_be_kept_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    recipe = project(tmp_path, "http://127.0.0.1:9/v1", copies=1, extra="")
    done = gristmill("run", recipe, "--max-cost", 1)
    assert done.returncode == 2
    assert "price" in done.stderr
    assert not (tmp_path / "gristmill.duckdb").exists()


def test_a_key_among_the_parameters_is_refused(tmp_path: Path) -> None:
    secret = ", params: {extra_headers: {Authorization: Bearer s3cret}}"
    done = gristmill("run", project(tmp_path, "http://127.0.0.1:9/v1", 1, secret, ""))
    assert done.returncode == 2
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*.duckdb*") if path.is_file())
    assert b"s3cret" not in kept + done.stderr.encode()
