"""``run --batch``: a run is one round. It collects what is finished, walks, and hands in what is missing.

The same command again, in the same process or another one, is the next round: the judge's calls follow the
writer's, repairs follow broken answers, until nothing is pending.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from gristmill.errors import ModelError, ModelUnavailableError
from gristmill.models import Request
from gristmill.models.batch import BatchDesk, Collected, Deferrals, OutstandingBatch, Sent, outstanding
from gristmill.models.telemetry import Trip
from gristmill.pipeline.signals import two_signals
from gristmill_data.store.places import batches_path, cache_path

if TYPE_CHECKING:
    from gristmill.models.cache import Entry
    from gristmill.pipeline.gateway import Gateway
    from gristmill.pipeline.run import Run, Summary
    from gristmill.pipeline.sink import Sink
    from gristmill.pipeline.target import Goal

LONGEST_WAIT = 600.0
SLOWER = 1.5
Watch = Callable[["Run"], AbstractAsyncContextManager[None]]


@dataclass(slots=True)
class BatchReport:
    """What a round did. ``pending`` calls are in batches or wait for one."""

    collected: Collected = field(default_factory=Collected)
    sent: Sent = field(default_factory=Sent)
    deferred: int = 0
    outstanding: list[OutstandingBatch] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The ``batches`` of ``--json``."""
        got = self.collected
        return {
            "collected": {"answered": got.answered, "failed": got.failed, "again": got.again, "odd": got.odd},
            "submitted": {"batches": self.sent.batches, "calls": self.sent.calls},
            "deferred_calls": self.deferred,
            "outstanding": [batch.as_json() for batch in self.outstanding],
        }


class Batching:
    """The batch part of one run. Without ``defer`` nothing is handed in, only collected."""

    def __init__(self, run: Run, sink: Sink, *, defer: bool) -> None:
        store = run.loaded.store
        self.path = batches_path(store)
        self.report = BatchReport()
        self._run, self._sink = run, sink
        self._recipe = run.loaded.recipe.name
        self.desk = BatchDesk(self.path, cache_path(store), self._landed)
        self.deferrals = Deferrals(self.desk.table, self._recipe, run.id) if defer else None

    async def before(self, door: Gateway) -> None:
        """Collect; what batches took and will take counts against the budget."""
        run, got = self._run, await self.desk.collect(self._run.options.give_up)
        self.report.collected = got
        if got.refused is not None:
            run.stop("failed", got.refused)
        if self.deferrals is None:
            return
        tokens, usd, tokens_held, usd_held = self.desk.table.money(self._recipe)
        door.budget.spend(tokens + tokens_held, usd + usd_held)

    async def after(self, door: Gateway) -> None:
        """Hand in what the walk deferred, and decide what that means for the run."""
        run, deferrals = self._run, self.deferrals
        if deferrals is None:
            return
        self.report.deferred = deferrals.asked
        if not run.stopping:
            try:
                self.report.sent = await self.desk.submit(deferrals, door.budget)
            except ModelUnavailableError as error:
                self.report.collected.unreachable = error
            except ModelError as error:
                run.stop("failed", error)
        if not run.stopping and self.report.sent.refused is not None:
            run.stop("budget", self.report.sent.refused)
        if not run.stopping and deferrals.asked:
            run.stopping = "waiting"
            run.error = self.report.collected.unreachable
        if not run.stopping:
            self.desk.table.settle(self._recipe)

    async def room(self, goal: Goal, walking: set[asyncio.Task[None]]) -> bool:
        """Whether another chunk is likely to be needed, those that wait for their batch counted."""
        if self.deferrals is None:
            await goal.turn()
            return True
        return await room(goal, walking)

    async def close(self) -> None:
        """Close files and connections; the report says what is still on its way."""
        await self.desk.close()
        self.report.outstanding = outstanding(self.path)

    def _landed(self, entry: Entry, role: str) -> None:
        call, run = entry.call, self._run
        run.counters.of(call.model).add_call(call)
        self._sink.add(call)
        spec = run.loaded.recipe.models.get(role)
        if spec is not None:  # else the recipe has changed since it was asked
            trip = Trip(spec, Request(call.model, call.messages, call.params), 1)
            trip.asked = trip.sent = trip.sent - entry.seconds
            trip.attempts, trip.seconds = 1, entry.seconds
            self._sink.calls.answered(role, call, entry.finish_reason, trip)


async def room(goal: Goal, walking: set[asyncio.Task[None]]) -> bool:
    """Whether another chunk is likely to be needed, those counted that wait for a model."""
    while goal.crowded and walking:
        await asyncio.wait(walking, return_when=asyncio.FIRST_COMPLETED)
    return not goal.crowded


@contextlib.asynccontextmanager
async def batching(run: Run, sink: Sink) -> AsyncIterator[Batching | None]:
    """The batch part of a run: when it was asked for, or when batches of an earlier run are on their way."""
    wanted = run.options.batch
    if not wanted and not outstanding(batches_path(run.loaded.store)):
        yield None
        return
    part = Batching(run, sink, defer=wanted)
    try:
        yield part
    finally:
        await part.close()


async def until_done(run: Run, watch: Watch, poll: float, say: Callable[[str], None]) -> Summary:
    """Round after round until nothing waits for a batch any more, or a signal comes.

    ``poll`` is the first wait in seconds between two looks at the provider; it grows as long as nothing
    happens, to ten minutes at most. A provider that cannot be reached is asked again.
    """
    from gristmill.pipeline.run import Run

    counters = run.counters
    while True:
        async with watch(run):
            summary = await run.execute()
        counters = counters.plus(run.counters)
        summary.counters = counters
        report = summary.batches
        waits = summary.status == "waiting" or (summary.status == "budget" and report and report.outstanding)
        if not waits or report is None:
            return summary
        say(_progress(report))
        if not await _something_happens(run, poll, say):
            summary.status = "interrupted"
            return summary
        # Asked again once, in the first round: a second answer that is no better must not be asked for ever.
        run = Run(run.loaded, replace(run.options, redo=frozenset(), give_up=()))


async def _something_happens(run: Run, poll: float, say: Callable[[str], None]) -> bool:
    """Wait until a batch can be collected, or until the next try where one could not be handed in."""
    stop, wait = asyncio.Event(), poll
    desk = BatchDesk(batches_path(run.loaded.store), cache_path(run.loaded.store), lambda *_: None)
    try:
        with two_signals(stop.set):
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), wait)
                    return False
                try:
                    if not desk.on_their_way() or await desk.any_finished():
                        return True
                except ModelUnavailableError as error:
                    say(f"asking again in {wait:.0f} s: {error}")
                wait = min(wait * SLOWER, max(LONGEST_WAIT, poll))
    finally:
        await desk.close()
    return False


def _progress(report: BatchReport) -> str:
    left = report.outstanding
    shown = [f"{b.id or 'being handed in'} {b.status} {b.done + b.failed}/{b.lines}" for b in left]
    return f"waiting for {len(shown)} batches: {', '.join(shown[:5])}{' …' if len(shown) > 5 else ''}"
