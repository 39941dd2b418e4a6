"""What went wrong with a cache file, in the terms of its user."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from gristmill.errors import StoreError

_MASK = 0xFF  # extended result codes carry the plain one in their low byte
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_NO_RIGHT = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def cache_error(path: Path, error: Exception) -> StoreError:
    """``error`` of SQLite or the system as one that names the file and a cure."""
    return StoreError(
        f"the response cache cannot be used: {error}", where=str(path), cure=_cure(path.name, error)
    )


def _cure(name: str, error: Exception) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & _MASK
    # A page overwritten in the middle of a text is noticed by Python, not by SQLite.
    if code in _DAMAGED or "decode to UTF-8" in str(error):
        return (
            f"move it away with its -wal (mv {name} {name}.bad), then save what can still be read: "
            f"gristmill cache import {name}.bad --cache {name}"
        )
    if code in _NO_ROOM:
        return "make room on the disk, then run again: answers stored so far are kept"
    if code in _NO_RIGHT:
        return "make the file and its folder writable for you"
    if code in _BUSY:
        return "another process writes to it: wait until that is done, then run again"
    return "check the file and the disk, or name another cache"
