"""Opening a cache file for maintenance, and the filters that commands share."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gristmill.errors import StoreError, UsageError
from gristmill.models.cache import BUSY_SECONDS, SCHEMA_VERSION
from gristmill.models.cache_errors import cache_error

_AGE = re.compile(r"(\d{1,6})\s*([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@contextmanager
def opened(path: Path, *, write: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection to an existing cache file; SQLite's errors within come out as :class:`StoreError`.

    Raises:
        UsageError: there is no such file.
        StoreError: it is damaged, no cache, or of a newer version.
    """
    if not path.is_file():
        raise UsageError("no such file", where=str(path), cure="run a recipe first, or check the path")
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        _check(connection, path)
        if not write:
            connection.execute("PRAGMA query_only = ON")
        yield connection
    except sqlite3.Error as error:
        raise cache_error(path, error) from error
    finally:
        if connection is not None:
            connection.close()


def _check(connection: sqlite3.Connection, path: Path) -> None:
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"the response cache was written by a newer version (format {version})",
            where=str(path),
            cure="upgrade gristmill",
        )
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'calls'").fetchone() is None:
        raise StoreError(
            "no response cache: there is no table of calls in it", where=str(path), cure="check the path"
        )


def moment(text: str, *, now: datetime | None = None) -> str:
    """A time as the cache keeps it, from an age (``12h``, ``30d``, ``2w``) or an ISO date or time.

    Raises:
        UsageError: it is neither.
    """
    if age := _AGE.fullmatch(text.strip()):
        then = (now or datetime.now(UTC)) - timedelta(**{_UNITS[age[2]]: int(age[1])})
        return then.isoformat(timespec="microseconds")
    try:
        return in_utc(text)
    except ValueError as error:
        cure = "write an age (12h, 30d, 2w) or a date (2026-11-01)"
        raise UsageError(f"{text!r} is no time", cure=cure) from error


def in_utc(text: str) -> str:
    """An ISO date or time in UTC, to the microsecond; without a zone it is taken as UTC."""
    time = datetime.fromisoformat(text)
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return time.isoformat(timespec="microseconds")


def known_models(connection: sqlite3.Connection, wanted: Sequence[str]) -> list[str]:
    """The models of the cache that ``wanted`` names (``*`` stands for anything); all when it is empty.

    Raises:
        UsageError: a name that fits none; the known ones are named.
    """
    known = [name for (name,) in connection.execute("SELECT DISTINCT model FROM calls ORDER BY model")]
    if not wanted:
        return known
    for pattern in wanted:
        if not any(_fits(pattern, name) for name in known):
            raise UsageError(
                f"no call of a model {pattern!r} in the cache",
                cure=f"there are: {', '.join(known) or 'none'}",
            )
    return [name for name in known if any(_fits(pattern, name) for pattern in wanted)]


def _fits(pattern: str, name: str) -> bool:
    parts = map(re.escape, pattern.split("*"))
    return re.fullmatch(".*".join(parts), name) is not None
