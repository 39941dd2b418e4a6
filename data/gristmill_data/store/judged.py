"""Scores beside what reviewers decided: what judges are measured on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gristmill.records import OTHER_KIND
from gristmill_data.store.access import operation
from gristmill_data.store.votes import is_asked

if TYPE_CHECKING:
    from gristmill_data.store.core import Store

# The last word of each reviewer. A pair is good when its chosen response is; an edited text is not the one
# that was scored, so rows with an edit in force are marked.
_QUERY = """
    WITH words AS (
        SELECT example_id, reviewer,
            arg_max(verdict = 'accepted' AND coalesce(side, 'chosen') = 'chosen', seq) AS good
        FROM opinions WHERE action <> 'edit' GROUP BY example_id, reviewer
    ), people AS (
        SELECT example_id, list(reviewer ORDER BY reviewer) AS names, list(good ORDER BY reviewer) AS goods
        FROM words GROUP BY example_id
    ), changed AS (SELECT DISTINCT example_id FROM edited)
    SELECT s.example_id, s.scorer, s.version, s.value, c.document_id, p.names, p.goods,
        e.id IN (SELECT example_id FROM changed) AS edited,
        length(coalesce(e.chosen, last_turn(e.messages, 'assistant'))) AS chars,
        -- judges of pairs are measured on their verdicts, see votes.py
        CASE WHEN json_exists(s.votes, '$[0].jury') AND NOT json_exists(s.votes, '$[0].winner_forward')
            THEN s.votes::VARCHAR END AS jury
    FROM scores s JOIN examples e ON e.id = s.example_id
    LEFT JOIN people p ON p.example_id = e.id LEFT JOIN chunks c ON c.id = e.chunk_ids[1]
    WHERE (p.example_id IS NOT NULL OR e.id IN (SELECT example_id FROM changed))
        AND s.unscored_reason IS DISTINCT FROM $other_kind
    ORDER BY s.scorer, s.example_id
"""


@operation("judged_rows")
def judged_rows(store: Store) -> list[dict[str, Any]]:
    """Every score of a row that a person decided on, where rows of its kind can have it.

    Keys: example_id, scorer, version, value (None: unscored), document_id, labels (accepted or not, by
    reviewer; empty when the row was only edited), edited, chars (of the response that was scored). Of a jury
    every member's score as well, as that of the scorer ``SCORER/MODEL``, with the key ``jury``: its scorer.
    """
    rows = store.dicts(_QUERY, {"other_kind": OTHER_KIND})
    return [judged for row in rows for judged in _by_judge(_exported(row))]


def _by_judge(row: dict[str, Any]) -> list[dict[str, Any]]:
    members = orjson.loads(row.pop("jury") or "[]")[1:]
    return [
        row,
        *(
            {
                **row,
                "scorer": f"{row['scorer']}/{member['judge']}",
                "value": member.get("value"),
                "jury": row["scorer"],
            }
            for member in members
            if is_asked(member)
        ),
    ]


def _exported(row: dict[str, Any]) -> dict[str, Any]:
    names, goods = row.pop("names") or [], row.pop("goods") or []
    return {**row, "labels": dict(zip(names, map(bool, goods), strict=True))}
