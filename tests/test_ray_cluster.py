"""Runs on a real Ray cluster of two nodes: the dataset of a local run, whatever dies on the way."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from support.engine_runs import asked_again, corpus, held, recipe, until
from support.openai_server import OpenAIServer
from support.ray_cluster import Deadly, Squares, another_node, command, held_alone, on_ray, pids, two_nodes

from gristmill.errors import ModelConfigError
from gristmill.pipeline.ray import roster
from gristmill.pipeline.ray.cluster import ClusterError, RayOptions
from gristmill.pipeline.ray.crew import on_cluster
from gristmill.pipeline.run import Run
from gristmill_data.store import Store

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed (gristmill[ray])")

IN_FLIGHT = 8
OPTIONS = f", concurrency: {IN_FLIGHT}"
SLOW: dict[str, Any] = {"seed": 3, "latency": 0.05, "sigma": 0.5}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_nodes() as found:
        yield found


def test_the_dataset_is_that_of_a_local_run(tmp_path: Path, cluster: Any) -> None:
    corpus(tmp_path / "docs.jsonl", 60)
    faults = {"p429": 0.03, "p500": 0.03, "cut": 0.03, "retry_after": 0.01}
    with OpenAIServer(**SLOW, **faults) as server:
        path = recipe(tmp_path, server.url, OPTIONS)
        summary = on_ray(path)
        again = on_ray(path)
    assert (summary.status, summary.tally.balanced, summary.tally.pending) == ("done", True, 0)
    assert summary.counters.total.sent == sum(server.answered.values()) == len(server.answered)
    assert server.peak <= 2 * IN_FLIGHT  # writer and judge are two models
    assert (again.counters.total.sent, again.tally.resumed) == (0, again.tally.planned)
    assert held(tmp_path / "gristmill.duckdb") == held_alone(tmp_path / "alone", seed=3)


def test_a_node_killed_in_the_middle_costs_its_calls_in_flight(tmp_path: Path, cluster: Any) -> None:
    corpus(tmp_path / "docs.jsonl", 80)
    third = another_node(cluster)

    def kill(run: Run) -> None:
        until(lambda: server.answered.total() >= 80)
        assert len(pids(run)) == 3
        cluster.remove_node(third, allow_graceful=False)

    with OpenAIServer(**SLOW) as server:
        path = recipe(tmp_path, server.url, OPTIONS)
        summary = on_ray(path, 3, during=kill)
    assert (summary.status, summary.tally.balanced, summary.tally.failed.total()) == ("done", True, 0)
    assert asked_again(server) <= 2 * IN_FLIGHT
    assert held(tmp_path / "gristmill.duckdb") == held_alone(tmp_path / "alone", seed=3)


def test_killed_workers_are_replaced(tmp_path: Path, cluster: Any) -> None:
    corpus(tmp_path / "docs.jsonl", 60)
    killed: list[int] = []

    def kill(run: Run) -> None:
        for answers in (20, 60):
            until(lambda answers=answers: server.answered.total() >= answers and len(pids(run)) > 0)
            killed.append(pids(run)[0])
            os.kill(killed[-1], signal.SIGKILL)

    with OpenAIServer(**SLOW) as server:
        path = recipe(tmp_path, server.url, OPTIONS)
        summary = on_ray(path, 2, during=kill)
    assert len(set(killed)) == 2
    assert (summary.status, summary.tally.failed.total()) == ("done", 0)
    assert asked_again(server) <= 2 * 2 * IN_FLIGHT
    assert held(tmp_path / "gristmill.duckdb") == held_alone(tmp_path / "alone", seed=3)


def test_a_chunk_that_kills_its_workers_fails_alone(
    tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "BACK_OFF", 0.05)
    corpus(tmp_path / "docs.jsonl", 12)
    with OpenAIServer(seed=3) as server:
        path = recipe(tmp_path, server.url, OPTIONS)
        summary = on_ray(path, 2, gates=(Deadly(number=7),))
    assert summary.tally.balanced
    assert summary.tally.failed == {"worker-lost": 2}
    assert summary.tally.accepted + summary.tally.rejected.total() == 22


def test_copies_are_told_apart_by_the_driver(tmp_path: Path, cluster: Any) -> None:
    corpus(tmp_path / "docs.jsonl", 20)
    lines = (tmp_path / "docs.jsonl").read_text().splitlines()
    copies = [json.dumps({**json.loads(line), "id": f"copy{n}"}) for n, line in enumerate(lines)]
    (tmp_path / "docs.jsonl").write_text("\n".join(lines + copies) + "\n")
    with OpenAIServer(seed=3, latency=0.02) as server:
        summary = on_ray(recipe(tmp_path, server.url, OPTIONS))
    assert summary.tally.rejected["exact-duplicate"] + summary.tally.rejected["low-score:answer"] >= 40
    with Store.open(tmp_path / "gristmill.duckdb") as store:
        found = store.rows(
            "SELECT count(*), count(DISTINCT e.messages) FROM outcomes o "
            "JOIN examples e ON e.id = o.example_id WHERE o.state = 'accepted'"
        )
    assert found[0][0] == found[0][1] == summary.tally.accepted


def test_the_target_is_met_exactly(tmp_path: Path, cluster: Any) -> None:
    corpus(tmp_path / "docs.jsonl", 60)
    with OpenAIServer(**SLOW) as server:
        path = recipe(tmp_path, server.url, OPTIONS)
        path.write_text(path.read_text() + "target: {accepted: 41}\n")
        summary = on_ray(path)
    assert (summary.status, summary.tally.accepted, summary.tally.balanced) == ("target", 41, True)


def test_a_budget_of_tokens_is_not_passed(tmp_path: Path, cluster: Any) -> None:
    corpus(tmp_path / "docs.jsonl", 60)
    with OpenAIServer(**SLOW) as server:
        summary = on_ray(recipe(tmp_path, server.url, OPTIONS), max_tokens=30_000)
    calls = summary.counters.total
    assert summary.status == "budget"
    assert 20_000 < calls.input_tokens + calls.output_tokens <= 30_000
    assert (summary.tally.balanced, summary.tally.pending > 0) == (True, True)


def test_a_wrong_key_stops_the_run(tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus(tmp_path / "docs.jsonl", 30)
    monkeypatch.setenv("MILL_KEY", "sk-wrong-9f8e7d6c5b4a")
    with OpenAIServer(seed=3, key="sk-right") as server:
        summary = on_ray(recipe(tmp_path, server.url, OPTIONS + ", api_key_env: MILL_KEY"))
    assert (summary.status, isinstance(summary.error, ModelConfigError)) == ("failed", True)
    assert (summary.tally.pending, summary.tally.balanced) == (60, True)
    folder = Path(tempfile.gettempdir(), "ray/session_latest/logs")
    logs = [path for path in folder.rglob("*") if path.is_file()]
    assert logs
    assert [path for path in logs if b"9f8e7d6c5b4a" in path.read_bytes()] == []


def test_ctrl_c_drains_and_saves_and_the_cluster_lives_on(tmp_path: Path, cluster: Any) -> None:
    corpus(tmp_path / "docs.jsonl", 60)
    ray = ["--engine", "ray", "--ray-address", cluster.address, "--ray-workers", "2"]
    with OpenAIServer(seed=3, latency=0.1) as server:
        path = recipe(tmp_path, server.url, OPTIONS)
        process = command("run", path, "--json", *ray)
        until(lambda: server.answered.total() >= 30)
        os.killpg(process.pid, signal.SIGINT)
        out, words = process.communicate(timeout=60)
        summary, stopped = json.loads(out), server.answered.total()
        done = on_ray(path)
    assert (summary["status"], summary["balanced"], summary["pending"] > 0) == ("interrupted", True, True)
    assert summary["calls"]["sent"] == stopped
    assert (process.returncode, "raylet" in words, "Traceback" in words) == (1, False, False)
    assert (done.status, asked_again(server)) == ("done", 0)


def test_no_room_on_the_cluster(tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "GATHER_SECONDS", 0.5)
    monkeypatch.setattr(roster, "START_SECONDS", 1.0)
    corpus(tmp_path / "docs.jsonl", 5)
    import ray

    @ray.remote(num_cpus=1)
    def wait() -> None:
        time.sleep(60)

    busy = [wait.remote() for _ in range(2)]
    until(lambda: ray.available_resources().get("CPU", 0) == 0)
    with OpenAIServer() as server, pytest.raises(ClusterError, match="no worker could be started") as caught:
        on_ray(recipe(tmp_path, server.url, OPTIONS))
    for task in busy:
        ray.cancel(task, force=True)
    assert "1 CPU" in caught.value.message
    assert "--ray-workers" in caught.value.cure


def test_batches_come_back_in_order_though_a_worker_dies(tmp_path: Path, cluster: Any) -> None:
    batches = [list(range(n, n + 5)) for n in range(0, 200, 5)]
    found = list(on_cluster(Squares(tmp_path), batches, RayOptions(None, 2)))
    assert (tmp_path / "died").exists()
    assert [n for batch in found for n in batch] == [n**2 for n in range(200)]
