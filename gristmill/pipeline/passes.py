"""Models that do not fit into memory together: the chunks are walked once for each, over the same cache.

In a pass one model is loaded. What the others are to be asked is put off, and the rows behind it wait; the
next pass loads the model that was waited for and walks what is left, with every answer so far from the cache.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gristmill.errors import DeferredError, GristmillError
from gristmill.models import Request
from gristmill.models.spec import ModelSpec
from gristmill.models.types import PutsOff
from gristmill.pipeline.plan import Job
from gristmill.pipeline.target import goal_of
from gristmill.recipe import Loaded, Task
from gristmill.records import Example, Lineage, Match, Outcome, Score

if TYPE_CHECKING:
    from gristmill.models.inprocess.engines import Engines
    from gristmill.pipeline.backlog import Backlog
    from gristmill.pipeline.run import Run
    from gristmill.pipeline.sink import Sink
    from gristmill.pipeline.walk import Recorder, Walker

MAX_PASSES = 32


@dataclass(slots=True)
class Pass:
    """One walk with one model loaded. ``put_off`` calls were for other models; ``answered`` for this one."""

    model: str
    answered: int = 0
    put_off: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"model": self.model, "answered": self.answered, "put_off": dict(self.put_off)}


@dataclass(slots=True)
class Held:
    """What a task's rows gave; kept back until all of them are decided, so that none is counted twice."""

    records: list[Example | Lineage | Score | Match] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def add(self, record: Example | Lineage | Score | Match) -> None:
        """Hold a record."""
        self.records.append(record)

    def settle(self, outcome: Outcome) -> None:
        """Hold an outcome."""
        self.outcomes.append(outcome)

    def pour(self, recorder: Recorder) -> None:
        """Hand everything on."""
        for record in self.records:
            recorder.add(record)
        for outcome in self.outcomes:
            recorder.settle(outcome)


class Passes:
    """The passes of one run. ``models`` are those that take turns, in the order the recipe uses them.

    ``other`` may put off calls of further models (batches of a provider). One byte a chunk and task is kept.
    """

    def __init__(self, models: Sequence[str], tasks: int, other: PutsOff | None = None) -> None:
        self.models, self._tasks, self._other = tuple(models), tasks, other
        self.done: list[Pass] = [Pass(self.models[0])]
        self._open = bytearray()
        self._places: dict[str, int] = {}
        self._answered = 0

    @property
    def current(self) -> str:
        """The model whose pass this is."""
        return self.done[-1].model

    def takes(self, spec: ModelSpec) -> bool:
        """Whether calls of a model wait now."""
        if spec.model in self.models:
            return spec.model != self.current
        return self._other is not None and self._other.takes(spec)

    def put_off(
        self, spec: ModelSpec, role: str, calls: Sequence[tuple[str, Request, str]]
    ) -> Sequence[Exception]:
        """Count calls that wait for their model's pass; nothing of them is kept: they are asked for again."""
        if spec.model in self.models:
            self.done[-1].put_off[spec.model] += len(calls)
            return [DeferredError(key) for key, _, _ in calls]
        assert self._other is not None
        return self._other.put_off(spec, role, calls)

    async def left(self, backlog: Backlog, jobs: Iterator[Job]) -> AsyncIterator[tuple[Job, frozenset[int]]]:
        """The chunks to walk in this pass, with the tasks to leave out."""
        if len(self.done) == 1:
            async for job, skip in self._first(backlog, jobs):
                yield job, skip
            return
        for place, job in enumerate(jobs):
            marks = self._open[place * self._tasks : (place + 1) * self._tasks]
            if any(marks):
                if backlog.goal is not None:
                    backlog.goal.seen += 1
                self._places[job.chunk.id] = place
                yield job, frozenset(index for index, mark in enumerate(marks) if not mark)

    async def _first(
        self, backlog: Backlog, jobs: Iterator[Job]
    ) -> AsyncIterator[tuple[Job, frozenset[int]]]:
        read: deque[tuple[int, Job]] = deque()

        def numbered() -> Iterator[Job]:
            for place, job in enumerate(jobs):
                self._open.extend(bytes(self._tasks))
                read.append((place, job))
                yield job

        async for job, skip in backlog.left(numbered()):
            while read[0][1] is not job:
                read.popleft()
            place = read.popleft()[0]
            for index in range(self._tasks):
                self._open[place * self._tasks + index] = index not in skip
            self._places[job.chunk.id] = place
            yield job, skip

    async def task(self, walker: Walker, job: Job, index: int, task: Task) -> None:
        """Walk one task of a chunk; its rows are settled together, or not at all in this pass."""
        held = Held()
        await replace(walker, recorder=held).task(job, index, task)
        held.pour(walker.recorder)
        self._open[self._places[job.chunk.id] * self._tasks + index] = 0

    def walked(self, job: Job) -> None:
        """A chunk came to the end of its way, for this pass."""
        self._places.pop(job.chunk.id, None)

    async def another(self, run: Run, sink: Sink) -> bool:
        """After a walk: whether there is to be another one, and for which model."""
        last, waiting = self.done[-1], self.done[-1].put_off
        answered = sum(run.counters.of(name).sent for name in run.counters.by_model)
        last.answered, self._answered = answered - self._answered, answered
        if not waiting or run.stopping not in ("", "target"):
            return False
        if run.stopping == "target" and not await self._still_wanted(run, sink):
            return False
        if len(self.done) >= MAX_PASSES:
            run.stop("failed", _endless(len(self.done)))
            return False
        await sink.flush()
        if run.goal is not None and run.stopping != "target":
            await self._recount(run, sink)
        run.stopping = ""
        self.done.append(Pass(self._next(waiting)))
        return True

    def _next(self, waiting: Counter[str]) -> str:
        """The model that is waited for next in turn."""
        start = self.models.index(self.current) + 1
        turn = (*self.models[start:], *self.models[:start])
        return next(model for model in turn if waiting[model])

    async def _still_wanted(self, run: Run, sink: Sink) -> bool:
        """Whether the target was only reached by rows that were put back because of others of their task."""
        await sink.flush()
        await self._recount(run, sink)
        return run.goal is not None and not run.goal.full

    async def _recount(self, run: Run, sink: Sink) -> None:
        """Rows that were put back gave their places back: what is accepted stands in the store."""
        old = run.goal
        assert old is not None
        run.goal = goal = await goal_of(run.loaded, run.id, run.tally, sink)
        assert goal is not None
        goal.before, goal.known, goal.outlook, goal.notices = old.before, old.known, old.outlook, old.notices
        goal.seen = goal.chunks - sum(
            1
            for start in range(0, len(self._open), self._tasks)
            if any(self._open[start : start + self._tasks])
        )

    def lines(self) -> list[str]:
        """For people: what each pass did."""
        return [
            f"pass {number}: {one.model}, {one.answered} calls" for number, one in enumerate(self.done, 1)
        ]


@dataclass(slots=True)
class Local:
    """What a run says about the models in its own process."""

    engines: Engines
    passes: Passes | None

    def as_json(self) -> dict[str, Any]:
        """The ``local`` of ``--json``."""
        plan = self.engines.plan
        return {
            "memory": plan.as_json() if plan is not None else None,
            "passes": [one.as_json() for one in self.passes.done] if self.passes is not None else [],
            "engines": [report.as_json() for report in self.engines.reports()],
            "log": str(self.engines.log),
        }

    def lines(self) -> list[str]:
        """For people, at the end of a run."""
        return [
            *(self.passes.lines() if self.passes is not None else []),
            *(report.line() for report in self.engines.reports()),
        ]


def engines_of(loaded: Loaded, cache: Path) -> Engines | None:
    """The engines of a recipe's ``vllm:`` models with their memory plan; None when it has none.

    Raises:
        MissingExtraError: vLLM is not installed.
    """
    from gristmill.models.inprocess.memory import plan_memory

    specs = loaded.recipe.models
    plan = plan_memory(specs.values(), loaded.recipe.passes)
    if plan is None:
        return None
    from gristmill.models.inprocess.engines import Engines

    return Engines(specs.values(), cache, plan)


def passes_of(loaded: Loaded, engines: Engines | None, other: PutsOff | None) -> Passes | None:
    """The passes of a run, None when all of its models are loaded together."""
    if engines is None or engines.plan is None or not engines.plan.separate:
        return None
    return Passes(models_in_turn(loaded), len(loaded.tasks), other)


def models_in_turn(loaded: Loaded) -> list[str]:
    """The ``vllm:`` models in the order in which rows need them: those that write, then those that judge."""
    specs = loaded.recipe.models
    steps = [*(task.generator for task in loaded.tasks), *loaded.scorers]
    used = [specs[role] for step in steps for role in step.roles() if role in specs]
    return list(dict.fromkeys(spec.model for spec in (*used, *specs.values()) if spec.backend == "vllm"))


def _endless(count: int) -> GristmillError:
    return GristmillError(
        f"after {count} passes the models still wait for each other",
        cure="run again to go on; or have them loaded together (passes: together), with smaller models",
    )
