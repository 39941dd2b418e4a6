"""Removing calls from a cache file, and giving the room back to the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gristmill.errors import UsageError
from gristmill.models.cache_files.opening import known_models, opened
from gristmill.models.cache_files.summary import size_of
from gristmill.models.claims import alone


@dataclass(frozen=True, slots=True)
class Which:
    """Calls to remove: those that fit everything that is given.

    ``before`` is a time as :func:`~gristmill.models.cache_files.moment` gives it; ``keep`` gives pages of
    keys that something still refers to.
    """

    models: Sequence[str] = ()
    before: str | None = None
    unusable: bool = False
    keep: Iterable[Sequence[str]] | None = None


@dataclass(slots=True)
class Pruned:
    """What was removed, or would be: calls by model, and what they had cost. Sizes in bytes on disk."""

    removed: int = 0
    kept: int = 0
    cost_usd: float = 0.0
    by_model: dict[str, int] = field(default_factory=dict)
    bytes_before: int = 0
    bytes_after: int = 0
    dry_run: bool = False

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return {name: getattr(self, name) for name in self.__slots__} | {"cost_usd": round(self.cost_usd, 6)}


def prune(path: Path, which: Which, *, dry_run: bool = False) -> Pruned:
    """Remove calls and shrink the file; with ``dry_run`` only count them.

    Raises:
        UsageError: nothing given to choose by, or a model of which there is no call.
        StoreBusyError: a run uses the file.
        StoreError: the file cannot be used, or there is no room to rewrite it.
    """
    if not (which.models or which.before or which.unusable or which.keep is not None):
        raise UsageError("prune what?", cure="give --older-than, --model, --unusable or --unreferenced")
    result = Pruned(dry_run=dry_run, bytes_before=size_of(path))
    with opened(path, write=True) as connection, nullcontext() if dry_run else alone(path):
        condition, values = _condition(connection, which)
        _count(connection, condition, values, result)
        if not dry_run:
            connection.execute(f"DELETE FROM calls WHERE {condition}", values)  # noqa: S608 - see _condition
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'logprobs'").fetchone():
                connection.execute("DELETE FROM logprobs WHERE key NOT IN (SELECT key FROM calls)")
            _shrink(connection)
    result.bytes_after = size_of(path)
    return result


def _condition(connection: sqlite3.Connection, which: Which) -> tuple[str, list[str]]:
    parts, values = [], []
    if which.models:
        models = known_models(connection, which.models)
        parts.append(f"model IN ({', '.join('?' * len(models))})")
        values += models
    if which.before:
        parts.append("created < ?")
        values.append(which.before)
    if which.unusable:
        parts.append("complete = 0")
    if which.keep is not None:
        _note_kept(connection, which.keep)
        parts.append("key NOT IN (SELECT key FROM temp.keep)")
    return " AND ".join(parts), values


def _note_kept(connection: sqlite3.Connection, pages: Iterable[Sequence[str]]) -> None:
    connection.execute("CREATE TEMP TABLE keep (key TEXT PRIMARY KEY) WITHOUT ROWID")
    for page in pages:
        connection.execute("BEGIN")
        connection.executemany("INSERT OR IGNORE INTO keep VALUES (?)", ((key,) for key in page))
        connection.execute("COMMIT")


def _count(connection: sqlite3.Connection, condition: str, values: list[str], result: Pruned) -> None:
    query = f"SELECT model, count(*), total(cost) FROM calls WHERE {condition} GROUP BY model ORDER BY model"  # noqa: S608
    for model, count, cost in connection.execute(query, values):
        result.by_model[model] = count
        result.removed += count
        result.cost_usd += cost
    [total] = connection.execute("SELECT count(*) FROM calls").fetchone()
    result.kept = total - result.removed


def _shrink(connection: sqlite3.Connection) -> None:
    [free] = connection.execute("PRAGMA freelist_count").fetchone()
    if free:
        connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
