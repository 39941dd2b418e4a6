"""Reading a judge's verdict: one finding for each criterion, void where its quote is nowhere to be found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gristmill.voting import SpoiltVoteError
from gristmill_scorers.quotes import find
from gristmill_scorers.rubric_file import Criterion, Rubric


@dataclass(frozen=True, slots=True)
class Finding:
    """What a judge found on one criterion. ``counted`` is false when it is met but its quote is nowhere."""

    criterion: str
    points: float
    met: bool
    counted: bool
    quote: str
    quote_in: Literal["response", "source", ""]
    reason: str


class MalformedVerdictError(SpoiltVoteError):
    """The judge's rows do not fit the rubric; the message is the reason slug."""


def count(rubric: Rubric, data: object, response: str, passage: str) -> list[Finding]:
    """One finding for each criterion, in the rubric's order.

    Raises:
        MalformedVerdictError: ``malformed-verdict``, ``unknown-criterion``, ``duplicate-criterion`` or
            ``missing-criterion``.
    """
    rows = _rows(data)
    ids = [row["id"] for row in rows]
    known = [criterion.id for criterion in rubric.criteria]
    if set(ids) - set(known):
        raise MalformedVerdictError("unknown-criterion")
    if len(set(ids)) < len(ids):
        raise MalformedVerdictError("duplicate-criterion")
    if set(known) - set(ids):
        raise MalformedVerdictError("missing-criterion")
    # order is the judge's affair, completeness is ours
    by_id = {row["id"]: row for row in rows}
    return [_finding(criterion, by_id[criterion.id], response, passage) for criterion in rubric.criteria]


def _rows(data: object) -> Sequence[Mapping[str, Any]]:
    rows = data.get("criteria") if isinstance(data, Mapping) else None
    if not isinstance(rows, list):
        raise MalformedVerdictError("malformed-verdict")
    for row in rows:
        texts = isinstance(row, Mapping) and all(
            isinstance(row.get(k), str) for k in ("id", "quote", "reason")
        )
        if not texts or not isinstance(row.get("met"), bool):
            raise MalformedVerdictError("malformed-verdict")
    return rows


def _finding(criterion: Criterion, row: Mapping[str, Any], response: str, passage: str) -> Finding:
    place: Literal["response", "source", ""] = ""
    if find(row["quote"], response):
        place = "response"
    elif find(row["quote"], passage):
        place = "source"
    # also for faults: what cannot be shown neither earns nor costs
    counted = row["met"] and bool(place)
    return Finding(criterion.id, criterion.points, row["met"], counted, row["quote"], place, row["reason"])
