"""Two responses before the rule judge: each is measured alone, so their order cannot matter."""

from __future__ import annotations

from typing import Any

from gristmill.models.extractive.judge import Verdict, judge
from gristmill.models.extractive.passage import Passage

_PARTS = ("grounded", "complete", "relevant", "form")
_CLOSE = 0.25
"""Points of ten that two responses must be apart: less is within the rules' own error."""


def compare(
    passage: Passage, question: str, sides: tuple[str, str], reference: str, scale: int
) -> dict[str, Any]:
    """A verdict as a model would write it: a winner, or with ``scale`` two ratings of 1 to ``scale``."""
    first, second = (judge(passage, question, side, reference) for side in sides)
    explanation = _explained(first, second)
    if scale:
        return {
            "explanation": explanation,
            "rating_a": _rating(first, scale),
            "rating_b": _rating(second, scale),
        }
    apart = first.score - second.score
    winner = "tie" if abs(apart) < _CLOSE else "A" if apart > 0 else "B"
    return {"explanation": explanation, "winner": winner}


def _rating(verdict: Verdict, scale: int) -> int:
    return 1 + round((scale - 1) * verdict.score / 10)


def _explained(first: Verdict, second: Verdict) -> str:
    """The aspect in which they differ most."""

    def apart(part: str) -> float:
        return abs(float(getattr(first, part).value) - float(getattr(second, part).value))

    part = max(_PARTS, key=apart)
    return f"{part}: A: {getattr(first, part).reason}; B: {getattr(second, part).reason}"
