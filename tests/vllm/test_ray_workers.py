"""Engines in the workers of a Ray cluster: two nodes with a GPU each as Ray counts; vLLM runs on the CPU."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from support.engine_processes import alive, descendants
from support.engine_runs import held, until
from support.ray_cluster import on_ray, pids, two_nodes
from support.tiny_runs import PARAMS, recipe, stored

from gristmill.errors import GristmillError
from gristmill.pipeline.run import Run
from gristmill.recipe import load_recipe

ENGINE = {"max_model_len": 8192, "max_num_seqs": 16, "enforce_eager": True, "dtype": "float32"}


@pytest.fixture(scope="module")
def cluster() -> Any:
    with two_nodes(gpus=1) as nodes:
        yield nodes


def local(folder: Path, model: Path, **engine: Any) -> Path:
    """A recipe whose roles share one model of the worker's process."""
    spec = {"model": f"vllm:{model}", "engine": {**ENGINE, **engine}, "params": PARAMS, "concurrency": 4}
    return recipe(folder, {"writer": spec, "judge": spec}, documents=12)


def test_each_worker_has_an_engine_and_a_lost_one_costs_its_calls(
    cluster: Any, tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = local(tmp_path, tiny)
    engines: dict[int, list[int]] = {}

    def kill_one(run: Run) -> None:
        assert until(lambda: len(pids(run)) == 2, seconds=120)
        assert until(lambda: len(stored(tmp_path)) >= 6, seconds=300)
        for pid in pids(run):
            engines[pid] = descendants(pid)
        os.kill(pids(run)[0], signal.SIGKILL)

    summary = on_ray(path, during=kill_one)
    assert len(engines) == 2
    assert all(engines.values()), "a worker had no engine"
    assert "is lost" in caplog.text, "the run was over before the kill"
    told = summary.as_json()
    assert (told["status"], told["balanced"], told["pending"]) == ("done", True, 0)
    # Ray ends a process a little after it was told to; no engine may outlive its worker, lost or dismissed.
    started = {pid for below in engines.values() for pid in below}
    assert until(lambda: not [pid for pid in started if alive(pid)], seconds=60)

    # The same dataset as that of a local run over the same answers, which then needs no engine.
    rows = held(tmp_path / "x.duckdb")
    (tmp_path / "x.duckdb").unlink()
    again = asyncio.run(Run(load_recipe(path)).execute())
    assert again.counters.total.sent == 0
    assert held(tmp_path / "x.duckdb") == rows


def test_a_worker_that_needs_more_gpus_than_a_node_has_is_told(
    cluster: Any, tiny: Path, tmp_path: Path
) -> None:
    path = local(tmp_path, tiny, tensor_parallel_size=4)
    with pytest.raises(GristmillError, match="GPU"):
        on_ray(path, workers=1)
