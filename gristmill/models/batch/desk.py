"""Batches of one dataset: everything a run needs of them, and what is still on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gristmill.errors import ModelUnavailableError
from gristmill.models.batch.client import BatchClient
from gristmill.models.batch.collect import FINAL, Collected, Collector, Landing, ask_after
from gristmill.models.batch.deferrals import Deferrals
from gristmill.models.batch.schema import exclusive
from gristmill.models.batch.submit import Sent, recover, submit
from gristmill.models.batch.table import BatchTable
from gristmill.models.budget import Budget
from gristmill.models.cache import ResponseCache


@dataclass(frozen=True, slots=True)
class OutstandingBatch:
    """A batch that is not collected yet. Counts are of calls (samples); ``done`` and ``failed`` of lines.

    ``id`` is empty while it is not known whether the provider took it.
    """

    id: str
    recipe: str
    model: str
    status: str
    calls: int
    lines: int
    done: int
    failed: int
    usd: float
    created: str

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {name: getattr(self, name) for name in self.__slots__}


class BatchDesk:
    """Submits and collects. One process at a time does so for a dataset; others wait.

    ``landed`` hears of every collected answer, on the event loop, after it was committed to the cache.
    """

    def __init__(self, path: Path, cache: Path, landed: Landing) -> None:
        self.table = BatchTable(path)
        self._path, self._cache_path, self._landed = path, cache, landed
        self._cache: ResponseCache | None = None
        self._clients: dict[int, BatchClient] = {}

    async def close(self) -> None:
        """Close files and connections."""
        for client in self._clients.values():
            await client.close()
        if self._cache is not None:
            await asyncio.to_thread(self._cache.close)
        self.table.close()

    async def collect(self, give_up: Sequence[str] = ()) -> Collected:
        """Clear up what a dead process left, then take in what is finished.

        ``give_up`` are ids of batches to forget. Errors of a provider are in the result: the other batches
        are collected all the same.

        Raises:
            UsageError: a batch to forget is not on its way.
        """
        async with exclusive(self._path):
            collector = Collector(self.table, self._open_cache, self._client, self._landed)
            for batch_id in give_up:
                collector.give_up(batch_id)
            try:
                await recover(self.table, self._client)
            except ModelUnavailableError as error:
                collector.report.unreachable = error
            return await collector.visit()

    async def submit(self, deferrals: Deferrals, budget: Budget) -> Sent:
        """Hand in what a round deferred.

        Raises:
            ModelError: the provider refused, or could not be reached.
        """
        async with exclusive(self._path):
            return await submit(self.table, deferrals, budget, self._client)

    async def any_finished(self) -> bool:
        """Ask after the batches until one is found that can be collected, or that nobody knows the id of.

        Raises:
            ModelError: the provider could not be asked.
        """
        if self.table.submissions("phase = 'prepared'"):
            return True
        for submission in self.table.submissions("phase = 'running'"):
            batch = await ask_after(self.table, self._client(submission.endpoint), submission)
            if batch.status in FINAL:
                return True
        return False

    def on_their_way(self) -> bool:
        """Whether any batch is not collected yet."""
        return bool(self.table.submissions("phase != 'closed'"))

    def _client(self, endpoint: int) -> BatchClient:
        if endpoint not in self._clients:
            self._clients[endpoint] = BatchClient(self.table.endpoint(endpoint).spec)
        return self._clients[endpoint]

    def _open_cache(self) -> ResponseCache:
        if self._cache is None:
            self._cache = ResponseCache(self._cache_path)
        return self._cache


def outstanding(path: Path) -> list[OutstandingBatch]:
    """Batches in the table at ``path`` that are not collected yet, oldest first; none without a table."""
    if not path.exists():
        return []
    table = BatchTable(path)
    try:
        found = table.rows(
            "SELECT s.*, e.model FROM submissions s JOIN endpoints e ON e.id = s.endpoint "
            "WHERE s.phase != 'closed' ORDER BY s.created, s.id"
        )
    finally:
        table.close()
    return [
        OutstandingBatch(
            id=row["batch_id"] or "",
            recipe=row["recipe"],
            model=row["model"],
            status=row["status"],
            calls=row["calls"],
            lines=row["lines"],
            done=row["completed"],
            failed=row["failed"],
            usd=row["held_usd"],
            created=datetime.fromtimestamp(row["created"], UTC).isoformat(timespec="seconds"),
        )
        for row in found
    ]
