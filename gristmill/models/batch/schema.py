"""The batch table's columns, and how its file is opened."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

from gristmill.errors import StoreError

SCHEMA_VERSION = 1
BUSY_SECONDS = 30.0
LOCK_SECONDS = 0.2

# A request is one sample of one call. Rows of one `bundle` travel in one line of a batch file (as `n`).
# state: waiting (for a batch), sent (in a submission), done (answered, in the cache), failed (for good).
# phase: prepared (chosen, perhaps not yet created there), running, closed (everything in it is settled).
_CREATE = """
CREATE TABLE IF NOT EXISTS endpoints (
  id INTEGER PRIMARY KEY, model TEXT NOT NULL, base_url TEXT NOT NULL, key_env TEXT NOT NULL,
  mode TEXT NOT NULL, length_param TEXT NOT NULL, many INTEGER NOT NULL DEFAULT 1, at_once INTEGER,
  UNIQUE (model, base_url, key_env));
CREATE TABLE IF NOT EXISTS requests (
  key TEXT PRIMARY KEY, bundle TEXT NOT NULL, endpoint INTEGER NOT NULL, recipe TEXT NOT NULL,
  role TEXT NOT NULL, messages TEXT NOT NULL, params TEXT NOT NULL, json_schema TEXT,
  sample INTEGER NOT NULL, state TEXT NOT NULL, round TEXT NOT NULL, submission TEXT,
  replaces TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0, kind TEXT, message TEXT);
CREATE INDEX IF NOT EXISTS requests_round ON requests (round, state);
CREATE INDEX IF NOT EXISTS requests_line ON requests (submission, bundle);
CREATE INDEX IF NOT EXISTS requests_bundle ON requests (bundle);
CREATE TABLE IF NOT EXISTS submissions (
  id TEXT PRIMARY KEY, endpoint INTEGER NOT NULL, recipe TEXT NOT NULL, phase TEXT NOT NULL,
  status TEXT NOT NULL, batch_id TEXT, file_id TEXT, mode TEXT NOT NULL, length_param TEXT NOT NULL,
  calls INTEGER NOT NULL, lines INTEGER NOT NULL, completed INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0, tries_allowed INTEGER NOT NULL,
  price_input REAL, price_output REAL, held_tokens INTEGER NOT NULL, held_usd REAL NOT NULL,
  input_tokens INTEGER NOT NULL DEFAULT 0, output_tokens INTEGER NOT NULL DEFAULT 0,
  answered INTEGER NOT NULL DEFAULT 0, usd REAL NOT NULL DEFAULT 0, settled INTEGER NOT NULL DEFAULT 0,
  created REAL NOT NULL, detail TEXT NOT NULL DEFAULT '');
"""


def open_table(path: Path) -> sqlite3.Connection:
    """A connection to the table, made if it is not there.

    Raises:
        StoreError: the file cannot be used, or a newer version wrote it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"the batch table was written by a newer version (format {version})",
                where=str(path),
                cure="upgrade gristmill",
            )
        # FULL: a batch costs money and its id stands nowhere else; a power cut must not take it back.
        connection.execute("PRAGMA synchronous = FULL")
        version = f"PRAGMA user_version = {SCHEMA_VERSION}"
        connection.executescript(f"BEGIN IMMEDIATE; {_CREATE} {version}; COMMIT;")
    except (sqlite3.Error, OSError) as error:
        raise table_error(path, error) from error
    return connection


def table_error(path: Path, error: Exception) -> StoreError:
    """What the user is told when the file fails."""
    return StoreError(
        f"the table of batches cannot be used: {error}",
        where=str(path),
        cure="free space or repair that file; it knows the batches that you will be billed for",
    )


@contextlib.asynccontextmanager
async def exclusive(path: Path) -> AsyncIterator[None]:
    """Wait for the right to submit and collect; the system takes it back when a process dies.

    Two recipes may share a dataset: without this, one would send what the other is just sending.
    """
    with path.with_suffix(".lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(LOCK_SECONDS)
        yield
