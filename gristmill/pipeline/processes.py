"""Work on rows by the batch in processes of this machine: results in order, memory bounded.

The same jobs as of :mod:`gristmill.pipeline.ray.crew`, so every engine gives the same output.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from gristmill.errors import GristmillError
from gristmill.pipeline.ray.crew import BatchJob, Mill
from gristmill.pipeline.ray.messages import Failure, error_of

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Batch = TypeVar("Batch")
Result = TypeVar("Result")

BATCHES_A_WORKER = 3
RARELY = 200_000, 50, 100
"""Allocations from one garbage collection to the next in a worker (:func:`gc.set_threshold`)."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class WorkersLostError(GristmillError):
    """A worker process died, most often for want of memory."""


def on_processes(job: BatchJob[Batch, Result], batches: Iterable[Batch], number: int) -> Iterator[Result]:
    """The results of all batches, in order, worked on by ``number`` processes; the job is opened in each.

    Raises:
        WorkersLostError: a process died; what it worked on is not done again.
        GristmillError: what opening the job or a batch raised.
    """
    blob = pickle.dumps(job, pickle.HIGHEST_PROTOCOL)
    # Spawned, not forked: a fork of a process with threads (numba, BLAS) may never return.
    context = multiprocessing.get_context("spawn")
    leash, end = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(number, context, _start, (blob, leash))
    out: deque[Future[bytes | Failure]] = deque()
    try:
        for batch in batches:
            out.append(_submit(pool, pickle.dumps(batch, pickle.HIGHEST_PROTOCOL)))
            if len(out) >= BATCHES_A_WORKER * number:
                yield _result(out.popleft())
        while out:
            yield _result(out.popleft())
    except BrokenProcessPool as error:
        raise WorkersLostError(
            "a worker process died (killed, or out of memory)",
            cure="run again with fewer --workers; 1 works in this process alone",
        ) from error
    except BaseException:
        end.close()  # whatever the workers are at is not wanted any more
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        end.close()
        leash.close()


def cores() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _submit(pool: ProcessPoolExecutor, blob: bytes) -> Future[bytes | Failure]:
    with _undisturbed(), _no_main_module():
        return pool.submit(_work, blob)


@contextlib.contextmanager
def _no_main_module() -> Iterator[None]:
    """A worker started within does not run the program once more that this process was started with.

    It needs nothing of it, and the program may be anything: a script without a guard, a page of an app.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals wait: a worker whose start is interrupted is left with half of what it should read.

    A worker started within inherits that Ctrl-C is not for it: the parent ends it. Blocking the signals
    is not enough for the parent, since another of its threads may receive them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    noted: list[int] = []
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    before = {name: signal.signal(name, lambda number, _: noted.append(number)) for name in _SIGNALS}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, signal.SIG_DFL if handler is None else handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number in noted[:1]:
            signal.raise_signal(number)


def _result(future: Future[bytes | Failure]) -> Any:
    found = future.result()
    if isinstance(found, Failure):
        raise error_of(found)
    return pickle.loads(found)  # noqa: S301 - from a process that this one started


_mills: list[Mill | Failure] = []


def _start(job: bytes, leash: Connection) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=_follow, args=(leash,), daemon=True).start()
    mill = Mill()
    opened = mill.open(job)
    gc.collect()
    gc.freeze()  # what is open stays open; to go over it again and again takes a tenth of the time,
    gc.set_threshold(*RARELY)  # and so does looking for cycles after every thousand objects
    _mills.append(opened if isinstance(opened, Failure) else mill)


def _follow(leash: Connection) -> None:
    """End with the parent, or when it lets go: the other end of the pipe is closed either way."""
    with contextlib.suppress(EOFError, OSError):
        leash.recv_bytes()
    os._exit(1)


def _work(blob: bytes) -> bytes | Failure:
    mill = _mills[0]
    return mill if isinstance(mill, Failure) else mill.work(blob)
