"""The rows to come: fetched a page at a time, handed out one by one to whoever can still have them."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from gristmill_data.store import Filters, Store
from gristmill_ui.services.place import Place

PAGE = 40
FRESH_FOR = 30.0
"""Seconds a page is good for: a claim sees what others decided since, but not rows that a run has added."""
WAITING = ("pending",)


class Ahead:
    """One session's way through the queue."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._page: list[dict[str, Any]] = []
        self._fetched = 0.0
        self._cursor: str | None = None

    def rewind(self) -> None:
        """Start from the top."""
        self._page, self._cursor = [], None

    def next_free(self, filters: Filters, met: Collection[str], place: Place) -> str | None:
        """Reserve the next row that is not ``met`` and that nobody else has, or the first one from the top.

        None when there is no such row.
        """
        found = self._on_from_here(filters, met, place)
        if found is None and self._cursor is not None:
            self.rewind()
            found = self._on_from_here(filters, met, place)
        return found

    def _on_from_here(self, filters: Filters, met: Collection[str], place: Place) -> str | None:
        fresh = filters.status == WAITING
        while page := self._rest(filters):
            if fresh and page[0]["mine"]:  # these come last: nothing is left that waits for this reviewer
                return None
            candidates = [row["example_id"] for row in page if row["example_id"] not in met]
            found = place.first_free(candidates, fresh=fresh) if candidates else None
            passed = len(page) if found is None else 1 + [row["example_id"] for row in page].index(found)
            self._cursor, self._page = page[passed - 1]["cursor"], page[passed:]
            if found is not None:
                return found
        return None

    def _rest(self, filters: Filters) -> list[dict[str, Any]]:
        """What is left of the page at hand, or the next one."""
        if not self._page or time.monotonic() - self._fetched > FRESH_FOR:
            self._page = self._store.queue_page(filters, self._cursor, PAGE, texts=False)
            self._fetched = time.monotonic()
        return self._page
