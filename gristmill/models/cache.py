"""Every answered call, kept in SQLite under its content address.

One row a call, committed before the answer is handed on: killing the process at any moment loses at
most the calls in flight. Several processes may share the file. Neither keys nor headers come near it.
"""

from __future__ import annotations

import asyncio
import math
import queue
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from gristmill.errors import StoreError
from gristmill.models.cache_errors import cache_error
from gristmill.models.claims import Claims
from gristmill.models.faults import fault
from gristmill.models.types import FinishReason, TokenLogprob
from gristmill.records import Call, Usage, constant_json, to_json

SCHEMA_VERSION = 1
BATCH = 256
# Answers that come within a moment share a transaction, which costs as much as five rows. Their places are
# held for that moment, so it is a small share of what a call takes.
LINGER_SHARE = 0.005
LINGER_SECONDS = (0.002, 0.02)
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

# Few calls ask for them: the others pay nothing, and earlier versions do not mind a table of their own.
_CREATE_LOGPROBS = "CREATE TABLE IF NOT EXISTS logprobs (key TEXT PRIMARY KEY, tokens TEXT NOT NULL)"
_INSERT_LOGPROBS = "INSERT OR REPLACE INTO logprobs VALUES (?, ?)"

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
    logprobs: Sequence[TokenLogprob] | None = field(default=None, compare=False)

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
        self._seconds = 0.0
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
        self._seconds += (first[0].seconds - self._seconds) / 16
        time.sleep(min(max(LINGER_SECONDS[0], LINGER_SHARE * self._seconds), LINGER_SECONDS[1]))
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
        stored = _insert_all(connection, [entry for entry, _, _ in batch])
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


def _insert_all(connection: sqlite3.Connection, entries: list[Entry]) -> list[Entry]:
    """Insert within a transaction that is left open; what is stored now."""
    connection.execute("BEGIN IMMEDIATE")
    before = connection.total_changes
    if all(entry.logprobs is None for entry in entries):
        connection.executemany(_INSERT, map(_row, entries))
        if connection.total_changes - before == len(entries):
            return entries
        connection.execute("ROLLBACK")  # some were there already: one by one it is seen which
        connection.execute("BEGIN IMMEDIATE")
    return [_insert(connection, entry) for entry in entries]


def _insert(connection: sqlite3.Connection, entry: Entry) -> Entry:
    if connection.execute(_INSERT, _row(entry)).rowcount > 0:
        if entry.logprobs is not None:
            connection.execute(_INSERT_LOGPROBS, (entry.call.key, to_json(list(entry.logprobs)).decode()))
        return entry
    return _read(connection, entry.call.key) or entry


def _row(entry: Entry) -> tuple[Any, ...]:
    call = entry.call
    return (
        call.key,
        call.model,
        to_json(call.messages).decode(),
        to_json(dict(call.params)).decode() if call.params else "{}",
        None if entry.schema is None else constant_json(entry.schema),
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
    return datetime.now(UTC).isoformat(timespec="microseconds")


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
    entry = Entry(call, finish, None if schema is None else orjson.loads(schema), sample, took, created)
    return replace(entry, logprobs=_logprobs(connection, key)) if call.params.get("logprobs") else entry


def _logprobs(connection: sqlite3.Connection, key: str) -> list[TokenLogprob] | None:
    row = connection.execute("SELECT tokens FROM logprobs WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    return [
        TokenLogprob(token, _number(own), [(other, _number(value)) for other, value in top])
        for token, own, top in orjson.loads(row[0])
    ]


def _number(stored: float | None) -> float:
    # of a token that a schema rules out; JSON has no infinity
    return -math.inf if stored is None else stored


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
    connection.execute(_CREATE_LOGPROBS)
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
