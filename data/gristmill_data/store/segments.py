"""Segments: how a run hands rows to the dataset without ever holding the file open.

A segment is a folder ``X.duckdb.segments/NAME`` with one Parquet file a table and a manifest. It is
written under a temporary name and then renamed, so that it is there whole or not at all; names sort in
the order of writing. ``ingest.py`` reads them.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from gristmill.errors import StoreError
from gristmill_data.store.columns import arrow_column
from gristmill_data.store.tables import LONG, ROWS, TABLES, Record, Values, conform

FORMAT = 1
MANIFEST = "manifest.json"
SET_ASIDE = "set-aside"
# A segment is read once, whole, and soon: it need only be small enough.
_PARQUET: Mapping[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "use_dictionary": False,
    "write_statistics": False,
}
Batch = defaultdict[str, list[Values]]


def dataset_path(db: Path | str) -> Path:
    """The one name of a dataset: absolute, links followed, so that all processes look in one place."""
    return Path(db).resolve()


def segments_folder(db: Path | str) -> Path:
    """Where segments for the dataset ``db`` wait."""
    db = dataset_path(db)
    return db.with_name(db.name + ".segments")


class SegmentWriter:
    """Collects the rows of one run and writes them as a segment at each :meth:`flush`.

    Not thread-safe: one writer for each thread or process; any number of writers may share a dataset.
    """

    def __init__(self, db: Path, run_id: str) -> None:
        self.folder = segments_folder(db)
        self.run_id = run_id
        self.pending = 0
        """Rows added since the last flush."""
        self.pending_chars = 0
        """Length of their long texts (:data:`gristmill_data.store.tables.LONG`)."""
        self._rows: Batch = defaultdict(list)

    def add(self, record: Record) -> None:
        """Take one record."""
        table, build, long = ROWS[type(record)]
        values = build(record, self.run_id)
        self._rows[table].append(values)
        self.pending += 1
        for column in long:
            self.pending_chars += len(values[column] or "")

    def add_row(self, table: str, row: Mapping[str, Any]) -> None:
        """Take one row of a table without a record type: ``runs``, ``run_documents``.

        A ``runs`` row with an id already known changes only the columns that are given.

        Raises:
            ValueError: no such table or column.
        """
        if table not in TABLES:
            raise ValueError(f"no table {table!r}; known: {', '.join(TABLES)}")
        if "run_id" in TABLES[table] and row.get("run_id") is None:
            row = {**row, "run_id": self.run_id}
        self._rows[table].append(conform(table, row))
        self.pending += 1

    def add_tuples(self, table: str, rows: Iterable[Values]) -> None:
        """Take many rows at once: values in the order of the columns, each as its column keeps it.

        A time is in microseconds since 1970. Nothing is checked: this is the short way for ``call_log``.
        """
        before = len(self._rows[table])
        self._rows[table] += rows
        self.pending += len(self._rows[table]) - before

    def flush(self) -> Path | None:
        """Write what was added as one segment and return its folder; None when nothing was added.

        When it returns the rows are on disk for good; when it raises they are still pending.

        Raises:
            StoreError: the folder cannot be written (rights, disk full).
        """
        batch = self.take()
        try:
            return self.write(batch)
        except BaseException:
            self.put_back(batch)
            raise

    def take(self) -> Batch:
        """The rows added so far, which are not pending any more: :meth:`write` them, or put them back."""
        batch, self._rows = self._rows, defaultdict(list)
        self.pending = self.pending_chars = 0
        return batch

    def put_back(self, batch: Batch) -> None:
        """Make rows pending again that could not be written; they come before later ones."""
        for table, rows in self._rows.items():
            batch[table] += rows
        self._rows = batch
        self.pending = sum(map(len, batch.values()))
        self.pending_chars = sum(
            len(row[column] or "")
            for table, columns in LONG.items()
            for row in batch.get(table, ())
            for column in columns
        )

    def write(self, batch: Batch) -> Path | None:
        """Write rows that were taken as one segment, on any thread; segments sort in the order of calls.

        Raises:
            StoreError: as :meth:`flush`.
        """
        if not any(batch.values()):
            return None
        try:
            return self._write(batch, f"{time.time_ns():020d}-{uuid4().hex[:12]}")
        except OSError as error:
            raise StoreError(
                f"cannot write a segment: {error.strerror or error}",
                where=str(self.folder),
                cure="free some disk space or make the folder writable, then run again",
            ) from error

    def _write(self, batch: Batch, name: str) -> Path:
        temporary = self.folder / f".{name}.{socket.gethostname()}.{os.getpid()}.tmp"
        temporary.mkdir(parents=True)
        try:
            _fill(temporary, batch, self.run_id)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)  # a full disk needs the room; the rows stay pending
            raise
        target = temporary.rename(self.folder / name)
        _sync(self.folder)
        return target


def _fill(folder: Path, batch: Batch, run_id: str) -> None:
    import pyarrow.parquet as pq

    counts = {table: len(rows) for table, rows in batch.items() if rows}
    for table in counts:
        path = folder / f"{table}.parquet"
        pq.write_table(_arrow(table, batch[table]), path, **_PARQUET)
        _sync(path)
    manifest = {"format": FORMAT, "run_id": run_id, "rows": counts}
    (folder / MANIFEST).write_bytes(orjson.dumps(manifest))
    _sync(folder / MANIFEST)
    _sync(folder)


def _arrow(table: str, rows: list[Values]) -> Any:
    import pyarrow as pa

    columns = TABLES[table]
    arrays = [
        arrow_column(kind, values)
        for values, kind in zip(zip(*rows, strict=True), columns.values(), strict=True)
    ]
    return pa.Table.from_arrays(arrays, names=list(columns))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment on disk: rows by table, as its manifest says."""

    path: Path
    rows: Mapping[str, int]

    @property
    def total(self) -> int:
        """Rows of all tables."""
        return sum(self.rows.values())

    @property
    def size(self) -> int:
        """Bytes of all files; 0 when another thread is deleting them."""
        try:
            return sum((self.path / f"{table}.parquet").stat().st_size for table in self.rows)
        except OSError:
            return 0

    @classmethod
    def read(cls, path: Path) -> Segment | str:
        """The segment in ``path``, or the reason why it cannot be used."""
        try:
            manifest = orjson.loads((path / MANIFEST).read_bytes())
            version, rows = manifest["format"], dict(manifest["rows"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            return f"no usable manifest ({type(error).__name__}: {error})"
        if version != FORMAT:
            return f"segment format {version}, this version of gristmill reads {FORMAT}"
        unknown = sorted(set(rows) - set(TABLES))
        if unknown:
            return f"unknown table {', '.join(unknown)}"
        missing = [table for table in rows if not (path / f"{table}.parquet").is_file()]
        return f"{missing[0]}.parquet is missing" if missing else cls(path, rows)


def waiting(folder: Path) -> list[Path]:
    """Segments that wait in ``folder``, oldest first."""
    if not folder.is_dir():
        return []
    names = (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return sorted(path for path in names if path.name != SET_ASIDE)


def abandoned(folder: Path) -> list[Path]:
    """Unfinished segments in ``folder`` whose writer, a process of this machine, is gone."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.glob(".*.tmp") if not _writer_may_live(path))


def _writer_may_live(path: Path) -> bool:
    _, _, rest = path.name[1:].partition(".")
    host, _, pid = rest.removesuffix(".tmp").rpartition(".")
    return host != socket.gethostname() or (pid.isdigit() and alive(int(pid)))


def alive(pid: int) -> bool:
    """Whether a process of this machine has this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
