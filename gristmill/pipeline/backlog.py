"""The chunks with work left, in order: what earlier runs decided is counted and left out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gristmill.pipeline.plan import Job, Plan
from gristmill.pipeline.sink import Sink, over
from gristmill.pipeline.tally import Tally
from gristmill.pipeline.target import Goal, waits_for_target

# Every look-up opens the store (some 50 ms); texts of two batches are held in memory.
LOOKUP_CHUNKS = 2_000
Known = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is left to walk of ``jobs``, looked up in the store a batch ahead of the walk."""

    plan: Plan
    tally: Tally
    sink: Sink
    goal: Goal | None = None

    async def left(self, jobs: Iterator[Job]) -> AsyncIterator[tuple[Job, frozenset[int]]]:
        """Chunks with work left, with the tasks that earlier runs settled; those are counted here."""
        if not await self.sink.query("any_decided", settings=list(self.plan.settings)):
            for job in jobs:
                self._seen()
                yield job, frozenset(i for i in self._tasks if not self.plan.slot_ids(job, i))
            return
        ahead = asyncio.create_task(self._next(jobs))
        try:
            while found := await ahead:
                ahead = asyncio.create_task(self._next(jobs))
                batch, known = found
                for job in batch:
                    self._seen()
                    skip = frozenset(i for i in self._tasks if self._settled(job, i, known))
                    if len(skip) < len(self.plan.tasks):
                        yield job, skip
        finally:
            ahead.cancel()
            await over(ahead)

    @property
    def _tasks(self) -> range:
        return range(len(self.plan.tasks))

    async def held(self, jobs: Iterator[Job]) -> int:
        """Rows of ``jobs`` that the store holds as decided under the plan's settings."""
        count = 0
        while found := await self._next(jobs):
            count += sum(1 for row in found[1].values() if row[0] in self.plan.settings)
        return count

    async def _next(self, jobs: Iterator[Job]) -> tuple[list[Job], Known] | None:
        batch = list(islice(jobs, LOOKUP_CHUNKS))
        if not batch:
            return None
        ids = [slot for job in batch for slot in self.plan.all_slot_ids(job)]
        # {slot: [settings, state, reason, example]} of what the store knows of these chunks
        known: Known = await self.sink.query("decided", slot_ids=ids)
        return batch, known

    def _settled(self, job: Job, task: int, known: Known) -> bool:
        """Failed rows and rows decided under other settings are walked again (answers are cached)."""
        found = [known.get(slot) for slot in self.plan.slot_ids(job, task)]
        rows = [row for row in found if row and row[0] == self.plan.settings[task] and row[1] != "failed"]
        if len(rows) < len(found) or any(self._waits(row) for row in rows):
            if self.goal is not None:
                slots = self.plan.slot_ids(job, task)
                self.goal.known.update((s, row) for s, row in zip(slots, found, strict=True) if row in rows)
            return False
        for row in rows:
            self.tally.count(row[1], row[2], resumed=True)
        return True

    def _waits(self, row: Sequence[Any]) -> bool:
        """Turned away for want of a place that there may be now: its answers are cached, deciding is free."""
        return waits_for_target(row[2]) and (self.goal is None or self.goal.again(row[2]))

    def _seen(self) -> None:
        if self.goal is not None:
            self.goal.seen += 1
