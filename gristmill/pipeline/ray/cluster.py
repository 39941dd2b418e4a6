"""Reaching a Ray cluster, or starting one on this machine, and saying clearly why that failed."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from gristmill.errors import GristmillError, MissingExtraError, UsageError

# The driver passes messages, not data sets: a small part of the memory is enough.
STORE_BYTES = 256 * 1024 * 1024
ADDRESS = "RAY_ADDRESS"
KNOCK_SECONDS = 5.0
NOTHING = "start a cluster with `ray start --head`, or leave --ray-address out to use this machine alone"


class ClusterError(GristmillError):
    """The cluster cannot be reached or does not do what is needed."""


@dataclass(frozen=True, slots=True)
class RayOptions:
    """``address`` of a cluster (None: the one in ``RAY_ADDRESS``, else one on this machine for the run).

    ``workers`` is how many actors to start; None leaves it to the cluster's CPUs or GPUs.
    """

    address: str | None = None
    workers: int | None = None

    def check(self) -> None:
        """Refuse what cannot work before anything is read.

        Raises:
            MissingExtraError: ray is not installed.
            UsageError: an address of Ray Client.
        """
        if find_spec("ray") is None:
            raise MissingExtraError("--engine ray", "ray")
        if (self.address or "").startswith("ray://"):
            raise UsageError(
                "addresses of Ray Client (ray://) are not supported",
                where="--ray-address",
                cure="run on a node of the cluster with --ray-address auto, or name HOST:6379",
            )


@dataclass(frozen=True, slots=True)
class Cluster:
    """A connection; ``own`` if the cluster was started for it, ``cpus`` and ``gpus`` of all nodes."""

    own: bool
    cpus: float
    gpus: float
    nodes: tuple[str, ...]

    def workers_for(self, wanted: int | None, *, gpus: float, most: int | None) -> int:
        """How many to start: as wanted, else one a CPU or set of GPUs; at most one a call at once."""
        room = math.floor(self.gpus / gpus) if gpus else math.floor(self.cpus)
        # A worker that has less than eight calls at once spends more on being there than on calling.
        useful = room if most is None else min(room, max(1, most // 8))
        number = wanted or max(1, useful)
        return number if most is None else min(number, most)


@contextlib.contextmanager
def connected(options: RayOptions) -> Iterator[Cluster]:
    """Within, ``ray`` is connected. A cluster that was there before is left as it was.

    Raises:
        MissingExtraError, UsageError: see :meth:`RayOptions.check`.
        ClusterError: nobody answers at the address, or versions differ.
    """
    options.check()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray tells of lost nodes on stdout, where --json has its place; the run tells of them itself.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")
    # A cluster that is not there any more (an old RAY_ADDRESS=auto) is not waited for a quarter of an hour.
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")
    import ray

    if ray.is_initialized():
        yield _seen(own=False)
        return
    address = options.address or os.environ.get(ADDRESS) or None
    _knock(address)
    with _signals_kept():
        _init(address, options.workers)
    try:
        yield _seen(own=address is None)
    finally:
        with _signals_kept():
            ray.shutdown()


def _knock(address: str | None) -> None:
    """Ask whether anybody is there; Ray itself would try for many minutes."""
    host, colon, port = (address or "").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS).close()
    except (OSError, OverflowError) as error:
        message = f"no Ray cluster can be reached: {error}"
        raise ClusterError(message, where=address or "", cure=NOTHING) from error


def _init(address: str | None, workers: int | None) -> None:
    import ray

    quiet: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": logging.CRITICAL,
        "configure_logging": True,
        "namespace": "gristmill",
    }
    try:
        if address is not None:
            ray.init(address=address, **quiet)
        else:
            cpus = max(workers or 0, os.cpu_count() or 1)
            ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                object_store_memory=STORE_BYTES,
                **quiet,
            )
    except (ConnectionError, TimeoutError, ValueError) as error:
        raise ClusterError(
            f"no Ray cluster can be reached: {_first_line(error)}",
            where=address or "this machine",
            cure=NOTHING,
        ) from error
    except RuntimeError as error:
        mismatch = "ersion mismatch" in str(error)
        cure = "install the same versions of Python and ray here and on the cluster" if mismatch else NOTHING
        raise ClusterError(
            f"the Ray cluster cannot be used: {_first_line(error)}",
            where=address or "this machine",
            cure=cure,
        ) from error


def _seen(*, own: bool) -> Cluster:
    import ray

    total = ray.cluster_resources()
    nodes = tuple(str(node["NodeManagerAddress"]) for node in ray.nodes() if node["Alive"])
    return Cluster(own, total.get("CPU", 0.0), total.get("GPU", 0.0), nodes)


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray installs a handler of its own for SIGTERM, which would end the run without saving."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:4])[:400] or type(error).__name__
