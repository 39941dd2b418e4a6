"""Where a run's records go: Parquet segments, handed over every few seconds to whoever owns the file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gristmill.errors import StoreBusyError
from gristmill.pipeline.tally import Tally
from gristmill.records import Call, Chunk, Document, Example, FileFailure, Match, Outcome, Score

log = logging.getLogger("gristmill.pipeline")
Record = Call | Chunk | Document | Example | FileFailure | Match | Outcome | Score
FLUSH_ROWS = 5_000
FLUSH_SECONDS = 2.0
INGEST_SECONDS = 5.0


class Sink:
    """Writes segments as records come and has them ingested; safe to kill at any moment."""

    def __init__(self, db: Path, run_id: str, tally: Tally) -> None:
        from gristmill_data.store import SegmentWriter

        self.db, self.run_id, self.tally = db, run_id, tally
        self._writer = SegmentWriter(db, run_id)
        self._lock = asyncio.Lock()

    def add(self, record: Record) -> None:
        """Keep a record; it is on disk after the next flush."""
        self._writer.add(record)
        # A row's example, scores and matches go into one segment with its outcome, which comes last.
        if self._writer.pending >= FLUSH_ROWS and not isinstance(record, (Example, Score, Match)):
            self._writer.flush()

    def add_row(self, table: str, row: Mapping[str, Any]) -> None:
        """Keep a row of a table that has no record type (``runs``, ``run_documents``)."""
        self._writer.add_row(table, dict(row))

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
                await asyncio.wait([work])
                raise

    async def keep_flushing(self) -> None:
        """Flush every two seconds and try to have the segments ingested every five, until cancelled."""
        waited = 0.0
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            waited += FLUSH_SECONDS
            self._writer.flush()
            if waited >= INGEST_SECONDS:
                waited = 0.0
                await self._try_ingest()

    async def _try_ingest(self) -> None:
        try:
            await self.query("ingest")
        except StoreBusyError as error:
            # Nothing is lost: the segments wait, and the last ingest of the run insists.
            log.info("store is busy, segments wait: %s", error.message)

    async def flush(self) -> None:
        """Flush and ingest everything; raises StoreBusyError when nobody can take the segments now."""
        self._writer.flush()
        await self.query("ingest")
