"""How many calls a model gets at once and a minute.

The seam for adaptive limits: everything a request waits for lies behind :meth:`Limits.slot`, and the
slot learns in the end what the request really used.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gristmill.models.spec import ModelSpec


@dataclass(slots=True)
class TokenBucket:
    """A token bucket that lends: ``take`` always succeeds and says how long to wait before going on.

    ``rate`` is in units a second. One second's worth may be saved up, so a minute never sees more than
    61 seconds' worth. Waiting times are handed out in order of arrival.
    """

    rate: float
    clock: Callable[[], float] = time.monotonic
    level: float = field(init=False)
    updated: float = field(init=False)

    def __post_init__(self) -> None:
        self.level = self.capacity
        self.updated = self.clock()

    @property
    def capacity(self) -> float:
        """At most this much is saved up while idle."""
        return max(1.0, self.rate)

    def take(self, amount: float) -> float:
        """Take ``amount`` and return the seconds to wait."""
        now = self.clock()
        self.level = min(self.capacity, self.level + (now - self.updated) * self.rate)
        self.updated = now
        self.level -= amount
        return max(0.0, -self.level / self.rate)

    def give_back(self, amount: float) -> None:
        """Return what was taken but not used; a negative amount takes more."""
        self.level += amount


@dataclass(slots=True)
class Slot:
    """Permission to send one request; set ``used`` to the tokens it took once that is known."""

    used: int | None = None


class Limits:
    """Concurrency, requests a minute and tokens a minute of one model."""

    def __init__(self, spec: ModelSpec, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = asyncio.Semaphore(spec.concurrency)
        self._requests = _bucket(spec.requests_per_minute, clock)
        self._tokens = _bucket(spec.tokens_per_minute, clock)

    @asynccontextmanager
    async def slot(self, tokens: int) -> AsyncIterator[Slot]:
        """Wait for a place and for the rate limits; ``tokens`` is the estimate of the request."""
        async with self._places:
            wait = self._requests.take(1) if self._requests else 0.0
            wait = max(wait, self._tokens.take(tokens) if self._tokens else 0.0)
            slot = Slot()
            try:
                if wait > 0:
                    await asyncio.sleep(wait)
                yield slot
            finally:
                if self._tokens and slot.used is not None:
                    self._tokens.give_back(tokens - slot.used)


def _bucket(per_minute: int | None, clock: Callable[[], float]) -> TokenBucket | None:
    return None if per_minute is None else TokenBucket(per_minute / 60, clock)
