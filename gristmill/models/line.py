"""One model behind the door: its backend, limits, price and counters, and how a request is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from gristmill.errors import ModelConfigError, ModelUnavailableError
from gristmill.models.budget import Budget, Need
from gristmill.models.cost import call_cost, price_of
from gristmill.models.counters import Tally
from gristmill.models.retry import RetryPolicy
from gristmill.models.sharing import Shared
from gristmill.models.spec import ModelSpec
from gristmill.models.telemetry import Trip
from gristmill.models.types import Backend, Reply, Request
from gristmill.records import Usage

SHORTEST_TRY = 1.0
# The model had no room for the call and did nothing for it. (A time-out may mean that too, or a call that
# takes too long by itself: it lowers the concurrency as well, but it always counts as a failed attempt.)
REFUSALS = frozenset({"rate-limited", "overloaded"})
# The model may have worked on it, and then charges for it, though nobody learns how much.
MAYBE_BILLED = frozenset({"time-out", "bad-response"})

Keep = Callable[[Sequence[Reply]], Awaitable[None]]


@runtime_checkable
class ManyBackend(Protocol):
    """A backend that can draw several samples in one request."""

    many: bool
    """False once the server was seen not to do it."""

    async def complete_many(self, requests: Sequence[Request], *, timeout: float) -> list[Reply]:  # noqa: ASYNC109 - as Backend
        """Answer requests that differ in ``sample`` only; may return fewer replies, in order."""


@runtime_checkable
class SlowBackend(Protocol):
    """A backend that has to be started first, which takes time that is no call's own."""

    ready: bool
    """Whether calls are answered at once."""

    async def prepare(self) -> None:
        """Start it, or wait until it is started."""


class Line:
    """Sends requests of one role's settings to one model: limits, budget, retries with backoff, counting.

    ``limits`` and ``forecast`` are the model's, shared by all lines that lead to it.
    """

    def __init__(
        self,
        spec: ModelSpec,
        backend: Backend,
        tally: Tally,
        shared: Shared,
        budget: Budget,
        retry: RetryPolicy,
    ) -> None:
        self.spec, self.backend, self.tally = spec, backend, tally
        self.price = price_of(spec)
        self.sending: set[asyncio.Task[Any]] = set()
        self.limits, self._forecast = shared.limits, shared.forecast
        self._many = backend if isinstance(backend, ManyBackend) else None
        self._slow = backend if isinstance(backend, SlowBackend) else None
        self._budget, self._retry = budget, retry
        # Nobody else needs to know in advance what a call will use.
        self._projects = budget.limited or shared.limits.counts_tokens
        self._deadline = spec.seconds_in_all
        self._timeout = min(spec.timeout, self._deadline)

    @property
    def takes_many(self) -> bool:
        """Whether several samples can travel in one request."""
        return self._many is not None and self._many.many

    async def send(
        self, requests: Sequence[Request], trip: Trip, keep: Keep | None = None
    ) -> tuple[list[Reply], float]:
        """Answer requests that differ in ``sample`` only, in one go; also the seconds the model took.

        ``trip`` learns how they fared. ``keep`` stores the replies; only then is their place given on.

        Raises:
            BudgetError: the budget has no room for the (next) attempt; it was not sent.
            ModelError: the last attempt's error.
        """
        failures, until = 0, None
        while True:
            try:
                if self._projects:
                    return await self._within_budget(requests, trip, until, keep)
                return await self._once(requests, 0, trip, until, keep)
            except ModelUnavailableError as error:
                until = until or trip.sent + self._deadline
                failures += error.kind not in REFUSALS or not self._alive()
                wait = self._retry.wait(trip.attempts - 1, error.retry_after)
                self._give_up(error, trip, failures, until - self.limits.clock() - wait)
                trip.causes += (error.kind,)
            await self.limits.rest(wait)
            self.tally.retried += 1

    async def _within_budget(
        self, requests: Sequence[Request], trip: Trip, until: float | None, keep: Keep | None
    ) -> tuple[list[Reply], float]:
        need = await self._budget.hold(lambda: self._need(requests))
        try:
            replies, seconds = await self._once(requests, need[0], trip, until, keep)
            self._forecast.learn(requests, replies)
            for reply in replies:
                self._budget.spend(_tokens(reply.usage), call_cost(reply.usage, self.price))
        except ModelUnavailableError as error:
            if error.kind in MAYBE_BILLED:
                self._budget.spend(*need)
            raise
        finally:
            self._budget.release(need)
        return replies, seconds

    def _need(self, requests: Sequence[Request]) -> Need:
        guess = self._forecast.project(requests)
        return _tokens(guess), call_cost(guess, self.price) or 0.0

    async def _once(
        self,
        requests: Sequence[Request],
        tokens: int,
        trip: Trip,
        until: float | None,
        keep: Keep | None,
    ) -> tuple[list[Reply], float]:
        limits, used = self.limits, 0
        epoch = await limits.enter(tokens, again=until is not None)
        task = asyncio.current_task()
        self._depart(task)
        trip.sent = limits.clock()
        trip.attempts += 1
        try:
            if self._slow is not None and not self._slow.ready:
                await limits.unless_stopped(self._slow.prepare())
                trip.sent = limits.clock()
            replies = await self._complete(requests, self._time_left(until, trip.sent))
            limits.answered(ended := limits.clock())
            used = sum(_tokens(reply.usage) for reply in replies)
            trip.seconds, trip.samples = ended - trip.sent, len(replies)
            if keep is not None:
                # Within the place: a killed process loses what it had in flight, and not one call more.
                await keep(replies)
            return replies, trip.seconds
        except ModelUnavailableError as error:
            used = tokens if error.kind in MAYBE_BILLED else 0
            if error.kind in REFUSALS or error.kind == "time-out":
                self.tally.throttled += 1
                limits.refused(epoch, self._retry.bounded(error.retry_after))
            raise
        except ModelConfigError as error:
            # A wrong key or model name fails every call: the queue behind the first must not be sent.
            limits.stop(error)
            raise
        finally:
            self._arrive(task)
            limits.leave(tokens, used)

    async def _complete(self, requests: Sequence[Request], seconds: float) -> list[Reply]:
        if self._many is not None and len(requests) > 1:
            return await self._many.complete_many(requests, timeout=seconds)
        return [await self.backend.complete(requests[0], timeout=seconds)]

    def _alive(self) -> bool:
        """Whether the model answers others: a call that is turned away then only waits for its turn."""
        return self.limits.clock() - self.limits.answered_at < self._timeout

    def _time_left(self, until: float | None, now: float) -> float:
        return self._timeout if until is None else max(SHORTEST_TRY, min(self._timeout, until - now))

    def _give_up(self, error: ModelUnavailableError, trip: Trip, failures: int, left: float) -> None:
        """Raise ``error`` when another attempt is not allowed; ``left`` seconds would remain for it."""
        if failures > self.spec.retries or not self.spec.retries:
            error.message += f" (gave up after {trip.attempts} attempts)"
            raise error
        if left < 0:
            error.message += f" (gave up after {trip.attempts} attempts: {self._deadline:g} s were allowed)"
            raise error

    def _depart(self, task: asyncio.Task[Any] | None) -> None:
        """A call is on the wire: closing waits for its task."""
        self.tally.in_flight += 1
        if task is not None:
            self.sending.add(task)

    def _arrive(self, task: asyncio.Task[Any] | None) -> None:
        self.tally.in_flight -= 1
        if task is not None:
            self.sending.discard(task)


def _tokens(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens
