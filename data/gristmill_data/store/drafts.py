"""What reviewers have typed and not saved yet: it outlives the browser, the session and the server.

One draft for a reviewer and a row. Its payload is the app's affair; the store keeps it with the revision of
the text it was written against, and drops it in the transaction of the decision that it led to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from gristmill.records import clean
from gristmill_data.store.tables import now, to_json, utc

if TYPE_CHECKING:
    from gristmill_data.store.connect import Connection
    from gristmill_data.store.core import Store

KEPT = ("skip", "undo", "requeue")
"""Actions after which the draft stays: they say nothing about the text that was typed."""

_COLUMNS = "SELECT reviewer, example_id, revision, payload, time FROM drafts"


@dataclass(frozen=True, slots=True)
class Kept:
    """A draft as stored. ``revision`` is that of the text it was written against, ``time`` is UTC."""

    reviewer: str
    example_id: str
    revision: int
    payload: Mapping[str, Any]
    time: datetime


def save_draft(
    store: Store, reviewer: str, example_id: str, revision: int, payload: Mapping[str, Any]
) -> datetime:
    """Keep ``payload`` in place of the reviewer's earlier draft of this row; when that was (UTC)."""
    time = now()
    upsert = """
        INSERT INTO drafts (reviewer, example_id, revision, payload, time) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE
        SET revision = excluded.revision, payload = excluded.payload, time = excluded.time
    """
    with store.write() as cursor:
        cursor.execute(upsert, [clean(reviewer), example_id, revision, to_json(dict(payload)), time])
    return time


def drop_draft(store: Store, reviewer: str, example_id: str) -> None:
    """Forget the reviewer's draft of this row, if there is one."""
    with store.write() as cursor:
        _drop(cursor, reviewer, example_id)


def dropped_with(cursor: Connection, action: str, reviewer: str, example_id: str) -> None:
    """Forget the draft in the transaction of the decision that ends it."""
    if action not in KEPT:
        _drop(cursor, reviewer, example_id)


def draft(store: Store, reviewer: str, example_id: str) -> Kept | None:
    """The reviewer's draft of this row."""
    return next(iter(_kept(store, "reviewer = ? AND example_id = ?", [clean(reviewer), example_id])), None)


def drafts_of(store: Store, reviewer: str, limit: int = 50) -> list[Kept]:
    """The reviewer's drafts, the latest first."""
    return _kept(store, "reviewer = ?", [clean(reviewer)], limit)


def others_drafting(store: Store, reviewer: str, example_id: str, since: datetime) -> list[Kept]:
    """Drafts of other people on this row, touched after ``since``, the latest first."""
    where = "reviewer <> ? AND example_id = ? AND time > ?"
    return _kept(store, where, [clean(reviewer), example_id, utc(since)])


def revision_of(store: Store, example_id: str) -> int:
    """How often the text of a row was changed: what a decision on it must carry."""
    found = store.rows("SELECT revision FROM revisions WHERE example_id = ?", [example_id])
    return int(found[0][0]) if found else 0


def _drop(cursor: Connection, reviewer: str, example_id: str) -> None:
    cursor.execute("DELETE FROM drafts WHERE reviewer = ? AND example_id = ?", [clean(reviewer), example_id])


def _kept(store: Store, where: str, values: list[Any], limit: int = 50) -> list[Kept]:
    query = f"{_COLUMNS} WHERE {where} ORDER BY time DESC, example_id LIMIT ?"
    return [Kept(who, row, revision, orjson.loads(payload), time)
            for who, row, revision, payload, time in store.rows(query, [*values, limit])]  # fmt: skip
