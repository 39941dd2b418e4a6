"""How a row and an item are alike, in figures that mean the same on every benchmark.

Coverage is weighted by rarity and measured in both directions, because a row may hold an item in a longer
text and a rewording may drop a long passage. Numbers are compared as sequences of values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz

from gristmill_evals.contamination.decision.code import shape_weight, shared_shape
from gristmill_evals.contamination.decision.numbers import Number, aligned
from gristmill_evals.contamination.decision.synonyms import head_of
from gristmill_evals.contamination.decision.views import View

Weight = Callable[[str], float]
"""How rare a word is among the items, from 0 to 1."""
RARE = 300
"""Words in fewer than one of 300 items weigh 1, and those of a single item, whatever the number of items."""
_NOTHING = View("")
TELLING = 3
"""Content words without which a question says too little to go by."""
LEAST = 0.08
"""Share of an item (by rarity) that a row must have to be compared further: one rewording in 200 has less."""
SYNONYM = 0.7
"""What a word counts that was replaced by one of its group."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Features of one row (or a window of it) and one text of an item; all of them finite numbers."""

    values: dict[str, float]

    @property
    def key(self) -> float:
        """A plain measure of likeness, to rank the texts of an item and the items of a row."""
        found = self.values
        return found["both"] + found["pieces"] + 0.5 * (found["numbers_both"] + found["shape_both"])


def heaviest(items: int) -> float:
    """log(1 + items / items with the word) from which on a word weighs 1."""
    return math.log1p(max(1, min(RARE, items)))


def likest(row: View, items: Iterable[View], weight: Weight) -> Likeness | None:
    """The comparison with the text of an item that the row is most like; code also by its words alone.

    None when the row has too little of every text to be compared.
    """
    found = []
    for number, item in enumerate(items):
        if row.is_code and item.is_code and row.words_of_code is None and item.words_of_code is not None:
            continue  # bare code has nothing that could be the task in other words
        both_say = row.words_of_code is not None and item.words_of_code is not None and not row.code
        if both_say or covered(item, row, weight)[0] >= LEAST:
            found.append(compare(row, item, weight))
        elif number == 0 and len(item.content) >= TELLING:
            return None  # without the question, choices and answer are no rewording of it
        if both_say:
            found.append(compare(row.words_of_code or row, item.words_of_code or item, weight))
    return max(found, key=lambda likeness: likeness.key, default=None)


def compare(row: View, item: View, weight: Weight) -> Likeness:
    """Compare a row with a text of an item."""
    of_item, item_total = covered(item, row, weight)
    of_row, _ = covered(row, item, weight)
    found = {
        "of_item": of_item,
        "of_row": of_row,
        "both": math.sqrt(of_item * of_row),
        "evidence": math.log1p(of_item * item_total),
        "pieces": _cosine(row.pieces, item.pieces),
        "sorted": fuzz.token_sort_ratio(row.sentence, item.sentence) / 100,
        "wordy": float(not item.numbers or item.is_code),
        "length": _ratio(len(row.content), len(item.content)),
    }
    if row.is_code and item.is_code:
        # The numbers of a body or of examples change with every rewriting; what the comments say does not.
        said = row.words_of_code or _NOTHING, item.words_of_code or _NOTHING
        return Likeness({**found, **_numbers(*said), **_names(_NOTHING, _NOTHING), **_shape(row, item)})
    return Likeness({**found, **_numbers(row, item), **_names(row, item), **_shape(row, item)})


def covered(one: View, other: View, weight: Weight) -> tuple[float, float]:
    """The share of ``one``'s weight that ``other`` has too, and that weight."""
    weights, total = one.weighed(weight)
    shared = math.fsum(heavy * _counts(word, other) for word, heavy in weights.items())
    return (shared / total if total else 0.0), total


def _counts(word: str, other: View) -> float:
    if word in other.stems:
        return 1.0
    return SYNONYM if head_of(word) in other.heads else 0.0


def _numbers(row: View, item: View) -> dict[str, float]:
    """The aligned values: their share of both sides, their weight, and what stands around them."""
    pairs = aligned(row.numbers, item.numbers)
    shared = sum(item.numbers[j].weight for _, j in pairs)
    ours, theirs = _total(row.numbers), _total(item.numbers)
    near = sum(item.numbers[j].weight for i, j in pairs if row.surroundings[i] & item.surroundings[j])
    return {
        "numbers_of_row": shared / ours if ours else 0.5,
        "numbers_both": math.sqrt(shared / theirs * shared / ours)
        if ours and theirs
        else 0.5 * (ours == theirs),
        "numbers_missing": math.log1p(theirs - shared),
        "numbers_foreign": math.log1p(ours - shared),
        "numbers_near": math.log1p(near),
        "numbers_apart": math.log1p(shared - near),
    }


def _names(row: View, item: View) -> dict[str, float]:
    names = len(item.names | row.names)
    shared = len((item.names & row.capitals) | (row.names & item.capitals))
    return {
        "names_shared": math.log1p(shared),
        "names_apart": math.log1p(max(0, names - shared)),
    }


def _shape(row: View, item: View) -> dict[str, float]:
    """How far the examples of two pieces of code have the same shape."""
    ours, theirs = sum(map(shape_weight, row.shape)), sum(map(shape_weight, item.shape))
    shared = shared_shape(row.shape, item.shape) if ours and theirs else 0.0
    return {
        "shape_both": shared / math.sqrt(ours * theirs) if shared else 0.0,
        "shape_apart": math.log1p(theirs - shared) if ours else 0.0,
    }


def _total(numbers: Iterable[Number]) -> float:
    return sum(number.weight for number in numbers)


def _cosine(ours: frozenset[Any], theirs: frozenset[Any]) -> float:
    return len(ours & theirs) / math.sqrt(len(ours) * len(theirs)) if ours and theirs else 0.0


def _ratio(one: float, other: float) -> float:
    return min(one, other) / max(one, other, 1)
