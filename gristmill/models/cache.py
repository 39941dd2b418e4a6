"""Every answered call, kept in SQLite under its content address.

One row a call, committed before the answer is handed on: killing the process at any moment loses at
most the calls in flight. Several processes may share the file. Neither keys nor headers come near it.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from gristmill.errors import StoreError
from gristmill.models.cache_errors import cache_error
from gristmill.models.claims import Claims
from gristmill.models.faults import fault
from gristmill.models.types import FinishReason
from gristmill.records import Call, Usage, to_json

SCHEMA_VERSION = 1
BATCH = 256
LINGER_SECONDS = 0.002
BUSY_SECONDS = 30.0

# With a rowid: rows of some kilobytes under random keys would split the pages of the key's own tree
# (36 µs a row against 15, and growing). Files of version 0.2 are WITHOUT ROWID and work as they are.
_CREATE = """
CREATE TABLE IF NOT EXISTS calls (
  key TEXT PRIMARY KEY, model TEXT NOT NULL, messages TEXT NOT NULL, params TEXT NOT NULL,
  json_schema TEXT, sample INTEGER NOT NULL, response TEXT NOT NULL, finish_reason TEXT NOT NULL,
  complete INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
  cost REAL, seconds REAL NOT NULL, created TEXT NOT NULL
)"""

# An answer that could not be used gives way to a later one; a usable one stays what it is, unless it was
# asked again on request: then whatever is older than that request.
_INSERT = """
INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
  response = excluded.response, finish_reason = excluded.finish_reason, complete = excluded.complete,
  input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, cost = excluded.cost,
  seconds = excluded.seconds, created = excluded.created
WHERE calls.complete = 0 OR calls.created < ?15"""

_SELECT = """
SELECT key, model, messages, params, json_schema, sample, response, finish_reason,
       input_tokens, output_tokens, cost, seconds, created
FROM calls WHERE key = ?"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A call with what the cache knows beyond it; ``seconds`` is how long the model took.

    ``created`` is when it was stored (ISO 8601, UTC; empty before that). An entry with ``replaces`` set, a
    time of the same form, takes the place of whatever was stored before that time.
    """

    call: Call
    finish_reason: FinishReason = "stop"
    schema: Mapping[str, Any] | None = None
    sample: int = 0
    seconds: float = 0.0
    created: str = field(default="", compare=False)
    replaces: str = field(default="", compare=False)

    @property
    def complete(self) -> bool:
        """Whether the answer can be used as text (not truncated, refused, filtered or empty)."""
        return fault(self.call.response, self.finish_reason) is None


_Waiting = tuple[Entry, asyncio.AbstractEventLoop, "asyncio.Future[Entry]"]


class ResponseCache:
    """The cache file. Reads are point look-ups on the caller's thread; a thread of its own writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.claims = Claims.of(path)
        try:
            self._reader, self._writer = _connect(path), _connect(path)
        except StoreError:
            self.claims.close()
            raise
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="gristmill-cache", daemon=True)
        self._thread.start()

    def get(self, key: str) -> Entry | None:
        """The stored call of that address, if there is one."""
        try:
            return _read(self._reader, key)
        except sqlite3.Error as error:
            raise cache_error(self.path, error) from error

    async def put(self, entry: Entry) -> Entry:
        """Commit a call, then return what is stored.

        That is another answer when another process stored one first; using it keeps lineage true.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Entry] = loop.create_future()
        self._queue.put((entry, loop, done))
        return await done

    def close(self) -> None:
        """Write what is waiting and close the file."""
        self._queue.put(None)
        self._thread.join()
        self._writer.close()
        self._reader.close()
        self.claims.close()

    def _write_all(self) -> None:
        while (batch := self._next_batch()) is not None:
            _write(self._writer, batch, self.path)

    def _next_batch(self) -> list[_Waiting] | None:
        first = self._queue.get()
        if first is None:
            return None
        # Answers that come within a moment share a transaction.
        time.sleep(LINGER_SECONDS)
        batch = [first]
        while len(batch) < BATCH and not self._queue.empty():
            item = self._queue.get()
            if item is None:
                self._queue.put(None)
                break
            batch.append(item)
        return batch


def _write(connection: sqlite3.Connection, batch: Sequence[_Waiting], path: Path) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        stored = [_insert(connection, entry) for entry, _, _ in batch]
        connection.execute("COMMIT")
    except Exception as error:  # noqa: BLE001 - the thread must outlive it, or every later call waits for ever
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if len(batch) > 1 and not isinstance(error, sqlite3.OperationalError):
            for one in batch:  # one of them cannot be stored: the others must not pay for it
                _write(connection, [one], path)
            return
        failure = cache_error(path, error)
        _tell([(loop, done, failure) for _, loop, done in batch])
        return
    _tell([(loop, done, entry) for (_, loop, done), entry in zip(batch, stored, strict=True)])


_Told = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Entry]", "Entry | StoreError"]


def _tell(results: Sequence[_Told]) -> None:
    """Hand results to those who wait: one wake-up for each event loop."""
    for loop in {loop for loop, _, _ in results}:
        # A closed loop has nobody left who waits; the rows themselves are committed.
        if not loop.is_closed():
            mine = [(done, result) for whose, done, result in results if whose is loop]
            loop.call_soon_threadsafe(_settle, mine)


def _settle(results: Sequence[tuple[asyncio.Future[Entry], Entry | StoreError]]) -> None:
    for done, result in results:
        if done.done():
            continue
        if isinstance(result, StoreError):
            done.set_exception(result)
        else:
            done.set_result(result)


def _insert(connection: sqlite3.Connection, entry: Entry) -> Entry:
    if connection.execute(_INSERT, _row(entry)).rowcount > 0:
        return entry
    return _read(connection, entry.call.key) or entry


def _row(entry: Entry) -> tuple[Any, ...]:
    call = entry.call
    return (
        call.key,
        call.model,
        to_json(call.messages).decode(),
        to_json(dict(call.params)).decode(),
        None if entry.schema is None else to_json(dict(entry.schema)).decode(),
        entry.sample,
        call.response,
        entry.finish_reason,
        int(entry.complete),
        call.usage.input_tokens,
        call.usage.output_tokens,
        call.cost,
        entry.seconds,
        entry.created or now(),
        entry.replaces,
    )


def now() -> str:
    """The time as the cache keeps it: texts that sort as the moments do."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _read(connection: sqlite3.Connection, key: str) -> Entry | None:
    row = connection.execute(_SELECT, (key,)).fetchone()
    if row is None:
        return None
    found, model, messages, params, schema, sample, response, finish, *rest = row
    tokens_in, tokens_out, cost, took, created = rest
    call = Call(
        found,
        model,
        tuple(orjson.loads(messages)),
        orjson.loads(params),
        response,
        Usage(tokens_in, tokens_out),
        cost,
    )
    return Entry(call, finish, None if schema is None else orjson.loads(schema), sample, took, created)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        _prepare(connection, path)
    except (sqlite3.Error, OSError) as error:
        raise cache_error(path, error) from error
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    _switch_to_wal(connection)
    # NORMAL survives a killed process; only a power cut can take the last moments back.
    connection.execute("PRAGMA synchronous = NORMAL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"the response cache was written by a newer version (format {version})",
            where=str(path),
            cure="upgrade gristmill, or name another cache file",
        )
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_CREATE)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    # SQLite answers "locked" at once, busy time-out or not, when two processes change the mode together.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
