"""What judges of pairs said of the rows that people compared, as lines of a votes file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gristmill_data.store.access import operation

if TYPE_CHECKING:
    from gristmill_data.store.core import Store

_LABELS = {"chosen": 1, "rejected": 2, "tie": "tie"}
# "both bad" says nothing about which is better, and an edited pair is not the one that was judged
_ROWS = """
SELECT s.example_id, s.scorer, s.votes::VARCHAR AS votes, r.document_id, o.labels
FROM scores s JOIN rows_ r ON r.example_id = s.example_id JOIN (
    SELECT example_id, map(list(reviewer ORDER BY reviewer), list(side ORDER BY reviewer)) AS labels
    FROM (
        SELECT example_id, reviewer,
            arg_max(CASE WHEN action = 'accept' THEN 'chosen' ELSE (payload ->> 'side') END, seq) AS side
        FROM decisions GROUP BY ALL
    ) WHERE side IN ('chosen', 'rejected', 'tie') GROUP BY example_id
) o ON o.example_id = s.example_id
WHERE json_exists(s.votes, '$[0].winner_forward') AND r.kind = 'preference' AND r.revision = 0
    AND (s.example_id, s.scorer) > ($example, $scorer)
ORDER BY s.example_id, s.scorer LIMIT $limit
"""


@operation("pair_votes", light=True)
def pair_votes(store: Store, after: tuple[str, str] | None = None, limit: int = 5000) -> list[dict[str, Any]]:
    """Lines ``id, judge, winner_forward, winner_swapped, labels, source, scorer, chars``, in order of id.

    One for each pair and score of it that people compared: winners are ``1`` (chosen), ``2`` (rejected),
    ``tie`` or None (unscored), ``winner_swapped`` is absent where one order was asked. ``labels`` has the
    last word of each reviewer: 1, 2 or ``tie``. ``source`` is the document, ``chars`` the two lengths.
    ``after`` is (id, scorer) of the last line seen.
    """
    example, scorer = after or ("", "")
    rows = store.dicts(_ROWS, {"example": example, "scorer": scorer, "limit": limit})
    return [_line(row) for row in rows]


def _line(row: dict[str, Any]) -> dict[str, Any]:
    vote = orjson.loads(row["votes"])[0]
    names = [name for name in ("judge", "winner_forward", "winner_swapped") if name in vote]
    return {
        "id": row["example_id"],
        **{name: vote[name] for name in names},
        "labels": {reviewer: _LABELS[side] for reviewer, side in row["labels"].items()},
        "source": row["document_id"],
        "scorer": row["scorer"],
        "chars": vote["chars"],
    }
