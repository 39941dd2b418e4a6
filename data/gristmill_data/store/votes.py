"""What judges of pairs said of the rows that people compared, as lines of a votes file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gristmill_data.store.access import operation

if TYPE_CHECKING:
    from gristmill_data.store.core import Store

_WINNERS = ("winner_forward", "winner_swapped")
_LABELS = {"chosen": 1, "rejected": 2, "tie": "tie"}
# "both bad" says nothing about which is better, and an edited pair is not the one that was judged
_ROWS = """
SELECT s.example_id, s.scorer, s.votes::VARCHAR AS votes, r.document_id, o.labels
FROM scores s JOIN rows_ r ON r.example_id = s.example_id JOIN (
    SELECT example_id, map(list(reviewer ORDER BY reviewer), list(side ORDER BY reviewer)) AS labels
    FROM (
        SELECT example_id, reviewer, arg_max(side, seq) AS side FROM opinions GROUP BY ALL
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
    last word of each reviewer: 1, 2 or ``tie``. ``score`` is how sure the judge was, where it said so.
    ``source`` is the document, ``chars`` the two lengths. ``after`` is (id, scorer) of the last line seen.
    A jury is a judge, and so is each of its members.
    """
    example, scorer = after or ("", "")
    rows = store.dicts(_ROWS, {"example": example, "scorer": scorer, "limit": limit})
    return [_line(row, vote) for row in rows for vote in _judges(orjson.loads(row["votes"]))]


def _judges(votes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Verdicts by judge, from the rows that are stored with one score."""
    first = votes[0]
    members = [row for row in votes[1:] if is_asked(row)] if "jury" in first else []
    own: list[dict[str, Any]] = [next(iter(member["votes"]), {}) for member in members]
    asked = {name: None for row in own for name in _WINNERS if name in row} or {_WINNERS[0]: None}
    told = [row if _WINNERS[0] in row else asked for row in own]
    by_member = [
        {**row, "judge": member["judge"], "chars": first["chars"]}
        for member, row in zip(members, told, strict=True)
    ]
    return [first, *by_member]


def is_asked(member: dict[str, Any]) -> bool:
    """Whether a member of a jury was asked; one whose vote weighs nothing is not."""
    return member.get("unscored") != "no-weight"


def _line(row: dict[str, Any], vote: dict[str, Any]) -> dict[str, Any]:
    names = [name for name in ("judge", *_WINNERS, "score") if name in vote]
    return {
        "id": row["example_id"],
        **{name: vote[name] for name in names},
        "labels": {reviewer: _LABELS[side] for reviewer, side in row["labels"].items()},
        "source": row["document_id"],
        "scorer": row["scorer"],
        "chars": vote["chars"],
    }
