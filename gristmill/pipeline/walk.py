"""One coroutine per chunk: generate, gate, score, decide, in straight code.

Whatever goes wrong with one row becomes that row's outcome. Three things stop a run: a model that refuses
every call (wrong key, unknown model), a spent budget, and a store or cache that cannot be written (a full
disk); the rows they hit stay pending.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gristmill.accept import UnknownScoreError
from gristmill.errors import (
    BudgetError,
    DeferredError,
    ModelConfigError,
    ModelError,
    StoppedError,
    StoreError,
)
from gristmill.models import Door
from gristmill.models.types import Ask
from gristmill.pipeline.blame import rows_of, score_of
from gristmill.pipeline.plan import Job, Plan, Remake
from gristmill.pipeline.remakes import chosen, lineage_of
from gristmill.recipe import Loaded, Task
from gristmill.records import OTHER_KIND, Example, Item, Lineage, Match, Outcome, Score, State
from gristmill.registry import Blocked, Failed, Gate, Passed, Rejected, Scored, Scorer, Unscored
from gristmill.voting import DIVIDED

if TYPE_CHECKING:
    from gristmill.pipeline.passes import Passes

Result = Example | Rejected | Failed
STOPS = (ModelConfigError, BudgetError, StoppedError, StoreError)


class Recorder(Protocol):
    """Where the walk puts what it made."""

    def add(self, record: Example | Lineage | Score | Match) -> None:
        """Keep one record."""

    def settle(self, outcome: Outcome) -> None:
        """Keep what became of one row, and count it."""


class Places(Protocol):
    """What the walk asks of a target (:class:`gristmill.pipeline.target.Goal`)."""

    @property
    def full(self) -> bool:
        """No further row can be accepted."""

    def closed(self, task: Task, job: Job, slots: Sequence[str]) -> str:
        """Why no row of this task and chunk can be accepted, else empty."""

    def blocked(self, item: Item) -> str:
        """Why a row cannot be accepted however it is judged, else empty."""

    def take(self, slot: str, item: Item) -> str:
        """Take a place for a row that passed everything; why there is none, else empty."""

    def settled(self, chunk: str, slot: str, example: str | None, state: str) -> None:
        """A row is decided."""


class Slot(NamedTuple):
    """A row asked for: its id, its place among the rows of its task, the row that it is made anew for."""

    id: str
    place: int
    remake: Remake | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The end of one row's way."""

    state: State
    reason: str = ""
    detail: str = ""
    raw: str = ""


ACCEPTED = Decision("accepted")


@dataclass(frozen=True, slots=True)
class Walker:
    """Walks chunks through one loaded recipe."""

    loaded: Loaded
    plan: Plan
    door: Door
    recorder: Recorder
    goal: Places | None = None
    passes: Passes | None = None

    async def walk(self, job: Job, skip: frozenset[int]) -> None:
        """Make and decide all rows of one chunk, except the tasks in ``skip`` (decided before).

        Raises:
            ModelConfigError, BudgetError, StoppedError, StoreError: the run must stop; undecided rows stay
                pending.
        """
        deferred: DeferredError | None = None
        held = self.passes
        for index, task in enumerate(self.plan.tasks):
            if self.goal is not None and self.goal.full:
                return  # nothing is asked for rows that have no place: they stay pending
            if index not in skip:
                try:
                    await (self.task(job, index, task) if held is None else held.task(self, job, index, task))
                except DeferredError as error:
                    deferred = error  # what the other tasks ask can go into the same batch
        if deferred is not None:
            raise deferred

    async def task(self, job: Job, index: int, task: Task) -> None:
        """Make and decide the rows of one task; raises as :meth:`walk`."""
        ids, remakes = self.plan.slot_ids(job, index), job.remakes.get(index, ())
        own = [Slot(key, place) for place, key in enumerate(ids[: len(ids) - len(remakes)])]
        slots = [*own, *(Slot(remake.slot, remake.index, remake) for remake in remakes)]
        closed = self.goal.closed(task, job, ids) if self.goal is not None else ""
        if closed:
            results: list[Result] = [Rejected(closed)] * len(slots)
        else:
            results = await self._make(job, task, len(own), remakes)
        rows = [self._row(job, index, slot, result) for slot, result in zip(slots, results, strict=True)]
        if len(rows) == 1:
            await rows[0]
            return
        # Every row is given its chance before a stop is passed on: what was paid for is kept.
        stops = [e for e in await asyncio.gather(*rows, return_exceptions=True) if e is not None]
        for error in sorted(stops, key=_waits):
            raise error

    async def _make(self, job: Job, task: Task, wanted: int, remakes: Sequence[Remake]) -> list[Result]:
        """``wanted`` results and one for each row to be made again."""
        if not remakes:
            return await self._generate(job, task, wanted)
        made = [self._remake(job, task, remake) for remake in remakes]
        if wanted:
            made.insert(0, self._generate(job, task, wanted))
        parts = await asyncio.gather(*made, return_exceptions=True)
        for error in sorted((part for part in parts if isinstance(part, BaseException)), key=_waits):
            raise error
        return _unique([result for part in parts if isinstance(part, list) for result in part])

    async def _generate(self, job: Job, task: Task, wanted: int) -> list[Result]:
        """Exactly ``wanted`` results, so that every row asked for is accounted for."""
        results = await self._results(job, task)
        if isinstance(results, Failed):
            return [results] * wanted
        if len(results) > wanted:
            return [Failed("too-many-rows", f"{task.name} gave {len(results)} rows for {wanted}")] * wanted
        return _unique(results) + [Rejected("nothing-to-ask")] * (wanted - len(results))

    async def _remake(self, job: Job, task: Task, remake: Remake) -> list[Result]:
        """One result, linked to the row that it is made in place of."""
        results = await self._results(job, task, remake)
        return [results if isinstance(results, Failed) else chosen(results, remake)]

    async def _results(self, job: Job, task: Task, remake: Remake | None = None) -> list[Result] | Failed:
        """What the generator gives; whatever goes wrong with it is one failure."""
        ask = self._ask(task.generator.roles(), remake.first if remake else 0)
        try:
            again = remake.again if remake else None
            return await rows_of(task.generator, job, ask, self.door.redo, again)
        except STOPS:
            raise
        except ModelError as error:
            return Failed(error.kind, error.message, error.raw)
        except Exception as error:  # noqa: BLE001 - per-item boundary: a generator's crash is a failed row
            return _crash("generator", task.name, error)

    def _ask(self, roles: Sequence[str], first: int = 0) -> Ask:
        return self.door.ask_for(roles[0] if roles else None, first=first)

    async def _row(self, job: Job, index: int, slot: Slot, result: Result) -> None:
        example = result if isinstance(result, Example) else None
        matches: list[Match] = []
        if isinstance(result, Failed):
            decision = Decision("failed", result.error, result.detail, result.raw)
        elif isinstance(result, Rejected):
            example = result.example
            decision = Decision("rejected", result.reason, result.detail)
        else:
            decision = await self._decide(Item(result, job.chunk, job.document), slot.id, matches)
        for match in matches:
            self.recorder.add(match)
        if example is not None:
            self.recorder.add(example)
        outcome = Outcome(
            slot_id=slot.id,
            chunk_id=job.chunk.id,
            task=self.plan.tasks[index].name,
            index=slot.place,
            settings=self.plan.settings[index],
            state=decision.state,
            reason=decision.reason,
            detail=decision.detail,
            raw=decision.raw,
            example_id=example.id if example else None,
        )
        for lineage in lineage_of(slot.remake, outcome) if slot.remake is not None else ():
            self.recorder.add(lineage)
        if self.goal is not None:
            self.goal.settled(job.chunk.id, slot.id, outcome.example_id, outcome.state)
        self.recorder.settle(outcome)

    async def _decide(self, item: Item, slot: str, matches: list[Match]) -> Decision:
        passed: list[Gate] = []
        decision: Decision | None = None
        try:
            for gate in self.loaded.gates:
                if gate.asks:
                    decision = await self.consult(gate, item, matches)
                else:
                    decision = self.gate(gate, item, matches)
                if decision is not None:
                    return decision
                passed.append(gate)
            if self.goal is not None and (reason := self.goal.blocked(item)):
                return Decision("rejected", reason, "not judged: there was no place for it")
            decision = await self._score(item)
            # No await between the place taken here and the row settled: the target cannot be passed.
            if self.goal is not None and decision is ACCEPTED and (reason := self.goal.take(slot, item)):
                decision = Decision("rejected", reason, "passed, but there was no place for it")
            return decision
        except DeferredError:
            passed.clear()  # on its way to the judge: copies of it must not be judged too
            raise
        finally:
            # A duplicate gate must not hold rows back for the sake of one that was not accepted.
            if decision is not ACCEPTED:
                for gate in passed:
                    gate.forget(item.example)

    @staticmethod
    def gate(gate: Gate, item: Item, matches: list[Match]) -> Decision | None:
        """What one gate says, None when it lets the row pass; its crash is a failed row."""
        try:
            result = gate.check(item)
        except Exception as error:  # noqa: BLE001 - per-item boundary: a gate's crash is a failed row
            return _gate_crash(gate, error)
        return _gate_word(result, matches)

    async def consult(self, gate: Gate, item: Item, matches: list[Match]) -> Decision | None:
        """:meth:`gate` for one that asks models; a model that does not answer makes a failed row."""
        try:
            result = await gate.consult(item, self._ask(gate.roles()))
        except STOPS:
            raise
        except ModelError as error:
            return Decision("failed", error.kind, error.message, error.raw)
        except Exception as error:  # noqa: BLE001 - per-item boundary: a gate's crash is a failed row
            return _gate_crash(gate, error)
        return _gate_word(result, matches)

    async def _score(self, item: Item) -> Decision:
        kind, every = item.example.kind, self.loaded.scorers
        scorers = [scorer for scorer in every if scorer.applies_to(kind)]
        absent = [scorer for scorer in every if not scorer.applies_to(kind)]
        results = await asyncio.gather(*(self._one_score(s, item) for s in scorers), return_exceptions=True)
        for error in sorted((r for r in results if isinstance(r, BaseException)), key=_waits):
            raise error
        by_label = {
            s.label: r for s, r in zip(scorers, results, strict=True) if not isinstance(r, BaseException)
        }
        for scorer in scorers:
            self.recorder.add(_score_record(item.example.id, scorer, by_label[scorer.label]))
        for scorer in absent:
            self.recorder.add(Score(item.example.id, scorer.label, scorer.version, None, OTHER_KIND))
        return self._accept(by_label, {scorer.label for scorer in absent})

    async def _one_score(self, scorer: Scorer, item: Item) -> Scored | Unscored:
        try:
            return await score_of(scorer, item, self._ask(scorer.roles()), self.door.redo)
        except STOPS:
            raise
        except ModelError as error:
            return Unscored(error.kind, error.raw or error.message)
        except Exception as error:  # noqa: BLE001 - per-item boundary: a scorer's crash is "unscored"
            crash = _crash("scorer", scorer.registered_name, error)
            return Unscored(crash.error, crash.raw)

    def _accept(self, results: Mapping[str, Scored | Unscored], absent: Collection[str]) -> Decision:
        rule = self.loaded.accept.without(absent) if self.loaded.accept is not None else None
        if rule is None:
            return ACCEPTED
        values = {k: r.value if isinstance(r, Scored) else None for k, r in results.items()}
        try:
            verdict = rule(values)
        except UnknownScoreError as error:
            label = str(error.args[0])
            result = results.get(label)
            missing = result if isinstance(result, Unscored) else Unscored("not-computable")
            # judges that were heard and came to no verdict: that is a word about the row, not a failure
            state: State = "rejected" if missing.reason in DIVIDED else "failed"
            return Decision(state, f"unscored:{label}:{missing.reason}", rule.source, missing.raw)
        if verdict:
            return ACCEPTED
        shown = ", ".join(f"{k} = {v:.2f}" for k, v in values.items() if v is not None and k in rule.names)
        reason = f"low-score:{next(iter(rule.names))}" if len(rule.names) == 1 else "accept-rule"
        return Decision("rejected", reason, f"{shown}; rule: {rule.source}")


def _gate_word(result: Passed | Blocked, matches: list[Match]) -> Decision | None:
    matches += result.matches
    return Decision("rejected", result.reason, result.detail) if isinstance(result, Blocked) else None


def _gate_crash(gate: Gate, error: Exception) -> Decision:
    crash = _crash("gate", gate.registered_name, error)
    return Decision("failed", crash.error, crash.detail, crash.raw)


def _waits(error: BaseException) -> bool:
    """Sorts a call that waits for its batch behind what must stop the run."""
    return isinstance(error, DeferredError)


def _unique(results: Sequence[Result]) -> list[Result]:
    """The same row twice from one task is one row and a rejected one."""
    seen: set[str] = set()
    rows: list[Result] = []
    for result in results:
        if isinstance(result, Example):
            if result.id in seen:
                rows.append(Rejected("duplicate-row", "the task gave this row twice"))
                continue
            seen.add(result.id)
        rows.append(result)
    return rows


def _crash(part: str, name: str, error: Exception) -> Failed:
    """The row keeps the traceback: whoever wrote the component needs it, the terminal does not."""
    trace = "".join(traceback.format_exception(error))
    return Failed(f"crash:{part}:{type(error).__name__}", f"{name}: {error}", trace)


def _score_record(example_id: str, scorer: Scorer, result: Scored | Unscored) -> Score:
    if isinstance(result, Unscored):
        detail = result.raw
        reason, votes = result.reason, result.votes
        return Score(example_id, scorer.label, scorer.version, None, reason, detail, votes=votes)
    return Score(
        example_id,
        scorer.label,
        scorer.version,
        result.value,
        None,
        result.rationale,
        result.evidence,
        result.votes,
    )
