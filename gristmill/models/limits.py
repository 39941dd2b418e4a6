"""How many calls a model gets at once and a minute.

All roles that reach the same model at the same provider share one :class:`Limits`. Whoever wants to send
enters, in order of arrival, and leaves when the request is over; what the server said in between (an
answer, a refusal, a wait it asked for) changes what the next ones may do.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypedDict

from gristmill.errors import GristmillError, copied
from gristmill.models.aimd import Concurrency
from gristmill.models.buckets import SHORTEST, bucket


class LimitView(TypedDict):
    """The state of one model's limits.

    ``limit`` calls at once are configured and ``allowed`` now; ``in_flight`` are on the wire and
    ``waiting`` for a place; nothing is sent for ``paused_for`` seconds; ``throttled`` counts refusals.
    """

    model: str
    host: str
    limit: int
    allowed: int
    in_flight: int
    waiting: int
    paused_for: float
    throttled: int


class Limits:
    """Concurrency, requests a minute and tokens a minute of one model."""

    def __init__(
        self,
        concurrency: int,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.concurrency = Concurrency(concurrency)
        self.in_flight = self.throttled = 0
        self.answered_at = -math.inf
        self.stopped: GristmillError | None = None
        self.clock = clock
        self._requests = bucket(requests_per_minute, clock)
        self._tokens = bucket(tokens_per_minute, clock)
        self._metered = self._requests is not None or self._tokens is not None
        self._open = not self._metered
        self._paused_until = 0.0
        self._queue: deque[tuple[asyncio.Future[None], int]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0
        self._stop = asyncio.Event()

    @property
    def counts_tokens(self) -> bool:
        """Whether callers must say how many tokens they expect to use."""
        return self._tokens is not None

    async def enter(self, tokens: int, *, again: bool = False) -> int:
        """Wait for a place and for the rates; returns the epoch, which :meth:`refused` wants to know.

        ``tokens`` is the estimate of the request. A request that goes out ``again`` goes before those
        that were never sent. Cancelling a waiter costs nothing.

        Raises:
            GristmillError: the limits were stopped with it; nothing is sent any more.
        """
        if self._open and not self._queue and self.in_flight < self.concurrency.allowed:
            self.in_flight += 1
            return self.concurrency.epoch
        if self.stopped is not None:
            raise copied(self.stopped)
        place = asyncio.get_running_loop().create_future()
        if again:
            self._queue.appendleft((place, tokens))
        else:
            self._queue.append((place, tokens))
        self._wake()
        try:
            await place
        except asyncio.CancelledError:
            self._withdraw(place, tokens)
            raise
        return self.concurrency.epoch

    def leave(self, tokens: int, used: int) -> None:
        """The request is over: ``used`` of its estimated ``tokens`` were spent, the rest goes back."""
        self.in_flight -= 1
        if self._tokens is not None:
            self._tokens.give_back(tokens - used)
        if self._queue:
            self._wake()

    def answered(self, at: float) -> None:
        """The server answered at that time; call before :meth:`leave`."""
        self.answered_at = at
        self.concurrency.answered(self.in_flight)

    def refused(self, epoch: int, retry_after: float | None) -> None:
        """The server turned a request away that entered in ``epoch``; nobody is sent for ``retry_after``."""
        self.throttled += 1
        self.concurrency.refused(self.in_flight, epoch)
        if retry_after:
            self.pause(retry_after)

    def reshare(self, concurrency: int, fraction: float) -> None:
        """Of limits that several processes divide, have so many calls and that fraction of the rates."""
        self.concurrency.resize(concurrency)
        for rate in (self._requests, self._tokens):
            if rate is not None:
                rate.scale(fraction)
        self._wake()

    def pause(self, seconds: float) -> None:
        """Let nobody go for so long."""
        if self.stopped is None:
            self._paused_until = max(self._paused_until, self.clock() + seconds)
            self._open = False
            self._ring_in(seconds)

    def stop(self, error: GristmillError) -> None:
        """Send nothing more: whoever waits or comes later gets ``error``, or rather a copy of it."""
        if self.stopped is not None:
            return
        self.stopped, self._open = error, False
        self._stop.set()
        while self._queue:
            place, _ = self._queue.popleft()
            if not place.done():
                place.set_exception(copied(error))
        if self._timer is not None:
            self._timer.cancel()

    async def rest(self, seconds: float) -> None:
        """Wait, but not longer than until :meth:`stop`; holds no place.

        Raises:
            GristmillError: what the limits were stopped with.
        """
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return
        if self.stopped is not None:
            raise copied(self.stopped)

    async def unless_stopped(self, work: Awaitable[None]) -> None:
        """Wait for ``work``, but not longer than until :meth:`stop`; then it is cancelled.

        Raises:
            GristmillError: what the limits were stopped with.
        """
        task, stop = asyncio.ensure_future(work), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
        finally:
            task.cancel()
            stop.cancel()
        assert self.stopped is not None
        raise copied(self.stopped)

    def view(self, model: str, host: str) -> LimitView:
        """The state, for people."""
        return {
            "model": model,
            "host": host,
            "limit": self.concurrency.ceiling,
            "allowed": self.concurrency.allowed,
            "in_flight": self.in_flight,
            "waiting": len(self._queue),
            "paused_for": max(0.0, self._paused_until - self.clock()),
            "throttled": self.throttled,
        }

    def _wake(self) -> None:
        """Let in whoever is first, as long as there is room."""
        queue = self._queue
        while queue:
            place, tokens = queue[0]
            if not place.done():
                if self.in_flight >= self.concurrency.allowed:
                    return  # the next one who leaves wakes again
                if self._metered or not self._open:
                    delay = self._delay(tokens)
                    if delay > 0:
                        self._ring_in(delay)
                        return
                    self._take(tokens)
                self.in_flight += 1
                place.set_result(None)
            queue.popleft()

    def _delay(self, tokens: int) -> float:
        waits = [self._paused_until - self.clock()]
        if self._requests is not None:
            waits.append(self._requests.wait(1))
        if self._tokens is not None:
            waits.append(self._tokens.wait(tokens))
        longest = max(waits)
        return longest if longest > SHORTEST else 0.0

    def _take(self, tokens: int) -> None:
        if self._requests is not None:
            self._requests.take(1)
        if self._tokens is not None:
            self._tokens.take(tokens)

    def _withdraw(self, place: asyncio.Future[None], tokens: int) -> None:
        """A waiter was cancelled, perhaps between being let in and going on: then its place is free again."""
        if not place.cancelled() and place.exception() is None:
            if self._requests is not None:
                self._requests.give_back(1)
            self.leave(tokens, 0)
        else:
            self._wake()  # what it was too big for may be enough for the next one

    def _ring_in(self, seconds: float) -> None:
        at = self.clock() + seconds
        if self._timer is not None:
            if self._rings_at <= at:
                return  # it looks again then
            self._timer.cancel()
        self._rings_at = at
        self._timer = asyncio.get_running_loop().call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._timer = None
        left = self._paused_until - self.clock()
        if left > SHORTEST:
            self._ring_in(left)
            return
        self._open = not self._metered and self.stopped is None
        self._wake()
