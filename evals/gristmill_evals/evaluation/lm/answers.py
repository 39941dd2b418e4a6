"""Is a written answer the right one? By rules that can be told in a sentence each."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Sequence
from typing import Literal

Match = Literal["exact", "contains", "numeric", "regex"]

_EDGES = string.punctuation + "“”‘’«»…。，！？ \t\n"
_NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?")
_MARKED = r"[\s*_(\[\"'`{]*([A-Z])[\s*_)\]\"'`}.:,;!?]*"
# From the surest to the least sure; of each the last in the text counts, for models think before they decide.
_LETTERS = (
    re.compile(rf"\\boxed\{{(?:\\text\{{)?{_MARKED}"),
    re.compile(
        rf"(?i:\b(?:final\s+)?(?:answer|option|choice)(?:\s+is)?\b\s*[:=]?)\s*{_MARKED}(?=$|[\s.,;:!?<])"
    ),
    re.compile(rf"^{_MARKED}$", re.MULTILINE),
)
# A model may repeat all choices: in front of a line, a letter counts only when no other does.
_LISTED = re.compile(r"^[\s*_(\[\"'`]*([A-Z])[*_)\]\"'`]*[.):]", re.MULTILINE)


def normalised(text: str) -> str:
    """Without capitals, punctuation at the ends, and more than one space in a row."""
    return " ".join(text.casefold().split()).strip(_EDGES)


def is_right(response: str, answers: Sequence[str], match: Match, pattern: str = "") -> bool:
    """Whether a response gives one of the right answers.

    ``exact``: nothing but the answer, but for capitals, spaces and punctuation at the ends. ``contains``: the
    answer's words stand in it, whole. ``numeric``: its last number is the answer's, to a millionth.
    ``regex``: as ``exact``, of what the last match of ``pattern`` (its first group) found in it.
    """
    if match == "numeric":
        last = last_number(response)
        wanted = [last_number(answer) for answer in answers]
        return last is not None and any(math.isclose(last, n, rel_tol=1e-6) for n in wanted if n is not None)
    if match == "contains":
        words = f" {_words(response)} "
        return any(_words(answer) and f" {_words(answer)} " in words for answer in answers)
    given = found(response, pattern) if match == "regex" else response
    return given is not None and normalised(given) in {normalised(answer) for answer in answers}


def found(response: str, pattern: str) -> str | None:
    """What the last match of a pattern captured: its first group, or all of it."""
    matches = list(re.finditer(pattern, response))
    if not matches:
        return None
    last = matches[-1]
    return last[1] if last.re.groups and last[1] is not None else last[0]


def last_number(text: str) -> float | None:
    """The last number in a text; commas between thousands belong to it."""
    numbers = [match[0] for match in _NUMBER.finditer(text) if any(c.isdigit() for c in match[0])]
    return float(numbers[-1].replace(",", "").replace("−", "-")) if numbers else None


def letter(response: str, choices: Sequence[str]) -> int | None:
    """Which lettered choice a response takes, None when it does not say.

    A boxed letter, ``the answer is B``, a letter alone on its line, the only letter in front of a line; else
    the only choice whose whole text stands in the response.
    """
    text = response.strip()
    for pattern in _LETTERS:
        if places := _places(pattern, text, len(choices)):
            return places[-1]
    listed = set(_places(_LISTED, text, len(choices)))
    if len(listed) == 1:
        return listed.pop()
    named = [place for place, choice in enumerate(choices) if is_right(response, [choice], "contains")]
    return named[0] if len(named) == 1 else None


def _places(pattern: re.Pattern[str], text: str, count: int) -> list[int]:
    places = [ord(match[1]) - ord("A") for match in pattern.finditer(text)]
    return [place for place in places if place < count]


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
