"""Runs of words, compiled: rolling hashes, and look-ups in sorted tables behind a Bloom filter."""

from __future__ import annotations

from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import compiled, inlined
from gristmill_evals.contamination.kernel.cutting import mixed
from gristmill_evals.contamination.kernel.hashing import BASE, MASK_HASH
from gristmill_evals.contamination.kernel.limits import SAME_SHORT
from gristmill_evals.contamination.rows import GRAM

SIX, ONE_WORD, BIT = np.uint64(6), np.uint64(63), np.uint64(1)
FIRSTS = np.uint64(1023)
"""Words of the bitmap of first words, less one."""


@compiled
def power(exponent: Any) -> Any:
    """``BASE ** exponent`` modulo 2**64."""
    result = BIT
    for _ in range(exponent):
        result = result * BASE
    return result


@compiled
def run_at(masked: Any, at: Any, size: Any) -> Any:
    """Hash of the run of ``size`` words at ``at`` (:func:`hashing.run_hash`)."""
    state = np.uint64(size)
    for place in range(at, at + size):
        state = state * BASE + masked[place]
    return mixed(state)


@compiled
def grams_of(masked: Any, count: Any, out: Any) -> Any:
    """Telling runs of :data:`rows.GRAM` masked words into ``out``, in order; returns how many."""
    if count < GRAM:
        return 0
    lead, drop = np.uint64(GRAM) * power(GRAM), power(GRAM)
    state, masks, n = np.uint64(0), 0, 0
    for at in range(count):
        state = state * BASE + masked[at]
        masks += masked[at] == MASK_HASH
        if at >= GRAM:
            state -= masked[at - GRAM] * drop
            masks -= masked[at - GRAM] == MASK_HASH
        if at >= GRAM - 1 and masks <= GRAM // 2:
            out[n] = mixed(state + lead)
            n += 1
    return n


@inlined
def find(table: Any, key: Any) -> Any:
    """Place of ``key`` in a table (sorted keys, starts of the buckets, shift), or -1."""
    keys, buckets, shift = table
    bucket = key >> shift
    for at in range(buckets[bucket], buckets[bucket + BIT]):
        if keys[at] == key:
            return at
    return -1


@compiled
def maybe(bloom: Any, key: Any) -> Any:
    """False when ``key`` is certainly not among those the filter was made of (two bits of one word)."""
    words, shift = bloom
    bits = (BIT << (key & ONE_WORD)) | (BIT << ((key >> SIX) & ONE_WORD))
    return (words[key >> shift] & bits) == bits


@compiled
def note(found: Any, n: Any, seen: Any, side: Any) -> Any:
    """Enter ``side`` into the list ``found`` unless ``seen`` (one byte a side) has it; the new length."""
    if seen[side]:
        return n
    seen[side] = 1
    found[n] = side
    return n + 1


@compiled
def sides_by_runs(masked: Any, count: Any, grams: Any, found: Any, n: Any, seen: Any) -> Any:
    """Enter the sides that share a telling run with the words ``masked[:count]``."""
    keys, bloom, offsets, sides = grams
    room = np.empty(max(count, 1), dtype=np.uint64)
    for at in range(grams_of(masked, count, room)):
        if maybe(bloom, room[at]):
            place = find(keys, room[at])
            if place >= 0:
                for entry in range(offsets[place], offsets[place + 1]):
                    n = note(found, n, seen, sides[entry])
    return n


@compiled
def sides_by_short(masked: Any, count: Any, shorts: Any, found: Any, n: Any, seen: Any) -> Any:
    """Enter whole short questions: a bitmap of first words, then the hash of every run of a size that occurs.

    Of items that all ask the same few words, the first :data:`SAME_SHORT` are enough.
    """
    keys, offsets, sides, sizes, firsts = shorts
    if len(sizes) == 0:
        return n
    for at in range(count):
        word = masked[at]
        if not (firsts[(word >> SIX) & FIRSTS] >> (word & ONE_WORD)) & BIT:
            continue
        for size in sizes:
            if at + size <= count:
                place = find(keys, run_at(masked, at, size))
                if place >= 0:
                    for entry in range(offsets[place], min(offsets[place + 1], offsets[place] + SAME_SHORT)):
                        n = note(found, n, seen, sides[entry])
    return n
