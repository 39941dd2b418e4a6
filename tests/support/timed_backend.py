"""A model in virtual time: it takes a second for an answer and turns away what it has no room for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from gristmill.errors import ModelError, ModelUnavailableError
from gristmill.models.budget import Budget
from gristmill.models.counters import Tally
from gristmill.models.limits import Limits
from gristmill.models.line import Line
from gristmill.models.retry import RetryPolicy
from gristmill.models.sharing import Shared
from gristmill.models.spec import ModelSpec
from gristmill.models.telemetry import Trip
from gristmill.models.types import Reply, Request
from gristmill.records import Usage
from support.virtual_time import now


class TimedBackend:
    """``room`` calls at once are admitted, ``stray`` is the share of calls that are refused at random.

    ``script`` holds errors that are raised first; ``loads`` are the calls at work whenever one came.
    """

    name = "timed:model"

    def __init__(self, room: int = 10**9, stray: float = 0.0, seconds: float = 1.0) -> None:
        self.room, self.stray, self.seconds = room, stray, seconds
        self.script: list[ModelError] = []
        self.loads: list[int] = []
        self.active = self.answered = self.refused = self.peak = 0
        self.timeouts: list[float] = []
        self._rng = random.Random(7)

    async def complete(self, request: Request, *, timeout: float) -> Reply:  # noqa: ASYNC109 - the protocol
        """Answer after ``seconds`` on average, within ``timeout``."""
        self.loads.append(self.active)
        self.timeouts.append(timeout)
        if self.script:
            raise self.script.pop(0)
        if self.active >= self.room or self._rng.random() < self.stray:
            self.refused += 1
            await asyncio.sleep(0.02)
            raise ModelUnavailableError("busy", kind="rate-limited")
        return await self._work(min(self._rng.expovariate(1.0), 5.0) * self.seconds, timeout)

    async def _work(self, seconds: float, timeout: float) -> Reply:  # noqa: ASYNC109 - handed on
        self.active += 1
        self.peak = max(self.peak, self.active)
        await asyncio.sleep(min(seconds, timeout))
        self.active -= 1
        if seconds > timeout:
            raise ModelUnavailableError("too late", kind="time-out")
        self.answered += 1
        return Reply("fine", "stop", Usage(10, 5))

    async def close(self) -> None:
        """Nothing to release."""


def request(number: int = 0, **params: Any) -> Request:
    """A call of some 10 tokens."""
    return Request("timed:model", ({"role": "user", "content": f"{number:024}"},), params)


def line_to(backend: TimedBackend, limits: Limits | None = None, **spec: Any) -> Line:
    """A line with the limits of ``spec`` (or those given) on the virtual clock."""
    model = ModelSpec(model="openai:timed", **spec)
    limits = limits or Limits(model.concurrency, clock=now)
    return Line(model, backend, Tally(), Shared(limits), Budget(), RetryPolicy())


async def send(line: Line, number: int = 0) -> list[Reply]:
    """Send one call through a line."""
    asked = request(number)
    return (await line.send([asked], Trip(line.spec, asked, 1)))[0]


async def send_all(line: Line, count: int) -> Sequence[list[Reply] | BaseException]:
    """Send many calls, twice as many at a time as the line may have in flight; what became of them."""
    room = asyncio.Semaphore(2 * line.limits.concurrency.ceiling)

    async def one(number: int) -> list[Reply]:
        async with room:
            return await send(line, number)

    return await asyncio.gather(*(one(number) for number in range(count)), return_exceptions=True)
