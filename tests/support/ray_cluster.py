"""A real Ray cluster of several nodes on this machine, and components that die in it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from gristmill.pipeline.ray.cluster import RayOptions
from gristmill.pipeline.ray.fleet import Fleet
from gristmill.pipeline.run import Options, Run, Summary
from gristmill.recipe import load_recipe
from gristmill.records import Item
from gristmill.registry import Blocked, Gate, Passed
from support.engine_runs import held, recipe
from support.openai_server import OpenAIServer

STORE = 80_000_000


@contextmanager
def two_nodes(gpus: int = 0) -> Iterator[Any]:
    """Two raylets with one CPU and ``gpus`` (as Ray counts them) each; we are connected to the first."""
    before = dict(os.environ)  # ray and this change it for the workers: later tests must not inherit that
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = ".*"
    # What is defined here must be found by workers: elsewhere it would be an installed package.
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
    import ray
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "num_gpus": gpus, "include_dashboard": False, "object_store_memory": STORE}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    another_node(cluster, gpus)
    ray.init(address=cluster.address, log_to_driver=False, configure_logging=False, namespace="gristmill")
    try:
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()
        os.environ.clear()
        os.environ.update(before)


def another_node(cluster: Any, gpus: int = 0) -> Any:
    """One more raylet with one CPU."""
    return cluster.add_node(num_cpus=1, num_gpus=gpus, object_store_memory=STORE)


def pids(run: Run) -> list[int]:
    """Process ids of a run's workers that are up."""
    return [hand.pid for hand in run.door.roster.ready] if isinstance(run.door, Fleet) else []


def on_ray(
    path: Path,
    workers: int = 2,
    during: Callable[[Run], object] | None = None,
    gates: tuple[Gate, ...] | None = None,
    **options: Any,
) -> Summary:
    """Run a recipe on the cluster that this process is connected to; ``during`` happens beside it."""
    loaded = load_recipe(path)
    if gates is not None:
        loaded = replace(loaded, gates=gates)
    run = Run(loaded, Options(ray=RayOptions(None, workers), **options))
    beside = threading.Thread(target=during or (lambda _: None), args=(run,))
    beside.start()
    summary = asyncio.run(run.execute())
    beside.join()
    return summary


def held_alone(folder: Path, **behaviour: Any) -> dict[str, list[tuple[Any, ...]]]:
    """What a local run over the corpus beside ``folder`` holds, against a server of its own."""
    folder.mkdir()
    os.link(folder.parent / "docs.jsonl", folder / "docs.jsonl")
    with OpenAIServer(**behaviour) as server:
        summary = asyncio.run(Run(load_recipe(recipe(folder, server.url))).execute())
    assert summary.status == "done"
    return held(folder / "gristmill.duckdb")


def command(*args: object) -> subprocess.Popen[str]:
    """The command line as a process and session of its own; ray has changed this one's environment."""
    line = [sys.executable, "-m", "gristmill", *map(str, args)]
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


class Deadly(Gate):
    """Kills the process that checks a row about mill ``number``, as a crash in native code would."""

    registered_name: ClassVar[str] = "quality_rules"
    number: int = 0

    def check(self, item: Item) -> Passed | Blocked:
        """Pass, or die."""
        if f"mill number {self.number} " in item.chunk.text:
            os.kill(os.getpid(), signal.SIGKILL)
        return Passed()


class Squares:
    """A job of which one batch kills the first process that works on it."""

    def __init__(self, folder: Path) -> None:
        self.mark = folder / "died"

    def open(self) -> Any:
        def work(batch: list[int]) -> list[int]:
            if 50 in batch and not self.mark.exists():
                self.mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return [number**2 for number in batch]

        return work
