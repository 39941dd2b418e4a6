"""The review queue: filters, pages, counts and facets, from the state of the rows in memory."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import orjson

from gristmill.errors import StoreError
from gristmill.records import OTHER_KIND
from gristmill_data.store.conditions import conditions

if TYPE_CHECKING:
    from gristmill_data.store.connect import Connection
    from gristmill_data.store.core import Store

Order = Literal[
    "oldest", "newest", "document", "score_low", "score_high", "random", "uncertain", "cluster", "source"
]
Status = Literal["pending", "disputed", "accepted", "rejected", "machine_rejected", "failed"]
STATUSES: tuple[Status, ...] = ("pending", "disputed", "accepted", "rejected", "machine_rejected", "failed")
PREVIEW_CHARS = 400


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows of the queue, and in which order. Empty means any.

    ``status``: pending (accepted by the machine and not decided by as many people as wanted, or put back),
    disputed (people disagree), accepted and rejected (by people), machine_rejected, failed. ``reviewer``
    keeps rows with a verdict of this person that counts; ``viewer`` is who looks: rows they skipped come
    last. ``search`` is any text of the row as it reads now, or of its source, upper or lower case.
    ``min_score`` and ``max_score`` bound the value of ``scorer`` (of the mean of all scorers if that is
    empty), which the score orders sort by too; unscored rows are outside any bound and last. ``model``:
    whose answers the row was made of; ``label``: of a match with a benchmark item; ``tags``: reasons that
    reviewers gave; ``judge_reason``: the machine's. Of several values of a field any will do. ``ids`` keeps
    these rows only; ``since`` those made or decided after it (UTC).
    """

    status: tuple[str, ...] = ("pending",)
    kind: tuple[str, ...] = ()
    generator: tuple[str, ...] = ()
    uri: tuple[str, ...] = ()
    reviewer: str = ""
    search: str = ""
    scorer: str = ""
    min_score: float | None = None
    max_score: float | None = None
    order: Order = "oldest"
    viewer: str = ""
    stale: bool = False
    """Whether rows of changed or removed documents are shown too."""
    model: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    judge_reason: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    since: datetime | None = None
    prompt: str = ""
    """Keeps rows whose generator, its version and arguments are those of the row with this id."""


# Sort keys ascend, so that one comparison serves all orders; the second breaks ties of the first, the id all
# ties.
_ORDERS: dict[str, tuple[str, str]] = {
    "oldest": ("epoch_us(r.created)", "0"),
    "newest": ("-epoch_us(r.created)", "0"),
    "document": ("coalesce(r.uri, '')", "coalesce(r.chunk_start, 0)"),
    "score_low": ("coalesce({score}, 2)", "0"),
    "score_high": ("coalesce(-{score}, 2)", "0"),
    "random": ("r.shuffle", "0"),
    "uncertain": ("coalesce(o.value, 1)", "0"),
    "cluster": ("coalesce(o.value, 0)", "o.second"),
    "source": ("r.turn", "r.shuffle"),
}
_COMPUTED = ("uncertain", "cluster")

# Only numbers are sorted; the rest is looked up for the rows of the page.
_PAGE = """
WITH page AS (
    SELECT r.place, {last} AS last_, {key} AS key_, {second} AS second_, {score} AS value_
    FROM gm_live.rows r {joins} WHERE {where}
), first AS (
    SELECT * FROM page WHERE {after} ORDER BY last_, key_, second_, place LIMIT $limit
)
SELECT r.example_id, kind, generator, type, uri, chunk_id, status, queue_status, stale, revision, review,
    reviewer,
    reason, created, f.value_ AS score, last_ > 0 AND last_ & (1::BIGINT << 50) - 1 > 0 AS skipped,
    last_ >= 1::BIGINT << 50 AS mine, r.place, last_, key_, second_
FROM first f JOIN gm_live.rows r ON r.place = f.place ORDER BY last_, key_, second_, r.place
"""
_AFTER = """
last_ >= $last AND (last_ > $last OR (key_ >= $key AND (key_ > $key OR second_ > $second
    OR (second_ = $second AND place > $place))))
"""
_AT = ("last", "key", "second", "place")
# Rows the viewer skipped come last, in the order skipped; after them those they decided while others have yet
# to.
_HAS_SKIPPED = "SELECT 1 FROM gm_live.skips WHERE reviewer = ? LIMIT 1"
_DECIDED_LAST = """
CASE WHEN r.voices > 0 AND r.queue_status = 'pending' AND list_contains(r.reviewers, $viewer)
    THEN 1::BIGINT << 50 ELSE 0 END
"""
_TEXTS = """
SELECT rowid, left(last_turn(messages, 'user'), $preview),
    left(coalesce(chosen, last_turn(messages, 'assistant')), $preview) FROM examples WHERE rowid IN ({places})
"""
_EDITED = """
SELECT e.rowid, left(last_turn(coalesce(t.messages, e.messages), 'user'), $preview),
    left(coalesce(t.chosen, e.chosen, last_turn(coalesce(t.messages, e.messages), 'assistant')), $preview)
FROM edited t JOIN examples e ON e.id = t.example_id WHERE t.example_id IN (SELECT unnest($ids))
"""


def queue_page(
    store: Store, filters: Filters, after: str | None = None, limit: int = 50, *, texts: bool = True
) -> list[dict[str, Any]]:
    """One page of rows, in the order of ``filters``; ``after`` is the ``cursor`` of the last row seen.

    Keys: example_id, kind, generator, type, uri, status (accepted, rejected, failed, disputed), queue_status
    (as in :class:`Filters`), stale, revision, review, reviewer, reason (the machine's), created, score,
    skipped, mine (the viewer has decided it, others are still to), cursor; and with ``texts`` heading_path,
    instruction and response (as they read now, at most 400 characters).

    Raises:
        StoreError: unknown order, or a cursor that is none.
    """
    with store.live().reading() as cursor:
        query, values = _page_query(store, cursor, filters, after)
        rows = _dicts(cursor, query, {**values, "limit": limit})
        store.live().remember({row["example_id"]: row["place"] for row in rows})
        if texts and rows:
            _add_texts(cursor, rows)
    for row in rows:
        row["cursor"] = _encoded(row.pop("last_"), row.pop("key_"), row.pop("second_"), row.pop("place"))
        del row["chunk_id"]
    return rows


def _page_query(
    store: Store, cursor: Connection, filters: Filters, after: str | None
) -> tuple[str, dict[str, Any]]:
    key, second = _key(filters.order)
    score, last, joins = "r.score", "0", ""
    values = dict[str, Any]()
    if skips := cursor.execute(_HAS_SKIPPED, [filters.viewer]).fetchall():
        last, joins = (
            "coalesce(k.seq, 0)",
            "LEFT JOIN gm_live.skips k ON k.reviewer = $viewer AND k.place = r.place",
        )
    if store.live().several:
        last = f"{last} + {_DECIDED_LAST}"
    if skips or store.live().several:
        values["viewer"] = filters.viewer
    if filters.scorer:
        score = "s.value"
        joins += " LEFT JOIN gm_live.marks s ON s.place = r.place AND s.scorer = $scorer"
        values["scorer"] = filters.scorer
    if filters.order in _COMPUTED:
        store.live().texts.order(cursor, filters.order)
        joins += f" LEFT JOIN gm_live.keys o ON o.place = r.place AND o.kind = '{filters.order}'"
    where, asked = conditions(filters, score=score)
    values |= asked
    if "search" in asked:
        values["search"] = store.live().texts.search(cursor, filters.search.strip())
    position = "true"
    if after is not None:
        position = _AFTER
        values |= dict(zip(_AT, _decoded(after), strict=True))
    parts = {"score": score, "key": key.format(score=score), "second": second, "joins": joins, "last": last}
    return _PAGE.format(**parts, where=where, after=position), values


def _add_texts(cursor: Connection, rows: list[dict[str, Any]]) -> None:
    query = _TEXTS.format(places=", ".join(str(row["place"]) for row in rows))
    found = cursor.execute(query, {"preview": PREVIEW_CHARS}).fetchall()
    if edited := [row["example_id"] for row in rows if row["revision"]]:
        found += cursor.execute(_EDITED, {"preview": PREVIEW_CHARS, "ids": edited}).fetchall()
    shown = {place: texts for place, *texts in found}
    chunks = [row["chunk_id"] for row in rows if row["chunk_id"]]
    paths = "SELECT id, heading_path FROM chunks WHERE id IN (SELECT unnest(?))"
    headings = dict(cursor.execute(paths, [chunks]).fetchall()) if chunks else {}
    for row in rows:
        row["instruction"], row["response"] = shown[row["place"]]
        row["heading_path"] = headings.get(row["chunk_id"])


def _dicts(cursor: Connection, query: str, values: Any) -> list[dict[str, Any]]:
    result = cursor.execute(query, values)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def matching(store: Store, cursor: Connection, filters: Filters) -> tuple[str, dict[str, Any]]:
    """A query for all rows of the live table that ``filters`` keep, in no order, and its parameters.

    ``cursor`` is that of :meth:`LiveRows.reading`, or of a transaction that caught up before.
    """
    score, joins, values = "r.score", "", dict[str, Any]()
    if filters.scorer:
        score = "s.value"
        joins += " LEFT JOIN gm_live.marks s ON s.place = r.place AND s.scorer = $scorer"
        values["scorer"] = filters.scorer
    where, asked = conditions(filters, score=score)
    if "search" in asked:
        asked["search"] = store.live().texts.search(cursor, filters.search.strip())
    query = f"SELECT r.* FROM gm_live.rows r {joins} WHERE {where}"  # noqa: S608 - conditions of ours
    return query, {**values, **asked}


def _key(order: str) -> tuple[str, str]:
    if order not in _ORDERS:
        raise StoreError(f"unknown order {order!r}", cure=f"known orders: {', '.join(_ORDERS)}")
    return _ORDERS[order]


def _encoded(*position: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode()


def _decoded(cursor: str) -> list[Any]:
    try:
        position = orjson.loads(base64.urlsafe_b64decode(cursor))
    except ValueError as error:
        raise StoreError("not a cursor of the queue", where=cursor[:40], cure="start at page 1") from error
    if not isinstance(position, list) or len(position) != len(_AT):
        raise StoreError("not a cursor of the queue", where=cursor[:40], cure="start at page 1")
    return position


_SKIPPED = "SELECT place FROM gm_live.skips WHERE reviewer = ?"
_PENDING = "SELECT count(*) FROM gm_live.rows WHERE queue_status = 'pending' AND place IN (SELECT unnest(?))"


def counts(store: Store, reviewer: str = "", *, waiting: bool = True) -> dict[str, int]:
    """Rows by queue status (stale rows apart), and what ``reviewer`` did.

    Keys: total, stale, the six statuses, reviewed (accepted + rejected), mine (rows with a verdict of the
    reviewer that counts), mine_today (their decisions since midnight UTC) and skipped (by them, still
    pending). Not ``waiting``: as of a moment ago, when somebody else is at the table of states.
    """
    live = store.live()
    tally, decided, skipped = live.tally(waiting=waiting), live.decided_today(reviewer), 0
    with store.cursor() as cursor:
        places = [place for (place,) in cursor.execute(_SKIPPED, [reviewer]).fetchall()]
        if places:
            [(skipped,)] = cursor.execute(_PENDING, [places]).fetchall()
    result: dict[str, int] = {name: tally.states[name] for name in (*STATUSES, "stale")}
    own = {"mine": tally.mine[reviewer], "mine_today": decided, "skipped": skipped}
    reviewed = result["accepted"] + result["rejected"]
    return {"total": sum(result.values()), **result, "reviewed": reviewed, **own}


_FIELDS = {
    "status": "queue_status",
    "kind": "kind",
    "generator": "generator",
    "type": "type",
    "uri": "uri",
    "reviewer": "reviewer",
    "reason": "nullif(reason, '')",
}
_LISTS = {"model": "models", "label": "labels", "tags": "tags"}
_FACETS = """
SELECT {names}, count(*) FROM (SELECT {columns} FROM gm_live.rows WHERE NOT stale)
GROUP BY GROUPING SETS ({sets})
"""
_LISTED = """
SELECT value, count(*) FROM (SELECT unnest({name}) AS value FROM gm_live.rows WHERE NOT stale) GROUP BY 1
"""


def facets(store: Store, limit: int = 200) -> dict[str, list[tuple[str, int]]]:
    """For each field to filter by, its values with their number of rows, most frequent first.

    Fields: status (queue status), kind, generator, type, uri, reviewer, reason (of the machine), scorer,
    model, label (of matches) and tags (reasons of reviewers).
    """
    columns = ", ".join(f"{expression} AS {name}_" for name, expression in _FIELDS.items())
    sets, names = ", ".join(f"({name}_)" for name in _FIELDS), ", ".join(f"{name}_" for name in _FIELDS)
    result: dict[str, list[tuple[str, int]]] = {name: [] for name in _FIELDS}
    with store.live().reading() as cursor:
        query = _FACETS.format(names=names, columns=columns, sets=sets)
        for *values, number in cursor.execute(query).fetchall():
            for name, value in zip(_FIELDS, values, strict=True):
                if value is not None:
                    result[name].append((value, number))
        for field, column in _LISTS.items():
            result[field] = cursor.execute(_LISTED.format(name=column)).fetchall()
        result["scorer"] = cursor.execute(
            "SELECT scorer, count(*) FROM scores WHERE unscored_reason IS DISTINCT FROM ? GROUP BY scorer",
            [OTHER_KIND],
        ).fetchall()
    return {
        name: sorted(found, key=lambda pair: (-pair[1], pair[0]))[:limit] for name, found in result.items()
    }
