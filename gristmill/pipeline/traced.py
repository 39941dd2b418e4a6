"""A run as OpenTelemetry sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gristmill.models.tracing import Tracing, start_tracing

if TYPE_CHECKING:
    from gristmill.pipeline.run import Run


@asynccontextmanager
async def traced(run: Run) -> AsyncIterator[Tracing | None]:
    """Within, spans and metrics of ``run`` are exported, where the environment asks for it."""
    tracing = start_tracing()
    if tracing is None:
        yield None
        return
    tracing.begin(run.id, run.loaded.recipe.name)
    status = "failed"
    try:
        yield tracing
        status = run.stopping or "done"
    finally:
        # The last export waits for the collector; a thread, so that a signal is still heard.
        await asyncio.to_thread(tracing.end, status, _counts(run))


def _counts(run: Run) -> dict[str, int]:
    tally, calls = run.tally, run.counters.total
    return {
        "gristmill.rows.accepted": tally.accepted,
        "gristmill.rows.rejected": tally.rejected.total(),
        "gristmill.rows.failed": tally.failed.total(),
        "gristmill.calls.sent": calls.sent,
        "gristmill.calls.cached": calls.cached,
        "gristmill.calls.failed": calls.failed,
        "gristmill.calls.retried": calls.retried,
        "gristmill.calls.repairs": calls.repairs,
    }
