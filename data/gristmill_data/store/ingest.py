"""Taking segments over: each exactly once, in one transaction with its row in the ledger.

A transaction looks through the keys of whole tables, whatever it brings: so segments that wait together share
one. When that fails they are taken one by one, so that only the one to blame is set aside.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
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
MOST_SEGMENTS, MOST_ROWS, MOST_BYTES = 64, 20_000, 4_000_000
"""What one transaction takes over at most, unless a single segment is larger: rows and bytes of the files, so
that it works in as little memory as the largest segment."""
# nth: the place of a row among those of all files, oldest segment first
FROM_FILES = """FROM (SELECT *, (file_index::BIGINT << 40) + file_row_number AS nth
    FROM read_parquet($files, union_by_name = true)) AS new"""

# What DuckDB raises when the rows are wrong, and not the disk or the database.
_BAD_ROWS = (duckdb.DataError, duckdb.ProgrammingError, duckdb.IntegrityError, duckdb.NotSupportedError)


def ingest(store: Store) -> int:
    """Rows taken over from all waiting segments; see :meth:`Store.ingest`."""
    folder = segments_folder(store.path)
    try:
        for path in abandoned(folder):
            _set_aside(store, path, "unfinished: its writer ended before these rows were confirmed")
        return sum(_take(store, group) for group in _groups(store, waiting(folder)))
    except OSError as error:
        message = f"cannot work in the folder of segments: {error.strerror or error}"
        cure = "make the folder readable and writable for you, and see that the disk is not full"
        raise StoreError(message, where=str(folder), cure=cure) from error


def _groups(store: Store, paths: Sequence[Path]) -> Iterator[list[Segment]]:
    """Segments to be taken over together, oldest first; those that cannot be used are set aside."""
    group: list[Segment] = []
    rows = size = 0
    for path in paths:
        segment = Segment.read(path)
        if isinstance(segment, str):
            _refuse(store, path)
            continue
        rows, size = rows + segment.total, size + segment.size
        if group and (len(group) == MOST_SEGMENTS or rows > MOST_ROWS or size > MOST_BYTES):
            yield group
            group, rows, size = [], segment.total, segment.size
        group.append(segment)
    if group:
        yield group


def _refuse(store: Store, path: Path) -> None:
    """Set a segment aside that cannot be used, unless another thread has taken it over and deletes it now."""
    with store.ingesting:
        reason = Segment.read(path)
        if isinstance(reason, str) and path.is_dir() and not _is_known(store, path):
            _set_aside(store, path, reason)


def _take(store: Store, group: Sequence[Segment]) -> int:
    with store.ingesting:
        new = [segment for segment in group if not _is_known(store, segment.path)]
        if not new:
            return 0
        if len(new) > 1 and not _apart(store, new):
            return sum(_take(store, [segment]) for segment in new)
        try:
            changed = _insert_all(store, new)
        except StoreError as error:
            if len(new) > 1:
                return sum(_take(store, [segment]) for segment in new)
            reason = _fault_of(new[0], error)
            if reason is None:
                raise
            return _set_aside(store, new[0].path, reason)
    _show(store, changed)
    for segment in new:
        _delete(segment.path)
    return sum(segment.total for segment in new)


def _is_known(store: Store, path: Path) -> bool:
    """Whether it was taken over before; what a crash between commit and deletion left is deleted now."""
    if not store.rows("SELECT 1 FROM segments WHERE name = ?", [path.name]):
        return False
    _delete(path)
    return True


def _apart(store: Store, segments: Sequence[Segment]) -> bool:
    """Whether no two of them speak of one row: the later would take back matches of the earlier."""
    told = [file for table in ("outcomes", "matches") for file in _files(segments, table)]
    if not told:
        return True
    query = """
        SELECT 1 FROM (SELECT DISTINCT example_id, parse_dirpath(filename) AS segment
            FROM read_parquet(?, filename = true, union_by_name = true) WHERE example_id IS NOT NULL)
        GROUP BY example_id HAVING count(*) > 1 LIMIT 1
    """
    try:
        return not store.rows(query, [told])
    except StoreError:  # one of them cannot be read: one by one it is found out which
        return False


def _files(segments: Sequence[Segment], table: str) -> list[str]:
    return [str(segment.path / f"{table}.parquet") for segment in segments if table in segment.rows]


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


def _insert_all(store: Store, segments: Sequence[Segment]) -> list[str] | None:
    """Take all rows over; ids of the examples whose state this may change, where somebody keeps that.

    Reviewers save their decisions meanwhile, unless there are rows of a table that they write to as well.
    """
    files = {table: found for table in TABLES if (found := _files(segments, table))}
    with store.write(alone=not SHARED.isdisjoint(files)) as cursor:
        changed = changed_by(cursor, files) if store.live_if_any() else None
        _clear_matches(cursor, files)
        for table, found in files.items():
            _check(cursor, table, segments)
            for some in [[file] for file in found] if table == "runs" else [found]:
                _insert(cursor, table, some)
        for segment in segments:
            ledger = [segment.path.name, segment.total, now()]
            cursor.execute("INSERT INTO segments VALUES (?, ?, ?)", ledger)
    return changed


def _check(cursor: Connection, table: str, segments: Sequence[Segment]) -> None:
    """See that the files hold as many rows as their manifests say."""
    query = "SELECT file_index, count(*) FROM read_parquet(?, union_by_name = true) GROUP BY 1"
    found = dict(cursor.execute(query, [_files(segments, table)]).fetchall())
    for number, segment in enumerate(segment for segment in segments if table in segment.rows):
        if found.get(number, 0) != segment.rows[table]:
            told = f"{found.get(number, 0)} rows, the manifest says {segment.rows[table]}"
            raise duckdb.DataError(f"{table}.parquet holds {told}")


def _insert(cursor: Connection, table: str, files: Sequence[str]) -> None:
    if table in REPLACED:
        _delete_outdated(cursor, table, files)
    columns, wanted = ", ".join(_columns(cursor, table, files)), ""
    if table in KEYS and table != "runs":
        known = f"EXISTS (SELECT 1 FROM {table} AS old WHERE {_same(table)})"  # noqa: S608 - names of ours
        new = "" if table in INDEXED else f"WHERE NOT {known}"
        wanted = f"WHERE nth IN ({_chosen(table)} {new} GROUP BY {_keys(table)})"
    query = f"INSERT INTO {table} ({columns}) SELECT {columns} {FROM_FILES} {wanted}"
    cursor.execute(f"{query} {_on_conflict(table)}", {"files": files})


def _columns(cursor: Connection, table: str, files: Sequence[str]) -> list[str]:
    added = ADDED.get(table, frozenset())
    if not added:
        return list(TABLES[table])
    there = {name for (name,) in cursor.execute("SELECT name FROM parquet_schema(?)", [files]).fetchall()}
    return [name for name in TABLES[table] if name in there or name not in added]


def _delete_outdated(cursor: Connection, table: str, files: Sequence[str]) -> None:
    """Delete the rows that come again with other values; the segment's take their place."""
    if table != "calls":
        query = f"DELETE FROM {table} AS old USING (SELECT DISTINCT {_keys(table)} {FROM_FILES}) AS new"  # noqa: S608 - names of ours
        cursor.execute(f"{query} WHERE {_same(table)}", {"files": files})
        return
    # Most calls come again unchanged, from the cache; an answer that was asked again is another one.
    last = f"nth IN ({_chosen(table)} GROUP BY key)"
    query = f"DELETE FROM calls AS old USING (SELECT key, response {FROM_FILES} WHERE {last}) AS new"  # noqa: S608 - names of ours
    query += f" WHERE {_same(table)} AND old.response IS DISTINCT FROM new.response"
    cursor.execute(query, {"files": files})


def _chosen(table: str) -> str:
    """Begins the query for the rows to take: of several with one key the last, or else the first.

    Only keys and numbers are grouped: sorting whole rows would need the memory of all their texts.
    """
    which = "max" if table in REPLACED else "min"
    return f"SELECT {which}(nth) {FROM_FILES}"


def _keys(table: str) -> str:
    return ", ".join(KEYS[table])


def _same(table: str) -> str:
    return " AND ".join(f"old.{key} = new.{key}" for key in KEYS[table])


def _clear_matches(cursor: Connection, files: Mapping[str, Sequence[str]]) -> None:
    """Old matches of every example that was checked again, whether it matches anything now or not."""
    for table in ("matches", "outcomes"):
        if table in files:
            told = "SELECT example_id FROM read_parquet(?, union_by_name = true)"
            cursor.execute(f"DELETE FROM matches WHERE example_id IN ({told})", [files[table]])  # noqa: S608


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
