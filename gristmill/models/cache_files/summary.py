"""What a cache file holds."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

from gristmill.models.cache_files.opening import opened

_KINDS = {
    "length": "truncated",
    "refusal": "refused",
    "content_filter": "filtered",
    "tool_calls": "tool-calls",
}
_QUERY = """
SELECT model, finish_reason, complete, input_tokens, output_tokens, cost, seconds, created FROM calls"""


@dataclass(slots=True)
class ModelStats:
    """Calls of one model. ``cost_usd`` leaves out ``unpriced`` calls, whose price was not known."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0
    by_finish: Counter[str] = field(default_factory=Counter)
    """``complete``, ``truncated``, ``refused``, ``filtered``, ``tool-calls``, ``empty``."""
    seconds: array[float] = field(default_factory=lambda: array("d"))
    """How long the model took, call by call."""

    def as_json(self) -> dict[str, Any]:
        """Totals; seconds as mean and median, None without calls."""
        return {
            "calls": self.calls,
            "by_finish": dict(self.by_finish.most_common()),
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost_usd": round(self.cost_usd, 6),
            "unpriced": self.unpriced,
            "mean_seconds": round(fmean(self.seconds), 4) if self.seconds else None,
            "median_seconds": round(median(self.seconds), 4) if self.seconds else None,
        }


@dataclass(slots=True)
class CacheStats:
    """A cache file: totals and models, bytes on disk, times of the oldest and the newest call."""

    path: Path
    bytes: int
    total: ModelStats = field(default_factory=ModelStats)
    models: dict[str, ModelStats] = field(default_factory=dict)
    oldest: str | None = None
    newest: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return {
            "file": str(self.path),
            "bytes": self.bytes,
            **self.total.as_json(),
            "oldest": self.oldest,
            "newest": self.newest,
            "models": {name: stats.as_json() for name, stats in sorted(self.models.items())},
        }


def read_stats(path: Path) -> CacheStats:
    """Count a cache file in one pass; a run may be writing to it.

    Raises:
        UsageError: no such file.
        StoreError: it cannot be read.
    """
    stats = CacheStats(path, size_of(path))
    with opened(path) as connection:
        for model, finish, complete, tokens_in, tokens_out, cost, seconds, created in connection.execute(
            _QUERY
        ):
            kind = "complete" if complete else _KINDS.get(finish, "empty")
            for part in (stats.total, stats.models.setdefault(model, ModelStats())):
                part.calls += 1
                part.by_finish[kind] += 1
                part.input_tokens += tokens_in
                part.output_tokens += tokens_out
                part.cost_usd += cost or 0.0
                part.unpriced += cost is None
                part.seconds.append(seconds)
            stats.oldest = min(stats.oldest or created, created)
            stats.newest = max(stats.newest or created, created)
    return stats


def size_of(path: Path) -> int:
    """Bytes on disk of a cache, with what SQLite keeps beside it."""
    names = (path.name, f"{path.name}-wal", f"{path.name}-shm")
    return sum(file.stat().st_size for name in names if (file := path.with_name(name)).exists())
