"""The review queue: filters, pages, counts and facets. All of it is SQL over the view ``rows_``."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from gristmill.errors import StoreError
from gristmill.records import OTHER_KIND

if TYPE_CHECKING:
    from gristmill_data.store.core import Store

Order = Literal["oldest", "newest", "document", "score_low", "score_high", "random"]
Status = Literal["pending", "accepted", "rejected", "machine_rejected", "failed"]
STATUSES: tuple[Status, ...] = ("pending", "accepted", "rejected", "machine_rejected", "failed")
PREVIEW_CHARS = 400


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows of the queue, and in which order. Empty means any.

    ``status``: pending (accepted by the machine, not yet reviewed), accepted and rejected (by a person),
    machine_rejected, failed. ``reviewer`` keeps rows whose current verdict is this person's; ``viewer`` is
    who looks: rows they skipped come last. ``search`` is any text of the row as it reads now, upper or
    lower case. ``min_score`` and ``max_score`` bound the value of ``scorer`` (of the mean of all scorers
    if that is empty), which the score orders sort by too; unscored rows are outside any bound and last.
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


# Sort keys ascend, so that one comparison serves all orders; example_id breaks ties.
_ORDERS: dict[str, str] = {
    "oldest": "epoch_us(r.created)",
    "newest": "-epoch_us(r.created)",
    "document": "coalesce(r.uri, '') || chr(0) || lpad(coalesce(r.chunk_start, 0)::VARCHAR, 12, '0')",
    "score_low": "coalesce(v.value, 2)",
    "score_high": "coalesce(-v.value, 2)",
    "random": "md5(r.example_id)",
}

_PAGE = """
WITH v AS (
    SELECT example_id, avg(value) AS value FROM scores WHERE $scorer IN ('', scorer) GROUP BY example_id
), skipped AS (
    SELECT example_id, max(seq) AS seq FROM review_events
    WHERE action = 'skip' AND reviewer = $viewer
      AND event_id NOT IN (SELECT (payload ->> 'event_id') FROM review_events WHERE action = 'undo')
    GROUP BY example_id
), page AS (
    SELECT r.*, v.value AS score, coalesce(k.seq, 0) AS last_, {key} AS key_
    FROM rows_ r LEFT JOIN v USING (example_id) LEFT JOIN skipped k USING (example_id)
    WHERE {where}
)
SELECT example_id, kind, generator, type, uri, heading_path, status, queue_status, stale, revision,
    review, reviewer, reason, created, score, last_ > 0 AS skipped,
    left(last_turn(messages, 'user'), $preview) AS instruction,
    left(coalesce(chosen, last_turn(messages, 'assistant')), $preview) AS response,
    last_, key_
FROM page WHERE {after} ORDER BY last_, key_, example_id LIMIT $limit
"""


def queue_page(
    store: Store, filters: Filters, after: str | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """One page of rows, in the order of ``filters``; ``after`` is the ``cursor`` of the last row seen.

    Keys: example_id, kind, generator, type, uri, heading_path, status (accepted, rejected, failed),
    queue_status (as in :class:`Filters`), stale, revision, review, reviewer, reason (the machine's),
    created, score, skipped, instruction and response (as they read now, at most 400 characters), cursor.

    Raises:
        StoreError: unknown order, or a cursor that is none.
    """
    where, values = _where(filters)
    position = "true"
    if after is not None:
        position = "(last_, key_, example_id) > ($at_last, $at_key, $at_id)"
        values |= dict(zip(("at_last", "at_key", "at_id"), _decoded(after), strict=True))
    query = _PAGE.format(key=_key(filters.order), where=where, after=position)
    values |= {"limit": limit, "preview": PREVIEW_CHARS, "viewer": filters.viewer, "scorer": filters.scorer}
    rows = store.dicts(query, values)
    for row in rows:
        row["cursor"] = _encoded(row.pop("last_"), row.pop("key_"), row["example_id"])
    return rows


def _key(order: str) -> str:
    if order not in _ORDERS:
        raise StoreError(f"unknown order {order!r}", cure=f"known orders: {', '.join(_ORDERS)}")
    return _ORDERS[order]


def _where(filters: Filters) -> tuple[str, dict[str, Any]]:
    """The condition over ``rows_ r`` and the score ``v``, with its parameters."""
    parts, values = ["true" if filters.stale else "NOT r.stale"], dict[str, Any]()
    columns = {"status": "queue_status", "kind": "kind", "generator": "generator", "uri": "uri"}
    for name, column in columns.items():
        if wanted := getattr(filters, name):
            parts.append(f"r.{column} IN (SELECT unnest(${name}))")
            values[name] = list(wanted)
    if filters.reviewer:
        parts.append("r.reviewer = $reviewer")
        values["reviewer"] = filters.reviewer
    for name, sign in (("min_score", ">="), ("max_score", "<=")):
        if (bound := getattr(filters, name)) is not None:
            parts.append(f"v.value {sign} ${name}")
            values[name] = bound
    if filters.search.strip():
        parts.append("all_text(r.messages, r.chosen, r.rejected) ILIKE $search ESCAPE '\\'")
        values["search"] = f"%{_literal(filters.search.strip())}%"
    return " AND ".join(parts), values


def _literal(text: str) -> str:
    for sign in "\\%_":
        text = text.replace(sign, f"\\{sign}")
    return text


def _encoded(*position: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode()


def _decoded(cursor: str) -> list[Any]:
    try:
        position = orjson.loads(base64.urlsafe_b64decode(cursor))
    except ValueError as error:
        raise StoreError("not a cursor of the queue", where=cursor[:40], cure="start at page 1") from error
    if not isinstance(position, list) or len(position) != 3:
        raise StoreError("not a cursor of the queue", where=cursor[:40], cure="start at page 1")
    return position


def counts(store: Store, reviewer: str = "") -> dict[str, int]:
    """Rows by queue status (stale rows apart), and what ``reviewer`` did.

    Keys: total, stale, the five statuses, reviewed (accepted + rejected), mine (verdicts of the reviewer
    that stand), mine_today (their decisions since midnight UTC) and skipped (by them, still pending).
    """
    query = "SELECT CASE WHEN stale THEN 'stale' ELSE queue_status END, count(*) FROM rows_ GROUP BY 1"
    found: dict[str, int] = dict(store.rows(query))
    result = {name: found.get(name, 0) for name in (*STATUSES, "stale")}
    mine = """
        SELECT count(*) FILTER (r.reviewer = $who AND r.review IS NOT NULL),
               count(*) FILTER (r.queue_status = 'pending' AND EXISTS (
                   FROM review_events k WHERE k.example_id = r.example_id AND k.action = 'skip'
                   AND k.reviewer = $who))
        FROM rows_ r
    """
    [(verdicts, skipped)] = store.rows(mine, {"who": reviewer})
    today = "SELECT count(*) FROM decisions WHERE reviewer = ? AND time >= (now() AT TIME ZONE 'UTC')::DATE"
    [(decided,)] = store.rows(today, [reviewer])
    reviewed = result["accepted"] + result["rejected"]
    own = {"mine": verdicts, "mine_today": decided, "skipped": skipped}
    return {"total": sum(found.values()), **result, "reviewed": reviewed, **own}


_FACETS = """
SELECT {names}, count(*) FROM (SELECT {columns} FROM rows_ WHERE NOT stale) GROUP BY GROUPING SETS ({sets})
"""


def facets(store: Store, limit: int = 200) -> dict[str, list[tuple[str, int]]]:
    """For each field to filter by, its values with their number of rows, most frequent first.

    Fields: status (queue status), kind, generator, type, uri, reviewer, reason (of the machine), scorer.
    """
    fields = {"status": "queue_status", "kind": "kind", "generator": "generator", "type": "type"}
    fields |= {"uri": "uri", "reviewer": "reviewer", "reason": "nullif(reason, '')"}
    columns = ", ".join(f"{expression} AS {name}_" for name, expression in fields.items())
    sets = ", ".join(f"({name}_)" for name in fields)
    names = ", ".join(f"{name}_" for name in fields)
    query = _FACETS.format(names=names, columns=columns, sets=sets)
    result: dict[str, list[tuple[str, int]]] = {name: [] for name in (*fields, "scorer")}
    for *values, number in store.rows(query):
        for name, value in zip(fields, values, strict=True):
            if value is not None:
                result[name].append((value, number))
    result["scorer"] = store.rows(
        "SELECT scorer, count(*) FROM scores WHERE unscored_reason IS DISTINCT FROM ? GROUP BY scorer",
        [OTHER_KIND],
    )
    return {
        name: sorted(found, key=lambda pair: (-pair[1], pair[0]))[:limit] for name, found in result.items()
    }
