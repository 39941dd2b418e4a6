"""lm-eval's synchronous code beside the event loop that the door belongs to.

It runs in a thread of its own and hands every batch of requests to the loop. Whoever waits for it can be
cancelled: the requests on their way are dropped, and the thread ends at its next request.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

SHARE = 2
"""Requests in hand for each that the model may have in flight: the door never waits for lm-eval."""
FEWEST = 64
PATIENCE = 5.0
"""Seconds for which a thread that was told to end is waited for; busy with data, it ends later."""

_ONE_AT_A_TIME = threading.Lock()


class Interrupted(BaseException):
    """Ends the thread; no code of lm-eval or of a task may catch it."""


class Bridge:
    """From the thread to the loop: ``call`` runs a coroutine there and waits for it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._stopped = threading.Event()
        self._call: concurrent.futures.Future[Any] | None = None

    def call(self, made: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of a coroutine, from the thread.

        Raises:
            Interrupted: nobody waits any more.
        """
        if self._stopped.is_set():
            raise Interrupted
        self._call = asyncio.run_coroutine_threadsafe(made(), self._loop)
        if self._stopped.is_set():  # in between
            self._call.cancel()
        try:
            return self._call.result()  # type: ignore[no-any-return]
        except concurrent.futures.CancelledError:
            raise Interrupted from None

    def tell(self, told: Callable[..., object], *args: Any) -> None:
        """Call something on the loop, without waiting for it."""
        self._loop.call_soon_threadsafe(told, *args)

    def stop(self) -> None:
        """Have the thread end: now if it waits for requests, else with the next."""
        self._stopped.set()
        if self._call is not None:
            self._call.cancel()


async def in_thread(work: Callable[[Bridge], T]) -> T:
    """Run ``work`` in a thread; one at a time, for lm-eval sets random states of the whole process."""
    loop = asyncio.get_running_loop()
    bridge, done = Bridge(loop), loop.create_future()
    thread = threading.Thread(target=_run, args=(work, bridge, loop, done), name="gristmill-lm", daemon=True)
    thread.start()
    try:
        found: T = await asyncio.shield(done)
        return found
    except asyncio.CancelledError:
        bridge.stop()
        await asyncio.wait([done], timeout=PATIENCE)
        raise


async def each(items: Sequence[R], ask: Callable[[R], Coroutine[Any, Any, T]], width: int) -> list[T]:
    """``ask`` of every item, ``width`` of them at a time, in order; the first error ends all."""
    results: list[Any] = [None] * len(items)
    waiting = iter(range(len(items)))

    async def work() -> None:
        for place in waiting:
            results[place] = await ask(items[place])

    tasks = [asyncio.create_task(work()) for _ in range(min(len(items), max(FEWEST, SHARE * width)))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return results


def _run(
    work: Callable[[Bridge], T],
    bridge: Bridge,
    loop: asyncio.AbstractEventLoop,
    done: asyncio.Future[T],
) -> None:
    result: Any = None
    failure: BaseException | None = None
    try:
        with _ONE_AT_A_TIME:
            result = work(bridge)
    except Interrupted:
        failure = asyncio.CancelledError()
    except BaseException as error:  # noqa: BLE001 - handed on to whoever waits
        failure = error
    if not loop.is_closed():
        loop.call_soon_threadsafe(_settle, done, result, failure)


def _settle(done: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if done.done():
        return
    if isinstance(failure, asyncio.CancelledError):
        done.cancel()
    elif failure is not None:
        done.set_exception(failure)
        done.exception()  # if nobody waits any more, nobody need be told of it
    else:
        done.set_result(result)
