"""What each person of a team said of a row, and how far each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from gristmill_data.store.tables import now

if TYPE_CHECKING:
    from gristmill_data.store.core import Store

PAUSE_SECONDS = 600
"""A longer time between two decisions of a person is a pause and no part of their speed."""


@dataclass(frozen=True, slots=True)
class Word:
    """The last word of one reviewer on a row; leads' last words, which settle disagreements, are none.

    ``verdict`` is accepted or rejected, ``side`` the better side of a pair (as stored; tie, both_bad), else
    None. ``payload`` is that of the event, ``time`` is UTC without an offset.
    """

    reviewer: str
    verdict: str
    action: str
    side: str | None
    payload: Mapping[str, Any]
    time: datetime


def words(store: Store, example_id: str) -> list[Word]:
    """What each reviewer said of a row last, in the order said; without what was undone or put back."""
    query = """
        SELECT w.reviewer, w.verdict, w.action, o.side, e.payload, e.time
        FROM words w JOIN opinions o ON o.seq = w.seq JOIN review_events e ON e.seq = w.seq
        WHERE w.example_id = ? ORDER BY w.seq
    """
    return [
        Word(who, verdict, action, side, orjson.loads(payload or "{}"), time)
        for who, verdict, action, side, payload, time in store.rows(query, [example_id])
    ]


_PROGRESS = """
WITH mine AS (
    SELECT w.*, e.time FROM words w JOIN review_events e ON e.seq = w.seq WHERE (e.payload ->> 'bulk') IS NULL
), done AS (
    SELECT reviewer, count(*) AS total, count(*) FILTER (time >= $midnight) AS today,
        count(*) FILTER (verdict = 'accepted') AS accepted, max(time) AS latest
    FROM mine GROUP BY reviewer
), gaps AS (
    SELECT reviewer, epoch(time - lag(time) OVER (PARTITION BY reviewer ORDER BY seq)) AS seconds
    FROM review_events WHERE action NOT IN ('undo', 'requeue') AND (payload ->> 'bulk') IS NULL
), speed AS (
    SELECT reviewer, median(seconds) AS seconds, count(*) AS timed FROM gaps WHERE seconds <= $pause
    GROUP BY reviewer
), compared AS (
    SELECT a.reviewer, count(*) AS compared,
        count(*) FILTER (a.verdict = b.verdict AND (a.verdict = 'rejected' OR a.side = b.side)) AS agreed
    FROM mine a JOIN mine b ON a.example_id = b.example_id AND a.reviewer <> b.reviewer GROUP BY a.reviewer
), looking AS (SELECT reviewer, count(*) AS looking FROM leases WHERE expires > $now GROUP BY reviewer)
SELECT reviewer, coalesce(total, 0) AS total, coalesce(today, 0) AS today, coalesce(accepted, 0) AS accepted,
    seconds, coalesce(timed, 0) AS timed, coalesce(agreed, 0) AS agreed, coalesce(compared, 0) AS compared,
    coalesce(looking, 0) AS looking, latest
FROM done FULL JOIN speed USING (reviewer) FULL JOIN compared USING (reviewer)
FULL JOIN looking USING (reviewer)
ORDER BY total DESC, reviewer
"""


def progress_by_person(store: Store) -> list[dict[str, Any]]:
    """How far each person is, whoever has decided most first.

    Keys: reviewer; total and today (rows with a word of theirs that counts; today began at midnight UTC) and
    accepted among them; seconds (median time from one decision to the next; times above
    :data:`PAUSE_SECONDS` are left out) over timed decisions; agreed of compared (pairs of their word with
    somebody else's on the same row); looking (rows reserved for them now); latest. What was decided for many
    rows at once is left out of all of it.
    """
    at = now()
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return store.dicts(_PROGRESS, {"now": at, "midnight": midnight, "pause": PAUSE_SECONDS})
