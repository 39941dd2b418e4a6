"""The budget of a run whose calls are sent by several processes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gristmill.errors import GristmillError
from gristmill.models.budget import Budget, Need
from gristmill.models.cost import call_cost, price_of
from gristmill.models.forecast import Forecast
from gristmill.models.sharing import Place, place_of
from gristmill.models.spec import ModelSpec, Price
from gristmill.pipeline.ray.messages import Hold, Reply, Spent, failure_of
from gristmill.records import Usage

if TYPE_CHECKING:
    from gristmill.pipeline.ray.hand import Hand

_Key = tuple[int, int]


@dataclass(slots=True)
class _Holding:
    hold: Hold
    need: Need


@dataclass(slots=True)
class Purse:
    """Reserves every attempt before a worker may send it, so that no number of workers passes the limit.

    What a call will use is learnt from the answers that all workers got. A call that was on its way when
    its worker was lost counts as spent in full: it may be billed.
    """

    budget: Budget
    specs: Mapping[str, ModelSpec]
    _forecasts: dict[Place, Forecast] = field(default_factory=dict)
    _held: dict[_Key, _Holding] = field(default_factory=dict)
    _waiting: dict[_Key, asyncio.Task[None]] = field(default_factory=dict)

    def hold(self, hand: Hand, hold: Hold) -> None:
        """Reply with the call's need once there is room for it."""
        key = hand.number, hold.ask
        task = asyncio.create_task(self._hold(hand, hold))
        self._waiting[key] = task
        task.add_done_callback(lambda _: self._waiting.pop(key, None))

    def spent(self, hand: Hand, spent: Spent) -> None:
        """A call is over."""
        held = self._held.pop((hand.number, spent.ask), None)
        if held is None:
            return
        role = held.hold.role
        forecast, price = self._forecast(role), price_of(self.specs[role])
        usages = [Usage(*usage) for usage in spent.usages]
        if usages:
            forecast.learned(held.hold.prompt, usages)
        for usage in usages:
            tokens = usage.input_tokens + usage.output_tokens
            self.budget.spend(tokens, call_cost(usage, price))
        if spent.lost:
            self.budget.spend(*held.need)
        self.budget.release(held.need)

    def lost(self, hand: Hand) -> None:
        """A worker is gone."""
        for key in [key for key in self._waiting if key[0] == hand.number]:
            self._waiting[key].cancel()
        for number, ask in [key for key in self._held if key[0] == hand.number]:
            self.spent(hand, Spent(ask, (), lost=number == hand.number))

    async def _hold(self, hand: Hand, hold: Hold) -> None:
        price = price_of(self.specs[hold.role])
        try:
            need = await self.budget.hold(lambda: self._need(hold, price))
        except GristmillError as error:
            hand.post(Reply(hold.ask, failure_of(error)))
            return
        if hand.lost:
            self.budget.release(need)
            return
        self._held[hand.number, hold.ask] = _Holding(hold, need)
        hand.post(Reply(hold.ask, need))

    def _need(self, hold: Hold, price: Price | None) -> Need:
        guess = self._forecast(hold.role).expected(hold.prompt, hold.limit, hold.samples)
        return guess.input_tokens + guess.output_tokens, call_cost(guess, price) or 0.0

    def _forecast(self, role: str) -> Forecast:
        return self._forecasts.setdefault(place_of(self.specs[role]), Forecast())
