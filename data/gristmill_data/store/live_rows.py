"""The state of every row, kept in the memory of the process that owns the dataset.

The view ``rows_`` is what a row's state *is*; working it out for 500,000 rows takes most of a second. So an
owner keeps the result in a table of an in-memory database beside the file, and does again what a write has
changed: an event one row, a segment the rows it speaks of. The table is built when it is first asked for and
gone with the process: there is nothing that a crash could leave out of step with the file.

:class:`~gristmill_data.store.Store` counts its writes. Whoever reads catches up with new events first
(:meth:`LiveRows.catch_up`), so that a decision is seen as soon as it is saved, whoever wrote it and how. Rows
of segments are caught up with by the thread that took them in (:meth:`LiveRows.take_in`), and reviewers go
on.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from gristmill_data.store import live_sql as sql
from gristmill_data.store import live_texts
from gristmill_data.store.hearing import Heard, heard
from gristmill_data.store.live_texts import LiveTexts

if TYPE_CHECKING:
    from gristmill_data.store.connect import Connection
    from gristmill_data.store.core import Store

FEW = 20
"""Up to so many rows are asked for one by one: a constant reaches the tables below a view, a join does
not."""
KEPT_CHANGES = 200_000
"""What hangs on texts catches up from a list of changed rows; above this length it is made anew instead."""

KEPT_CHARS = 4_000_000
"""Texts of documents that are kept in memory."""
KEPT_PLACES = 50_000
"""Rows whose place is remembered: those that were on somebody's page of the queue lately."""

_EVENTS = "SELECT coalesce(max(seq), 0) FROM review_events"
_SEVERAL = "SELECT reviewers > 1 AND share > 0 FROM overlap"
_OVERLAP = "SELECT coalesce(max(seq), 0) FROM review_settings WHERE name = 'overlap'"
_ENDS = """
SELECT coalesce(min(rowid), 0), coalesce(max(rowid), 0) FROM examples WHERE id IN (SELECT id FROM asked)
"""
_PLANS = "SELECT run_id, name, settings::VARCHAR, db_seq FROM runs ORDER BY db_seq"
_SINCE = "SELECT example_id, action, reviewer, time FROM review_events WHERE seq > ?"
_CHANGING = frozenset({"edit", "adjudicate", "undo"})
"""Actions after which the text may be another one: an undo may be that of an edit."""
_SKIPPING = frozenset({"skip", "undo"})
_DECIDING = frozenset({"accept", "reject", "edit", "prefer", "adjudicate", "regenerate"})


class LiveRows:
    """The table ``gm_live.rows`` beside one open file, and ``gm_live.marks`` and ``gm_live.skips``."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.lock = threading.RLock()
        self._taking = threading.Lock()
        self.version = 0
        """Grows when texts change or rows come; ``gm_live.changes`` lists the places, by version."""
        self.several = False
        """Whether some rows are to be decided by more than one person."""
        self.forgotten = 0
        """Up to this version changes are no longer listed."""
        self._seen = -1
        self._seq = self._overlap = 0
        self._plans: list[Any] = []
        self.texts = LiveTexts(self)
        self._tally: Tally | None = None
        self._told: Tally | None = None
        self._today: dict[str, tuple[date, int]] = {}
        self._documents: OrderedDict[int | None, str] = OrderedDict()
        self._places: dict[str, int] = {}
        self._texts_lock = threading.Lock()
        with store.cursor() as cursor:
            cursor.execute("ATTACH IF NOT EXISTS ':memory:' AS gm_live")
            self._build(cursor)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A cursor to whom ``gm_live.rows`` tells every decision saved so far, beside the tables of the
        file."""
        self.catch_up()
        with self.store.cursor() as cursor:
            yield cursor

    def catch_up(self) -> None:
        """Do again the rows that events came to; after a change of the overlap all that people decided on."""
        if self._seen == self.store.writes:
            return
        with self.lock, self.store.cursor() as cursor:
            seen = self.store.writes
            [(last, overlap)] = cursor.execute(f"SELECT ({_EVENTS}), ({_OVERLAP})").fetchall()
            if overlap != self._overlap:
                self._decided_all(cursor)
            if last > self._seq:
                self._decided_since(cursor)
            self._seq, self._overlap, self._seen = last, overlap, seen

    def tally(self, *, waiting: bool = True) -> Tally:
        """Rows by state, as of all decisions saved so far. Changed under :attr:`lock`: read it at once.

        Not ``waiting``: the tally before, while somebody else is at the table.
        """
        told = self._told
        if waiting or told is None:
            self.lock.acquire()
        elif not self.lock.acquire(blocking=False):
            return told
        try:
            self.catch_up()
            if self._tally is None:
                with self.store.cursor() as cursor:
                    states, mine = (cursor.execute(query).fetchall() for query in (_STATES, _MINE))
                self._tally = self._told = Tally(dict(states), dict(mine))
            return self._tally
        finally:
            self.lock.release()

    def decided_today(self, reviewer: str) -> int:
        """How many decisions of the reviewer since midnight (UTC) count: asked once, then counted on."""
        today = datetime.now(UTC).date()
        known = self._today.get(reviewer)
        if known is not None and known[0] == today:
            return known[1]
        before = self._seq
        [(number,)] = self.store.rows(_TODAY, [reviewer, today, before])
        if self.lock.acquire(blocking=False):
            try:
                if self._seq == before:  # or else a decision was counted that this number does not know
                    self._today[reviewer] = today, number
            finally:
                self.lock.release()
        return int(number)

    def remember(self, places: Mapping[str, int]) -> None:
        """Take note of where rows stand that will be asked for by their ids soon."""
        with self._texts_lock:
            if len(self._places) > KEPT_PLACES:
                self._places.clear()
            self._places.update(places)

    def place(self, cursor: Connection, example_id: str) -> int | None:
        """Where a row stands (it never moves); None when there is no such row. By its place a row is found at
        once, by its id the ids of all rows are read."""
        known = self._places.get(example_id)
        if known is None:
            found = cursor.execute(_PLACE, [example_id]).fetchall()
            if not found:
                return None
            known = int(found[0][0])
            self.remember({example_id: known})
        return known

    def document(self, cursor: Connection, place: int | None) -> str:
        """The text of a document, by its place. Those read last are kept: rows of one document come
        together."""
        with self._texts_lock:
            if place in self._documents:
                self._documents.move_to_end(place)
                return self._documents[place]
        found = cursor.execute("SELECT text FROM documents WHERE rowid = ?", [place]).fetchall()
        text = str(found[0][0]) if found else ""
        with self._texts_lock:
            self._documents[place] = text
            while sum(map(len, self._documents.values())) > KEPT_CHARS and len(self._documents) > 1:
                self._documents.popitem(last=False)
        return text

    def take_in(self, example_ids: Sequence[str]) -> None:
        """Do rows again that a segment speaks of, and all rows when it tells of another run of their recipe.

        The new state is made beside the old one, so that those who read wait for the exchange only.
        """
        with self._taking, self.store.cursor() as cursor:
            plans = cursor.execute(_PLANS).fetchall()
            _ask(cursor, example_ids)
            cursor.execute(f"CREATE TEMP TABLE fresh AS {_limited(cursor)}")
            with self.lock:
                self._tally = None
                if plans != self._plans:
                    cursor.execute(sql.OUTDATED)
                    self._plans = plans
                self._exchange(cursor)
                self._note(cursor, "SELECT place FROM fresh")

    def _build(self, cursor: Connection) -> None:
        with _transaction(cursor):
            for table in ("rows", "marks", "skips", "changes", "hits", "keys"):
                cursor.execute(f"DROP TABLE IF EXISTS gm_live.{table}")
            cursor.execute(sql.TABLES)
            cursor.execute(live_texts.TABLES)
            [(self._seq, self._overlap)] = cursor.execute(f"SELECT ({_EVENTS}), ({_OVERLAP})").fetchall()
            parts = {**sql.NOTHING, "people": "verdicts", "revisions": "revisions"}
            cursor.execute(
                sql.INSERT.format(**parts, machine=f"({sql.MACHINE.format(id='', example_id='')})")
            )
            cursor.execute(sql.MARKS.format(example_id=""))
            cursor.execute(sql.SKIPS.format(which=""))
            [(self.several,)] = cursor.execute(_SEVERAL).fetchall()
            self._plans = cursor.execute(_PLANS).fetchall()

    def _exchange(self, cursor: Connection) -> None:
        """Put the rows of ``fresh`` in the place of those there are."""
        heard = "SELECT 1 FROM review_events WHERE example_id IN (SELECT id FROM asked) LIMIT 1"
        parts = {**sql.NOTHING, "machine": "fresh", "turns": "kept", "ends": "ends"}
        if cursor.execute(heard).fetchall():
            asked = "WHERE example_id IN (SELECT id FROM asked)"
            parts |= {name: f"(FROM {view} {asked})" for name, view in _PEOPLE.items()}
        cursor.execute(sql.KEPT)
        cursor.execute(sql.ENDS)
        with _transaction(cursor):
            for table in ("rows", "marks"):
                cursor.execute(f"DELETE FROM gm_live.{table} WHERE place IN (SELECT place FROM fresh)")  # noqa: S608
            cursor.execute(sql.INSERT.format(**parts))
            cursor.execute(sql.MARKS.format(example_id=sql.ASKED.format("s.example_id")))

    def _decided_all(self, cursor: Connection) -> None:
        with _transaction(cursor):
            cursor.execute(sql.DECIDED.format(**_PEOPLE, which="true"))
            [(self.several,)] = cursor.execute(_SEVERAL).fetchall()
        self._tally = None

    def _decided_since(self, cursor: Connection) -> None:
        events = cursor.execute(_SINCE, [self._seq]).fetchall()
        self._count_today(events)
        found = list(dict.fromkeys(example_id for example_id, *_ in events))
        skipped = any(action in _SKIPPING for _, action, *_ in events)
        if skipped or len(found) > FEW:
            _ask(cursor, found)
        with _transaction(cursor):
            if len(found) <= FEW:
                for example_id in found:
                    self._decided_one(cursor, example_id)
            else:
                self._tally = None
                asked = "IN (SELECT id FROM asked)"
                parts = {name: f"(FROM {view} WHERE example_id {asked})" for name, view in _PEOPLE.items()}
                cursor.execute(sql.DECIDED.format(**parts, which=f"o.example_id {asked}"))
            if skipped:
                places = "SELECT place FROM gm_live.rows WHERE example_id IN (SELECT id FROM asked)"
                cursor.execute(f"DELETE FROM gm_live.skips WHERE place IN ({places})")  # noqa: S608
                cursor.execute(sql.SKIPS.format(which=sql.ASKED.format("e.example_id")))
        changed = {example_id for example_id, action, *_ in events if action in _CHANGING}
        if changed:
            _ask(cursor, sorted(changed))
            self._note(cursor, "SELECT place FROM gm_live.rows WHERE example_id IN (SELECT id FROM asked)")

    def _count_today(self, events: Sequence[Any]) -> None:
        """Count decisions on; what takes some away has them counted anew. A row that is put back takes those
        of others with it."""
        for _, action, reviewer, time in events:
            if action == "requeue":
                self._today.clear()
            known = self._today.get(reviewer)
            if known is None or action == "skip":
                continue
            if action in _DECIDING and time.date() >= known[0]:
                self._today[reviewer] = known[0], known[1] + 1
            else:
                self._today.pop(reviewer)

    def _decided_one(self, cursor: Connection, example_id: str) -> None:
        place = self.place(cursor, example_id)
        if place is None:
            return  # a decision on a row that is to come
        found = cursor.execute(_BEFORE, [place]).fetchall()
        judge_state, document_stale, other_settings, *before = found[0]
        now = heard(cursor, example_id)
        status, stale = now.queue_status(judge_state), document_stale or (not now.touched and other_settings)
        values = {
            **{field: getattr(now, field) for field in Heard.__slots__},
            "reviewers": list(now.reviewers),
            "tags": list(now.tags),
            "status": "disputed" if now.disputed else now.review or judge_state,
            "queue_status": status,
            "stale": stale,
        }
        cursor.execute(_AFTER, {**values, "place": place})
        if self._tally is not None:
            self._tally.move(tuple(before), (status, stale, list(now.reviewers)))

    def _note(self, cursor: Connection, places: str) -> None:
        """List rows whose text came or changed."""
        version = self.version + 1
        cursor.execute(f"INSERT INTO gm_live.changes SELECT {version}, place FROM ({places})")  # noqa: S608
        self.version = version  # only now: who sees it finds the places
        [(kept,)] = cursor.execute("SELECT count(*) FROM gm_live.changes").fetchall()
        if kept > KEPT_CHANGES:
            cursor.execute("DELETE FROM gm_live.changes")
            self.forgotten = self.version


_FIELDS = (*Heard.__slots__, "status", "queue_status", "stale")
_BEFORE = """
SELECT judge_state, document_stale, other_settings, queue_status, stale, reviewers FROM gm_live.rows
WHERE place = ?
"""
_PLACE = "SELECT place FROM gm_live.rows WHERE example_id = ?"
_AFTER = f"UPDATE gm_live.rows SET {', '.join(f'{name} = ${name}' for name in _FIELDS)} WHERE place = $place"  # noqa: S608
_TODAY = "SELECT count(*) FROM decisions WHERE reviewer = ? AND time >= ? AND seq <= ?"
_STATES = "SELECT CASE WHEN stale THEN 'stale' ELSE queue_status END, count(*) FROM gm_live.rows GROUP BY 1"
_MINE = (
    "SELECT who, count(*) FROM (SELECT unnest(reviewers) AS who FROM gm_live.rows WHERE touched) GROUP BY 1"
)


class Tally:
    """How many rows are in each state, and how many each reviewer has decided."""

    def __init__(self, states: Mapping[str, int], mine: Mapping[str, int]) -> None:
        self.states, self.mine = Counter(states), Counter(mine)

    def move(self, before: Sequence[Any], after: Sequence[Any]) -> None:
        """One row changed; both are (queue_status, stale, reviewers)."""
        for (status, stale, reviewers), number in ((before, -1), (after, 1)):
            self.states["stale" if stale else status] += number
            for reviewer in reviewers:
                self.mine[reviewer] += number


_PEOPLE = {"people": "verdicts", "revisions": "revisions"}


def _limited(cursor: Connection) -> str:
    """The query of what runs say, for the rows of the temporary table ``asked``.

    New rows stand at the end of their table: knowing where, DuckDB does not read the long columns before.
    """
    [(first, last)] = cursor.execute(_ENDS).fetchall()
    asked = f"AND rowid BETWEEN {first} AND {last} {sql.ASKED.format('id')}"
    return sql.MACHINE.format(id=asked, example_id=sql.ASKED.format("example_id"))


def _ask(cursor: Connection, example_ids: Sequence[str]) -> None:
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE asked AS SELECT unnest(?::VARCHAR[]) AS id", [list(example_ids)]
    )


@contextmanager
def _transaction(cursor: Connection) -> Iterator[None]:
    cursor.execute("BEGIN")
    try:
        yield
        cursor.execute("COMMIT")
    except BaseException:
        cursor.execute("ROLLBACK")
        raise
