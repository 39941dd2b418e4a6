"""Hashes that are the same in every process and on every machine, in Python and in compiled code.

A word is hashed byte by byte with FNV-1a (64 bits) and one multiplicative mixing step at the end, because the
top bits choose the bucket of a table. Runs of words are polynomials in :data:`BASE`, so that they can roll.
All arithmetic is modulo 2**64.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gristmill_evals.contamination.normalise import MASK

STEM = 6
"""A word's first letters stand for it in the search for candidates: a stem that costs nothing."""
OFFSET = np.uint64(0xCBF29CE484222325)
PRIME = np.uint64(0x100000001B3)
BASE = np.uint64(0x9E3779B97F4A7C15)
HIGH, LOW = np.uint64(32), np.uint64(29)
STEM_SALT = np.uint64(0x243F6A8885A308D3)
NUMBER_SALT = np.uint64(0x13198A2E03707344)
PAIR_SALT = np.uint64(0xA4093822299F31D0)
COUNT_SALT = np.uint64(0x082EFA98EC4E6C89)
ONE = np.uint64(1)
"""Lowest bit of a feature's key: set on pairs, which weigh less."""
_ALL = (1 << 64) - 1


def finish(state: int) -> int:
    """The mixing step, for Python integers."""
    state ^= state >> int(HIGH)
    state = state * int(BASE) & _ALL
    return state ^ (state >> int(LOW))


@lru_cache(maxsize=1 << 16)
def word_hash(word: str) -> int:
    """Hash of a folded word."""
    state = int(OFFSET)
    for byte in word.encode("utf-8", "surrogatepass"):
        state = (state ^ byte) * int(PRIME) & _ALL
    return finish(state)


def stem_key(word: str) -> int:
    """Key of the feature that stands for ``word``."""
    return finish(word_hash(word[:STEM]) ^ int(STEM_SALT)) & ~1


def number_key(number: str) -> int:
    """Key of the feature that stands for a canonical number."""
    return finish(word_hash(number) ^ int(NUMBER_SALT)) & ~1


def run_hash(words: list[str] | tuple[str, ...]) -> int:
    """Hash of consecutive (masked) words; runs of different length never share a polynomial."""
    state = len(words)
    for word in words:
        state = (state * int(BASE) + word_hash(word)) & _ALL
    return finish(state)


MASK_HASH = np.uint64(word_hash(MASK))
