"""Rows that reviewers want made again, and the rows that were made in their place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from gristmill_data.store.access import operation
from gristmill_data.store.item import row_example
from gristmill_data.store.tables import example_to_json

if TYPE_CHECKING:
    from gristmill_data.store.core import Store

OTHERS = 20
"""Rows of the same passage and generator that are told beside one that is to be made again."""

# Every row that was ever asked for again. Its turn among those of its chunk and generator never changes,
# since events are only appended: by it the run draws the same sample each time.
_ASKED = """
    asked AS (
        SELECT example_id, min(seq) AS first, min(time) AS time, max(time) AS last FROM review_events
        WHERE action = 'regenerate' GROUP BY example_id
    ),
    placed AS (
        SELECT a.example_id AS id, a.time, a.last, e.chunk_ids[1] AS chunk_id, e.generator,
            row_number() OVER (PARTITION BY e.chunk_ids[1], e.generator ORDER BY a.first) - 1 AS turn
        FROM asked a JOIN examples e ON e.id = a.example_id JOIN runs r ON r.run_id = e.run_id
        WHERE r.name = $name AND len(e.chunk_ids) > 0
    )
"""
# What counts now: a reviewer's wish that was not taken back, of a row that is rejected.
_WISHES = """
    SELECT d.example_id, arg_max(d.payload, d.seq) AS payload
    FROM decisions d JOIN verdicts v ON v.example_id = d.example_id
    WHERE d.action = 'regenerate' AND v.review = 'rejected' GROUP BY d.example_id
"""
_WANTED = f"""
    WITH {_ASKED},
    places AS (
        SELECT example_id, min(idx) AS idx FROM outcomes
        WHERE example_id IN (SELECT example_id FROM asked) GROUP BY example_id
    ),
    tried AS (
        SELECT a.example_id, count(*) AS tries FROM asked a JOIN lineage l ON l.parent_id = a.example_id
        WHERE l.child_id = '' AND l.time < a.last GROUP BY a.example_id
    )
    SELECT p.id, p.chunk_id, p.generator, p.time, p.turn, coalesce(o.idx, 0) AS idx,
        coalesce(t.tries, 0) AS tries, w.payload, w.example_id IS NOT NULL AS wanted
    FROM placed p LEFT JOIN places o ON o.example_id = p.id LEFT JOIN tried t ON t.example_id = p.id
    LEFT JOIN ({_WISHES}) w ON w.example_id = p.id
    ORDER BY p.chunk_id, p.turn, p.id
"""  # noqa: S608 - constants of this module
_ANY = "SELECT 1 FROM review_events WHERE action = 'regenerate' LIMIT 1"
_EXAMPLES = """
    SELECT * FROM examples WHERE chunk_ids[1] IN (SELECT unnest(?)) ORDER BY created, id
"""


@operation("regenerations", creates=True)
def regenerations(store: Store, name: str) -> list[dict[str, Any]]:
    """Rows of the recipe ``name`` that reviewers ever wanted made again, in the order of their chunks.

    Keys: id, chunk_id, generator, time (of the first wish, ISO), turn, tries (wishes that came to nothing),
    idx, ``wanted`` (the wish still holds), reason and note.
    """
    if not store.rows(_ANY):
        return []
    return [_wish(row) for row in store.dicts(_WANTED, {"name": name})]


@operation("regeneration_texts", creates=True)
def regeneration_texts(store: Store, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """``rows`` of :func:`regenerations`, a page of them with all rows of each chunk, with what is to be told.

    One entry a chunk: ``chunk_id``, ``examples`` (by id, as :func:`example_to_json` writes them), and
    ``rows`` with ``others`` (ids of rows made beside it) and ``known`` (ids of all rows of the chunk then).
    """
    chunks: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        chunks.setdefault(row["chunk_id"], []).append(row)
    examples: dict[str, list[dict[str, Any]]] = {chunk: [] for chunk in chunks}
    for example in store.dicts(_EXAMPLES, [list(chunks)]):
        examples[example["chunk_ids"][0]].append(example)
    return [_chunk(chunk, asked, examples[chunk]) for chunk, asked in chunks.items()]


def _wish(row: Mapping[str, Any]) -> dict[str, Any]:
    payload = orjson.loads(row["payload"] or "{}")
    tags = payload.get("tags") or payload.get("reasons") or [payload.get("reason") or ""]
    kept = {name: row[name] for name in ("id", "chunk_id", "generator", "turn", "tries", "idx", "wanted")}
    reason = ", ".join(str(tag) for tag in tags if tag)
    return {**kept, "time": row["time"].isoformat(), "reason": reason, "note": str(payload.get("note") or "")}


def _chunk(chunk: str, rows: Iterable[Mapping[str, Any]], examples: list[dict[str, Any]]) -> dict[str, Any]:
    asked = [_row(row, examples) for row in rows]
    told = {key for row in asked for key in (row["id"], *row["others"])}
    texts = {e["id"]: example_to_json(row_example(e)) for e in examples if e["id"] in told}
    return {"chunk_id": chunk, "rows": asked, "examples": texts}


def _row(row: Mapping[str, Any], examples: list[dict[str, Any]]) -> dict[str, Any]:
    time = datetime.fromisoformat(row["time"])
    before = [e for e in examples if e["created"] <= time]
    beside = [e["id"] for e in before if e["generator"] == row["generator"] and e["id"] != row["id"]]
    return {**row, "others": beside[:OTHERS], "known": [e["id"] for e in before]}


def waiting(store: Store) -> dict[str, int]:
    """Rows that are to be made again and were not yet, by the name of their recipe."""
    if not store.rows(_ANY):
        return {}
    query = """
        SELECT run_name, count(*) FROM gm_live.rows
        WHERE review = 'rejected' AND example_id IN (
            SELECT d.example_id FROM decisions d LEFT JOIN lineage l ON l.parent_id = d.example_id
                AND (l.child_id <> '' OR l.time > d.time)
            WHERE d.action = 'regenerate' AND l.parent_id IS NULL)
        GROUP BY run_name
    """
    with store.live().reading() as cursor:
        return dict(cursor.execute(query).fetchall())


def parent_of(store: Store, example_id: str) -> dict[str, Any] | None:
    """The row that this one was made in place of, with ``reason`` and ``note``; None for most rows.

    ``example`` is the parent as it was made.
    """
    query = """
        WITH wishes AS (
            SELECT example_id, arg_max(payload, seq) AS wish, arg_max(reviewer, seq) AS reviewer
            FROM review_events WHERE action = 'regenerate' GROUP BY example_id
        )
        SELECT e.*, l.reason AS why, l.time AS made, w.wish, w.reviewer
        FROM lineage l JOIN examples e ON e.id = l.parent_id LEFT JOIN wishes w ON w.example_id = e.id
        WHERE l.child_id = ? ORDER BY l.time LIMIT 1
    """
    found = store.dicts(query, [example_id])
    if not found:
        return None
    row = found[0]
    wish = orjson.loads(row["wish"] or "{}")
    return {
        "example": row_example(row),
        "reason": row["why"],
        "note": str(wish.get("note") or ""),
        "reviewer": row["reviewer"] or "",
        "time": row["made"],
    }


def children_of(store: Store, example_id: str) -> list[dict[str, Any]]:
    """Rows that were made in place of this one, the newest first: example_id, time, run_id, reason.

    Without ``example_id`` nothing new could be made, and ``reason`` is why; otherwise it is the reviewer's.
    """
    query = """
        SELECT nullif(child_id, '') AS example_id, time, run_id, reason FROM lineage WHERE parent_id = ?
        ORDER BY time DESC, child_id
    """
    return store.dicts(query, [example_id])
