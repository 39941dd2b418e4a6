"""What the compiled reader knows about words: empty ones, groups of synonyms, numbers in words."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.decision import numbers as told
from gristmill_evals.contamination.decision.synonyms import HEADS
from gristmill_evals.contamination.decision.views import EMPTY
from gristmill_evals.contamination.kernel.hashing import word_hash
from gristmill_evals.contamination.vocabulary import STOPWORDS

Number = TypeVar("Number", bound=np.generic)
Hashes = NDArray[np.uint64]
Values = NDArray[np.float64]
BEGINS, TENS, UNIT = 1, 2, 4
"""What a word can be in a number: its first, a multiple of ten that a unit may follow, such a unit."""


def lexicon() -> tuple[NDArray[np.generic], ...]:
    """All tables, in the order in which :func:`profile.profiles` takes them."""
    return *stems(), *numbers()


def _slots(entries: Collection[int]) -> tuple[Hashes, dict[int, int]]:
    """Keys by open addressing in a table at most a quarter full (0: free), and the slot of each."""
    size = 1 << max(4, (4 * len(entries)).bit_length())
    keys, where = np.zeros(size, dtype=np.uint64), {}
    for key in entries:
        slot = key & (size - 1)
        while keys[slot]:
            slot = (slot + 1) & (size - 1)
        keys[slot], where[key] = key, slot
    return keys, where


@lru_cache(maxsize=1)
def stems() -> tuple[Hashes, Hashes, NDArray[np.uint8]]:
    """Stems of note: the hash of the group's head (0: an empty word), and whether it is a stop word.

    A stem that is missing is its own head, says something and is no stop word.
    """
    entries = {word_hash(word): word_hash(word) for word in sorted(STOPWORDS)}
    entries |= {word_hash(stem): word_hash(head) for stem, head in HEADS.items()}
    entries |= {word_hash(word): 0 for word in sorted(EMPTY)}
    keys, where = _slots(entries)
    heads, stops = np.zeros(len(keys), dtype=np.uint64), np.zeros(len(keys), dtype=np.uint8)
    for key, slot in where.items():
        heads[slot] = entries[key]
    for word in STOPWORDS:
        stops[where[word_hash(word)]] = 1
    return _fixed(keys), _fixed(heads), _fixed(stops)


@lru_cache(maxsize=1)
def numbers() -> tuple[Hashes, Values, NDArray[np.uint8]]:
    """Words of numbers: for each its value, scale and denominator (0: it is none), and what it can be."""
    denominators = told.DENOMINATORS | {f"{word}s": value for word, value in told.DENOMINATORS.items()}
    words = {*told.WORDS, *told.SCALES, *denominators}
    keys, where = _slots([word_hash(word) for word in sorted(words)])
    values, kinds = np.zeros((3, len(keys)), dtype=np.float64), np.zeros(len(keys), dtype=np.uint8)
    for word in words:
        slot = where[word_hash(word)]
        values[0, slot] = told.WORDS.get(word, told.SCALES.get(word, 0.0))
        values[1, slot] = told.SCALES.get(word, 0.0)
        values[2, slot] = denominators.get(word, 0.0)
        unit = word in told.UNITS and 1 <= told.WORDS[word] <= 9
        kinds[slot] = BEGINS * (word in told.BEGIN) | TENS * (word in told.TENS) | UNIT * unit
    return _fixed(keys), _fixed(values), _fixed(kinds)


def _fixed(array: NDArray[Number]) -> NDArray[Number]:
    """Read-only, as all arrays that compiled code is given."""
    array.flags.writeable = False
    return array
