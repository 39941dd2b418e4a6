"""Where a run's records go: Parquet segments, handed over every few seconds to whoever owns the file."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from gristmill.errors import StoreBusyError
from gristmill.models.telemetry import CallLog
from gristmill.pipeline.tally import Tally
from gristmill.records import (
    Call,
    Chunk,
    Document,
    Example,
    FileFailure,
    Lineage,
    Match,
    Outcome,
    Score,
)

log = logging.getLogger("gristmill.pipeline")
Record = Call | Chunk | Document | Example | FileFailure | Lineage | Match | Outcome | Score
FLUSH_ROWS = 20_000
FLUSH_CHARS = 8_000_000
"""DuckDB holds a segment's texts in memory, some of them twice, while it takes them over."""
HELD = 4
FLUSH_SECONDS = 2.0
INGEST_SECONDS = 15.0
INGEST_SHARE = 20


class Sink:
    """Writes segments as records come and has them ingested; safe to kill at any moment."""

    def __init__(self, db: Path, run_id: str, tally: Tally) -> None:
        from gristmill_data.store import SegmentWriter

        self.db, self.run_id, self.tally = db, run_id, tally
        self.calls = CallLog()
        self._writer = SegmentWriter(db, run_id)
        self._lock = asyncio.Lock()
        self._due = asyncio.Event()
        self._flushing = False

    def add(self, record: Record) -> None:
        """Keep a record; it is on disk after the next flush."""
        writer = self._writer
        writer.add(record)
        if writer.pending >= FLUSH_ROWS or writer.pending_chars >= FLUSH_CHARS:
            self._full(record)

    def _full(self, record: Record) -> None:
        """Memory stays bounded: a writer that does not keep up, or none yet, makes the caller write."""
        writer = self._writer
        # A row's example, scores and matches go into one segment with its outcome, which comes last.
        if isinstance(record, (Example, Lineage, Score, Match)):
            return
        held = writer.pending >= HELD * FLUSH_ROWS or writer.pending_chars >= HELD * FLUSH_CHARS
        if held or not self._flushing:
            writer.flush()
        else:
            self._due.set()

    def add_row(self, table: str, row: Mapping[str, Any]) -> None:
        """Keep a row of a table that has no record type (``runs``, ``run_documents``)."""
        self._writer.add_row(table, dict(row))

    def document(self, document: Document) -> None:
        """Keep a document and that this run saw it."""
        self._writer.add_tuples("run_documents", [(self.run_id, document.id, document.uri)])
        self.add(document)

    def settle(self, outcome: Outcome) -> None:
        """Keep an outcome and count it."""
        self.add(outcome)
        self.tally.count(outcome.state, outcome.reason)

    async def query(self, operation: str, **arguments: Any) -> Any:
        """Run a store operation here or in the owner process, one at a time."""
        from gristmill_data.store import call

        async with self._lock:
            work = asyncio.create_task(asyncio.to_thread(call, self.db, operation, **arguments))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                # The thread goes on and closes the file in the end: nobody may use it before that.
                await over(work)
                raise

    @contextlib.asynccontextmanager
    async def one_opening(self) -> AsyncIterator[None]:
        """Within, queries share one opening of the file (20 ms of CPU each) where nobody else has it."""
        from gristmill_data.store import Store

        try:
            store = await asyncio.to_thread(Store.open, self.db)
        except StoreBusyError:
            yield
            return
        try:
            yield
        finally:
            await asyncio.to_thread(store.close)

    async def keep_flushing(self) -> None:
        """Flush every two seconds and have the segments ingested every fifteen, until cancelled.

        Both happen on threads: a stop of the event loop for a disk would leave the models idle.
        """
        self._flushing = True
        due = time.monotonic() + INGEST_SECONDS
        ingesting: asyncio.Task[float] | None = None
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._due.wait(), FLUSH_SECONDS)
                self._due.clear()
                await self._write()
                if ingesting is not None and ingesting.done():
                    # A large store takes longer to take rows over: it shall not do only that.
                    pause = max(INGEST_SECONDS, INGEST_SHARE * await ingesting)
                    ingesting, due = None, time.monotonic() + pause
                if ingesting is None and time.monotonic() >= due:
                    ingesting = asyncio.create_task(self._try_ingest())
        finally:
            self._flushing = False
            if ingesting is not None:
                ingesting.cancel()
                await over(ingesting)

    async def _write(self) -> None:
        self._take_calls()
        batch = self._writer.take()
        work = asyncio.create_task(asyncio.to_thread(self._writer.write, batch))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            if work.exception() is not None:
                self._writer.put_back(batch)
            raise
        except BaseException:
            self._writer.put_back(batch)
            raise

    async def _try_ingest(self) -> float:
        """Have the segments ingested; the seconds it took."""
        started = time.monotonic()
        try:
            await self.query("ingest")
        except StoreBusyError as error:
            # Nothing is lost: the segments wait, and the last ingest of the run insists.
            log.info("store is busy, segments wait: %s", error.message)
        return time.monotonic() - started

    def _take_calls(self) -> None:
        rows, hits = self.calls.drain()
        if rows:
            self._writer.add_tuples("call_log", ((self.run_id, *row) for row in rows))
        if hits:
            counted = ((self.run_id, *place, calls) for place, calls in hits.items())
            self._writer.add_tuples("call_hits", counted)

    async def flush(self) -> None:
        """Flush and ingest everything; raises StoreBusyError when nobody can take the segments now."""
        self._take_calls()
        self._writer.flush()
        await self.query("ingest")


async def over(task: asyncio.Task[Any]) -> None:
    """Wait until a task that nobody cares about any more is over; an error unread would be printed."""
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()
