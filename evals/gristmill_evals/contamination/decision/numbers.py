"""Numbers as values: ``2 dozen`` is 24, ``three-fourths`` and ``75%`` are .75, ``twice`` is 2.

A rewording keeps the values and mostly their order, however they are written; that is what tells it from
another question on the same subject.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

_UNITS_TEXT = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen
"""
UNITS = _UNITS_TEXT.split()
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_PARTS = ("half", "third", "quarter", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
WORDS: dict[str, float] = {
    **{word: float(value) for value, word in enumerate(UNITS)},
    **{word: 10.0 * value for value, word in enumerate(TENS, 2)},
    **{word: float(value) for value, word in enumerate(_PARTS, 2)},
    "once": 1.0,
    "twice": 2.0,
    "thrice": 3.0,
    "dozen": 12.0,
    "decade": 10.0,
    "century": 100.0,
    "fourth": 4.0,
    "eleventh": 11.0,
    "twelfth": 12.0,
    "half": 0.5,
    "quarter": 0.25,
    **dict.fromkeys(("double", "doubled", "doubles", "doubling", "twofold"), 2.0),
    **dict.fromkeys(("triple", "tripled", "triples", "tripling", "threefold"), 3.0),
    **dict.fromkeys(("quadruple", "quadrupled", "quadruples", "fourfold"), 4.0),
    **dict.fromkeys(("halved", "halves", "halving"), 0.5),
}
SCALES: dict[str, float] = {
    "hundred": 100.0,
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
    "dozen": 12.0,
    "dozens": 12.0,
    "%": 0.01,
    "percent": 0.01,
    "percentage": 0.01,
}
DENOMINATORS = {
    **{word: float(value) for value, word in enumerate(_PARTS, 2)},
    "fourth": 4.0,
    "twelfth": 12.0,
    "hundredth": 100.0,
}
BEGIN = frozenset(WORDS) | {"hundred", "thousand", "million"}
_PLAIN = re.compile(r"\d+(?:\.\d+)?\Z")


@dataclass(frozen=True, slots=True)
class Number:
    """A value with the place of its first token among the tokens of its text."""

    value: float
    at: int
    weight: float
    """What finding it says: the decimal digits of its leading figures (2: .5, 60: .8, 93: 2)."""


@functools.lru_cache(maxsize=1 << 14)
def weight_of(value: float) -> float:
    """The information in a value, in decades of its figures without trailing zeros."""
    figures = f"{abs(value):.6g}".replace(".", "").lstrip("0").rstrip("0").partition("e")[0]
    return math.log10(1 + int(figures or "0")) if figures else 0.3


def read_numbers(tokens: Sequence[str]) -> tuple[list[Number], frozenset[int]]:
    """The values in folded tokens, and which tokens they are made of.

    Tokens are words, figures without separators, and the signs ``%`` and ``/``.
    """
    found: list[Number] = []
    used: set[int] = set()
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if not (token in BEGIN or token[0].isdigit()):
            at += 1
            continue
        value, size = _number_at(tokens, at)
        if size:
            found.append(Number(value, at, weight_of(value)))
            used.update(range(at, at + size))
        at += size or 1
    return found, frozenset(used)


def _number_at(tokens: Sequence[str], at: int) -> tuple[float, int]:
    """The value that begins at a token, and how many tokens it takes (0: none begins there)."""
    first = _simple(tokens[at])
    if first is None:
        return 0.0, 0
    value, size = first, 1
    if _tens_and_units(tokens, at, value):
        value, size = value + WORDS[tokens[at + 1]], 2
    fraction = _fraction(tokens, at + size, value)
    if fraction is not None:
        value, extra = fraction
        size += extra
    while at + size < len(tokens) and tokens[at + size] in SCALES:
        value *= SCALES[tokens[at + size]]
        size += 1
    return round(value, 6), size


def _simple(token: str) -> float | None:
    if _PLAIN.match(token):
        return float(token) if len(token) < 19 else float(token[:19])
    return WORDS.get(token, SCALES.get(token) if token in ("hundred", "thousand", "million") else None)


def _tens_and_units(tokens: Sequence[str], at: int, value: float) -> bool:
    """Whether ``twenty`` is followed by ``five``."""
    after = tokens[at + 1] if at + 1 < len(tokens) else ""
    return tokens[at] in TENS and 1 <= WORDS.get(after, 0) <= 9 and after in UNITS and value >= 20


def _fraction(tokens: Sequence[str], at: int, value: float) -> tuple[float, int] | None:
    """``/ 4`` and ``fourths`` after a number."""
    after = tokens[at] if at < len(tokens) else ""
    below = tokens[at + 1] if at + 1 < len(tokens) else ""
    if after == "/" and _PLAIN.match(below) and float(below) > 0:
        return value / float(below), 2
    part = DENOMINATORS.get(after) or DENOMINATORS.get(after.removesuffix("s"))
    return (value / part, 1) if part and 0 < value < part else None


def aligned(ours: Sequence[Number], theirs: Sequence[Number], most: int = 60) -> list[tuple[int, int]]:
    """The heaviest common subsequence of values, as pairs of positions (dynamic programming)."""
    a, b = ours[:most], theirs[:most]
    if not {number.value for number in a} & {number.value for number in b}:
        return []
    best = [[0.0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, mine in enumerate(a):
        for j, other in enumerate(b):
            same = best[i][j] + mine.weight if mine.value == other.value else 0.0
            best[i + 1][j + 1] = max(best[i][j + 1], best[i + 1][j], same)
    pairs = []
    i, j = len(a), len(b)
    while i and j:
        if best[i][j] == best[i - 1][j]:
            i -= 1
        elif best[i][j] == best[i][j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return pairs[::-1]
