"""Who holds the dataset file while the app runs, and how a running run's rows get into it."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from gristmill.errors import GristmillError, StoreBusyError, StoreError
from gristmill_data.store import Store

log = logging.getLogger(__name__)

PATIENCE = 15.0
"""Seconds to wait for a file another process holds: a run holds it for moments only."""


def open_patiently(db: Path, *, patience: float = PATIENCE) -> Store:
    """Open the dataset, waiting up to ``patience`` seconds while another process holds it.

    Raises:
        StoreBusyError: it is still held after that.
        StoreError: the file cannot be used.
    """
    try:
        return Store.open(db)
    except StoreBusyError:
        print(f"{db} is in use, waiting for it …", file=sys.stderr, flush=True)
    try:
        return Store.open(db, wait=patience)
    except StoreBusyError as error:
        cure = "close the other review app, or wait for the command that is using it, then try again"
        raise StoreBusyError(error.message, where=error.where, cure=cure) from error


SHARE = 0.05
"""The part of the time that taking rows in may use. What it costs hardly grows with the number of segments
that wait, and while it lasts reviewers wait longer for their next row."""
LONGEST_REST = 15.0
"""Seconds after which rows are taken in whatever that costs."""


class Ingester:
    """Takes waiting segments into the store until stopped: once a second, or as seldom as :data:`SHARE` says.

    Rows of a run are seen that much later, in a dataset of half a million rows some seconds.
    """

    def __init__(self, store: Store, *, every: float = 1.0) -> None:
        self._store, self._every = store, every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="gristmill-ingest", daemon=True)

    def __enter__(self) -> Ingester:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        last, rest = "", self._every
        while not self._stop.wait(rest):
            began = time.monotonic()
            try:
                self._store.ingest()
                last = ""
            except GristmillError as error:
                # A broken segment stays where it is; saying so once is enough, the run goes on.
                if str(error) != last:
                    log.warning("could not take in new rows: %s", error)
                last = str(error)
            rest = max(self._every, min((time.monotonic() - began) / SHARE, LONGEST_REST))


_attached: list[Store] = []
_lock = threading.Lock()


@contextlib.contextmanager
def attachment(store: Store) -> Iterator[None]:
    """Make ``store`` the one that every session of this process shows, for as long as this lasts."""
    _attached.append(store)
    try:
        yield
    finally:
        _attached.remove(store)


def attach_file(db: Path) -> None:
    """Open ``db`` for the life of this process, unless a dataset is attached already.

    For ``streamlit run``, where nothing but the script is ours. Other commands cannot reach this owner.
    """
    with _lock:
        if not _attached:
            store = open_patiently(db)
            Ingester(store).__enter__()
            _attached.append(store)


def attached() -> Store:
    """The store of this process.

    Raises:
        StoreError: the script was started without one.
    """
    if not _attached:
        raise StoreError("no dataset is open", cure="start the app with: gristmill review --db FILE.duckdb")
    return _attached[-1]
