"""Taking segments over: each exactly once, in one transaction with its row in the ledger."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from gristmill.errors import StoreError
from gristmill_data.store.connect import Connection
from gristmill_data.store.live_sql import changed_by
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
    "lineage": ("child_id", "parent_id", "run_id"),
    "run_documents": ("run_id", "document_id", "uri"),
    "runs": ("run_id",),
    "review_events": ("event_id",),
}
# Columns that a segment of an older gristmill may lack: they stay empty.
ADDED: Mapping[str, frozenset[str]] = {"matches": frozenset({"tier", "side"})}
INDEXED = {"runs", "review_events"}
SHARED = frozenset({"runs", "review_events", "lineage"})
REPLACED = {"scores", "outcomes", "calls"}
FROM_FILE = "FROM read_parquet($file, file_row_number = true) AS new"

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
    with store.ingesting:
        if store.rows("SELECT 1 FROM segments WHERE name = ?", [path.name]):
            _delete(path)  # a crash came between commit and deletion
            return 0
        segment = Segment.read(path)
        if isinstance(segment, str):
            return _set_aside(store, path, segment)
        try:
            changed = _insert_all(store, segment)
        except StoreError as error:
            reason = _fault_of(segment, error)
            if reason is None:
                raise
            return _set_aside(store, path, reason)
    _show(store, changed)
    _delete(path)
    return segment.total


def _show(store: Store, changed: Sequence[str] | None) -> None:
    """Let the state of the rows in memory follow; when that fails it is built anew."""
    store.took_in()
    live = store.live_if_any()
    if live is None:
        return
    try:
        if changed is None:  # it was begun when this had been asked already
            store.forget_live()
        else:
            live.take_in(changed)
    except BaseException:
        store.forget_live()
        raise


def _insert_all(store: Store, segment: Segment) -> list[str] | None:
    """Take all rows over; ids of the examples whose state this may change, where somebody keeps that.

    Reviewers save their decisions meanwhile, unless it holds rows of a table that they write to as well.
    """
    with store.write(alone=not SHARED.isdisjoint(segment.rows)) as cursor:
        changed = changed_by(cursor, segment) if store.live_if_any() else None
        _clear_matches(cursor, segment)
        for table in (name for name in TABLES if name in segment.rows):
            _insert(cursor, table, segment)
        ledger = [segment.path.name, segment.total, now()]
        cursor.execute("INSERT INTO segments VALUES (?, ?, ?)", ledger)
    return changed


def _insert(cursor: Connection, table: str, segment: Segment) -> None:
    file = str(segment.path / f"{table}.parquet")
    [(found,)] = cursor.execute("SELECT count(*) FROM read_parquet(?)", [file]).fetchall()
    if found != segment.rows[table]:
        raise duckdb.DataError(f"{table}.parquet holds {found} rows, the manifest says {segment.rows[table]}")
    if table in REPLACED:
        _delete_outdated(cursor, table, file)
    columns, wanted = ", ".join(_columns(cursor, table, file)), ""
    if table in KEYS and table != "runs":
        known = f"EXISTS (SELECT 1 FROM {table} AS old WHERE {_same(table)})"  # noqa: S608 - names of ours
        new = "" if table in INDEXED else f"WHERE NOT {known}"
        wanted = f"WHERE file_row_number IN ({_chosen(table)} {new} GROUP BY {_keys(table)})"
    query = f"INSERT INTO {table} ({columns}) SELECT {columns} {FROM_FILE} {wanted}"
    cursor.execute(f"{query} {_on_conflict(table)}", {"file": file})


def _columns(cursor: Connection, table: str, file: str) -> list[str]:
    added = ADDED.get(table, frozenset())
    if not added:
        return list(TABLES[table])
    there = {name for (name,) in cursor.execute("SELECT name FROM parquet_schema(?)", [file]).fetchall()}
    return [name for name in TABLES[table] if name in there or name not in added]


def _delete_outdated(cursor: Connection, table: str, file: str) -> None:
    """Delete the rows that come again with other values; the segment's take their place."""
    if table != "calls":
        query = f"DELETE FROM {table} AS old USING (SELECT DISTINCT {_keys(table)} {FROM_FILE}) AS new"  # noqa: S608 - names of ours
        cursor.execute(f"{query} WHERE {_same(table)}", {"file": file})
        return
    # Most calls come again unchanged, from the cache; an answer that was asked again is another one.
    last = f"file_row_number IN ({_chosen(table)} GROUP BY key)"
    query = f"DELETE FROM calls AS old USING (SELECT key, response {FROM_FILE} WHERE {last}) AS new"  # noqa: S608 - names of ours
    query += f" WHERE {_same(table)} AND old.response IS DISTINCT FROM new.response"
    cursor.execute(query, {"file": file})


def _chosen(table: str) -> str:
    """Begins the query for the rows of a file to take: of several with one key the last, or else the first.

    Only keys and numbers are grouped: sorting whole rows would need the memory of all their texts.
    """
    which = "max" if table in REPLACED else "min"
    return f"SELECT {which}(file_row_number) {FROM_FILE}"


def _keys(table: str) -> str:
    return ", ".join(KEYS[table])


def _same(table: str) -> str:
    return " AND ".join(f"old.{key} = new.{key}" for key in KEYS[table])


def _clear_matches(cursor: Connection, segment: Segment) -> None:
    """Old matches of every example that was checked again, whether it matches anything now or not."""
    for table in ("matches", "outcomes"):
        if table in segment.rows:
            file = str(segment.path / f"{table}.parquet")
            cursor.execute(
                "DELETE FROM matches WHERE example_id IN (SELECT example_id FROM read_parquet(?))", [file]
            )


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
