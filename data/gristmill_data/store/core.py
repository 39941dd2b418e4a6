"""The dataset: one DuckDB file, owned by one process, used by many threads."""

from __future__ import annotations

import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from gristmill.errors import StoreBusyError, StoreError
from gristmill.records import Review
from gristmill_data.store.connect import Connection, connect, translated
from gristmill_data.store.schema import migrate, newest, version_of
from gristmill_data.store.segments import dataset_path

if TYPE_CHECKING:
    from gristmill_data.store.frames import Frames
    from gristmill_data.store.item import ItemView
    from gristmill_data.store.live_rows import LiveRows
    from gristmill_data.store.queue import Filters
    from gristmill_data.store.review import Receipt

Params = Sequence[Any] | Mapping[str, Any]


class Store:
    """An open dataset. Every method may be called from any thread.

    Each call gets a cursor of its own, because in DuckDB 2 an unread result blocks its connection. All
    writes of the process take turns: DuckDB allows write skew (two check-then-insert both succeed).
    """

    _locks: ClassVar[defaultdict[Path, threading.RLock]] = defaultdict(threading.RLock)
    _opened: ClassVar[dict[Path, list[Store]]] = {}
    _ingesting: ClassVar[defaultdict[Path, threading.RLock]] = defaultdict(threading.RLock)
    _counting: ClassVar[threading.Lock] = threading.Lock()
    _writes: ClassVar[defaultdict[Path, int]] = defaultdict(int)
    _taken_in: ClassVar[defaultdict[Path, int]] = defaultdict(int)
    _live: ClassVar[dict[Path, LiveRows]] = {}

    def __init__(self, path: Path, connection: Connection) -> None:
        self.path = path
        self._connection = connection
        self.lock = self._locks[path]
        self.ingesting = self._ingesting[path]
        """Held while a segment is taken in; whoever needs both takes this one first."""
        self._opened.setdefault(path, []).append(self)

    @classmethod
    def open(cls, path: str | Path, *, wait: float = 0.0, create: bool = True, light: bool = False) -> Store:
        """Open the dataset at ``path``; a new file is created, one of an older version is migrated.

        Before a migration the file is copied to ``X.duckdb.vN.backup``. While another process has the
        file open, opening is tried again for ``wait`` seconds. ``light``: with little memory, for small
        reads and appends.

        Raises:
            StoreBusyError: another process still has it open.
            StoreError: it cannot be used; the message says why and what to do.
        """
        path = dataset_path(path)
        _prepare(path, create)
        return cls(path, _open(path, wait, light))

    @classmethod
    def opened(cls, path: str | Path) -> Store | None:
        """The store this very process has open at ``path``, if any."""
        stores = cls._opened.get(dataset_path(path))
        return stores[-1] if stores else None

    def close(self) -> None:
        """Close the file; another process may own it then. Closing twice is allowed."""
        stores = self._opened.get(self.path, [])
        if self not in stores:
            return
        with self.ingesting, self.lock:
            stores.remove(self)
            self._live.pop(self.path, None)
            if not stores:
                del self._opened[self.path]
            self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def cursor(self) -> Iterator[Connection]:
        """A cursor for reading; errors of DuckDB come out as :class:`StoreError`."""
        with translated(self.path):
            cursor = self._connection.cursor()
            try:
                yield cursor
            finally:
                cursor.close()

    @contextmanager
    def write(self, *, alone: bool = True) -> Iterator[Connection]:
        """A cursor in a transaction of its own, committed at the end, rolled back on any exception.

        Not ``alone``: for rows that nobody else writes; decisions are saved meanwhile.
        """
        with self.lock if alone else nullcontext(), self.cursor() as cursor:
            cursor.execute("BEGIN")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                _roll_back(cursor)
                raise
            with self._counting:
                self._writes[self.path] += 1

    @property
    def writes(self) -> int:
        """How many transactions of this process have changed the file: what was read before may be
        outdated."""
        return self._writes[self.path]

    def live(self) -> LiveRows:
        """The state of every row, in memory; built on first use (about a second for 500,000 rows)."""
        found = self._live.get(self.path)
        if found is None:
            from gristmill_data.store.live_rows import LiveRows

            with self.lock:
                while (found := self._live.get(self.path)) is None:
                    taken = self._taken_in[self.path]
                    self._live[self.path] = LiveRows(self)
                    if taken != self._taken_in[self.path]:  # a segment came that it may not have seen
                        self.forget_live()
        return found

    def live_if_any(self) -> LiveRows | None:
        """The state of every row, if anybody has asked for it."""
        return self._live.get(self.path)

    def took_in(self) -> None:
        """Count a segment that is committed: whoever builds the state of the rows meanwhile starts over."""
        self._taken_in[self.path] += 1

    def forget_live(self) -> None:
        """Build the state of the rows anew when it is asked for next."""
        self._live.pop(self.path, None)

    def rows(self, query: str, params: Params = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.cursor() as cursor:
            return cursor.execute(query, params).fetchall()

    def dicts(self, query: str, params: Params = ()) -> list[dict[str, Any]]:
        """All rows of a query, by column name."""
        with self.cursor() as cursor:
            result = cursor.execute(query, params)
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def batches(self, query: str, params: Params = (), size: int = 2000) -> Iterator[list[dict[str, Any]]]:
        """Rows of a query by column name, ``size`` at a time: one consistent state, flat memory."""
        with self.cursor() as cursor:
            result = cursor.execute(query, params)
            names = [column[0] for column in result.description or ()]
            while rows := result.fetchmany(size):
                yield [dict(zip(names, row, strict=True)) for row in rows]

    def ingest(self) -> int:
        """Take over the rows of all waiting segments, each exactly once, and return how many those were.

        A segment that cannot be read is moved to ``X.duckdb.segments/set-aside`` with the reason.
        """
        from gristmill_data.store.ingest import ingest

        return ingest(self)

    def queue_page(
        self, filters: Filters, after: str | None = None, limit: int = 50, *, texts: bool = True
    ) -> list[dict[str, Any]]:
        """One page of the review queue; see :func:`gristmill_data.store.queue.queue_page`."""
        from gristmill_data.store.queue import queue_page

        return queue_page(self, filters, after, limit, texts=texts)

    def item(self, example_id: str) -> ItemView:
        """All about one example; see :class:`gristmill_data.store.item.ItemView`."""
        from gristmill_data.store.item import item

        return item(self, example_id)

    def decide(self, event: Review) -> Receipt:
        """Save one decision; see :func:`gristmill_data.store.review.decide`."""
        from gristmill_data.store.review import decide

        return decide(self, event)

    def history(self, example_id: str) -> list[dict[str, Any]]:
        """All events of one example, oldest first; see :func:`gristmill_data.store.review.history`."""
        from gristmill_data.store.review import history

        return history(self, example_id)

    def counts(self, reviewer: str = "", *, waiting: bool = True) -> dict[str, int]:
        """Rows by status and the reviewer's own; see :func:`gristmill_data.store.queue.counts`."""
        from gristmill_data.store.queue import counts

        return counts(self, reviewer, waiting=waiting)

    def facets(self) -> dict[str, list[tuple[str, int]]]:
        """Values to filter by, with counts; see :func:`gristmill_data.store.queue.facets`."""
        from gristmill_data.store.queue import facets

        return facets(self)

    def frames(self, names: Collection[str] = ()) -> Frames:
        """Aggregates for charts and the report, all or some; see :mod:`gristmill_data.store.frames`."""
        from gristmill_data.store.frames import NAMES, frames

        return frames(self, names=names or NAMES)

    def backup(self, out: str | Path, *, overwrite: bool = False) -> Path:
        """Write a consistent copy to ``out``; see :func:`gristmill_data.store.backup.backup`."""
        from gristmill_data.store.backup import backup

        return backup(self, Path(out), overwrite=overwrite)


def _prepare(path: Path, create: bool) -> None:
    if path.is_dir():
        raise StoreError("a folder, not a dataset file", where=str(path), cure="name the .duckdb file in it")
    if path.exists():
        return
    if not create:
        raise StoreError("there is no dataset", where=str(path), cure="make one with `gristmill run`")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot create the folder: {error.strerror}"
        raise StoreError(
            message, where=str(path.parent), cure="choose another place for the store"
        ) from error


def _connect_within(path: Path, wait: float, light: bool) -> Connection:
    deadline = time.monotonic() + wait
    while True:
        try:
            return connect(path, light=light)
        except StoreBusyError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.05)


def _open(path: Path, wait: float, light: bool) -> Connection:
    """A connection to the file at the newest schema version."""
    connection = _connect_within(path, wait, light)
    try:
        with translated(path):
            version = version_of(connection, path)
            if 0 < version < newest():
                # Closed while it is copied: closing any handle of a file drops this process's lock on it.
                connection.close()
                _copy(path, path.with_name(f"{path.name}.v{version}.backup"))
                connection = _connect_within(path, wait, light=False)
            migrate(connection, version)
    except BaseException:
        connection.close()
        raise
    return connection


def _copy(path: Path, target: Path) -> None:
    try:
        shutil.copy2(path, target)
    except OSError as error:
        message = f"cannot copy the dataset before its migration: {error.strerror}"
        raise StoreError(message, where=str(target), cure="free some disk space, then try again") from error


def _roll_back(cursor: Connection) -> None:
    import duckdb

    try:
        cursor.execute("ROLLBACK")
    except duckdb.Error:
        # The first error matters, and after a fatal one there is no transaction left to roll back.
        return
