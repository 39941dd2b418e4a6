"""A limit on what a run may spend, in dollars or tokens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gristmill.errors import BudgetError, GristmillError, copied

Need = tuple[int, float]
"""Tokens and US dollars of one call."""
_Waiter = tuple[asyncio.Future[Need], Callable[[], Need]]


@dataclass(slots=True)
class Budget:
    """No call is sent that could take spent + on their way + its own projection past a limit.

    ``usd`` in US dollars, ``tokens`` input and output together; ``None`` is no limit. Calls are held at
    their projection (:class:`gristmill.models.forecast.Forecast`) until their usage is known. A call for
    which there is no room waits for those on their way, which may use less; when none is left and there is
    still no room, the budget is spent for good. So a run passes a limit at most by as much as the calls on
    their way were underestimated. Cached answers cost nothing.
    """

    usd: float | None = None
    tokens: int | None = None
    spent_usd: float = 0.0
    spent_tokens: int = 0
    held_usd: float = 0.0
    held_tokens: int = 0
    holds: int = 0
    stopped: GristmillError | None = None
    _queue: deque[_Waiter] = field(default_factory=deque)

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self.usd is not None or self.tokens is not None

    async def hold(self, project: Callable[[], Need]) -> Need:
        """Reserve what ``project`` says a call about to be sent will need, in order of arrival.

        It is asked again while the call waits: those that are answered meanwhile make it wiser.

        Raises:
            BudgetError: the call could pass a limit, and nothing on its way can change that any more.
            GristmillError: what :meth:`stop` was given.
        """
        if self.stopped is not None:
            raise copied(self.stopped)
        if not self._queue and self._fits(need := project()):
            return self._reserve(need)
        place: asyncio.Future[Need] = asyncio.get_running_loop().create_future()
        self._queue.append((place, project))
        self._wake()
        try:
            return await place
        except asyncio.CancelledError:
            if not place.cancelled() and place.exception() is None:
                self.release(place.result())
            else:
                self._wake()
            raise

    def release(self, need: Need) -> None:
        """Give back what :meth:`hold` returned, after :meth:`spend`."""
        self.holds -= 1
        if self.holds:
            self.held_tokens -= need[0]
            self.held_usd -= need[1]
        else:
            self.held_usd, self.held_tokens = 0.0, 0  # sums of floats do not end at 0
        if self._queue:
            self._wake()

    def spend(self, tokens: int, usd: float | None) -> None:
        """Record what a call really took."""
        self.spent_usd += usd or 0.0
        self.spent_tokens += tokens

    def stop(self, error: GristmillError) -> None:
        """Let no call through any more: whoever waits or comes later gets a copy of ``error``."""
        self.stopped = self.stopped or error
        while self._queue:
            place = self._queue.popleft()[0]
            if not place.done():
                place.set_exception(copied(self.stopped))

    def _wake(self) -> None:
        """Let in whoever is first, as long as there is room."""
        while self._queue:
            place, project = self._queue[0]
            if not place.done():
                if not self._fits(need := project()):
                    if not self.holds:
                        self.stop(self._spent())
                    return
                place.set_result(self._reserve(need))
            self._queue.popleft()

    def _fits(self, need: Need) -> bool:
        tokens, cost = need
        if self.usd is not None and self.spent_usd + self.held_usd + cost > self.usd:
            return False
        return self.tokens is None or self.spent_tokens + self.held_tokens + tokens <= self.tokens

    def _reserve(self, need: Need) -> Need:
        self.holds += 1
        self.held_tokens += need[0]
        self.held_usd += need[1]
        return need

    def _spent(self) -> BudgetError:
        amounts = []
        if self.usd is not None:
            amounts.append(f"${self.spent_usd:.4f} of ${self.usd:g}")
        if self.tokens is not None:
            amounts.append(f"{self.spent_tokens} of {self.tokens} tokens")
        return BudgetError(
            f"the budget is spent: {' and '.join(amounts)} used, and the next call could pass the limit",
            cure="answered calls are kept: raise the budget and run again to go on from here",
        )
