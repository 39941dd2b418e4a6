"""A look at what a recipe would make: a few chunks walked for real, nothing stored but the answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from gristmill.errors import BudgetError, GristmillError, ModelConfigError
from gristmill.models import Budget, Counters, Door
from gristmill.pipeline.passes import engines_of
from gristmill.pipeline.plan import Job, Plan
from gristmill.pipeline.run import Options, least, prepare_store
from gristmill.pipeline.scan import Scan
from gristmill.pipeline.spool import Spool
from gristmill.pipeline.tally import Tally
from gristmill.pipeline.timebox import time_limit
from gristmill.pipeline.walk import Walker
from gristmill.recipe import Loaded
from gristmill.records import Example, Lineage, Match, Outcome, Score
from gristmill_data.store.places import cache_path


@dataclass(slots=True)
class Preview:
    """Rows of a preview, in memory."""

    tally: Tally
    counters: Counters = field(default_factory=Counters)
    examples: dict[str, Example] = field(default_factory=dict)
    scores: dict[str, list[Score]] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    error: GristmillError | None = None

    @property
    def exit_code(self) -> int:
        """0, or that of the error that stopped it."""
        return self.error.exit_code if self.error else 0

    def add(self, record: Example | Lineage | Score | Match) -> None:
        """Keep what will be shown."""
        if isinstance(record, Example):
            self.examples[record.id] = record
        elif isinstance(record, Score):
            self.scores.setdefault(record.example_id, []).append(record)

    def settle(self, outcome: Outcome) -> None:
        """Keep and count an outcome."""
        self.outcomes.append(outcome)
        self.tally.count(outcome.state, outcome.reason)

    def as_json(self) -> dict[str, Any]:
        """Rows with their outcome and scores, and the counts."""
        return {**self.tally.as_json(), "rows": [self._row(outcome) for outcome in self.outcomes]}

    def _row(self, outcome: Outcome) -> dict[str, Any]:
        example = self.examples.get(outcome.example_id or "")
        scores = {s.scorer: s.value for s in self.scores.get(outcome.example_id or "", [])}
        text = {} if example is None else {"messages": list(example.messages), "chosen": example.chosen}
        rejected = {} if example is None else {"rejected": example.rejected}
        found = {"task": outcome.task, "state": outcome.state, "reason": outcome.reason}
        return {**found, "detail": outcome.detail, **text, **rejected, "scores": scores}


async def preview(loaded: Loaded, options: Options, chunks: int) -> Preview:
    """Walk ``chunks`` chunks spread evenly over the sources; only the response cache is written.

    Raises:
        GristmillError: the sources cannot be read; model errors are in the result.
    """
    result = Preview(Tally())
    prepare_store(loaded.store)
    budget = Budget(
        usd=least(loaded.recipe.budget.usd, options.max_cost),
        tokens=least(loaded.recipe.budget.tokens, options.max_tokens),
    )
    with Spool() as spool:
        scan = Scan(spool, result.tally, lambda _: None, lambda _: None, options.limit)
        await asyncio.to_thread(scan.run, loaded)
        jobs = _spread(spool, result.tally.chunks, chunks)
        plan = Plan.of(loaded)
        result.tally.planned = len(jobs) * plan.rows_per_chunk
        cache, redo = cache_path(loaded.store), options.redo
        engines = await asyncio.to_thread(engines_of, loaded, cache)
        models = loaded.recipe.models
        async with Door(models, cache=cache, budget=budget, redo=redo, engines=engines) as door:
            result.counters = door.counters
            walker = Walker(loaded, plan, door, result)
            walks = (walker.walk(job, frozenset()) for job in jobs)
            with time_limit(door, least(loaded.recipe.budget.minutes, options.max_minutes)):
                walked = await asyncio.gather(*walks, return_exceptions=True)
            for ended in walked:
                if isinstance(ended, (BudgetError, ModelConfigError)):
                    result.error = result.error or ended
                elif ended is not None:
                    raise ended
    result.tally.pending = result.tally.planned - result.tally.decided
    return result


def _spread(spool: Spool, total: int, wanted: int) -> list[Job]:
    """``wanted`` jobs at even distances among ``total``."""
    count = min(wanted, total)
    places = {index * total // count for index in range(count)}
    return [job for index, job in enumerate(spool.jobs()) if index in places]
