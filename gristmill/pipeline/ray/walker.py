"""The walk as a worker does it: gates that remember rows, and the target, are asked at the driver."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gristmill.pipeline.plan import Job
from gristmill.pipeline.ray.link import Link
from gristmill.pipeline.ray.messages import Check, Checked, Decided
from gristmill.pipeline.ray.parcel import Central, Step
from gristmill.pipeline.walk import Decision, Walker
from gristmill.recipe import Task
from gristmill.records import Example, Item, Lineage, Match, Outcome, Score


@dataclass(slots=True)
class RowPost:
    """Sends every row to the driver as soon as it is decided, with what belongs to it."""

    link: Link
    walk: int
    _held: list[Example | Lineage | Score | Match] = field(default_factory=list)

    def add(self, record: Example | Lineage | Score | Match) -> None:
        """Keep a record until the next row is decided."""
        self._held.append(record)

    def settle(self, outcome: Outcome) -> None:
        """Send an outcome, and all records so far before it."""
        self.link.post(Decided(self.walk, tuple(self._held), outcome))
        self._held = []


@dataclass(frozen=True, slots=True)
class RemotePlaces:
    """The target as far as a worker needs to know: the driver decides when the row is on its table."""

    closed_tasks: Mapping[str, str]
    is_full: Callable[[], bool]

    @property
    def full(self) -> bool:
        """As the driver said last."""
        return self.is_full()

    def closed(self, task: Task, job: Job, slots: Sequence[str]) -> str:
        """As it was when the chunk was handed out."""
        return self.closed_tasks.get(task.name, "")

    def blocked(self, item: Item) -> str:
        """Asked with the gates (:class:`Central`)."""
        return ""

    def take(self, slot: str, item: Item) -> str:
        """Taken when the decided row arrives."""
        return ""

    def settled(self, chunk: str, slot: str, example: str | None, state: str) -> None:
        """Noted when the decided row arrives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteWalker(Walker):
    """Walks one chunk; ``steps`` take the place of the recipe's gates."""

    link: Link
    number: int
    steps: tuple[Step, ...]

    async def _decide(self, item: Item, slot: str, matches: list[Match]) -> Decision:
        for step in self.steps:
            if isinstance(step, Central):
                decision = await self._central(step, item, slot, matches)
            elif step.asks:
                decision = await self.consult(step, item, matches)
            else:
                decision = self.gate(step, item, matches)
            if decision is not None:
                return decision
        return await self._score(item)

    async def _central(self, step: Central, item: Item, slot: str, matches: list[Match]) -> Decision | None:
        question = Check(self.link.number(), self.number, slot, step.first, step.last, item.example)
        found: Checked = await self.link.ask(question)
        matches += found.matches
        return found.decision
