"""Exactly as many accepted rows as the recipe wants: every acceptance takes a place, decided at once.

All of it is plain arithmetic without an await, so that whatever is in flight cannot pass the target.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from gristmill.pipeline.forecast import Forecast, Outlook
from gristmill.pipeline.plan import Job, Plan
from gristmill.pipeline.tally import Tally
from gristmill.quota import FULL, REACHED, Quota, Target, value_of
from gristmill.recipe import Loaded, Task
from gristmill.records import Document, Example, Item

PAGE = 20_000
Labels = tuple[str, ...]


class Asks(Protocol):
    """Something that runs store operations (the sink)."""

    async def query(self, operation: str, **arguments: Any) -> Any:
        """Run one."""


class _Held(NamedTuple):
    """A row accepted before this run; a reviewer's word holds whatever the rules say now."""

    labels: Labels
    reviewed: bool


@dataclass(slots=True)
class _Walk:
    """A chunk on its way: the labels of its rows that passed, and whether nothing of it was known."""

    fresh: bool
    asked: bool = False
    passed: list[tuple[Labels, bool]] = field(default_factory=list)


@dataclass(slots=True)
class Goal:
    """The places of a run's target. ``accepted`` counts rows of the store that are accepted now."""

    spec: Target
    rows_per_chunk: int
    chunks: int = 0
    seen: int = 0
    accepted: int = 0
    before: int = 0
    known: dict[str, Sequence[Any]] = field(default_factory=dict)
    """By slot: what the store says of rows that are decided again in this run."""
    notices: list[str] = field(default_factory=list)
    quotas: list[Quota] = field(init=False)
    outlook: Outlook = field(init=False)
    _held: dict[str, _Held] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)
    _walks: dict[str, _Walk] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.quotas = self.spec.quotas()
        self.outlook = Outlook(self.rows_per_chunk, self.quotas)

    @property
    def full(self) -> bool:
        """No further row can be accepted."""
        wanted = self.spec.accepted
        return (wanted is not None and self.accepted >= wanted) or any(quota.full for quota in self.quotas)

    @property
    def short(self) -> bool:
        """Fewer rows than wanted."""
        goal = self.spec.goal
        return goal is not None and self.accepted < goal and not self.full

    async def load(self, store: Asks, run: str, name: str, plan: Plan) -> None:
        """Count the rows that are accepted already: by earlier runs, less those that reviewers rejected."""
        after: str | None = None
        while True:
            found = {"run_id": run, "name": name, "settings": list(plan.settings)}
            rows = await store.query(
                "target_rows", **found, after=after, limit=PAGE, values=bool(self.quotas)
            )
            for row in rows:
                self._remember(row)
            if len(rows) < PAGE:
                break
            after = rows[-1]["id"]
        self.before = self.accepted
        self._foresee()

    def _remember(self, row: Mapping[str, Any]) -> None:
        if not row["counted"]:
            self._refused.add(row["id"])
            return
        labels = self._labels(row)
        self._held[row["id"]] = _Held(labels, row["reviewed"])
        self._count(labels, 1)

    def closed(self, task: Task, job: Job, slots: Sequence[str]) -> str:
        """Why no row of this task and chunk can be accepted, known before anything is asked; else empty."""
        if not self.quotas or any(slot in self.known for slot in slots):
            return self._open(job)
        row = {"generator": task.generator.registered_name, "document": _document(job.document)}
        for quota in self.quotas:
            if quota.field == "generator" or quota.field.startswith("document."):
                value = value_of(quota.field, row)
                if quota.room(quota.label(value)) <= 0:
                    return f"{FULL}{quota.field}={value}"
        return self._open(job)

    def blocked(self, item: Item) -> str:
        """Why a row cannot be accepted however it is judged, else empty."""
        if item.example.id in self._held or item.example.id in self._refused:
            return ""
        return self._reason(_row(item.example, item.document) if self.quotas else {})

    def take(self, slot: str, item: Item) -> str:
        """Take a place for a row that passed everything; why there is none, else empty."""
        example = item.example
        self._release(slot, example.id)
        if example.id in self._held or example.id in self._refused:
            return ""
        row = _row(example, item.document) if self.quotas else {}
        labels, reason = self._labels(row), self._reason(row)
        if (walk := self._walks.get(item.chunk.id)) is not None:
            walk.passed.append((labels, reason in ("", REACHED)))
        if not reason:
            self._count(labels, 1)
        return reason

    def settled(self, chunk: str, slot: str, example: str | None, state: str) -> None:
        """A row is decided: one that was accepted before and is not any more gives its place back."""
        self._release(slot, example)
        if self.known.pop(slot, None) is not None and chunk in self._walks:
            self._walks[chunk].fresh = False
        held = self._held.get(example or "")
        if held is not None and state != "accepted" and not held.reviewed:
            self._give_back(example or "")

    def count_left(self, tally: Tally) -> None:
        """Rows that were to be decided again and were not are what the store says of them."""
        for row in self.known.values():
            tally.count(row[1], row[2], resumed=True)
        self.known.clear()

    def again(self, reason: str) -> bool:
        """Whether a row once turned away for want of a place may have one now."""
        if self.full:
            return False
        name, _, value = reason.removeprefix(FULL).partition("=")
        quota = next((quota for quota in self.quotas if quota.field == name), None)
        return quota is None or quota.room(quota.label(value)) > 0

    def begin(self, chunk: str, *, fresh: bool) -> None:
        """A chunk starts on its way."""
        self._walks[chunk] = _Walk(fresh)

    def end(self, chunk: str, *, whole: bool) -> None:
        """A chunk came to its end; the yield is learnt from whole ones."""
        walk = self._walks.pop(chunk)
        self._changed.set()
        if walk.fresh and whole:
            self.outlook.add(walk.passed, asked=walk.asked)
            seen = self.outlook.total.chunks
            if seen >= 16 and seen & (seen - 1) == 0:  # now and then: 16, 32, 64 …
                self._foresee()

    async def turn(self) -> None:
        """Wait until one more chunk is likely to be needed: near the target few are on their way."""
        while len(self._walks) >= self._allowed() and not self.full:
            self._changed.clear()
            await self._changed.wait()

    @property
    def crowded(self) -> bool:
        """As many chunks are on their way as are likely to be needed."""
        return len(self._walks) >= self._allowed() and not self.full

    def _allowed(self) -> float:
        goal = self.spec.goal
        if goal is None or (len(self._walks) + 1) * self.rows_per_chunk <= goal - self.accepted:
            return math.inf
        return self.outlook.chunks_worth(goal - self.accepted)

    def forecast(self) -> Forecast | None:
        """What this corpus will give, None without a number wanted or before the first chunk."""
        goal = self.spec.goal
        if goal is None or not self.outlook.total.chunks:
            return None
        return self.outlook.forecast(goal, self.accepted, max(0, self.chunks - self.seen) + len(self._walks))

    def _foresee(self) -> None:
        goal = self.spec.goal
        if goal is None or self.notices or self.full:
            return
        rows = self.chunks * self.rows_per_chunk
        if max(rows, self.accepted) < goal:
            self.notices.append(
                f"the corpus is too small: {self.chunks} chunks ask for {rows} rows, {goal} are wanted: "
                "add documents or raise per_chunk"
            )
            return
        found = self.forecast()
        if found is not None and found.expected.high < goal:
            self.notices.append(found.warning(self.chunks))

    def as_json(self) -> dict[str, Any]:
        """The ``target`` of ``--json``."""
        found = self.forecast()
        return {
            "wanted": self.spec.goal,
            "accepted": self.accepted,
            "accepted_before": self.before,
            "reached": self.full,
            "per": {quota.field: _shown(quota) for quota in self.quotas},
            **({"forecast": found.as_json()} if found else {}),
        }

    def _open(self, job: Job) -> str:
        if (walk := self._walks.get(job.chunk.id)) is not None:
            walk.asked = True
        return ""

    def _labels(self, row: Mapping[str, Any]) -> Labels:
        return tuple([quota.label(value_of(quota.field, row)) for quota in self.quotas])

    def _reason(self, row: Mapping[str, Any]) -> str:
        if self.full:
            return REACHED
        for quota in self.quotas:
            value = value_of(quota.field, row)
            if quota.room(quota.label(value)) <= 0:
                return f"{FULL}{quota.field}={value}"
        return ""

    def _count(self, labels: Labels, step: int) -> None:
        self.accepted += step
        for quota, label in zip(self.quotas, labels, strict=True):
            quota.counts[label] += step

    def _release(self, slot: str, example: str | None) -> None:
        """The slot holds another row now: the one before gives its place back."""
        old = self.known[slot][3] if slot in self.known else None
        held = self._held.get(old) if old is not None and old != example else None
        if held is not None and not held.reviewed:
            self._give_back(str(old))

    def _give_back(self, example: str) -> None:
        self._count(self._held.pop(example).labels, -1)


async def goal_of(loaded: Loaded, run: str, tally: Tally, store: Asks) -> Goal | None:
    """The target of a run whose documents are in the store, None when the recipe sets none."""
    spec, plan = loaded.recipe.target, Plan.of(loaded)
    if not spec.active:
        return None
    goal = Goal(spec, plan.rows_per_chunk, tally.chunks)
    await goal.load(store, run, loaded.recipe.name, plan)
    return goal


def waits_for_target(reason: str) -> bool:
    """Whether a row was rejected only because there was no place for it."""
    return reason == REACHED or reason.startswith(FULL)


def _row(example: Example, document: Document) -> dict[str, Any]:
    made = {"kind": example.kind, "generator": example.generator.name, "metadata": example.metadata}
    return {**made, "document": _document(document)}


def _document(document: Document) -> dict[str, Any]:
    return {"uri": document.uri, "media_type": document.media_type, "metadata": document.metadata}


def _shown(quota: Quota) -> dict[str, dict[str, int]]:
    """Counts by label; of a field with one number for all values the 20 most frequent."""
    labels = list(quota.limits) if quota.limits is not None else [n for n, _ in quota.counts.most_common(20)]
    return {
        label: {"accepted": quota.counts[label], "of": quota.counts[label] + quota.room(label)}
        for label in labels
    }
