"""The driver's part of deciding rows: gates that remember, the target, and what is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gristmill.pipeline.plan import Job, Plan
from gristmill.pipeline.ray.messages import Check, Checked, Decided
from gristmill.pipeline.sink import Sink
from gristmill.pipeline.target import Goal
from gristmill.pipeline.walk import Decision, Walker
from gristmill.records import Example, Item, Match, Outcome
from gristmill.registry import Failed, Gate


@dataclass(slots=True)
class Walk:
    """A chunk that is out at a worker. ``passed``: by slot, the gates that remember its row."""

    number: int
    job: Job
    skip: frozenset[int]
    done: asyncio.Future[None]
    losses: int = 0
    decided: set[str] = field(default_factory=set)
    passed: dict[str, tuple[Example, list[Gate]]] = field(default_factory=dict)

    def forget(self) -> None:
        """Rows that came to no decision: gates must not hold other rows back for their sake."""
        for example, gates in self.passed.values():
            for gate in gates:
                gate.forget(example)
        self.passed.clear()


@dataclass(slots=True)
class Rows:
    """Decides in the order in which rows arrive, as a local run does; all of it without an await."""

    gates: Sequence[Gate]
    plan: Plan
    sink: Sink
    goal: Goal | None

    def check(self, walk: Walk, check: Check) -> Checked:
        """Pass a row through the gates that remember, then ask whether there is a place for it."""
        if check.slot in walk.decided:  # before its worker was lost: nothing more is paid for it
            return Checked(Decision("rejected", "decided-before"), ())
        item = Item(check.example, walk.job.chunk, walk.job.document)
        matches: list[Match] = []
        _, passed = walk.passed.setdefault(check.slot, (check.example, []))
        for gate in self.gates[check.first : check.last]:
            decision = Walker.gate(gate, item, matches)
            if decision is not None:
                return Checked(decision, tuple(matches))
            passed.append(gate)
        # With a target the last step of all is one at the driver (:func:`parcel.steps_of`).
        over = check.last == len(self.gates)
        if self.goal is not None and over and (reason := self.goal.blocked(item)):
            detail = "not judged: there was no place for it"
            return Checked(Decision("rejected", reason, detail), tuple(matches))
        return Checked(None, tuple(matches))

    def decided(self, walk: Walk, row: Decided) -> None:
        """Store a row; one that was decided before its worker was lost stays what it was."""
        outcome, job = row.outcome, walk.job
        if outcome.slot_id in walk.decided:
            return
        walk.decided.add(outcome.slot_id)
        example = _of(outcome, row)
        if self.goal is not None and outcome.state == "accepted" and example is not None:
            reason = self.goal.take(outcome.slot_id, Item(example, job.chunk, job.document))
            if reason:
                detail = "passed, but there was no place for it"
                outcome = replace(outcome, state="rejected", reason=reason, detail=detail)
        kept, passed = walk.passed.pop(outcome.slot_id, (None, []))
        if outcome.state != "accepted" and kept is not None:
            for gate in passed:
                gate.forget(kept)
        for record in row.records:
            self.sink.add(record)
        if self.goal is not None:
            self.goal.settled(job.chunk.id, outcome.slot_id, outcome.example_id, outcome.state)
        self.sink.settle(outcome)

    def lost(self, walk: Walk, failed: Failed) -> None:
        """A chunk that no worker came back from: its rows fail, and are walked again by the next run."""
        for index, task in enumerate(self.plan.tasks):
            slots = self.plan.slot_ids(walk.job, index) if index not in walk.skip else []
            for place, slot in enumerate(slots):
                outcome = Outcome(
                    slot_id=slot,
                    chunk_id=walk.job.chunk.id,
                    task=task.name,
                    index=place,
                    settings=self.plan.settings[index],
                    state="failed",
                    reason=failed.error,
                    detail=failed.detail,
                )
                self.decided(walk, Decided(walk.number, (), outcome))

    def settled_tasks(self, walk: Walk) -> frozenset[int]:
        """Tasks of a chunk with nothing left to decide: those of earlier runs, and of a lost worker."""
        done = {
            index
            for index in range(len(self.plan.tasks))
            if walk.decided.issuperset(self.plan.slot_ids(walk.job, index))
        }
        return walk.skip | done

    def closed(self, job: Job, skip: frozenset[int]) -> dict[int, str]:
        """Tasks for whose rows there is no place, with the reason."""
        if self.goal is None:
            return {}
        found = {
            index: self.goal.closed(task, job, self.plan.slot_ids(job, index))
            for index, task in enumerate(self.plan.tasks)
            if index not in skip
        }
        return {index: reason for index, reason in found.items() if reason}


def _of(outcome: Outcome, row: Decided) -> Example | None:
    found = (r for r in row.records if isinstance(r, Example) and r.id == outcome.example_id)
    return next(found, None)
