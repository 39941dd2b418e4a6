"""Hostile texts do not send the patterns into endless backtracking (the runner's time limit is the judge)."""

from __future__ import annotations

import pytest
from support.scripted_ask import item

from gristmill_scorers.checks import Limits, view
from gristmill_scorers.groundedness import measure
from gristmill_scorers.rules import RULES

HOSTILE = [
    "`",
    "-",
    "1 ",
    "a@a.",
    "[aaaa ",
    "<a ",
    "{{",
    "| ",
    "\n ",
    "I'm sorry ",
    "AB12 ",
    "the passage does not ",
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_is_judged(piece: str) -> None:
    text = piece * (60_000 // len(piece))
    seen = view(item(text, instruction=text[:5000], passage=f"x {text[:2400]} y"), Limits())
    verdicts = {name: rule(seen) for name, rule in RULES.items()}
    assert verdicts["too-long"] or verdicts["too-short"]
    assert measure(item(text[:5000], passage=text[:2400]))
