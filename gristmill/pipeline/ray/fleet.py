"""The engine: workers started, chunks handed out, everything that comes back kept by this one process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

from gristmill.errors import GristmillError, StoppedError
from gristmill.models import Budget, Counters, Door
from gristmill.models.cache import ResponseCache
from gristmill.models.limits import LimitView
from gristmill.pipeline.plan import Job, Plan
from gristmill.pipeline.ray import messages
from gristmill.pipeline.ray.broker import Broker
from gristmill.pipeline.ray.hand import Hand, WorkerLostError
from gristmill.pipeline.ray.messages import Full, Halt, Pulse, error_of, failure_of
from gristmill.pipeline.ray.purse import Purse
from gristmill.pipeline.ray.roster import Roster
from gristmill.pipeline.ray.rows import Rows, Walk
from gristmill.pipeline.ray.traffic import Traffic
from gristmill.pipeline.sink import Sink
from gristmill.pipeline.target import Goal
from gristmill.recipe import Loaded
from gristmill.registry import Failed

if TYPE_CHECKING:
    from gristmill.models.telemetry import CallLog

log = logging.getLogger("gristmill.pipeline")
# A chunk whose worker was lost so often is walked next by a worker that has nothing else, and if that one
# is lost as well it is the chunk that kills them.
SUSPECT = 2
GRACE_SECONDS = 10.0
CHUNKS_A_WORKER = 4


class Fleet:
    """What a run sees in place of the door: budget, counters, limits, a way to stop, and ``walk``.

    ``on_failure`` hears when no worker is left and none can be had.
    """

    def __init__(
        self,
        loaded: Loaded,
        sink: Sink,
        budget: Budget,
        cache: ResponseCache,
        on_failure: Callable[[GristmillError], None],
    ) -> None:
        self.counters = Counters()
        self.budget = budget
        self.log: CallLog | None = sink.calls
        self.loaded, self._sink = loaded, sink
        self.plan = Plan.of(loaded)
        specs = loaded.recipe.models
        self.broker = Broker(cache, self.counters, sink.add)
        self._purse = Purse(budget, specs)
        Door(specs, cache=None, budget=budget)  # refuses models and budgets that cannot be used
        self.traffic = Traffic(specs, self.counters, sink.calls)
        self.roster = Roster(self._joined, self._left, self._told, on_failure)
        self._walks: dict[int, Walk] = {}
        self._numbers = count(1)
        self._rows = Rows(loaded.gates, self.plan, sink, None)
        self._full = False
        self._halted: GristmillError | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._handlers: dict[type, Callable[[Hand, Any], None]] = {
            messages.Look: self.broker.look,
            messages.Keep: self.broker.keep,
            messages.Drop: lambda _, drop: self.broker.drop(drop.key),
            messages.Hold: self._purse.hold,
            messages.Spent: self._purse.spent,
            messages.Check: self._check,
            messages.Decided: self._decided,
            messages.Ended: self._ended,
            messages.Pulse: self._pulse,
        }

    @property
    def width(self) -> int:
        """How many chunks may be out at once: as many as keep all calls busy, and every worker's CPU."""
        calls = max(spec.concurrency for spec in self.loaded.recipe.models.values())
        return max(2 * calls, CHUNKS_A_WORKER * self.roster.size)

    def aim(self, goal: Goal | None) -> None:
        """Set the target of the run, before the first walk."""
        self._rows.goal = goal

    def limits(self) -> list[LimitView]:
        """The limits of every model, all workers together."""
        return self.traffic.views()

    def halt(self, error: GristmillError) -> None:
        """Send nothing more, at any worker; calls on the wire go on, and their answers are kept."""
        self._halted = self._halted or error
        self.budget.stop(error)
        self.roster.tell(Halt(failure_of(error)))
        self._wake()

    async def walk(self, job: Job, skip: frozenset[int]) -> None:
        """Have a chunk walked by some worker, by another one when that is lost.

        Raises:
            BudgetError, ModelConfigError, StoppedError, StoreError: as the walk itself.
        """
        loop = asyncio.get_running_loop()
        walk = Walk(next(self._numbers), job, skip, loop.create_future())
        self._walks[walk.number] = walk
        try:
            while True:
                hand = await self._hand_for(walk)
                self._begin(hand, walk)
                try:
                    await walk.done
                    return
                except WorkerLostError as lost:
                    walk.losses += 1
                    walk.done = loop.create_future()
                    if walk.losses > SUSPECT:
                        detail = f"its worker was lost {walk.losses} times: {lost}"
                        self._rows.lost(walk, Failed("worker-lost", detail))
                        return
        finally:
            walk.forget()
            del self._walks[walk.number]

    async def close(self, *, grace: float = GRACE_SECONDS) -> None:
        """Let calls on the wire end, take their answers, then end the workers."""
        await self.roster.close(grace)
        await self.broker.close()

    async def _hand_for(self, walk: Walk) -> Hand:
        """A worker with room; one that has the document already, if that is not the busier one by far."""
        while True:
            if self._halted is not None:
                raise StoppedError
            if (hand := self._free(walk)) is not None:
                hand.walks.add(walk.number)  # taken before anybody else looks
                hand.alone = walk.losses >= SUSPECT
                return hand
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn

    def _free(self, walk: Walk) -> Hand | None:
        hands = [hand for hand in self.roster.ready if not hand.alone and self.traffic.open(hand)]
        if walk.losses >= SUSPECT:
            return next((hand for hand in hands if not hand.walks), None)
        if not hands:
            return None
        most = -(-self.width // len(hands))
        least = min(hands, key=lambda hand: len(hand.walks))
        known = [hand for hand in hands if hand.knows(walk.job) and len(hand.walks) <= len(least.walks) + 2]
        hand = min(known, key=lambda hand: len(hand.walks)) if known else least
        return hand if len(hand.walks) < most else None

    def _begin(self, hand: Hand, walk: Walk) -> None:
        skip = self._rows.settled_tasks(walk)
        hand.begin(walk.number, walk.job, skip, self._rows.closed(walk.job, skip))

    def _told(self, hand: Hand, message: Any) -> None:
        if not hand.lost:
            self._handlers[type(message)](hand, message)

    def _check(self, hand: Hand, check: messages.Check) -> None:
        walk = self._walks.get(check.walk)
        if walk is not None:
            hand.post(messages.Reply(check.ask, self._rows.check(walk, check)))

    def _decided(self, hand: Hand, row: messages.Decided) -> None:
        walk = self._walks.get(row.walk)
        if walk is None:
            return
        self._rows.decided(walk, row)
        goal = self._rows.goal
        if goal is not None and goal.full != self._full:
            self._full = goal.full
            self.roster.tell(Full(self._full))

    def _ended(self, hand: Hand, ended: messages.Ended) -> None:
        self._over(hand, ended.walk)
        walk = self._walks.get(ended.walk)
        if walk is None or walk.done.done():
            return
        if ended.error is None:
            walk.done.set_result(None)
        else:
            walk.done.set_exception(error_of(ended.error))

    def _over(self, hand: Hand, number: int) -> None:
        hand.walks.discard(number)
        hand.alone = False
        self._wake()

    def _pulse(self, hand: Hand, pulse: Pulse) -> None:
        if self.traffic.pulse(hand, pulse):
            self._wake()

    def _joined(self, hand: Hand) -> None:
        """A worker is up: it gets its share of the limits and of the chunks."""
        if self._halted is not None:
            hand.post(Halt(failure_of(self._halted)))
        if self._full:
            hand.post(Full(self._full))
        self.traffic.join(hand)
        self._wake()

    def _left(self, hand: Hand, why: WorkerLostError) -> None:
        """A worker is lost: what it had goes to others."""
        log.warning("worker %s on %s is lost: %s", hand.number, hand.node, why)
        self.traffic.leave(hand)
        self.broker.lost(hand)
        self._purse.lost(hand)
        for number in hand.walks:
            walk = self._walks.get(number)
            if walk is not None and not walk.done.done():
                walk.forget()
                walk.done.set_exception(why)
        hand.walks.clear()
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)
