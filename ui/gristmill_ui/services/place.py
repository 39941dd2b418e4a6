"""A reviewer's place at the row on their screen: reserved when shown, kept while they look, then given up.

Readers decide nothing and so take no place. The reservation is kept up by whatever the reviewer does and,
while they only read, by a heartbeat of the page; that ends after :data:`IDLE_LEASES` times its length without
any action, so that a browser left open does not keep a row for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from gristmill_data.store import ItemView, Store
from gristmill_data.store.leases import claim, decided_meanwhile, holders, newest_event, release, renew
from gristmill_data.store.people import role_of
from gristmill_data.store.settings import reviewers_wanted, setting
from gristmill_ui.services.view import decided_by

IDLE_LEASES = 6
BEAT = 20
"""Seconds between two heartbeats of a page: a third of the shortest reservation. No more often, because a
fragment that runs by itself in the very moment when a run of the whole page ends makes Streamlit forget to
tell the browser of that end."""


class Place:
    """Which row is reserved for ``reviewer``, and what they know of others at it."""

    def __init__(self, store: Store, reviewer: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._reviewer, self._clock = store, reviewer, clock
        self.example_id: str | None = None
        self.others: list[str] = []
        self._since = 0
        self._acted = self._renewed = clock()

    def first_free(self, candidates: Sequence[str], *, fresh: bool) -> str | None:
        """Reserve the first of these rows that nobody else has, and give up the one before; None: all taken.

        ``fresh``: only rows that still wait for a verdict of this reviewer.
        """
        if role_of(self._store, self._reviewer) == "reader":
            found = next(iter(candidates), None)
        else:
            leaving = self.example_id
            found = claim(self._store, self._reviewer, candidates, fresh=fresh, leaving=leaving)
        self._stand_at(found)
        return found

    def at(self, example_id: str) -> bool:
        """Stand at this row; False when its places are all taken, then :attr:`others` says by whom."""
        if example_id == self.example_id:
            return True
        if self.first_free([example_id], fresh=False):
            return True
        self.others = [name for name in holders(self._store, example_id) if name != self._reviewer]
        return False

    def seen(self, example_id: str) -> None:
        """Take note of the decisions there are on a row when it comes on the screen."""
        self._since = newest_event(self._store, example_id)

    def meanwhile(self, example_id: str) -> list[dict[str, Any]]:
        """Who decided the row since it came on the screen, if that leaves no need of another verdict."""
        return decided_meanwhile(self._store, self._reviewer, example_id, self._since)

    def apart(self, item: ItemView) -> bool:
        """Whether the reviewer is to judge the row without the changes that others made in this round."""
        several = reviewers_wanted(setting(self._store, "overlap"), item.example.id) > 1
        return several and item.status == "pending" and not decided_by(item, self._reviewer)

    def act(self) -> None:
        """The reviewer did something: the heartbeat goes on."""
        self._acted = self._clock()

    def keep(self) -> bool:
        """The heartbeat: prolong the reservation when a third of its time is over; whether that was done."""
        lease, now = 60 * float(setting(self._store, "lease_minutes")), self._clock()
        idle = now - self._acted > IDLE_LEASES * lease
        if self.example_id is None or idle or now - self._renewed < lease / 3:
            return False
        self._renewed = now
        if renew(self._store, self._reviewer, self.example_id):
            return True
        self.example_id = None
        return False

    def leave(self) -> None:
        """Give the row up, for whoever comes next."""
        if self.example_id is not None:
            release(self._store, self._reviewer, self.example_id)
            self._stand_at(None)

    def _stand_at(self, example_id: str | None) -> None:
        self.example_id, self.others = example_id, []
        self._acted = self._renewed = self._clock()
