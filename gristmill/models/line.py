"""One model behind the door: its backend, limits, price and counters, and how a request is sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from gristmill.errors import ModelConfigError, ModelUnavailableError
from gristmill.models.budget import Budget
from gristmill.models.cost import call_cost, estimate, price_of
from gristmill.models.counters import Tally
from gristmill.models.limits import Limits
from gristmill.models.retry import RetryPolicy
from gristmill.models.spec import ModelSpec
from gristmill.models.types import Backend, Reply, Request
from gristmill.records import Usage


@runtime_checkable
class ManyBackend(Protocol):
    """A backend that can draw several samples in one request."""

    many: bool
    """False once the server was seen not to do it."""

    async def complete_many(self, requests: Sequence[Request], *, timeout: float) -> list[Reply]:  # noqa: ASYNC109 - as Backend
        """Answer requests that differ in ``sample`` only; may return fewer replies, in order."""


class Line:
    """Sends requests to one model: limits, budget, retries with backoff, counting."""

    def __init__(
        self, spec: ModelSpec, backend: Backend, tally: Tally, budget: Budget, retry: RetryPolicy
    ) -> None:
        self.spec, self.backend, self.tally = spec, backend, tally
        self.price = price_of(spec)
        self.sending: set[asyncio.Task[Any]] = set()
        self._limits = Limits(spec)
        self._budget, self._retry = budget, retry
        self._fatal: ModelConfigError | None = None

    @property
    def takes_many(self) -> bool:
        """Whether several samples can travel in one request."""
        return isinstance(self.backend, ManyBackend) and self.backend.many

    async def send(self, requests: Sequence[Request]) -> tuple[list[Reply], float]:
        """Answer requests that differ in ``sample`` only, in one go; also the seconds the model took.

        Raises:
            BudgetError: nothing was sent.
            ModelError: the last attempt's error.
        """
        guess = self._estimate(requests)
        tokens, usd = guess.input_tokens + guess.output_tokens, call_cost(guess, self.price)
        self._budget.hold(tokens, usd)
        try:
            replies, seconds = await self._attempts(requests, tokens)
        finally:
            self._budget.release(tokens, usd)
        for reply in replies:
            used = reply.usage.input_tokens + reply.usage.output_tokens
            self._budget.spend(used, call_cost(reply.usage, self.price))
        return replies, seconds

    async def _attempts(self, requests: Sequence[Request], tokens: int) -> tuple[list[Reply], float]:
        attempt = 0
        while True:
            try:
                return await self._once(requests, tokens)
            except ModelUnavailableError as error:
                if attempt >= self.spec.retries:
                    error.message += f" (gave up after {attempt + 1} attempts)"
                    raise
                wait = self._retry.wait(attempt, error.retry_after)
            attempt += 1
            await asyncio.sleep(wait)
            self.tally.retried += 1

    async def _once(self, requests: Sequence[Request], tokens: int) -> tuple[list[Reply], float]:
        async with self._limits.slot(tokens) as slot:
            # A wrong key or model name fails every call: the queue behind the first must not be sent.
            if self._fatal is not None:
                raise self._fatal
            started = time.monotonic()
            with _Sending(self):
                replies = await self._complete(requests)
            slot.used = sum(r.usage.input_tokens + r.usage.output_tokens for r in replies)
            return replies, time.monotonic() - started

    async def _complete(self, requests: Sequence[Request]) -> list[Reply]:
        try:
            if len(requests) > 1 and isinstance(self.backend, ManyBackend):
                return await self.backend.complete_many(requests, timeout=self.spec.timeout)
            return [await self.backend.complete(requests[0], timeout=self.spec.timeout)]
        except ModelConfigError as error:
            self._fatal = error
            raise

    def _estimate(self, requests: Sequence[Request]) -> Usage:
        typical = self.tally.output_tokens // self.tally.sent if self.tally.sent else None
        one = estimate(requests[0].messages, requests[0].params, typical)
        return Usage(one.input_tokens, one.output_tokens * len(requests))


class _Sending:
    """Marks the current task as one whose call is on the wire, so that closing waits for it."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._task = asyncio.current_task()

    def __enter__(self) -> None:
        self._line.tally.in_flight += 1
        if self._task is not None:
            self._line.sending.add(self._task)

    def __exit__(self, *_: object) -> None:
        self._line.tally.in_flight -= 1
        if self._task is not None:
            self._line.sending.discard(self._task)
