"""``--engine ray``: everything between a run and its fleet of workers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from gristmill.errors import UsageError
from gristmill.models import Budget
from gristmill.models.cache import ResponseCache, now
from gristmill.models.cost import price_of
from gristmill.models.spec import ModelSpec
from gristmill.pipeline.ray.cluster import Cluster, connected
from gristmill.pipeline.ray.fleet import Fleet
from gristmill.pipeline.ray.parcel import Parcel, secrets_for, steps_of, wrap
from gristmill.pipeline.ray.roster import Hiring
from gristmill.pipeline.ray.shares import OWN, loopback_models
from gristmill.pipeline.ray.worker import Worker
from gristmill_data.store.places import cache_path

if TYPE_CHECKING:
    from gristmill.pipeline.run import Run
    from gristmill.pipeline.sink import Sink

log = logging.getLogger("gristmill.pipeline")


@contextlib.asynccontextmanager
async def open_fleet(run: Run, sink: Sink, budget: Budget) -> AsyncIterator[Fleet]:
    """The workers of a run, up and waiting for chunks.

    Raises:
        GristmillError: no ray, no cluster, no room on it, or a node that cannot run the recipe.
    """
    options, loaded = run.options.ray, run.loaded
    if options is None:
        raise UsageError("no engine was chosen")
    specs = loaded.recipe.models
    if served := [role for role, spec in specs.items() if spec.serve is not None]:
        raise UsageError(
            f"serve: of {', '.join(served)} would start a server in every worker",
            where="--engine ray",
            cure='start the server yourself and name its base_url, or write "vllm:NAME": an engine a worker',
        )
    with connected(options) as cluster:
        gpus = gpus_for(specs)
        most = min((s.concurrency for s in specs.values() if s.backend not in OWN), default=None)
        number = cluster.workers_for(options.workers, gpus=gpus, most=most)
        _warn(cluster, specs, options.workers, number)
        cache = ResponseCache(cache_path(loaded.store))
        fleet = Fleet(loaded, sink, budget, cache, run.given_up)
        try:
            await fleet.broker.open()
            await fleet.roster.open(_hiring(run, fleet, number, gpus))
            yield fleet
        except (KeyboardInterrupt, asyncio.CancelledError):
            fleet.roster.kill()  # at once: what was stored is kept
            await fleet.close(grace=0)
            raise
        except BaseException:
            await fleet.close()
            raise
        await fleet.close()


def gpus_for(specs: Mapping[str, ModelSpec]) -> int:
    """GPUs that one worker needs: those of its largest model in process."""
    needs = [_gpus(spec) for spec in specs.values() if spec.backend == "vllm"]
    return max(needs, default=0)


def _gpus(spec: ModelSpec) -> int:
    return spec.engine.tensor_parallel_size * spec.engine.pipeline_parallel_size


def _hiring(run: Run, fleet: Fleet, number: int, gpus: int) -> Hiring:
    import ray

    loaded, targeted = run.loaded, run.loaded.recipe.target.active
    parcel = Parcel(
        loaded=loaded,
        plan=fleet.plan,
        steps=steps_of(loaded.gates, targeted=targeted),
        redo=run.options.redo,
        since=now(),
        limited=fleet.budget.limited,
        divided=frozenset(fleet.traffic.divisions),
        targeted=targeted,
    )
    needs = f"1 CPU and {gpus} GPUs" if gpus else "1 CPU"
    return Hiring(launcher(gpus), number, ray.put(wrap(parcel)), secrets_for(loaded.recipe.models), needs)


def launcher(gpus: int) -> Callable[[], Any]:
    """Makes actors; lost ones are replaced here, not by Ray, which would know nothing of their chunks."""
    import ray

    actor = ray.remote(
        num_cpus=1,
        num_gpus=gpus,
        max_restarts=0,
        max_task_retries=0,
        max_concurrency=16,
        scheduling_strategy="SPREAD",
    )(Worker)
    return lambda: actor.remote()


def _warn(cluster: Cluster, specs: Mapping[str, ModelSpec], wanted: int | None, number: int) -> None:
    if wanted is not None and number < wanted:
        log.warning("%d workers are started, not %d: no model gets more calls at once", number, wanted)
    if len(set(cluster.nodes)) > 1 and (roles := loopback_models(specs, os.environ)):
        log.warning(
            "the base_url of %s is an address of this machine: workers on other machines will look for the "
            "model on their own",
            ", ".join(roles),
        )
    unpriced = [role for role, spec in specs.items() if price_of(spec) is None]
    if unpriced:
        log.info("prices not known: %s", ", ".join(unpriced))
