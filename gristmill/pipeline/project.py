"""The dry run: what a recipe would ask, in rows, calls, tokens and dollars. Nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from gristmill.models.cost import call_cost, estimate, price_of
from gristmill.models.types import Answer, Task
from gristmill.pipeline.plan import Job, Plan
from gristmill.pipeline.remakes import Remakes
from gristmill.pipeline.scan import Scan
from gristmill.pipeline.spool import Spool
from gristmill.pipeline.tally import Tally
from gristmill.recipe import Loaded
from gristmill.records import Message, Usage
from gristmill.registry import Component, Generator, Scorer

PROBED_CHUNKS = 20


class _Probed(Exception):  # noqa: N818 - not an error: it carries the prompt out of a component
    """Stops a component at its first question."""

    def __init__(self, usage: Usage) -> None:
        super().__init__("probed")
        self.usage = usage


@dataclass(slots=True)
class RoleProjection:
    """Expected use of one model; ``cost_usd`` is None when its price is unknown."""

    model: str
    calls: float = 0.0
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    cost_usd: float | None = None


@dataclass(slots=True)
class Projection:
    """An upper bound on a first run: no row is taken to be rejected before it is judged.

    ``notes`` say what calls are no bound but an expectation, and on what that rests.
    """

    tally: Tally
    roles: dict[str, RoleProjection] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def cost_usd(self) -> float | None:
        """Sum over the models, None when any price is unknown."""
        costs = [role.cost_usd for role in self.roles.values()]
        return (
            None if any(cost is None for cost in costs) else sum(cost for cost in costs if cost is not None)
        )

    def as_json(self) -> dict[str, Any]:
        """The object that ``--dry-run --json`` prints."""
        return {
            "dry_run": True,
            **self.tally.as_json(),
            "calls": {role: round(p.calls) for role, p in self.roles.items()},
            "tokens": {
                "input": round(sum(p.input_tokens for p in self.roles.values())),
                "output": round(sum(p.output_tokens for p in self.roles.values())),
            },
            "cost_usd": self.cost_usd,
            **({"notes": self.notes} if self.notes else {}),
        }


async def project(loaded: Loaded, limit: int | None, *, regenerate: bool = False) -> Projection:
    """Read the sources, build the prompts of a sample of chunks, and multiply.

    With ``regenerate`` only rows count that reviewers want made again and that were not yet.

    Calls of a component that asks in several steps are taken to be as long as its first one; a scorer's
    are taken to be as long as the generator's on the same chunk, and of rows of any kind it can judge.
    """
    tally = Tally()
    with Spool() as spool:
        scan = Scan(spool, tally, lambda _: None, lambda _: None, limit)
        await asyncio.to_thread(scan.run, loaded)
        plan = Plan.of(loaded)
        rows = [tally.chunks * task.generator.per_chunk for task in plan.tasks]
        projection = Projection(tally, notes=list(_assumed(loaded)))
        if regenerate:
            rows = await _sent_back(plan, loaded, spool, projection)
        tally.planned = tally.pending = sum(rows)
        sample = list(islice(spool.jobs(), 0, None, max(1, tally.chunks // PROBED_CHUNKS)))[:PROBED_CHUNKS]
    for task, count in zip(plan.tasks, rows, strict=True):
        usage = await _mean_usage(task.generator, sample, loaded)
        _add(projection, loaded, task.generator.calls_per_chunk(), count / task.generator.per_chunk, usage)
        for scorer in loaded.scorers:
            if any(scorer.applies_to(kind) for kind in task.generator.kinds):
                _add(projection, loaded, scorer.calls_per_example(), count, usage)
    return projection


async def _sent_back(plan: Plan, loaded: Loaded, spool: Spool, projection: Projection) -> list[int]:
    """By task, the rows that are to be made again; what cannot be is noted."""
    with Remakes(plan, only=True, unmade=True) as remakes:
        if loaded.store.exists():
            await remakes.load(loaded.recipe.name, _Asks(loaded.store))
            remakes.keep(spool.jobs())
        projection.notes += remakes.counts.lines()
        return [remakes.rows_of(task) for task in range(len(plan.tasks))]


@dataclass(frozen=True, slots=True)
class _Asks:
    """Runs operations on a store that is there."""

    db: Path

    async def query(self, operation: str, **arguments: Any) -> Any:
        from gristmill_data.store import call

        return await asyncio.to_thread(call, self.db, operation, **arguments)


def _assumed(loaded: Loaded) -> Iterator[str]:
    for scorer in loaded.scorers:
        parts = [scorer, *(part for part in scorer.parts() if isinstance(part, Scorer))]
        # members of a jury mostly take the same for granted
        for said in dict.fromkeys(part.assumed() for part in parts):
            if said:
                yield f"{scorer.label}: {said}"


def _add(
    projection: Projection, loaded: Loaded, calls: Mapping[str, float], times: float, usage: Usage
) -> None:
    for role, count in calls.items():
        spec = loaded.recipe.models[role]
        entry = projection.roles.setdefault(role, RoleProjection(spec.model))
        entry.calls += count * times
        entry.input_tokens += count * times * usage.input_tokens
        entry.output_tokens += count * times * usage.output_tokens
        total = Usage(round(entry.input_tokens), round(entry.output_tokens))
        entry.cost_usd = call_cost(total, price_of(spec))


async def _mean_usage(generator: Generator, sample: Sequence[Job], loaded: Loaded) -> Usage:
    """Mean tokens of a generator's first call over the sample."""
    found: list[Usage] = []
    for job in sample:
        ask = _Recorder(loaded, generator)
        try:
            await generator.generate(job.chunk, job.document, ask)
        except _Probed as probe:
            found.append(probe.usage)
    count = max(1, len(found))
    return Usage(sum(u.input_tokens for u in found) // count, sum(u.output_tokens for u in found) // count)


@dataclass(frozen=True, slots=True)
class _Recorder:
    """An ``ask`` that measures the first prompt and sends nothing."""

    loaded: Loaded
    component: Component

    async def __call__(
        self,
        messages: Sequence[Message],
        *,
        task: Task | None = None,
        model: str | None = None,
        schema: Mapping[str, Any] | None = None,
        n: int = 1,
        **params: Any,
    ) -> list[Answer]:
        role = model or next(iter(self.component.roles()), None)
        spec = self.loaded.recipe.models.get(role or "")
        merged = {**(spec.params if spec else {}), **params}
        raise _Probed(estimate(messages, merged, None))
