"""Calls out of a cache file and into another: JSONL for people and other tools, or file to file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

from gristmill.errors import UsageError
from gristmill.models.cache import ResponseCache
from gristmill.models.cache_files.lines import COLUMNS, BadCallError, from_line, from_row, to_line
from gristmill.models.cache_files.opening import known_models, opened

# One transaction: short enough that a run beside it hardly waits.
BATCH = 500
MAX_NAMED = 1_000
_SQLITE = b"SQLite format 3\0"
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM calls"  # noqa: S608 - names of ours

# An answer in use is never replaced; one that cannot be used gives way to one that can.
_UPSERT = """
INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
  response = excluded.response, finish_reason = excluded.finish_reason, complete = excluded.complete,
  input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, cost = excluded.cost,
  seconds = excluded.seconds, created = excluded.created
WHERE calls.complete = 0 AND excluded.complete = 1"""

Found = tuple[str, Callable[[], tuple[tuple[Any, ...], bool]]]


@dataclass(frozen=True, slots=True)
class Bad:
    """Something that was not taken over: where (``line 7``) and why."""

    where: str
    reason: str


@dataclass(slots=True)
class Imported:
    """How an import went. ``read`` = ``added`` + ``replaced`` + ``known`` + ``bad_count``.

    ``replaced`` were unusable answers, ``known`` calls were there already and stay. ``on_trust`` of the
    calls taken over are offline ones, whose key cannot be worked out from the file. ``bad`` names the
    first 1,000.
    """

    read: int = 0
    added: int = 0
    replaced: int = 0
    known: int = 0
    on_trust: int = 0
    bad_count: int = 0
    bad: list[Bad] = field(default_factory=list)

    def note(self, where: str, reason: str) -> None:
        """Count something that cannot be taken over."""
        self.bad_count += 1
        if len(self.bad) < MAX_NAMED:
            self.bad.append(Bad(where, reason))


def export_calls(path: Path, out: IO[bytes], models: Sequence[str] = (), since: str | None = None) -> int:
    """Write calls to ``out``, one JSON object a line, in the order they are stored; how many.

    ``models`` may hold ``*``; ``since`` is a time as :func:`~gristmill.models.cache_files.moment` gives it.

    Raises:
        UsageError: no such file, or a model of which there is no call.
        StoreError: the file cannot be read.
    """
    count = 0
    with opened(path) as connection:
        wanted = known_models(connection, models)
        marks = ", ".join("?" * len(wanted))
        query = f"{_SELECT} WHERE model IN ({marks}) AND created >= ?"
        for row in connection.execute(query, [*wanted, since or ""]):
            out.write(to_line(row))
            count += 1
    return count


def import_calls(path: Path, source: Path) -> Imported:
    """Take over the calls of ``source``, an export or another cache file; ``path`` is made when missing.

    Keys are worked out from the content and compared. What cannot be read is counted, the rest is taken
    over; doing it twice changes nothing. A run may be using ``path``.

    Raises:
        UsageError: no such source, or it is ``path`` itself.
        StoreError: one of the files cannot be used.
    """
    if not source.is_file():
        raise UsageError("no such file", where=str(source), cure="check the path")
    if path.exists() and path.samefile(source):
        raise UsageError("that is the cache itself", where=str(source), cure="name another file")
    ResponseCache(path).close()
    result = Imported()
    with opened(path, write=True) as connection:
        found = _rows(source, result) if _is_sqlite(source) else _lines(source)
        while batch := list(islice(found, BATCH)):
            _store(connection, _readable(batch, result), result)
    return result


def _is_sqlite(source: Path) -> bool:
    with source.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _lines(source: Path) -> Iterator[Found]:
    with source.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if raw.strip():
                yield f"line {number}", lambda raw=raw: from_line(raw)  # type: ignore[misc]


def _rows(source: Path, result: Imported) -> Iterator[Found]:
    """Rows of another cache, one by one, so that a damaged page costs no more than what is on it."""
    with opened(source) as connection:
        for part in range(256):
            for key in _keys(connection, f"{part:02x}", f"{part + 1:02x}" if part < 255 else "g", result):
                try:
                    row = connection.execute(f"{_SELECT} WHERE key = ?", [key]).fetchone()
                except sqlite3.Error as error:
                    result.read += 1
                    result.note(f"call {key}", f"cannot be read: {error}")
                else:
                    yield f"call {key}", lambda row=row: from_row(row)  # type: ignore[misc]


def _keys(connection: sqlite3.Connection, low: str, high: str, result: Imported) -> list[str]:
    keys: list[str] = []
    try:
        rows = connection.execute("SELECT key FROM calls WHERE key >= ? AND key < ?", [low, high])
        keys.extend(key for (key,) in rows)
    except sqlite3.Error as error:
        result.read += 1
        result.note(f"calls {low}…", f"some of this part cannot be read: {error}")
    return keys


def _readable(batch: Iterable[Found], result: Imported) -> Iterator[tuple[tuple[Any, ...], bool]]:
    for where, read in batch:
        result.read += 1
        try:
            yield read()
        except BadCallError as error:
            result.note(where, str(error))


def _store(
    connection: sqlite3.Connection, rows: Iterable[tuple[tuple[Any, ...], bool]], result: Imported
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for row, trusted in rows:
            there = connection.execute("SELECT 1 FROM calls WHERE key = ?", row[:1]).fetchone() is not None
            changed = connection.execute(_UPSERT, row).rowcount > 0
            result.added += not there
            result.replaced += there and changed
            result.known += there and not changed
            result.on_trust += trusted and changed
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
