"""A run: scan, plan, walk every chunk, save, account for everything."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from gristmill import __version__
from gristmill.errors import BudgetError, GristmillError, ModelConfigError, StoreBusyError
from gristmill.models import Budget, CallEvent, Counters, Door
from gristmill.pipeline.lock import only_run
from gristmill.pipeline.plan import Job, Plan
from gristmill.pipeline.scan import Scan
from gristmill.pipeline.sink import Sink
from gristmill.pipeline.spool import Spool
from gristmill.pipeline.tally import Tally
from gristmill.pipeline.walk import Walker
from gristmill.recipe import Loaded
from gristmill.records import Document
from gristmill_data.store.places import cache_path

LOOKUP_CHUNKS = 200
PRELOAD_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Options:
    """Limits of one run: ``limit`` in chunks, ``max_cost`` in US dollars; they add to the recipe's own."""

    limit: int | None = None
    max_cost: float | None = None
    max_tokens: int | None = None


@dataclass(slots=True)
class Summary:
    """How a run ended. ``status``: done, target, budget, interrupted or failed."""

    run: str
    tally: Tally
    counters: Counters
    status: str = "done"
    error: GristmillError | None = None
    seconds: float = 0.0

    @property
    def peak_rss_mb(self) -> float:
        """Largest resident size of this process so far, in MB (ru_maxrss is KiB, on macOS bytes)."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1e6 if sys.platform == "darwin" else 1e3 / 1.024)

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        calls = self.counters.total
        return {
            "run": self.run,
            "status": self.status,
            **self.tally.as_json(),
            "calls": {"sent": calls.sent, "cached": calls.cached, "retried": calls.retried},
            "tokens": {"input": calls.input_tokens, "output": calls.output_tokens},
            "cost_usd": round(calls.cost_usd, 6),
            "unpriced_calls": calls.unpriced,
            "seconds": round(self.seconds, 3),
            "peak_rss_mb": round(self.peak_rss_mb, 1),
            **({"error": str(self.error)} if self.error else {}),
        }

    def exit_code(self, max_failed_share: float) -> int:
        """0 done, 1 failed or not balanced, 3 stopped by budget, 4 too many failed rows."""
        if self.error is not None:
            return self.error.exit_code
        if not self.tally.balanced or self.status == "interrupted":
            return 1
        return 4 if self.tally.failed_share > max_failed_share else 0


@dataclass(slots=True)
class Run:
    """One execution of a loaded recipe against its store."""

    loaded: Loaded
    options: Options = field(default_factory=Options)
    id: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}")
    tally: Tally = field(default_factory=Tally)
    counters: Counters = field(default_factory=Counters)
    stopping: str = ""
    error: GristmillError | None = None
    crash: Exception | None = None

    async def execute(self) -> Summary:
        """Run to the end, to the target, to the budget, or to the first Ctrl-C (which drains and saves).

        Raises:
            GristmillError: before anything was asked (sources, store); later errors are in the summary.
        """
        prepare_store(self.loaded.store)
        with only_run(self.loaded.store, self.loaded.recipe.name):
            return await self._execute()

    async def _execute(self) -> Summary:
        started, clock = datetime.now(UTC), time.monotonic()
        sink = Sink(self.loaded.store, self.id, self.tally)
        with Spool() as spool:
            async with self._door(sink) as door:  # first of all: it refuses budgets that cannot be kept
                await asyncio.to_thread(self._scan, spool, sink)
                self._record(sink, started, None, "running", {})
                await sink.flush()
                await self._preload(sink)
                await self._walk_all(spool, sink, door)
            if self.stopping:  # only then rows may be left: after a whole run they would be missing
                self.tally.pending = self.tally.planned - self.tally.decided
            await self._save(sink, spool)
        summary = Summary(self.id, self.tally, self.counters, self.stopping or "done", self.error)
        summary.seconds = time.monotonic() - clock
        self._record(sink, started, datetime.now(UTC), summary.status, summary.as_json())
        await self._save(sink)
        summary.error = self.error
        return summary

    async def _save(self, sink: Sink, spool: Spool | None = None) -> None:
        """Hand everything over; with ``spool``, count in the store what this run decided."""
        try:
            await sink.flush()
            if spool is not None:
                self.tally.unsaved = await self._unsaved(sink, spool)
        except StoreBusyError as error:
            # Nothing is lost: the rows wait in segments for whoever opens the store next.
            self.error = self.error or error

    async def _unsaved(self, sink: Sink, spool: Spool) -> int:
        """Rows counted here that the store does not hold: their segment was lost or set aside."""
        stored = await sink.query("run_totals", run_id=self.id)
        if sum(stored["states"].values()) == self.tally.decided - self.tally.resumed:
            return 0
        # Another run may have decided some of them once more: then every slot is looked up.
        plan, held = Plan.of(self.loaded), 0
        for jobs in _batches(spool.jobs(), LOOKUP_CHUNKS):
            known = await self._known(sink, plan, jobs)
            held += sum(1 for row in known.values() if row[0] in plan.settings)
        return max(0, self.tally.decided - held)

    def _scan(self, spool: Spool, sink: Sink) -> None:
        def document(item: Document) -> None:
            sink.add(item)
            sink.add_row("run_documents", {"run_id": self.id, "document_id": item.id, "uri": item.uri})

        scan = Scan(spool, self.tally, sink.add, document, self.options.limit)
        scan.run(self.loaded)
        self.tally.planned = self.tally.chunks * Plan.of(self.loaded).rows_per_chunk

    def _record(
        self, sink: Sink, started: datetime, finished: datetime | None, status: str, summary: dict[str, Any]
    ) -> None:
        sink.add_row(
            "runs",
            {
                "run_id": self.id,
                "name": self.loaded.recipe.name,
                "recipe": self.loaded.recipe.model_dump(mode="json"),
                "started": started,
                "finished": finished,
                "status": status,
                "summary": summary,
                "version": __version__,
                "settings": list(Plan.of(self.loaded).settings),
            },
        )

    async def _preload(self, sink: Sink) -> None:
        """Gates with a memory learn the rows that earlier runs accepted."""
        from gristmill_data.store import example_from_json

        after: str | None = None
        while True:
            rows = await sink.query("accepted", after=after, limit=PRELOAD_ROWS)
            if not rows:
                return
            examples = [example_from_json(row) for row in rows]
            for gate in self.loaded.gates:
                gate.preload(examples)
            after = examples[-1].id

    @contextlib.asynccontextmanager
    async def _door(self, sink: Sink) -> AsyncIterator[Door]:
        recipe = self.loaded.recipe
        budget = Budget(
            usd=least(recipe.budget.usd, self.options.max_cost),
            tokens=least(recipe.budget.tokens, self.options.max_tokens),
        )

        def on_call(event: CallEvent) -> None:
            sink.add(event.call)

        door = Door(recipe.models, cache=cache_path(self.loaded.store), on_call=on_call, budget=budget)
        self.counters = door.counters
        async with door:
            yield door

    async def _walk_all(self, spool: Spool, sink: Sink, door: Door) -> None:
        plan = Plan.of(self.loaded)
        walker = Walker(self.loaded, plan, door, sink)
        width = 2 * max(spec.concurrency for spec in self.loaded.recipe.models.values())
        room = asyncio.Semaphore(width)
        flusher = asyncio.create_task(self._flush(sink))
        tasks: set[asyncio.Task[None]] = set()
        with _signals(self):
            try:
                with self._busy_stops():
                    async for job, skip in self._jobs(spool, sink, plan):
                        await room.acquire()
                        if self._should_stop():
                            room.release()
                            if self.stopping in ("interrupted", "failed"):
                                break
                            continue  # the rest is only counted: what earlier runs decided is not pending
                        task = asyncio.create_task(self._guard(walker, job, skip, room))
                        tasks.add(task)
                        task.add_done_callback(tasks.discard)
                while tasks:
                    await asyncio.gather(*tasks)
            finally:
                for task in (*tasks, flusher):
                    task.cancel()
                await asyncio.gather(*tasks, flusher, return_exceptions=True)
        if self.crash is not None:
            raise self.crash

    def _should_stop(self) -> bool:
        wanted = self.loaded.recipe.target.accepted
        if not self.stopping and wanted is not None and self.tally.accepted >= wanted:
            self.stopping = "target"
        return bool(self.stopping)

    async def _guard(self, walker: Walker, job: Job, skip: frozenset[int], room: asyncio.Semaphore) -> None:
        try:
            await walker.walk(job, skip)
        except BudgetError as error:
            self._stop("budget", error)
        except ModelConfigError as error:
            self._stop("failed", error)
        except Exception as error:  # noqa: BLE001 - kept, drains the run, raised at its end
            self._crashed(error)
        finally:
            room.release()

    def _stop(self, status: str, error: GristmillError) -> None:
        """The first cause counts: what goes wrong while the run drains does not change why it stopped."""
        if self.stopping in ("", "target"):
            self.stopping, self.error = status, error

    @contextlib.contextmanager
    def _busy_stops(self) -> Iterator[None]:
        try:
            yield
        except StoreBusyError as error:
            self._stop("failed", error)

    async def _flush(self, sink: Sink) -> None:
        try:
            await sink.keep_flushing()
        except Exception as error:  # noqa: BLE001 - a full disk must stop the run, not go unseen
            self._crashed(error)

    def _crashed(self, error: Exception) -> None:
        self.stopping = "failed"
        self.crash = self.crash or error

    async def _jobs(self, spool: Spool, sink: Sink, plan: Plan) -> AsyncIterator[tuple[Job, frozenset[int]]]:
        """Chunks with work left, with the tasks that earlier runs settled; those are counted here."""
        for jobs in _batches(spool.jobs(), LOOKUP_CHUNKS):
            known = await self._known(sink, plan, jobs)
            for job in jobs:
                skip = frozenset(i for i in range(len(plan.tasks)) if self._settled(plan, job, i, known))
                if len(skip) < len(plan.tasks):
                    yield job, skip

    async def _known(self, sink: Sink, plan: Plan, jobs: Sequence[Job]) -> dict[str, list[Any]]:
        """``{slot: [settings, state, reason, example]}`` of what the store knows of these chunks."""
        ids = [slot for job in jobs for slot in plan.all_slot_ids(job.chunk)]
        found: dict[str, list[Any]] = await sink.query("decided", slot_ids=ids)
        return found

    def _settled(self, plan: Plan, job: Job, task: int, known: dict[str, list[Any]]) -> bool:
        """Failed rows and rows decided under other settings are walked again (answers are cached)."""
        found = [known.get(slot) for slot in plan.slot_ids(job.chunk, task)]
        rows = [row for row in found if row and row[0] == plan.settings[task] and row[1] != "failed"]
        if len(rows) < len(found):
            return False
        for row in rows:
            self.tally.count(row[1], row[2], resumed=True)
        return True


@contextlib.contextmanager
def _signals(run: Run) -> Iterator[None]:
    """First Ctrl-C or SIGTERM drains and saves; the second one stops at once."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if run.stopping == "interrupted":
            raise KeyboardInterrupt
        run.stopping = "interrupted"

    names = (signal.SIGINT, signal.SIGTERM)
    try:
        for name in names:
            loop.add_signal_handler(name, stop)
    except (RuntimeError, NotImplementedError):
        yield  # not the main thread: the embedding program handles its own signals
        return
    try:
        yield
    finally:
        for name in names:
            loop.remove_signal_handler(name)


def prepare_store(store: Path) -> None:
    """Make the folder of a store.

    Raises:
        GristmillError: it cannot be made.
    """
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GristmillError(
            f"the folder of the store cannot be made: {error.strerror}",
            where=str(store.parent),
            cure="check the recipe's store: path and its rights",
        ) from error


def least(first: float | None, second: float | None) -> Any:
    """The tighter of two limits, None when there is neither."""
    limits = [limit for limit in (first, second) if limit is not None]
    return min(limits) if limits else None


def _batches(items: Iterator[Job], size: int) -> Iterator[Sequence[Job]]:
    while batch := list(islice(items, size)):
        yield batch
