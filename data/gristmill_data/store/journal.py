"""What one reviewer did, whenever and on whichever row: from this list any decision can be taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from gristmill_data.store.core import Store


def decisions_by(
    store: Store, reviewer: str, before: int | None = None, limit: int = 25
) -> list[dict[str, Any]]:
    """What one reviewer did, the latest first, from before the event number ``before`` on.

    Keys: event_id, seq, example_id, action, payload (parsed), time, undone, kind, instruction (at most 200
    characters, as generated). Undo events are left out, the decisions they took back are marked.
    """
    query = """
        SELECT v.event_id, v.seq, v.example_id, v.action, v.payload, v.time, u.target IS NOT NULL AS undone,
            e.kind, left(last_turn(e.messages, 'user'), 200) AS instruction
        FROM (
            SELECT * FROM review_events WHERE reviewer = $who AND action <> 'undo' AND seq < $before
            ORDER BY seq DESC LIMIT $limit
        ) v JOIN examples e ON e.id = v.example_id
        LEFT JOIN (SELECT DISTINCT payload ->> 'event_id' AS target FROM review_events
            WHERE action = 'undo' AND reviewer = $who) u ON u.target = v.event_id
        ORDER BY v.seq DESC
    """
    values = {"who": reviewer, "before": before if before is not None else 2**62, "limit": limit}
    rows = store.dicts(query, values)
    return [{**row, "payload": orjson.loads(row["payload"] or "{}")} for row in rows]
