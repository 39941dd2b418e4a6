"""A run: scan, plan, walk every chunk, save, account for everything."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gristmill import __version__
from gristmill.errors import (
    BudgetError,
    DeferredError,
    GristmillError,
    ModelConfigError,
    StoppedError,
    StoreBusyError,
)
from gristmill.models import Budget, CallEvent, Counters, Door
from gristmill.models.redo import RedoKind
from gristmill.models.tracing import Tracing
from gristmill.models.types import PutsOff
from gristmill.pipeline.backlog import Backlog
from gristmill.pipeline.batch import Batching, BatchReport, batching, room
from gristmill.pipeline.collector import seldom_collected
from gristmill.pipeline.gateway import Gateway, Walks
from gristmill.pipeline.live import told
from gristmill.pipeline.lock import only_run
from gristmill.pipeline.order import jobs_of
from gristmill.pipeline.passes import Local, Passes, engines_of, passes_of
from gristmill.pipeline.plan import Job, Plan
from gristmill.pipeline.remakes import Counts, Remakes
from gristmill.pipeline.scan import Scan
from gristmill.pipeline.signals import two_signals
from gristmill.pipeline.sink import Sink
from gristmill.pipeline.spool import Spool
from gristmill.pipeline.tally import Tally
from gristmill.pipeline.target import Goal, goal_of
from gristmill.pipeline.timebox import time_limit
from gristmill.pipeline.traced import traced
from gristmill.pipeline.versions import versions
from gristmill.pipeline.walk import Walker
from gristmill.recipe import Loaded
from gristmill.registry import Gate
from gristmill_data.store.places import cache_path

if TYPE_CHECKING:
    from gristmill.pipeline.ray.cluster import RayOptions
    from gristmill.pipeline.ray.fleet import Fleet

PRELOAD_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Options:
    """Limits of one run: ``limit`` in chunks, ``max_cost`` in US dollars; they add to the recipe's own.

    ``redo`` names the kinds of stored answers to ask again (:mod:`gristmill.models.redo`). With ``batch``,
    calls that are not cached are handed in as provider batches (:mod:`gristmill.pipeline.batch`);
    ``give_up`` are ids of batches to forget. With ``ray``, actors of a Ray cluster walk the chunks
    (:mod:`gristmill.pipeline.ray`). With ``regenerate`` only rows are made that reviewers want made again
    (:mod:`gristmill.pipeline.remakes`).
    """

    limit: int | None = None
    max_cost: float | None = None
    max_tokens: int | None = None
    redo: frozenset[RedoKind] = frozenset()
    max_minutes: float | None = None
    batch: bool = False
    give_up: tuple[str, ...] = ()
    ray: RayOptions | None = None
    regenerate: bool = False


@dataclass(slots=True)
class Summary:
    """How a run ended: done, waiting (for batches), target, short, budget, interrupted or failed."""

    run: str
    tally: Tally
    counters: Counters
    status: str = "done"
    error: GristmillError | None = None
    seconds: float = 0.0
    goal: Goal | None = None
    batches: BatchReport | None = None
    local: Local | None = None
    remakes: Counts | None = None

    @property
    def peak_rss_mb(self) -> float:
        """Largest resident size of this process so far, in MB."""
        with contextlib.suppress(OSError, StopIteration, IndexError, ValueError):
            # Linux: ru_maxrss would be that of the program that started this one, if that was larger.
            status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
            return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) * 1.024e-3
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB, on macOS bytes
        return peak / (1e6 if sys.platform == "darwin" else 1e3 / 1.024)

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        calls = self.counters.total
        return {
            "run": self.run,
            "status": self.status,
            **self.tally.as_json(),
            "calls": {name: getattr(calls, name) for name in ("sent", "cached", "retried", "repairs")},
            "tokens": {"input": calls.input_tokens, "output": calls.output_tokens},
            "cost_usd": round(calls.cost_usd, 6),
            "unpriced_calls": calls.unpriced,
            "seconds": round(self.seconds, 3),
            "peak_rss_mb": round(self.peak_rss_mb, 1),
            **({"target": self.goal.as_json()} if self.goal else {}),
            **({"batches": self.batches.as_json()} if self.batches else {}),
            **({"local": self.local.as_json()} if self.local else {}),
            **({"regenerate": self.remakes.as_json()} if self.remakes else {}),
            **({"error": str(self.error)} if self.error else {}),
        }

    def exit_code(self, max_failed_share: float) -> int:
        """0 done, 1 failed or not balanced, 3 stopped by budget, 4 too many failed rows."""
        if self.error is not None:
            return self.error.exit_code
        if not self.tally.balanced or self.status == "interrupted":
            return 1
        if self.status == "waiting":
            return 0  # how many rows fail is not known yet
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
    goal: Goal | None = None
    door: Gateway | None = None
    scanned: bool = False
    walked: bool = False
    saved: bool = False
    chunks_done: int = 0
    batch: Batching | None = None
    passes: Passes | None = None
    local: Local | None = None
    tracing: Tracing | None = None
    remakes: Remakes | None = None

    async def execute(self) -> Summary:
        """Run to the end, to the target, to the budget, or to the first Ctrl-C (which drains and saves).

        Raises:
            GristmillError: before anything was asked (sources, store); later errors are in the summary.
        """
        prepare_store(self.loaded.store)
        with only_run(self.loaded.store, self.loaded.recipe.name):
            async with traced(self) as self.tracing, told(self):
                return await self._execute()

    async def _execute(self) -> Summary:
        started, clock = datetime.now(UTC), time.monotonic()
        sink = Sink(self.loaded.store, self.id, self.tally)
        sink.calls.tracing = self.tracing
        with (
            two_signals(self._interrupted),
            Spool() as spool,
            Remakes(Plan.of(self.loaded), self.options.regenerate) as self.remakes,
            seldom_collected(),
        ):
            async with self._door(sink) as door:  # first of all: it refuses budgets that cannot be kept
                await asyncio.to_thread(self._scan, spool, sink)
                if self.scanned:
                    self._record(sink, started, None, "running", {})
                    await sink.flush()
                    if self.batch is not None:
                        await self.batch.before(door)
                    async with sink.one_opening():
                        await sink.query("close_runs")
                        await self._ask_again(self.remakes, spool, sink)
                        await self._preload(sink)
                        self.goal = await goal_of(self.loaded, self.id, self.tally, sink)
                    gc.freeze()  # what was made so far stays for the whole walk
                    await self._walk_all(spool, sink, door)
                    while self.passes is not None and await self.passes.another(self, sink):
                        await self._walk_all(spool, sink, door)
                    if self.batch is not None:
                        await self.batch.after(door)
            self.walked = True
            if self.goal is not None:
                self.goal.count_left(self.tally)
            if self.stopping:  # only then rows may be left: after a whole run they would be missing
                self.tally.pending = self.tally.planned - self.tally.decided
            handed_over = await self._save(sink.flush())
            async with sink.one_opening():
                if handed_over:
                    await self._save(self._count_saved(sink, spool))
                summary = self._summary(time.monotonic() - clock)
                # to a run that saw half of the documents all rows of the others would be stale
                if self.scanned:
                    self._record(sink, started, datetime.now(UTC), summary.status, summary.as_json())
                    await self._save(sink.flush())
            self.saved = True
        summary.error = self.error
        return summary

    def _summary(self, seconds: float) -> Summary:
        summary = Summary(self.id, self.tally, self.counters, self._status(), self.error)
        summary.goal, summary.local, summary.seconds = self.goal, self.local, seconds
        summary.batches = self.batch.report if self.batch is not None else None
        if self.remakes is not None and self.remakes.only:
            summary.remakes = self.remakes.counts
        return summary

    def _interrupted(self) -> None:
        """The first signal: nothing new is sent, calls in flight are awaited, everything is saved."""
        if self.walked:
            return  # it is being saved already
        self.stopping = self.stopping or "interrupted"
        self._halt()

    def _halt(self) -> None:
        if self.door is not None:
            self.door.halt(StoppedError())

    def _status(self) -> str:
        if self.stopping or self.options.regenerate:  # which leaves most chunks alone
            return self.stopping or "done"
        return "short" if self.goal is not None and self.goal.short else "done"

    async def _count_saved(self, sink: Sink, spool: Spool) -> None:
        self.tally.unsaved = await self._unsaved(sink, spool)

    async def _save(self, work: Awaitable[None]) -> bool:
        """Do it; False when the store is in use by somebody who does not answer."""
        try:
            await work
        except StoreBusyError as error:
            # Nothing is lost: the rows wait in segments for whoever opens the store next.
            self.error = self.error or error
            return False
        return True

    async def _unsaved(self, sink: Sink, spool: Spool) -> int:
        """Rows counted here that the store does not hold: their segment was lost or set aside."""
        stored = await sink.query("run_totals", run_id=self.id)
        if sum(stored["states"].values()) == self.tally.decided - self.tally.resumed:
            return 0
        # Another run may have decided some of them once more: then every slot is looked up.
        held = await Backlog(Plan.of(self.loaded), self.tally, sink).held(self._again(spool.jobs()))
        return max(0, self.tally.decided - held)

    def _scan(self, spool: Spool, sink: Sink) -> None:
        scan = Scan(spool, self.tally, sink.add, sink.document, self.options.limit, lambda: self.stopping)
        self.scanned = scan.run(self.loaded)
        if not self.options.regenerate:
            self.tally.planned = self.tally.chunks * Plan.of(self.loaded).rows_per_chunk

    async def _ask_again(self, remakes: Remakes, spool: Spool, sink: Sink) -> None:
        """Add the rows that are made again to those asked for."""
        await remakes.load(self.loaded.recipe.name, sink)
        remakes.keep(spool.jobs())
        self.tally.planned += remakes.rows
        if remakes.only:
            self.tally.chunks = remakes.chunks

    def _again(self, jobs: Iterator[Job]) -> Iterator[Job]:
        return jobs if self.remakes is None else self.remakes.among(jobs)

    def _record(
        self, sink: Sink, started: datetime, finished: datetime | None, status: str, summary: dict[str, Any]
    ) -> None:
        # one that runs or was killed has no summary, by which it is known
        kept = {**summary, "versions": versions()} if summary else summary
        sink.add_row(
            "runs",
            {
                "run_id": self.id,
                "name": self.loaded.recipe.name,
                "recipe": self.loaded.recipe.model_dump(mode="json"),
                "started": started,
                "finished": finished,
                "status": status,
                "summary": kept,
                "version": __version__,
                "settings": list(Plan.of(self.loaded).settings),
            },
        )

    async def _preload(self, sink: Sink) -> None:
        """Gates with a memory learn the rows that earlier runs accepted."""
        from gristmill_data.store import example_from_json

        if all(type(gate).preload is Gate.preload for gate in self.loaded.gates):
            return
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
    async def _door(self, sink: Sink) -> AsyncIterator[Door | Fleet]:
        recipe = self.loaded.recipe
        budget = Budget(
            usd=least(recipe.budget.usd, self.options.max_cost),
            tokens=least(recipe.budget.tokens, self.options.max_tokens),
        )

        def on_call(event: CallEvent) -> None:
            sink.add(event.call)

        cache, redo = cache_path(self.loaded.store), self.options.redo
        minutes = least(recipe.budget.minutes, self.options.max_minutes)
        async with batching(self, sink) as self.batch:
            deferrals: PutsOff | None = self.batch.deferrals if self.batch is not None else None
            if self.options.ray is not None:
                from gristmill.pipeline.ray.engine import open_fleet

                async with open_fleet(self, sink, budget) as fleet:
                    self.counters, self.door = fleet.counters, fleet
                    with time_limit(fleet, minutes):
                        yield fleet
                return
            engines = await asyncio.to_thread(engines_of, self.loaded, cache)
            if engines is not None:
                self.passes = passes_of(self.loaded, engines, deferrals)
                self.local = Local(engines, self.passes)
            door = Door(
                recipe.models,
                cache=cache,
                on_call=on_call,
                budget=budget,
                redo=redo,
                log=sink.calls,
                deferrals=self.passes or deferrals,
                engines=engines,
            )
            self.counters, self.door = door.counters, door
            async with door:
                with time_limit(door, minutes):
                    yield door

    def _walker(self, plan: Plan, sink: Sink, door: Door | Fleet) -> tuple[Walks, int]:
        """Who walks chunks, and how many at once."""
        if isinstance(door, Door):
            width = 2 * max(spec.concurrency for spec in self.loaded.recipe.models.values())
            return Walker(self.loaded, plan, door, sink, self.goal, self.passes), width
        door.aim(self.goal)
        return door, door.width

    async def _walk_all(self, spool: Spool, sink: Sink, door: Door | Fleet) -> None:
        plan, goal = Plan.of(self.loaded), self.goal
        walker, width = self._walker(plan, sink, door)
        backlog = Backlog(plan, self.tally, sink, goal)
        places = asyncio.Semaphore(width)
        flusher = asyncio.create_task(self._flush(sink))
        tasks: set[asyncio.Task[None]] = set()
        try:
            with self._busy_stops():
                jobs = self._again(jobs_of(spool, self.loaded.recipe.target))
                left = backlog.left(jobs) if self.passes is None else self.passes.left(backlog, jobs)
                async for job, skip in left:
                    await places.acquire()
                    if goal is not None and not await self._turn(goal, tasks):
                        places.release()
                        continue  # it stays pending: the rows that wait for their batch may do
                    if self._should_stop():
                        places.release()
                        if self.stopping in ("interrupted", "failed"):
                            break
                        continue  # the rest is only counted: what earlier runs decided is not pending
                    if goal is not None:
                        goal.begin(job.chunk.id, fresh=not skip and not job.remakes)
                    task = asyncio.create_task(self._guard(walker, job, skip, places))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
            while tasks:
                await asyncio.gather(*tasks)
            self._should_stop()  # the last rows may have reached the target
        finally:
            for task in (*tasks, flusher):
                task.cancel()
            await asyncio.gather(*tasks, flusher, return_exceptions=True)
        if self.crash is not None:
            raise self.crash

    async def _turn(self, goal: Goal, tasks: set[asyncio.Task[None]]) -> bool:
        if self.batch is not None:
            return await self.batch.room(goal, tasks)
        if self.passes is not None:
            return await room(goal, tasks)
        await goal.turn()
        return True

    def _should_stop(self) -> bool:
        if self.goal is not None and self.stopping in ("", "target"):
            self.stopping = "target" if self.goal.full else ""
        return bool(self.stopping)

    async def _guard(self, walker: Walks, job: Job, skip: frozenset[int], room: asyncio.Semaphore) -> None:
        whole = waits = False
        try:
            walk = walker.walk(job, skip)
            await (walk if self.tracing is None else self.tracing.walked(job.chunk.id, walk))
            whole = True
        except BudgetError as error:
            self.stop("budget", error)
        except ModelConfigError as error:
            self.stop("failed", error)
        except StoppedError as error:
            waits = isinstance(error, DeferredError)  # either way the rows stay pending
        except Exception as error:  # noqa: BLE001 - kept, drains the run, raised at its end
            self._crashed(error)
        finally:
            self.chunks_done += 1
            if self.passes is not None:
                self.passes.walked(job)
                self.chunks_done -= waits  # another pass comes by
            if self.goal is not None and not waits:
                self.goal.end(job.chunk.id, whole=whole)
            room.release()

    def stop(self, status: str, error: GristmillError) -> None:
        """The first cause counts: what goes wrong while the run drains does not change why it stopped."""
        if self.stopping in ("", "target"):
            self.stopping, self.error = status, error
        if self.stopping == "failed":
            self._halt()

    def given_up(self, error: GristmillError) -> None:
        """Nobody is left who could walk the rest."""
        self.stop("failed", error)

    @contextlib.contextmanager
    def _busy_stops(self) -> Iterator[None]:
        try:
            yield
        except StoreBusyError as error:
            self.stop("failed", error)

    async def _flush(self, sink: Sink) -> None:
        try:
            await sink.keep_flushing()
        except Exception as error:  # noqa: BLE001 - a full disk must stop the run, not go unseen
            self._crashed(error)

    def _crashed(self, error: Exception) -> None:
        self.stopping = "failed"
        self.crash = self.crash or error
        self._halt()  # what can no longer be kept must not be paid for


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
