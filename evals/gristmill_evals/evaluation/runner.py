"""Runs a plan: each model on each task, through one door, into one folder a model.

Running it again goes on: every answer is in the cache, so only what is missing is asked. A folder holds
one evaluation; another plan, model, file or limit has another folder.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gristmill.errors import BudgetError, GristmillError, StoppedError
from gristmill.models import Budget, Counters, Door
from gristmill.models.redo import RedoKind
from gristmill_evals.evaluation.doors import Doors
from gristmill_evals.evaluation.folder import RunWriter, peek_run, read_run, safe_name, write_failure
from gristmill_evals.evaluation.model_run import GOING, ModelRun
from gristmill_evals.evaluation.plan import LoadedPlan
from gristmill_evals.evaluation.progress import Progress
from gristmill_evals.evaluation.records import EvalRun
from gristmill_evals.evaluation.scores import reasons
from gristmill_evals.evaluation.usage import Usage

CACHE = "calls.cache.sqlite"


@dataclass(frozen=True, slots=True)
class EvalOptions:
    """Limits of one call of the command; they add to the plan's own. ``limit`` is in items a task.

    ``redo`` names the kinds of stored answers to ask again (:mod:`gristmill.models.redo`).
    """

    limit: int | None = None
    max_cost: float | None = None
    redo: frozenset[RedoKind] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one model. ``reused``: it was finished before, nothing was asked."""

    role: str
    folder: Path
    run: EvalRun
    reused: bool = False


@dataclass(slots=True)
class Evaluation:
    """One execution of a loaded plan. ``stop`` may be called from the event loop at any time."""

    loaded: LoadedPlan
    options: EvalOptions = field(default_factory=EvalOptions)
    progress: Progress = field(default_factory=Progress)
    outcomes: list[Outcome] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    error: GristmillError | None = None
    crash: Exception | None = None
    status: str = "done"
    doors: Doors | None = None
    walked: bool = False
    saved: bool = False

    async def execute(self) -> list[Outcome]:
        """Evaluate all models, until the end, a spent budget or :meth:`stop`.

        Raises:
            GristmillError: before anything was asked: a budget that cannot be kept, a cache that cannot be
                opened, a folder in use.
            Exception: what a task raised that is no user's mistake, after everything was saved.
        """
        budget = Budget(usd=_least(self.loaded.plan.budget.usd, self.options.max_cost))
        budget.tokens = self.loaded.plan.budget.tokens
        try:
            with self._time_limit(budget):
                for role in self.loaded.under_test:
                    if self.status in GOING:
                        self.outcomes.append(await self._model(role, budget))
        except OSError as error:
            raise write_failure(self.loaded.out, error) from error
        self.saved = True
        if self.crash is not None:
            raise self.crash
        return self.outcomes

    def stop(self) -> None:
        """Send nothing more: calls on the wire are awaited, everything is saved."""
        if self.walked:
            return  # nothing is left to be stopped
        if self.status in GOING:
            self.status = "interrupted"
        self._halt(StoppedError())

    def folder(self, role: str) -> Path:
        """Where the evaluation of a role is, or will be."""
        name = f"{safe_name(self.loaded.plan.name)}-{safe_name(role)}-{self._id(role)}"
        return self.loaded.out / name

    @property
    def live(self) -> Counters:
        """What went through the doors so far."""
        return self.counters if self.doors is None else self.counters.plus(self.doors.counters)

    @property
    def limit(self) -> int | None:
        """Items a task: the tighter of the plan's limit and the command's."""
        limit: int | None = _least(self.loaded.plan.limit, self.options.limit)
        return limit

    def _id(self, role: str) -> str:
        return self.loaded.run_id(role, self.limit)

    async def _model(self, role: str, budget: Budget) -> Outcome:
        folder = self.folder(role)
        if not self.options.redo and (done := _finished(folder)) is not None:
            return Outcome(role, folder, done, reused=True)
        usage = Usage()
        self.progress.begin(role)
        self.loaded.out.mkdir(parents=True, exist_ok=True)
        with RunWriter(folder) as writer:
            try:
                async with Doors(lambda: self._door(role, usage, budget)) as self.doors:
                    run = await ModelRun(self, role, self.doors, writer, usage).evaluate()
                    self.walked = role == self.loaded.under_test[-1]
            finally:
                self.doors, self.counters = None, self.live
        return Outcome(role, folder, run)

    def _door(self, role: str, usage: Usage, budget: Budget) -> Door:
        return Door(
            self.loaded.specs(role),
            cache=self.loaded.out / CACHE,
            on_call=usage.count,
            budget=budget,
            redo=self.options.redo,
        )

    def failed(self, status: str, error: GristmillError | None) -> None:
        """The first cause counts."""
        if self.status in GOING:
            self.status = status
        if status == "budget":
            self.error = self.error or error

    def crashed(self, error: Exception) -> None:
        """A task met a mistake of the program: it is raised when everything is saved."""
        self.crash = self.crash or error

    def _halt(self, error: GristmillError) -> None:
        if self.doors is not None:
            self.doors.halt(error)

    @contextlib.contextmanager
    def _time_limit(self, budget: Budget) -> Iterator[None]:
        minutes = self.loaded.plan.budget.minutes
        if minutes is None:
            yield
            return
        error = BudgetError(
            f"the time is up: {minutes:g} minutes were allowed",
            cure="answered calls are kept: run again to go on from here, with more minutes if you like",
        )

        def over() -> None:
            budget.stop(error)
            self._halt(error)

        timer = asyncio.get_running_loop().call_later(60 * minutes, over)
        try:
            yield
        finally:
            timer.cancel()


def _finished(folder: Path) -> EvalRun | None:
    """The evaluation in a folder, if nothing is left to be asked."""
    run = peek_run(folder)
    if run is None or not run.finished or run.status != "done":
        return None
    _, samples = read_run(folder)
    # a judge that was not reached may be by now; of answers that are there to stay the cache has all
    return None if any(reasons(samples)) else run


def _least(first: Any, second: Any) -> Any:
    limits = [limit for limit in (first, second) if limit is not None]
    return min(limits) if limits else None
