"""What is added to the rows of a score: criteria written for the example, and which calls were repairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gristmill.registry import Scored, Unscored
from gristmill_scorers.item_criteria import Written


@dataclass(frozen=True, slots=True)
class Extras:
    """``repairs``: calls that answered a repair request, with what was wrong with the answer before."""

    written: Written | None
    repairs: dict[str, str]


def annotated(result: Scored | Unscored, extras: Extras) -> Scored | Unscored:
    """The same result, its rows with ``repaired`` and with the words of criteria written for the example."""
    rows = tuple(_annotated(row, extras) for row in result.votes)
    if isinstance(result, Unscored) and not rows:
        # one verdict that stayed broken leaves no row of its own
        rows = tuple({"call": call, "repaired": fault} for call, fault in extras.repairs.items())
    return replace(result, votes=rows)


def _annotated(row: Mapping[str, Any], extras: Extras) -> Mapping[str, Any]:
    row = _marked(row, extras.repairs)
    if "votes" in row:
        row = {**row, "votes": [_marked(vote, extras.repairs) for vote in row["votes"]]}
    return {**row, **extras.written.about(str(row.get("criterion", "")))} if extras.written else row


def _marked(row: Mapping[str, Any], repairs: Mapping[str, str]) -> Mapping[str, Any]:
    fault = repairs.get(str(row.get("call", "")))
    return {**row, "repaired": fault} if fault else row
