"""A worker's end of the channel: messages out, and answers to its questions in."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

from gristmill.pipeline.ray.messages import Failure, Reply, error_of, pack

# Messages that come within a moment travel together; one batch stays small enough to be passed inline.
LINGER_SECONDS = 0.001
BATCH = 512


class Link:
    """Outgoing messages and open questions of one worker; belongs to its event loop."""

    def __init__(self) -> None:
        self._out: list[object] = []
        self._filled = asyncio.Event()
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}

    def post(self, message: object) -> None:
        """Send a message; those of one worker arrive in order."""
        self._out.append(message)
        self._filled.set()

    def number(self) -> int:
        """A number for a question."""
        return next(self._numbers)

    async def ask(self, question: Any) -> Any:
        """Send a question (``question.ask`` is its number) and wait for the reply.

        Raises:
            BaseException: what the driver replied with.
        """
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[question.ask] = done
        self.post(question)
        try:
            return await done
        finally:
            self._asked.pop(question.ask, None)

    def replied(self, reply: Reply) -> None:
        """A reply came."""
        done = self._asked.get(reply.ask)
        if done is None or done.done():
            return
        if isinstance(reply.value, Failure):
            done.set_exception(error_of(reply.value))
        else:
            done.set_result(reply.value)

    async def batch(self) -> bytes:
        """The next messages; waits until there are any."""
        await self._filled.wait()
        await asyncio.sleep(LINGER_SECONDS)
        batch, self._out = self._out[:BATCH], self._out[BATCH:]
        if not self._out:
            self._filled.clear()
        return pack(batch)
