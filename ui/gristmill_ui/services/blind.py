"""Preference pairs shown blind: which response stands on which side, and what a choice means.

The order is a function of reviewer and example, computed here and never sent to the browser, so a
reload does not reshuffle a pair and a crafted request cannot swap it.
"""

from __future__ import annotations

from typing import Literal

from gristmill.records import content_id

Choice = Literal["left", "right", "tie", "both_bad"]
Side = Literal["chosen", "rejected"]
Preferred = Literal["chosen", "rejected", "tie", "both_bad"]

CHOICES: tuple[Choice, ...] = ("left", "right", "tie", "both_bad")
LETTERS: dict[Choice, str] = {"left": "A", "right": "B", "tie": "Tie", "both_bad": "Both bad"}


def sides(reviewer: str, example_id: str) -> tuple[Side, Side]:
    """(left, right): the same for one reviewer and example for ever, evenly spread over both orders."""
    digest = content_id("blind-side", reviewer, example_id)
    return ("rejected", "chosen") if int(digest, 16) & 1 else ("chosen", "rejected")


def preferred(choice: Choice, order: tuple[Side, Side]) -> Preferred:
    """What the choice says about the recorded pair."""
    if choice in ("tie", "both_bad"):
        return choice
    return order[0] if choice == "left" else order[1]
