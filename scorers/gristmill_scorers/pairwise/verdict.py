"""Reading a judge's answer about two responses; what can be read in two ways is not read at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gristmill.models.types import Answer
from gristmill.voting import SpoiltVoteError

Place = Literal["first", "second", "tie", "unsure"]
"""What a judge names; ``unsure`` is no winner but an abstention, where it may abstain."""

_THINKING = re.compile(r"^\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
# inside a string of the answer (an explanation that quotes) these quotes are escaped and do not match
_STATED = re.compile(r'(?<!\\)"(winner|rating_a|rating_b)"\s*:\s*("[^"\\]*"|[^\s,}\]]+)')
PLACES: Mapping[str, Place] = {"A": "first", "B": "second", "tie": "tie", "unsure": "unsure"}


class UnreadableVerdictError(SpoiltVoteError):
    """The answer holds no verdict, or two; the message is the reason slug."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One verdict: the place that won, both ratings in the order shown (None: a winner was asked for).

    ``mode`` is ``logprobs`` where ``chances`` hold the probability of each place, ``verdict`` where log
    probabilities were asked for and cannot be used (``why``).
    """

    winner: Place
    ratings: tuple[int, int] | None
    explanation: str
    mode: Literal["logprobs", "verdict", ""] = ""
    why: str = ""
    chances: Mapping[Place, float] | None = None


def read(answer: Answer, scale: int) -> Reading:
    """The verdict of an answer; ``scale`` 0 when a winner was asked for.

    Raises:
        UnreadableVerdictError: ``malformed-verdict``, ``ambiguous-verdict`` (two different verdicts stand in
            the text) or ``rating-out-of-range``.
    """
    data = answer.data
    if not isinstance(data, Mapping):
        raise UnreadableVerdictError("malformed-verdict")
    if _contradicts_itself(answer.text):
        raise UnreadableVerdictError("ambiguous-verdict")
    explanation = str(data.get("explanation") or "")
    if scale:
        first, second = (_rating(data.get(name), scale) for name in ("rating_a", "rating_b"))
        return Reading(_higher(first, second), (first, second), explanation)
    winner = data.get("winner")
    if not isinstance(winner, str) or winner not in PLACES:
        raise UnreadableVerdictError("malformed-verdict")
    return Reading(PLACES[winner], None, explanation)


def off_scale(raw: str, scale: int) -> bool:
    """Whether a text that does not fit the schema holds a rating that is off the scale."""
    stated = [value for name, value in _STATED.findall(raw) if name != "winner"]
    numbers = [float(value) for value in stated if re.fullmatch(r"[+-]?\d{1,9}(?:\.\d{1,9})?", value)]
    return bool(scale) and any(not 1 <= number <= scale for number in numbers)


def _rating(value: Any, scale: int) -> int:
    # True is an int to Python, 7.5 is on no scale of whole numbers
    if isinstance(value, bool) or not isinstance(value, int):
        raise UnreadableVerdictError("malformed-verdict")
    if not 1 <= value <= scale:
        raise UnreadableVerdictError("rating-out-of-range")
    return value


def _higher(first: int, second: int) -> Place:
    if first == second:
        return "tie"
    return "first" if first > second else "second"


def _contradicts_itself(text: str) -> bool:
    stated: dict[str, str] = {}
    said = _THINKING.sub("", text)
    # some models answer in Python's form
    for name, value in _STATED.findall(said) or _STATED.findall(said.replace("'", '"')):
        if stated.setdefault(name, value) != value:
            return True
    return False
