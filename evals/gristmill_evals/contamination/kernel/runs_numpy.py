"""Hashes of runs of words for many texts at once, in numpy: for building an index, and without numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.kernel.hashing import BASE, HIGH, LOW, MASK_HASH
from gristmill_evals.contamination.rows import GRAM

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]


def mixed(state: Hashes) -> Hashes:
    """The last step of every hash, element by element."""
    state = (state ^ (state >> HIGH)) * BASE
    return state ^ (state >> LOW)


def starts_of(ends: Places) -> Places:
    """Where consecutive pieces start, from where they end."""
    return np.concatenate([np.zeros(1, dtype=np.int64), ends])[:-1]


def telling_grams(masked: Hashes, ends: Places) -> tuple[Hashes, Places]:
    """Hashes of all telling runs of :data:`rows.GRAM` words inside texts, and their places."""
    count = len(masked) - GRAM + 1
    if count <= 0:
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)
    state = np.full(count, GRAM, dtype=np.uint64)
    masks = np.zeros(count, dtype=np.int8)
    for shift in range(GRAM):
        piece = masked[shift : shift + count]
        state = state * BASE + piece
        masks += piece == MASK_HASH
    own_end = np.repeat(ends, np.diff(ends, prepend=0))[:count]
    places = np.flatnonzero((masks <= GRAM // 2) & (np.arange(count) + GRAM <= own_end))
    return mixed(state[places]), places


def first_runs(masked: Hashes, starts: Places, sizes: Places) -> Hashes:
    """Hash of the first ``sizes[i]`` words from ``starts[i]`` on (:func:`hashing.run_hash`)."""
    state = sizes.astype(np.uint64)
    for at in range(int(sizes.max(initial=0))):
        inside = sizes > at
        state[inside] = state[inside] * BASE + masked[starts[inside] + at]
    return mixed(state)


def whole_runs(words: Hashes, ends: Places) -> Hashes:
    """One hash for all words of each text, whatever their number."""
    sizes = np.diff(ends, prepend=0)
    powers = np.full(int(sizes.max(initial=0)) + 1, BASE, dtype=np.uint64).cumprod(dtype=np.uint64)
    local = np.arange(len(words)) - np.repeat(starts_of(ends), sizes)
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(words * powers[local], dtype=np.uint64)])
    return mixed(sums[ends] - sums[starts_of(ends)] + sizes.astype(np.uint64))
