"""Values to filter by with their counts, kept while people work: counting takes longer than drawing a row."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from gristmill.errors import GristmillError
from gristmill_data.store import Store

Facets = dict[str, list[tuple[str, int]]]

log = logging.getLogger(__name__)

FRESH_FOR = 10.0
"""Seconds that counts are shown, and longer where counting takes long: see :data:`SHARE`."""
SHARE = 0.02
"""The part of the time that counting may take."""


@dataclass(slots=True)
class _Counted:
    facets: Facets
    at: float
    took: float
    counting: threading.Lock = field(default_factory=threading.Lock)

    def outdated(self) -> bool:
        return time.monotonic() - self.at > max(FRESH_FOR, self.took / SHARE)


_known: WeakKeyDictionary[Store, _Counted] = WeakKeyDictionary()
_first = threading.Lock()


def values(store: Store) -> Facets:
    """The values of every field to filter by, with their number of rows; see :meth:`Store.facets`.

    Nobody waits for them but the first: outdated ones are shown while a thread counts anew.
    """
    with _first:
        counted = _known.get(store)
        if counted is None:
            counted = _known[store] = _count(store)
    if counted.outdated() and counted.counting.acquire(blocking=False):
        threading.Thread(target=_again, args=(store, counted), name="gristmill-values", daemon=True).start()
    return counted.facets


def _count(store: Store) -> _Counted:
    began = time.monotonic()
    facets = store.facets()
    return _Counted(facets, time.monotonic(), time.monotonic() - began)


def _again(store: Store, counted: _Counted) -> None:
    try:
        with store.ingesting:  # which whoever closes the file waits for
            if Store.opened(store.path) is not None:
                new = _count(store)
                counted.facets, counted.at, counted.took = new.facets, new.at, new.took
    except GristmillError as error:
        log.warning("the values to filter by could not be counted: %s", error)
        counted.at = time.monotonic()
    finally:
        counted.counting.release()
