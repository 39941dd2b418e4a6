"""Taking segments over: each exactly once, in one transaction with its row in the ledger."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from gristmill.errors import StoreError
from gristmill_data.store.connect import Connection
from gristmill_data.store.segments import SET_ASIDE, Segment, abandoned, segments_folder, waiting
from gristmill_data.store.tables import TABLES, now

if TYPE_CHECKING:
    from gristmill_data.store.core import Store

# Rows are told apart by these. Only the last two tables are small enough for the database to watch over it.
KEYS: Mapping[str, tuple[str, ...]] = {
    "documents": ("id",),
    "chunks": ("id",),
    "examples": ("id",),
    "calls": ("key",),
    "scores": ("example_id", "scorer"),
    "outcomes": ("slot_id",),
    "run_documents": ("run_id", "document_id", "uri"),
    "runs": ("run_id",),
    "review_events": ("event_id",),
}
INDEXED = {"runs", "review_events"}
REPLACED = {"scores", "outcomes", "calls"}

# What DuckDB raises when the rows are wrong, and not the disk or the database.
_BAD_ROWS = (duckdb.DataError, duckdb.ProgrammingError, duckdb.IntegrityError, duckdb.NotSupportedError)


def ingest(store: Store) -> int:
    """Rows taken over from all waiting segments; see :meth:`Store.ingest`."""
    folder = segments_folder(store.path)
    try:
        for path in abandoned(folder):
            _set_aside(store, path, "unfinished: its writer ended before these rows were confirmed")
        return sum(_take(store, path) for path in waiting(folder))
    except OSError as error:
        message = f"cannot work in the folder of segments: {error.strerror or error}"
        cure = "make the folder readable and writable for you, and see that the disk is not full"
        raise StoreError(message, where=str(folder), cure=cure) from error


def _take(store: Store, path: Path) -> int:
    with store.lock:
        if store.rows("SELECT 1 FROM segments WHERE name = ?", [path.name]):
            _delete(path)  # a crash came between commit and deletion
            return 0
        segment = Segment.read(path)
        if isinstance(segment, str):
            return _set_aside(store, path, segment)
        try:
            _insert_all(store, segment)
        except StoreError as error:
            reason = _fault_of(segment, error)
            if reason is None:
                raise
            return _set_aside(store, path, reason)
    _delete(path)
    return segment.total


def _insert_all(store: Store, segment: Segment) -> None:
    with store.write() as cursor:
        _clear_matches(cursor, segment)
        for table in (name for name in TABLES if name in segment.rows):
            _insert(cursor, table, segment)
        ledger = [segment.path.name, segment.total, now()]
        cursor.execute("INSERT INTO segments VALUES (?, ?, ?)", ledger)


def _insert(cursor: Connection, table: str, segment: Segment) -> None:
    file = str(segment.path / f"{table}.parquet")
    [(found,)] = cursor.execute("SELECT count(*) FROM read_parquet(?)", [file]).fetchall()
    if found != segment.rows[table]:
        raise duckdb.DataError(f"{table}.parquet holds {found} rows, the manifest says {segment.rows[table]}")
    columns = ", ".join(TABLES[table])
    source = f"FROM ({_source(table)}) AS new"
    if table in KEYS and table not in INDEXED:
        same = " AND ".join(f"old.{key} = new.{key}" for key in KEYS[table])
        if table in REPLACED:
            # Most calls come again unchanged, from the cache; an answer that was asked again is another one.
            other = " AND old.response IS DISTINCT FROM new.response" if table == "calls" else ""
            outdated = f"DELETE FROM {table} AS old USING (SELECT * {source}) AS new WHERE {same}{other}"  # noqa: S608 - names of ours
            cursor.execute(outdated, [file])
        source += f" WHERE NOT EXISTS (SELECT 1 FROM {table} AS old WHERE {same})"  # noqa: S608 - names of ours
    query = f"INSERT INTO {table} ({columns}) SELECT {columns} {source} ORDER BY file_row_number"
    cursor.execute(f"{query} {_on_conflict(table)}", [file])


def _clear_matches(cursor: Connection, segment: Segment) -> None:
    """Old matches of every example that was checked again, whether it matches anything now or not."""
    for table in ("matches", "outcomes"):
        if table in segment.rows:
            file = str(segment.path / f"{table}.parquet")
            cursor.execute(
                "DELETE FROM matches WHERE example_id IN (SELECT example_id FROM read_parquet(?))", [file]
            )


def _source(table: str) -> str:
    """The rows of the file; of several with one key the last replaces, and the first is kept otherwise."""
    columns = ", ".join((*TABLES[table], "file_row_number"))
    query = f"SELECT {columns} FROM read_parquet(?, file_row_number = true)"  # noqa: S608 - names of ours
    if table not in KEYS or table == "runs":
        return query
    order = "DESC" if table in REPLACED else "ASC"
    keys = ", ".join(KEYS[table])
    return f"{query} QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY file_row_number {order}) = 1"


def _on_conflict(table: str) -> str:
    if table not in INDEXED:
        return ""
    if table != "runs":
        return "ON CONFLICT DO NOTHING"
    # a later row may give only what changed
    others = [column for column in TABLES[table] if column not in KEYS[table]]
    changes = ", ".join(f"{column} = coalesce(excluded.{column}, {column})" for column in others)
    return f"ON CONFLICT ({', '.join(KEYS[table])}) DO UPDATE SET {changes}"


def _fault_of(segment: Segment, error: StoreError) -> str | None:
    """Why ``segment`` is to blame for ``error``; None when the disk or the database is."""
    if isinstance(error.__cause__, _BAD_ROWS):
        return error.message
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for table in segment.rows:
            pq.read_table(segment.path / f"{table}.parquet")
    except (OSError, pa.ArrowException) as unreadable:
        return f"cannot be read: {str(unreadable).splitlines()[0]}"
    return None


def _set_aside(store: Store, path: Path, reason: str) -> int:
    """Keep an unusable segment where no ingest looks, with the reason beside it and in the dataset."""
    name = path.name.removeprefix(".")
    with store.write() as cursor:
        cursor.execute("INSERT OR REPLACE INTO set_aside VALUES (?, ?, ?)", [name, reason, now()])
    target = path.parent / SET_ASIDE / name
    target.parent.mkdir(exist_ok=True)
    path.rename(target)
    (target / "REASON.txt").write_text(reason + "\n", encoding="utf-8")
    return 0


def _delete(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)  # what stays is in the ledger and is tried again next time
