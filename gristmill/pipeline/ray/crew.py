"""Work on rows by the batch, on a cluster: results come back in order, and memory stays bounded.

The same job runs in this process with :func:`here`, so both engines give the same output.
"""

from __future__ import annotations

import contextlib
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from gristmill import __version__
from gristmill.pipeline.ray.cluster import Cluster, ClusterError, RayOptions, connected
from gristmill.pipeline.ray.messages import Failure, error_of, failure_of

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)
Batch = TypeVar("Batch")
Result = TypeVar("Result")
Row = TypeVar("Row")

BATCHES_A_WORKER = 2
# A batch whose worker was lost so often is what kills them.
LOSSES = 3
START_SECONDS = 90.0


class BatchJob(Protocol[In, Out]):
    """Something that can be pickled and, opened once a process, turns a batch into its result."""

    def open(self) -> Callable[[In], Out]:
        """Build whatever the work needs (an index, say)."""


class Mill:
    """The actor: opens the job once, then works on one batch after the other."""

    def __init__(self) -> None:
        self._work: Callable[[Any], Any] | None = None

    def open(self, job: bytes) -> str | Failure:
        """Unpack and open the job; gives the version that runs here."""
        try:
            self._work = pickle.loads(job).open()  # noqa: S301 - from the driver that started this process
        except Exception as error:  # noqa: BLE001 - raised where somebody can read it
            return failure_of(error)
        return __version__

    def work(self, blob: bytes) -> bytes | Failure:
        """One batch."""
        if self._work is None:
            raise RuntimeError("the job was not opened")
        try:
            found = self._work(pickle.loads(blob))  # noqa: S301 - as above
            return pickle.dumps(found, pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # noqa: BLE001 - as above
            return failure_of(error)


def here(job: BatchJob[Batch, Result], batches: Iterable[Batch]) -> Iterator[Result]:
    """The results of all batches, worked on in this process."""
    yield from map(job.open(), batches)


def on_cluster(
    job: BatchJob[Batch, Result], batches: Iterable[Batch], options: RayOptions
) -> Iterator[Result]:
    """The results of all batches, in order, worked on by actors of a Ray cluster.

    The job travels once to each node. A batch whose worker is lost is given to another one.

    Raises:
        GristmillError: what a batch raised; no cluster; workers that are lost again and again.
    """
    with connected(options) as cluster, contextlib.closing(_Crew(job, cluster, options)) as crew:
        yield from crew.results(batches)


@dataclass(slots=True)
class _Batch:
    blob: bytes
    result: Any = None
    actor: Any = None
    losses: int = 0


class _Crew(Generic[Batch, Result]):
    def __init__(self, job: BatchJob[Batch, Result], cluster: Cluster, options: RayOptions) -> None:
        import ray

        self._job = ray.put(pickle.dumps(job, pickle.HIGHEST_PROTOCOL))
        number = cluster.workers_for(options.workers, gpus=0, most=None)
        self._make = ray.remote(num_cpus=1, max_restarts=0, scheduling_strategy="SPREAD")(Mill)
        self._load: dict[Any, int] = {}
        self._opening: dict[Any, Any] = {}
        for _ in range(number):
            self._hire()
        self._width = BATCHES_A_WORKER * number
        self._wait_for_one()

    def results(self, batches: Iterable[Batch]) -> Iterator[Result]:
        source = iter(batches)
        out: deque[_Batch] = deque()
        more = True
        while more or out:
            while more and len(out) < 2 * self._width:
                try:
                    blob = pickle.dumps(next(source), pickle.HIGHEST_PROTOCOL)
                except StopIteration:
                    more = False
                    break
                out.append(self._send(_Batch(blob)))
            if out:
                yield self._result(out[0])
                out.popleft()

    def close(self) -> None:
        import ray

        for actor in self._load:
            ray.kill(actor, no_restart=True)
        self._load.clear()

    def _hire(self) -> None:
        import ray

        actor = self._make.remote()
        self._load[actor] = 0
        self._opening[actor] = actor.open.remote(self._job)
        self._ray = ray

    def _wait_for_one(self) -> None:
        ready, _ = self._ray.wait(list(self._opening.values()), num_returns=1, timeout=START_SECONDS)
        if not ready:
            free = self._ray.available_resources().get("CPU", 0)
            raise ClusterError(
                f"no worker could be started (each needs 1 CPU; free on the cluster: {free:g})",
                cure="free some of the cluster, or ask for fewer workers with --ray-workers",
            )
        self._check_opened()

    def _check_opened(self) -> None:
        """Look at the workers that came up since."""
        opened, _ = self._ray.wait(list(self._opening.values()), num_returns=len(self._opening), timeout=0)
        for actor in [actor for actor, ref in self._opening.items() if ref in opened]:
            hello = self._ray.get(self._opening.pop(actor))
            if isinstance(hello, Failure):
                raise ClusterError(f"a worker cannot load the job: {error_of(hello)}", cure=_SAME)
            if hello != __version__:
                raise ClusterError(f"a node has gristmill {hello}, here it is {__version__}", cure=_SAME)

    def _send(self, batch: _Batch) -> _Batch:
        if self._opening:
            self._check_opened()
        up = [actor for actor in self._load if actor not in self._opening] or list(self._load)
        batch.actor = min(up, key=lambda actor: self._load[actor])
        self._load[batch.actor] += 1
        batch.result = batch.actor.work.remote(batch.blob)
        return batch

    def _result(self, batch: _Batch) -> Result:
        from ray.exceptions import ObjectLostError, RayActorError, WorkerCrashedError

        while True:
            try:
                found = self._ray.get(batch.result)
            except (RayActorError, WorkerCrashedError, ObjectLostError) as error:
                self._lost(batch, error)
                continue
            if batch.actor in self._load:
                self._load[batch.actor] -= 1
            batch.result = None
            if isinstance(found, Failure):
                raise error_of(found)
            result: Result = pickle.loads(found)  # noqa: S301 - from a process that this one started
            return result

    def _lost(self, batch: _Batch, error: Exception) -> None:
        batch.losses += 1
        if batch.losses >= LOSSES:
            first = str(error).strip().splitlines()[0][:300]
            raise ClusterError(f"the workers of one batch were lost {batch.losses} times: {first}") from error
        if self._load.pop(batch.actor, None) is not None:
            self._opening.pop(batch.actor, None)
            self._ray.kill(batch.actor, no_restart=True)
            self._hire()
        self._send(batch)


def batched(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """``rows`` in lists of ``size``, read only as far as they are wanted."""
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


_SAME = "install the same gristmill, with the same plugins, on every node"
