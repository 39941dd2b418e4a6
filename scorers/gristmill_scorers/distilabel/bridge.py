"""From a worker thread to ``ask`` on the event loop, and back.

distilabel's tasks are synchronous: they call their LLM and wait. Each runs in a thread of its own and the
event loop stays free; the thread sleeps while its chat is with the model.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

from gristmill.models.types import Answer, Ask, Task
from gristmill.records import Message

T = TypeVar("T")
MOST_THREADS = 1024
"""Judgements that can wait for a model at the same time; more of them queue."""


class Bridge:
    """The ``ask`` of one judgement, callable from another thread; ``answers`` are all it was given.

    ``given`` are further keywords of every call (role, sampling parameters). Errors of ``ask`` are raised
    in the thread as they are.
    """

    def __init__(self, ask: Ask, task: Task, given: Mapping[str, Any]) -> None:
        self.answers: list[Answer] = []
        self._ask, self._task, self._given = ask, task, dict(given)
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._waiting: set[Future[list[Answer]]] = set()
        self._closed = False

    def draw(self, chats: Sequence[Sequence[Message]], n: int) -> list[list[Answer]]:
        """``n`` answers to each chat, failed ones in their place. Blocks.

        Must not be called on the event loop's own thread.

        Raises:
            CancelledError: the judgement was given up meanwhile.
        """
        futures = [self._send(chat, n) for chat in chats]
        try:
            found = [future.result() for future in futures]
        finally:
            self._drop(futures)
        self.answers += [answer for answers in found for answer in answers]
        return found

    def close(self) -> None:
        """Let go of everything still asked for: a thread that waits is woken with CancelledError."""
        with self._lock:
            self._closed = True
            waiting = list(self._waiting)
        self._drop(waiting)

    def _send(self, chat: Sequence[Message], n: int) -> Future[list[Answer]]:
        with self._lock:
            if self._closed:
                raise CancelledError
            coroutine = self._ask(list(chat), task=self._task, n=n, partial=True, **self._given)
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._waiting.add(future)
        return future

    def _drop(self, futures: Sequence[Future[list[Answer]]]) -> None:
        for future in futures:
            future.cancel()
        with self._lock:
            self._waiting.difference_update(futures)


async def in_thread(work: Callable[[Bridge], T], bridge: Bridge) -> T:
    """Run ``work(bridge)`` in a worker thread; when this is cancelled, so is what the thread waits for."""
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads(), work, bridge)
    finally:
        bridge.close()


@cache
def _threads() -> ThreadPoolExecutor:
    # asyncio's own pool has a handful of threads, and waiting judgements would starve everyone else of it
    return ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="gristmill-distilabel")
