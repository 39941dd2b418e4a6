"""The measured dry run: a few chunks, then a few dozen, walked for real; the whole is projected from them.

Answers go into the response cache, so the real run does not ask for them again; the store is not touched.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from gristmill.errors import BudgetError, GristmillError, ModelConfigError, UsageError
from gristmill.models import Budget, CallEvent, Counters, Door
from gristmill.models.limits import LimitView
from gristmill.pipeline.order import shuffled
from gristmill.pipeline.passes import engines_of
from gristmill.pipeline.plan import Job, Plan
from gristmill.pipeline.run import Options, least, prepare_store
from gristmill.pipeline.scan import Scan
from gristmill.pipeline.sink import Sink
from gristmill.pipeline.spool import Spool
from gristmill.pipeline.tally import Tally
from gristmill.pipeline.walk import Walker
from gristmill.recipe import Loaded
from gristmill.records import Chunk, Document, Example, FileFailure, Lineage, Match, Outcome, Score
from gristmill_data.store.places import cache_path

SIZES = (4, 32)
STORED_DOCUMENTS = 2_000


@dataclass(slots=True)
class Measured:
    """What one chunk took. Calls are different ones (asking the same thing twice is one), by role.

    ``cost`` is in US dollars, None when a price is unknown; ``busy`` are seconds that models worked, by
    role; ``spans`` start and end of the calls that were sent now.
    """

    calls: Counter[str] = field(default_factory=Counter)
    input_tokens: Counter[str] = field(default_factory=Counter)
    output_tokens: Counter[str] = field(default_factory=Counter)
    busy: dict[str, float] = field(default_factory=dict)
    cost: float | None = 0.0
    spans: list[tuple[float, float]] = field(default_factory=list)
    replayed: float = 0.0
    accepted: int = 0

    @property
    def stretch(self) -> float:
        """Seconds during which at least one of its calls was under way (from the cache: one by one)."""
        total, edge = self.replayed, float("-inf")
        for start, end in sorted(self.spans):
            total += max(0.0, end - max(start, edge))
            edge = max(edge, end)
        return total


@dataclass(slots=True)
class Sample:
    """One size: chunks walked at once. Seconds of the wall clock, of this process, and of storing."""

    size: int
    chunks: list[Measured] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    store_seconds: float = 0.0


@dataclass(slots=True)
class Pilot:
    """What was measured; ``tally`` counts the rows of the sample, in a corpus of ``chunks`` chunks."""

    loaded: Loaded
    tally: Tally
    chunks: int = 0
    rows_per_chunk: int = 1
    samples: list[Sample] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    limits: Sequence[LimitView] = ()
    scan_seconds: float = 0.0
    opening_seconds: float = 0.0
    error: GristmillError | None = None

    @property
    def measured(self) -> list[Measured]:
        """Chunks of all samples."""
        return [chunk for sample in self.samples for chunk in sample.chunks]

    @property
    def exit_code(self) -> int:
        """0, or that of the error that stopped it."""
        return self.error.exit_code if self.error else 0


_CURRENT: ContextVar[Measured | None] = ContextVar("pilot_chunk", default=None)


class _Meter:
    """Books every answered call on the chunk that asked; tasks started for a chunk carry it along."""

    def __init__(self) -> None:
        self._keys: set[str] = set()

    def __call__(self, event: CallEvent) -> None:
        chunk, call = _CURRENT.get(), event.call
        if chunk is None or call.key in self._keys:
            return
        self._keys.add(call.key)
        chunk.calls[event.role] += 1
        chunk.input_tokens[event.role] += call.usage.input_tokens
        chunk.output_tokens[event.role] += call.usage.output_tokens
        chunk.busy[event.role] = chunk.busy.get(event.role, 0.0) + event.seconds
        chunk.cost = None if call.cost is None or chunk.cost is None else chunk.cost + call.cost
        if event.cached:
            chunk.replayed += event.seconds
        else:
            now = time.monotonic()
            chunk.spans.append((now - event.seconds, now))


class _Recorder:
    """Keeps outcomes in a store that is thrown away: only the time that takes is of interest."""

    def __init__(self, sink: Sink, accepted: Counter[str]) -> None:
        self._sink, self._accepted = sink, accepted

    def add(self, record: Example | Lineage | Score | Match) -> None:
        self._sink.add(record)

    def settle(self, outcome: Outcome) -> None:
        self._sink.settle(outcome)
        self._accepted[outcome.chunk_id] += outcome.state == "accepted"


async def pilot(loaded: Loaded, options: Options, sizes: Sequence[int] = SIZES) -> Pilot:
    """Walk samples of ``sizes`` chunks, drawn at random, the same ones every time.

    They are the first chunks of the order in which a run with a target walks. Limits, budgets and the
    cache are those of a run.

    Raises:
        GristmillError: the sources cannot be read; model and budget errors are in the result.
    """
    prepare_store(loaded.store)
    result = Pilot(loaded, Tally())
    with Spool() as spool, tempfile.TemporaryDirectory(prefix="gristmill-pilot-") as folder:
        sink = Sink(Path(folder) / "pilot.duckdb", "pilot", result.tally)
        await _scan(result, spool, sink, options.limit)
        jobs = shuffled(spool)
        budget = Budget(
            usd=least(loaded.recipe.budget.usd, options.max_cost),
            tokens=least(loaded.recipe.budget.tokens, options.max_tokens),
        )
        cache, redo = cache_path(loaded.store), options.redo
        engines, models = await asyncio.to_thread(engines_of, loaded, cache), loaded.recipe.models
        async with Door(
            models, cache=cache, on_call=_Meter(), budget=budget, redo=redo, engines=engines
        ) as door:
            result.counters = door.counters
            for size in sizes:
                batch = list(islice(jobs, size))
                if batch and result.error is None:
                    await _walk(result, batch, door, sink)
            result.limits = door.limits()
        result.opening_seconds = await _seconds(sink.query("run_totals", run_id="pilot"))
    result.tally.planned = len(result.measured) * result.rows_per_chunk
    result.tally.pending = result.tally.planned - result.tally.decided
    return result


async def _scan(result: Pilot, spool: Spool, sink: Sink, limit: int | None) -> None:
    tally = result.tally

    def keep(record: Document | Chunk | FileFailure) -> None:
        # Some of a large corpus tell how long storing all of it takes.
        if tally.documents <= STORED_DOCUMENTS:
            sink.add(record)

    started = time.monotonic()
    await asyncio.to_thread(Scan(spool, tally, keep, keep, limit).run, result.loaded)
    read = time.monotonic() - started
    stored = await _seconds(sink.flush())
    result.scan_seconds = read + stored * max(1.0, tally.documents / STORED_DOCUMENTS)
    result.chunks, result.rows_per_chunk = result.tally.chunks, Plan.of(result.loaded).rows_per_chunk


async def _walk(result: Pilot, jobs: Sequence[Job], door: Door, sink: Sink) -> None:
    accepted: Counter[str] = Counter()
    walker = Walker(result.loaded, Plan.of(result.loaded), door, _Recorder(sink, accepted))
    sample = Sample(len(jobs))
    started, cpu = time.monotonic(), time.process_time()
    ended = await asyncio.gather(*(_one(walker, job) for job in jobs), return_exceptions=True)
    sample.seconds, sample.cpu_seconds = time.monotonic() - started, time.process_time() - cpu
    for job, end in zip(jobs, ended, strict=True):
        if isinstance(end, Measured):
            end.accepted = accepted[job.chunk.id]
            sample.chunks.append(end)
        elif isinstance(end, (BudgetError, ModelConfigError)):
            result.error = result.error or end
        else:
            raise end
    sample.store_seconds = await _seconds(sink.flush())
    result.samples.append(sample)


async def _one(walker: Walker, job: Job) -> Measured:
    measured = Measured()
    _CURRENT.set(measured)  # this coroutine is a task of its own, with a context of its own
    await walker.walk(job, frozenset())
    return measured


async def _seconds(work: Any) -> float:
    started = time.monotonic()
    await work
    return time.monotonic() - started


def parse_sizes(text: str) -> tuple[int, ...]:
    """``4,32`` as numbers.

    Raises:
        UsageError: no numbers, or none above 0.
    """
    try:
        sizes = tuple(_positive(text.split(",")))
    except ValueError:
        raise UsageError(f"{text!r} are no numbers of chunks", cure="write for example 4,32") from None
    return sizes


def _positive(parts: Sequence[str]) -> Iterator[int]:
    for part in parts:
        number = int(part)
        if number < 1:
            raise ValueError(part)
        yield number
