"""How far a run is, told every second in a small file beside the store for ``gristmill status``."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gristmill import __version__
from gristmill.models.counters import Tally as Calls
from gristmill_data.store.lives import remove_life, this_process, write_life

if TYPE_CHECKING:
    from gristmill.pipeline.run import Run

log = logging.getLogger("gristmill.pipeline")
TELL_SECONDS = 1.0
RATE_SECONDS = 10
ETA_SECONDS = 60
MAX_REASONS = 8


@dataclass(frozen=True, slots=True)
class Mark:
    """The counts at one moment, to tell rates from."""

    time: float
    decided: int
    chunks: int
    calls: int
    tokens: int


@dataclass(slots=True)
class Live:
    """Tells of one run; rates are over the last ten seconds, the time left over the last minute."""

    run: Run
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    process: dict[str, Any] = field(default_factory=this_process)
    marks: deque[Mark] = field(default_factory=lambda: deque(maxlen=ETA_SECONDS + 1))

    async def keep(self) -> None:
        """Tell, every second, until cancelled."""
        while True:
            self.tell()
            await asyncio.sleep(TELL_SECONDS)

    def tell(self, ended: str = "", error: str = "") -> None:
        """Write where the run is; ``ended`` is how it ended before its time.

        A file that cannot be written is no reason to stop: if the disk is full, the next segment tells.
        """
        try:
            write_life(self.run.loaded.store, self.run.id, self.told(ended, error))
        except OSError as failure:
            log.info("cannot tell how far the run is: %s", failure)

    def told(self, ended: str = "", error: str = "") -> dict[str, Any]:
        """The content of the file; times are ISO or seconds, money is US dollars."""
        run, calls = self.run, self.run.counters.total
        self.marks.append(_mark(run, calls))
        told: dict[str, Any] = {
            "run": run.id,
            "name": run.loaded.recipe.name,
            **self.process,
            "version": __version__,
            "started": self.started.isoformat(timespec="seconds"),
            "updated": time.time(),
            "phase": _phase(run),
            "stopping": run.stopping,
            "files": run.tally.files,
            "documents": run.tally.documents,
            "chunks": {"total": run.tally.chunks, "done": run.chunks_done},
            "rows": _rows(run),
            "calls": _calls(calls),
            "tokens": {"input": calls.input_tokens, "output": calls.output_tokens},
            "cost_usd": round(calls.cost_usd, 6),
            "unpriced_calls": calls.unpriced,
            "budget": _budget(run),
            "models": list(run.door.limits()) if run.door is not None else [],
            **self._rates(),
            "eta_seconds": self._time_left(),
            "target": run.goal.as_json() if run.goal is not None else None,
        }
        last = run.door.log.last_error if run.door is not None and run.door.log is not None else None
        told["last_error"] = None if last is None else asdict(last)
        return {**told, "ended": ended, "error": error} if ended else told

    def _rates(self) -> dict[str, float]:
        now = self.marks[-1]
        then = next((m for m in self.marks if now.time - m.time <= RATE_SECONDS + TELL_SECONDS / 2), now)
        seconds = now.time - then.time
        if seconds <= 0:
            return {"calls_per_second": 0.0, "tokens_per_second": 0.0, "rows_per_second": 0.0}
        return {
            "calls_per_second": round((now.calls - then.calls) / seconds, 2),
            "tokens_per_second": round((now.tokens - then.tokens) / seconds, 1),
            "rows_per_second": round((now.decided - then.decided) / seconds, 2),
        }

    def _time_left(self) -> float | None:
        """Seconds until all rows are decided, or the target is reached, at the pace of the last minute."""
        now, then, run = self.marks[-1], self.marks[0], self.run
        if now.decided <= then.decided or _phase(run) != "running":
            return None
        seconds = now.time - then.time
        left = (run.tally.planned - run.tally.decided) * seconds / (now.decided - then.decided)
        forecast = run.goal.forecast() if run.goal is not None else None
        if forecast is not None and math.isfinite(forecast.needed.mid) and now.chunks > then.chunks:
            left = min(left, forecast.needed.mid * seconds / (now.chunks - then.chunks))
        return round(max(0.0, left), 1)


@asynccontextmanager
async def told(run: Run) -> AsyncIterator[Live]:
    """Within, ``gristmill status`` can tell how far ``run`` is.

    The file goes when the run has ended and is stored; what ended otherwise leaves it with the reason.
    """
    live = Live(run)
    live.tell()
    teller = asyncio.create_task(live.keep())
    try:
        yield live
    except BaseException as error:
        stopped = isinstance(error, (KeyboardInterrupt, asyncio.CancelledError))
        live.tell("interrupted" if stopped else "failed", f"{type(error).__name__}: {error}"[:500])
        raise
    else:
        remove_life(run.loaded.store, run.id)
    finally:
        teller.cancel()


def _mark(run: Run, calls: Calls) -> Mark:
    tally, tokens = run.tally, calls.input_tokens + calls.output_tokens
    fresh = tally.decided - tally.resumed
    return Mark(time.monotonic(), fresh, run.chunks_done, calls.sent, tokens)


def _phase(run: Run) -> str:
    if run.walked:
        return "saving"
    if run.stopping:
        return "draining"
    return "running" if run.scanned else "reading"


def _rows(run: Run) -> dict[str, Any]:
    tally = run.tally
    return {
        "planned": tally.planned,
        "decided": tally.decided,
        "resumed": tally.resumed,
        "accepted": tally.accepted,
        "rejected": tally.rejected.total(),
        "failed": tally.failed.total(),
        "rejected_for": dict(tally.rejected.most_common(MAX_REASONS)),
        "failed_for": dict(tally.failed.most_common(MAX_REASONS)),
    }


def _calls(calls: Calls) -> dict[str, int]:
    names = ("sent", "cached", "failed", "retried", "repairs", "in_flight")
    return {name: getattr(calls, name) for name in names}


def _budget(run: Run) -> dict[str, float | int | None]:
    if run.door is None:
        return {}
    budget = run.door.budget
    spent = {"spent_usd": round(budget.spent_usd, 6), "held_usd": round(budget.held_usd, 6)}
    tokens = {"spent_tokens": budget.spent_tokens, "held_tokens": budget.held_tokens}
    return {"usd": budget.usd, "tokens": budget.tokens, **spent, **tokens}
