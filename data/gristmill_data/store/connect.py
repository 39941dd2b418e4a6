"""Opening the DuckDB file, and the one place where DuckDB's errors become ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from gristmill.errors import StoreBusyError, StoreError

Connection = duckdb.DuckDBPyConnection

Settings = dict[str, str | bool | int | float | list[str]]
SETTINGS: Settings = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "checkpoint_threshold": "512MB",
}
# Enough for taking over segments of the usual size, however large the dataset (measured to 1,200,000 rows).
LIGHT: Settings = {"memory_limit": "128MB", "threads": 1}

_CURES = (
    (r"no space left|could not write|file too large|disk quota", "free some disk space, then run again"),
    (r"permission denied|read-only", "make the file and its folder writable for you"),
    (r"no such file or directory|not a directory", "create the folder first, or check the path"),
    (r"not a valid duckdb", "name another file, or move this one away: it is not a dataset"),
    (r"invalidated", "close and open the dataset again; nothing that was saved is lost"),
    (r"out of memory", "set a lower DuckDB memory_limit or free memory"),
)


def connect(path: Path, *, light: bool = False) -> Connection:
    """Open ``path`` for reading and writing, creating the file when there is none; ``light``: in 128 MB.

    Raises:
        StoreBusyError: another process has it open.
        StoreError: it cannot be opened or is no DuckDB file.
    """
    with translated(path):
        more = LIGHT if light else {}
        return duckdb.connect(str(path), config={**SETTINGS, **more})


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Within, errors of DuckDB are raised as :class:`StoreError`, with the cause and a cure."""
    try:
        yield
    except duckdb.Error as error:
        raise explained(error, path) from error


def is_out_of_memory(error: StoreError) -> bool:
    """Whether DuckDB raised it because its memory limit was reached (a commit says so in its own words)."""
    cause = error.__cause__
    return isinstance(cause, duckdb.OutOfMemoryException) or "failed to pin block" in str(cause)


def explained(error: duckdb.Error, path: Path) -> StoreError:
    """``error`` in the terms of the user."""
    text = str(error).strip()
    if "Could not set lock" in text:
        holder = re.search(r"PID (\d+)", text)
        who = f"process {holder[1]}" if holder else "another process"
        return StoreBusyError(
            f"the dataset is in use by {who}", where=str(path), cure="wait until it is done, or stop it"
        )
    cure = next((cure for pattern, cure in _CURES if re.search(pattern, text, re.I)), "")
    return StoreError(text.splitlines()[0], where=str(path), cure=cure or "see the message of DuckDB above")
