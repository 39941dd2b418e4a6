"""Matches with benchmark items as people go through them, and what they say about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gristmill.errors import StoreError
from gristmill.records import clean
from gristmill_data.store.access import operation
from gristmill_data.store.people import require
from gristmill_data.store.review import StoreConflictError
from gristmill_data.store.tables import utc

if TYPE_CHECKING:
    from gristmill_data.store.connect import Connection
    from gristmill_data.store.core import Store

Key = tuple[str, str, str]
"""What names a match: example, benchmark, item."""


@dataclass(frozen=True, slots=True)
class MatchFilters:
    """Which matches, empty means any. ``band`` keeps scores from its first up to before its second number.

    ``unseen_by`` leaves out matches that this reviewer has judged. In a band the most doubtful come first,
    otherwise the highest scores.
    """

    benchmark: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    band: tuple[float, float] | None = None
    unseen_by: str = ""


@dataclass(frozen=True, slots=True)
class MatchVerdict:
    """One reviewer's word on the label of one match; ``is_right`` None takes an earlier word back."""

    verdict_id: str
    key: Key
    label: str
    is_right: bool | None
    reviewer: str
    time: datetime


_SAME = " AND ".join(f"o.{name} = m.{name}" for name in ("example_id", "benchmark", "item_id", "label"))
_PAGE = """
WITH found AS (
    SELECT m.*, {key} AS key_ FROM matches m JOIN rows_ r ON r.example_id = m.example_id
    WHERE NOT r.stale AND {where}
)
SELECT m.example_id, m.benchmark, m.item_id, m.label, m.score, coalesce(m.tier, '') AS tier,
    coalesce(m.side, 'question') AS side, m.example_start, m.example_end, m.item_start, m.item_end,
    coalesce(m.item_text, '') AS item_text, e.kind, e.messages::VARCHAR AS messages, e.chosen, e.rejected,
    r.status, r.uri, m.key_,
    (SELECT is_right FROM match_opinions o WHERE {same} AND o.reviewer = $viewer) AS mine,
    (SELECT count(*) FILTER (is_right) FROM match_opinions o WHERE {same}) AS said_right,
    (SELECT count(*) FILTER (NOT is_right) FROM match_opinions o WHERE {same}) AS said_wrong
FROM (SELECT * FROM found WHERE {after} ORDER BY key_, example_id, benchmark, item_id LIMIT $limit) m
JOIN examples e ON e.id = m.example_id JOIN rows_ r ON r.example_id = m.example_id
ORDER BY m.key_, m.example_id, m.benchmark, m.item_id
"""


def match_page(
    store: Store,
    filters: MatchFilters,
    after: tuple[float, Key] | None = None,
    limit: int = 20,
    viewer: str = "",
) -> list[dict[str, Any]]:
    """Matches in order; ``after`` is ``(key_, (example_id, benchmark, item_id))`` of the last one seen.

    Beside the columns of the match: kind, messages (JSON), chosen and rejected of the example as generated
    (spans are offsets into its text), status and uri of the row, ``mine`` (the viewer's verdict or None),
    ``said_right`` and ``said_wrong`` (how many reviewers said so). Matches of stale rows are left out.
    """
    where, values = _where(filters)
    key, position = ("-m.score" if filters.band is None else "abs(m.score - 0.5)"), "true"
    if after is not None:
        position = "(key_, example_id, benchmark, item_id) > ($at_key, $at_example, $at_benchmark, $at_item)"
        values |= dict(
            zip(("at_key", "at_example", "at_benchmark", "at_item"), (after[0], *after[1]), strict=True)
        )
    query = _PAGE.format(key=key, where=where, after=position, same=_SAME)
    return store.dicts(query, {**values, "limit": limit, "viewer": viewer})


def _where(filters: MatchFilters) -> tuple[str, dict[str, Any]]:
    parts, values = ["true"], dict[str, Any]()
    for name in ("benchmark", "label"):
        if wanted := getattr(filters, name):
            parts.append(f"m.{name} IN (SELECT unnest(${name}))")
            values[name] = list(wanted)
    if filters.band is not None:
        parts.append("m.score >= $low AND m.score < $high")
        values |= dict(zip(("low", "high"), filters.band, strict=True))
    if filters.unseen_by:
        parts.append(f"NOT EXISTS (FROM match_opinions o WHERE {_SAME} AND o.reviewer = $unseen_by)")
        values["unseen_by"] = filters.unseen_by
    return " AND ".join(parts), values


def match_facets(store: Store, band: tuple[float, float]) -> dict[str, Any]:
    """``benchmark`` and ``label`` with their number of matches, most frequent first, and counts.

    Counts: ``total`` and ``uncertain`` (in ``band``) matches, ``verdicts`` that stand (one a reviewer and
    match), ``right`` ones among them, ``judged`` matches of those that there are now.
    """
    live = "FROM matches m JOIN rows_ r ON r.example_id = m.example_id WHERE NOT r.stale"
    facets: dict[str, Any] = {
        name: store.rows(f"SELECT m.{name}, count(*) AS n {live} GROUP BY 1 ORDER BY n DESC, 1")
        for name in ("benchmark", "label")
    }
    judged = f"EXISTS (FROM match_opinions o WHERE {_SAME})"
    query = (
        f"SELECT count(*), count(*) FILTER (m.score >= ? AND m.score < ?), count(*) FILTER ({judged}) {live}"
    )
    [(total, uncertain, seen)] = store.rows(query, list(band))
    [(verdicts, right)] = store.rows("SELECT count(*), count(*) FILTER (is_right) FROM match_opinions")
    return {
        **facets,
        "total": total,
        "uncertain": uncertain,
        "judged": seen,
        "verdicts": verdicts,
        "right": right,
    }


def judge_match(store: Store, verdict: MatchVerdict) -> int:
    """Append a verdict; its number in the order of all. The same verdict again is saved once.

    Raises:
        StoreConflictError: the match is gone or has another label by now, or the id is taken.
        NotAllowedError: the reviewer may only read.
        StoreError: no reviewer or no id.
    """
    if not verdict.verdict_id or not verdict.reviewer:
        raise StoreError("a verdict needs an id and a reviewer", cure="send a complete verdict")
    with store.write() as cursor:
        known = _known(cursor, verdict)
        if known is not None:
            return known
        require(cursor, verdict.reviewer, "reviewer", "judge matches")
        return _append(cursor, verdict)


def _known(cursor: Connection, verdict: MatchVerdict) -> int | None:
    query = "SELECT seq, example_id, benchmark, item_id, reviewer FROM match_verdicts WHERE verdict_id = ?"
    found = cursor.execute(query, [verdict.verdict_id]).fetchall()
    if not found:
        return None
    seq, *identity = found[0]
    if identity != [*verdict.key, clean(verdict.reviewer)]:
        raise StoreConflictError(
            f"verdict id {verdict.verdict_id} was already used for another match", cure="reload the page"
        )
    return int(seq)


def _append(cursor: Connection, verdict: MatchVerdict) -> int:
    query = """
        INSERT INTO match_verdicts
            (verdict_id, example_id, benchmark, item_id, label, score, tier, is_right, reviewer, time)
        SELECT ?, example_id, benchmark, item_id, label, score, coalesce(tier, ''), ?, ?, ? FROM matches
        WHERE example_id = ? AND benchmark = ? AND item_id = ? AND label = ? LIMIT 1 RETURNING seq
    """
    said = [verdict.verdict_id, verdict.is_right, clean(verdict.reviewer), utc(verdict.time)]
    saved = cursor.execute(query, [*said, *verdict.key, verdict.label]).fetchall()
    if not saved:
        raise StoreConflictError(
            "the match is gone, or a run has given it another label",
            where=f"example {verdict.key[0]}",
            cure="reload the page",
        )
    return int(saved[0][0])


@operation("match_verdicts")
def match_verdicts(store: Store) -> list[dict[str, Any]]:
    """Verdicts that stand, in the order given: what a calibration is fitted on.

    Keys: score, label, tier, benchmark, right, item_id, example_id, reviewer, time (ISO, UTC).
    """
    query = "SELECT * FROM match_opinions ORDER BY seq"
    return [_exported(row) for row in store.dicts(query)]


def _exported(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: row[name] for name in ("score", "label", "tier", "benchmark")}
    rest = {name: row[name] for name in ("item_id", "example_id", "reviewer")}
    return {**kept, "right": row["is_right"], **rest, "time": f"{row['time'].isoformat()}Z"}
