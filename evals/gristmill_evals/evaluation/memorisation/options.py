"""Rule ``options``: the same options in another order.

All rotations are the default: each option stands at each place once, so what a model gains at one place
cannot hide among its right answers.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from random import Random

from gristmill_evals.contamination.benchmark import BenchmarkItem
from gristmill_evals.contamination.options import find_options, option_key
from gristmill_evals.evaluation.memorisation.reading import folded
from gristmill_evals.evaluation.memorisation.variants import LeftOut, Variant

MOST = 12
_LAST = re.compile(
    r"^(?:all|none|both|neither|any|each|two|some|more than one|no(?:t any)?)\b"
    r".*\b(?:above|these|those|preceding|previous|foregoing|options?|answers?|choices?|alternatives?)\b"
    r"|^(?:all|none|both|neither|some) of them\b|\babove\b",
    re.I,
)
_LETTERS = re.compile(
    r"(?<![\w-])(?:\([A-Ha-h]\)|[A-H])\s*(?:,|and|&|or|nor|\+)\s*(?:(?:,|and|&|or|nor|\+)\s*)?(?:\([A-Ha-h]\)|[A-H])(?![\w-])"
    r"|\b(?:options?|answers?|choices?|alternatives?)\s+(?:\(?[A-H]\)?|\d|[ivx]+)(?!\w)"
    r"|\b(?:first|second|third|last)\s+(?:two|three|option|answer|choice|alternative)s?\b"
    r"|^(?:only\s+)?\(?[A-H]\)?\s+only$|^(?:only|both|neither)\s+\(?[A-H]\)?(?!\w)",
    re.M,
)


def options(item: BenchmarkItem, count: int, rng: Random) -> list[Variant] | LeftOut:
    """All rotations, or ``count`` other orders (0: all rotations).

    A last option that speaks of the others ("all of the above") keeps its place.
    """
    free = _free(item)
    if isinstance(free, LeftOut):
        return free
    places = len(item.choices)
    orders = islice(_permutations(free, rng), count) if count else _rotations(free)
    return [
        Variant("options", _ordered(item, full), number, order=full)
        for number, order in enumerate(orders, 1)
        if (full := (*order, *range(free, places)))
    ]


def _free(item: BenchmarkItem) -> int | LeftOut:
    """How many of the options, from the first, may change places."""
    choices = item.choices
    if len(choices) < 2:
        return LeftOut("no-options")
    if len(choices) > MOST:
        return LeftOut("too-many-options")
    if item.answer not in choices:
        return LeftOut("answer-not-among-the-options")
    if len({folded(choice) for choice in choices}) < len(choices):
        return LeftOut("options-alike")
    if any(_LETTERS.search(text) for text in (item.question, *choices)):
        return LeftOut("refers-to-positions")
    if any(found.key == option_key(choices) for found in find_options(item.question)):
        return LeftOut("options-in-the-question")
    tail = [bool(_LAST.search(choice)) for choice in choices]
    free = len(choices) - tail[-1]
    if any(tail[:free]):
        return LeftOut("refers-to-positions")
    return free if free > 1 else LeftOut("no-options")


def _rotations(size: int) -> Iterator[tuple[int, ...]]:
    return (tuple((place + shift) % size for place in range(size)) for shift in range(1, size))


def _permutations(size: int, rng: Random) -> Iterator[tuple[int, ...]]:
    """Distinct orders, none as it was, as often as there are others."""
    seen, order = {tuple(range(size))}, list(range(size))
    most = 1
    for factor in range(2, size + 1):
        most *= factor
    while len(seen) < most:
        rng.shuffle(order)
        if tuple(order) not in seen:
            seen.add(tuple(order))
            yield tuple(order)


def _ordered(item: BenchmarkItem, order: tuple[int, ...]) -> BenchmarkItem:
    return replace(item, choices=tuple(item.choices[place] for place in order))


def lettered(choices: tuple[str, ...]) -> str:
    """``A. …`` to ``D. …``, one a line."""
    return "\n".join(
        f"{letter}. {text}" for letter, text in zip(string.ascii_uppercase, choices, strict=False)
    )
