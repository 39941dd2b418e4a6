"""One action on all rows of a filter: counted first, then done in one transaction, and taken back as one.

What is counted is what is decided: :func:`select` keeps the ids of the rows, and :func:`apply` decides those
of them that nobody decided in between. Each row gets an event with ``payload.bulk``, the id of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import orjson

from gristmill.errors import StoreError
from gristmill_data.store.live_sql import QUEUE_STATUS
from gristmill_data.store.people import checked_name, require
from gristmill_data.store.queue import Filters, matching
from gristmill_data.store.review import StoreConflictError
from gristmill_data.store.tables import to_json

if TYPE_CHECKING:
    from gristmill_data.store.connect import Connection
    from gristmill_data.store.core import Store

BulkAction = Literal["accept", "reject", "requeue", "regenerate"]

_CHANGES: dict[str, str] = {
    "accept": "r.queue_status <> 'accepted'",
    "reject": "r.queue_status <> 'rejected'",
    "requeue": "(r.queue_status <> 'pending' OR r.voices > 0)",
    "regenerate": "(r.queue_status <> 'rejected' OR r.action IS DISTINCT FROM 'regenerate')",
}
"""Which rows an action would change: the others are so already."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows an action would change, as they were when counted.

    ``ids`` is an Arrow table with the column ``example_id``, ``same`` the number of rows of the filter that
    are so already, ``seq`` the last event there was.
    """

    filters: Filters
    action: BulkAction
    ids: Any
    same: int
    seq: int

    @property
    def rows(self) -> int:
        """How many rows would change."""
        return int(self.ids.num_rows)

    def first(self, number: int) -> tuple[str, ...]:
        """Some of the ids: as good as drawn by lot, because ids are hashes."""
        return tuple(self.ids["example_id"].slice(0, number).to_pylist())


@dataclass(frozen=True, slots=True)
class Bulk:
    """An action that was done. ``left_out`` rows were decided by somebody between the count and the action;
    of one that takes another back (``action`` "undo"), they keep what was decided since."""

    bulk_id: str
    action: str
    rows: int
    left_out: int
    author: str
    time: datetime
    payload: Mapping[str, Any]
    undone_by: str | None = None


def count(store: Store, filters: Filters) -> int:
    """How many rows ``filters`` keep."""
    with store.live().reading() as cursor:
        found, values = matching(store, cursor, filters)
        [(number,)] = cursor.execute(f"SELECT count(*) FROM ({found})", values).fetchall()  # noqa: S608
    return int(number)


def select(store: Store, filters: Filters, action: BulkAction) -> Selection:
    """Count the rows of ``filters`` that ``action`` would change, and keep which those are."""
    [(seq,)] = store.rows("SELECT coalesce(max(seq), 0) FROM review_events")
    with store.live().reading() as cursor:
        found, values = matching(store, cursor, filters)
        query = f"SELECT example_id FROM ({found}) r WHERE {_changes(action)} ORDER BY example_id"  # noqa: S608
        ids = cursor.sql(query, params=values).to_arrow_table()
        [(total,)] = cursor.execute(f"SELECT count(*) FROM ({found})", values).fetchall()  # noqa: S608
    return Selection(filters, action, ids, max(total - ids.num_rows, 0), seq)


def apply(store: Store, selection: Selection, payload: Mapping[str, Any], author: str, bulk_id: str) -> Bulk:
    """Decide the rows of ``selection``, in one transaction; the same id again gives the same and no more.

    Left out are rows that somebody decided since they were counted, and those the filter no longer keeps.

    Raises:
        NotAllowedError: the author is no lead.
        StoreConflictError: the id was used for something else.
        StoreError: the action is unknown, or a rejection without a reason.
    """
    author = checked_name(author)
    _check(selection.action, payload)
    with store.lock:  # nobody decides or writes between what the live table says and the events
        with store.live().reading() as reader:
            found = matching(store, reader, selection.filters)
        with store.write() as cursor:
            require(cursor, author, "lead", "decide many rows at once")
            if known := _known(cursor, bulk_id, selection.action, author):
                return known
            done = Bulk(bulk_id, selection.action, 0, 0, author, _now(), payload)
            _decide(cursor, found, selection, done)
            rows = _settle(cursor, done)
            done = replace(done, rows=rows, left_out=selection.rows - rows)
            return _record(cursor, done, asdict(selection.filters))


def undo(store: Store, bulk_id: str, author: str, undo_id: str) -> Bulk:
    """Take a whole action back, in one transaction; what was decided later on its rows stands.

    Raises:
        NotAllowedError: the author is no lead.
        StoreConflictError: it was taken back already, or ``undo_id`` was used for something else.
        StoreError: there is no such action.
    """
    author = checked_name(author)
    store.live()
    with store.write() as cursor:
        require(cursor, author, "lead", "take back what was decided on many rows at once")
        if known := _known(cursor, undo_id, "undo", author):
            return known
        done = _get(cursor, bulk_id)
        if done is None or done.action == "undo":
            raise StoreError("there is no such action", where=f"bulk {bulk_id}", cure="reload the page")
        if done.undone_by:
            raise StoreConflictError(
                f"this was taken back already, by {_author(cursor, done.undone_by)}",
                where=f"bulk {bulk_id}",
                cure="reload the page",
            )
        back = Bulk(undo_id, "undo", 0, 0, author, _now(), {"bulk_id": bulk_id})
        [(kept,)] = cursor.execute(_DECIDED_SINCE, _marks(done)).fetchall()
        _compensate(cursor, done, back)
        back = replace(back, rows=_settle(cursor, back), left_out=kept)
        cursor.execute("UPDATE bulk_actions SET undone_by = ? WHERE bulk_id = ?", [undo_id, bulk_id])
        return _record(cursor, back, {})


def bulk_actions(store: Store, limit: int = 20) -> list[Bulk]:
    """What was done on many rows at once, last first; undos are named in ``undone_by``."""
    query = f"{_BULK} WHERE action <> 'undo' ORDER BY seq DESC LIMIT ?"
    return [_bulk(row) for row in store.rows(query, [limit])]


_BULK = "SELECT bulk_id, action, rows, left_out, author, time, payload, undone_by FROM bulk_actions"

_OF_BULK = "e.action = $action AND e.reviewer = $author AND e.time = $time AND (e.payload ->> 'bulk') = $bulk"

_UNDONE = "SELECT (payload ->> 'event_id') FROM review_events WHERE action = 'undo'"

_DECIDED_SINCE = f"""
    SELECT count(*) FROM review_events e WHERE {_OF_BULK} AND EXISTS (
        FROM standing later WHERE later.example_id = e.example_id AND later.seq > e.seq)
"""  # noqa: S608 - a condition of ours


_STATUSES = f"""
    UPDATE review_events AS e SET status = s.status FROM (
        SELECT event_id, {QUEUE_STATUS} AS status FROM (
            SELECT m.event_id, r.judge_state, v.review, coalesce(v.disputed, false) AS disputed,
                v.example_id IS NOT NULL AS touched
            FROM mine m JOIN gm_live.rows r ON r.example_id = m.example_id
            LEFT JOIN (FROM verdicts WHERE example_id IN (SELECT example_id FROM mine)) v
                ON v.example_id = m.example_id
        )
    ) s WHERE s.event_id = e.event_id
"""  # noqa: S608 - an expression of ours


def _changes(action: str) -> str:
    if action not in _CHANGES:
        raise StoreError(f"unknown action {action!r}", cure=f"known: {', '.join(_CHANGES)}")
    return _CHANGES[action]


def _check(action: str, payload: Mapping[str, Any]) -> None:
    _changes(action)
    if action in ("reject", "regenerate") and not (payload.get("reason") or payload.get("note")):
        raise StoreError("a rejection needs a reason", where="bulk action", cure="tick a reason or write one")


def _decide(cursor: Connection, found: tuple[str, dict[str, Any]], selection: Selection, done: Bulk) -> None:
    query, values = found
    # The events of one bulk share their time, which finds them again without reading every payload.
    insert = f"""
        INSERT INTO review_events (event_id, example_id, revision, reviewer, action, payload, time)
        SELECT md5($bulk || r.example_id), r.example_id, r.revision, $author, $action, $payload, $time
        FROM ({query}) r
        WHERE r.example_id IN (SELECT example_id FROM counted) AND {_changes(selection.action)}
          AND r.example_id NOT IN (SELECT example_id FROM review_events WHERE seq > $seq AND action <> 'skip')
    """  # noqa: S608 - conditions of ours, values are bound
    payload = to_json({**done.payload, "bulk": done.bulk_id})
    cursor.register("counted", selection.ids)
    cursor.execute(insert, {**values, **_marks(done), "payload": payload, "seq": selection.seq})
    cursor.unregister("counted")


def _compensate(cursor: Connection, done: Bulk, back: Bulk) -> None:
    insert = f"""
        INSERT INTO review_events (event_id, example_id, revision, reviewer, action, payload, time)
        SELECT md5($undo || e.example_id), e.example_id, e.revision, $by, 'undo',
            json_object('event_id', e.event_id, 'bulk', $undo), $now
        FROM review_events e WHERE {_OF_BULK} AND e.event_id NOT IN ({_UNDONE})
    """  # noqa: S608 - conditions of ours, values are bound
    values = {"undo": back.bulk_id, "by": back.author, "now": back.time}
    cursor.execute(insert, {**values, **_marks(done)})


def _settle(cursor: Connection, done: Bulk) -> int:
    """Write what became of each row into its event; the number of rows.

    As the view ``rows_`` would say it, but for these rows only: what the machine says has not changed.
    """
    mine = f"SELECT e.event_id, e.example_id FROM review_events e WHERE {_OF_BULK}"  # noqa: S608
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE mine AS {mine}", _marks(done))
    [(rows,)] = cursor.execute(_STATUSES).fetchall()
    cursor.execute("DROP TABLE mine")
    return int(rows)


def _marks(done: Bulk) -> dict[str, Any]:
    """What the events of ``done`` are found by."""
    return {"bulk": done.bulk_id, "action": done.action, "author": done.author, "time": done.time}


def _known(cursor: Connection, bulk_id: str, action: str, author: str) -> Bulk | None:
    known = _get(cursor, bulk_id)
    if known is not None and (known.action, known.author) != (action, author):
        cure = "give every action an id of its own"
        raise StoreConflictError("this id was used for another action", where=f"bulk {bulk_id}", cure=cure)
    return known


def _get(cursor: Connection, bulk_id: str) -> Bulk | None:
    found = cursor.execute(f"{_BULK} WHERE bulk_id = ?", [bulk_id]).fetchall()
    return _bulk(found[0]) if found else None


def _bulk(row: tuple[Any, ...]) -> Bulk:
    bulk_id, action, rows, left_out, author, time, payload, undone_by = row
    return Bulk(bulk_id, action, rows, left_out, author, time, orjson.loads(payload), undone_by)


def _record(cursor: Connection, done: Bulk, filters: Mapping[str, Any]) -> Bulk:
    insert = """
        INSERT INTO bulk_actions (bulk_id, action, filters, payload, rows, left_out, author, time)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    """
    texts = [to_json(dict(filters)), to_json(dict(done.payload))]
    values = [done.bulk_id, done.action, *texts, done.rows, done.left_out, done.author, done.time]
    cursor.execute(insert, values)
    return done


def _author(cursor: Connection, bulk_id: str) -> str:
    known = _get(cursor, bulk_id)
    return known.author if known is not None else "somebody"


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
