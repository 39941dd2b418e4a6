"""Reservations: a row on somebody's screen is kept from other reviewers' queues for a while.

A row has as many slots as it is to have reviewers (setting ``overlap``); who decided it takes one as well.
The primary key and the store's write lock together make a claim unique: DuckDB alone would let two
check-then-insert both succeed. Reservations are a courtesy, not a lock: a decision is saved without one, and
whoever decides after others did meanwhile is told (:func:`decided_meanwhile`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gristmill.records import clean
from gristmill_data.store.settings import reviewers_wanted, setting
from gristmill_data.store.tables import now

if TYPE_CHECKING:
    from gristmill_data.store.connect import Connection
    from gristmill_data.store.core import Store

_HELD = """
SELECT example_id, slot, reviewer FROM leases WHERE example_id IN (SELECT unnest(?)) AND expires > ?
"""
_CLOSED = -1
_DECIDED = """
SELECT DISTINCT example_id, CASE action WHEN 'adjudicate' THEN -1 END, reviewer FROM decisions
WHERE example_id IN (SELECT unnest(?))
"""
_HOLD = """
INSERT INTO leases VALUES (?, ?, ?, ?)
ON CONFLICT (example_id, slot) DO UPDATE SET reviewer = excluded.reviewer, expires = excluded.expires
"""
_GIVE_UP = "DELETE FROM leases WHERE reviewer = ? AND example_id = ?"


@dataclass(slots=True)
class _Row:
    """Who is at a row: slots held by name, and who decided it in a way that counts."""

    held: dict[int, str] = field(default_factory=dict)
    deciders: set[str] = field(default_factory=set)
    closed: bool = False
    """A lead had the last word."""

    def slot(self, reviewer: str, wanted: int, fresh: bool) -> int | None:
        """The slot ``reviewer`` may have; None when there is none for them."""
        if fresh and (self.closed or reviewer in self.deciders):
            return None
        mine = [slot for slot, name in self.held.items() if name == reviewer]
        others = {name for name in self.held.values() if name != reviewer}
        taken = others | (self.deciders - {reviewer}) if fresh else others
        if len(taken) >= wanted:
            return None
        return mine[0] if mine else next(slot for slot in range(len(self.held) + 1) if slot not in self.held)


def claim(
    store: Store,
    reviewer: str,
    candidates: Sequence[str],
    *,
    fresh: bool = True,
    leaving: str | None = None,
    at: datetime | None = None,
) -> str | None:
    """Reserve the first of ``candidates`` that ``reviewer`` can have; None when all are taken.

    ``fresh``: only rows that still wait for a verdict, and none that the reviewer has decided; otherwise only
    the reservations of others stand in the way. One that they hold already is prolonged. The row they are
    ``leaving`` is given up with it. ``at`` is now, in UTC without an offset.
    """
    reviewer, at = clean(reviewer), at or now()
    with store.write() as cursor:
        if leaving is not None and leaving not in candidates[:1]:
            cursor.execute(_GIVE_UP, [reviewer, leaving])
        overlap = setting(store, "overlap")
        rows = _rows(cursor, candidates, at, fresh)
        for example_id in candidates:
            slot = rows[example_id].slot(reviewer, reviewers_wanted(overlap, example_id), fresh)
            if slot is not None:
                cursor.execute(_HOLD, [example_id, slot, reviewer, until(store, at)])
                return example_id
    return None


def renew(store: Store, reviewer: str, example_id: str, *, at: datetime | None = None) -> bool:
    """Keep a reservation for another while; False when it ran out and somebody else took the place."""
    at = at or now()
    with store.write() as cursor:
        changed = cursor.execute(
            "UPDATE leases SET expires = ? WHERE reviewer = ? AND example_id = ? RETURNING slot",
            [until(store, at), clean(reviewer), example_id],
        )
        return bool(changed.fetchall())


def release(store: Store, reviewer: str, example_id: str) -> None:
    """Give a reservation up; what ran out long ago is cleared away with it."""
    with store.write() as cursor:
        cursor.execute(_GIVE_UP, [clean(reviewer), example_id])
        cursor.execute("DELETE FROM leases WHERE expires < ?", [now() - timedelta(days=1)])


def holders(store: Store, example_id: str, *, at: datetime | None = None) -> list[str]:
    """Who has a row on their screen."""
    query = "SELECT DISTINCT reviewer FROM leases WHERE example_id = ? AND expires > ? ORDER BY reviewer"
    return [name for (name,) in store.rows(query, [example_id, at or now()])]


def decided_meanwhile(store: Store, reviewer: str, example_id: str, since: int) -> list[dict[str, Any]]:
    """Verdicts of others that leave no place for ``reviewer``'s, when one of them came after event ``since``.

    Empty when the row still wants the verdict, or when nothing changed since then. Keys: reviewer and time;
    not what they decided, which nobody is to know before their own word.
    """
    query = """
        SELECT reviewer, max(seq) AS seq, max(time) AS time FROM decisions
        WHERE example_id = ? AND reviewer <> ? GROUP BY reviewer ORDER BY seq
    """
    found = store.dicts(query, [example_id, clean(reviewer)])
    wanted = reviewers_wanted(setting(store, "overlap"), example_id)
    if len(found) < wanted or found[-1]["seq"] <= since:
        return []
    return [{"reviewer": row["reviewer"], "time": row["time"]} for row in found if row["seq"] > since]


def newest_event(store: Store, example_id: str) -> int:
    """The ``seq`` of the latest event of a row; 0 when there is none."""
    query = "SELECT coalesce(max(seq), 0) FROM review_events WHERE example_id = ?"
    [(seq,)] = store.rows(query, [example_id])
    return int(seq)


def until(store: Store, at: datetime) -> datetime:
    """When a reservation made ``at`` ends."""
    return at + timedelta(minutes=float(setting(store, "lease_minutes")))


def _rows(cursor: Connection, ids: Sequence[str], at: datetime, fresh: bool) -> Mapping[str, _Row]:
    rows: defaultdict[str, _Row] = defaultdict(_Row)
    query, values = _HELD, [list(ids), at]
    if fresh:
        query, values = f"{_HELD} UNION ALL {_DECIDED}", [*values, list(ids)]
    for example_id, slot, reviewer in cursor.execute(query, values).fetchall():
        if slot == _CLOSED:
            rows[example_id].closed = True
        elif slot is None:
            rows[example_id].deciders.add(reviewer)
        else:
            rows[example_id].held[slot] = reviewer
    return rows
