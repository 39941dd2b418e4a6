"""Scoring a row's fields window by window, compiled (see :mod:`.retrieve` for the method)."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import compiled, inlined
from gristmill_evals.contamination.kernel.features import emit
from gristmill_evals.contamination.kernel.hashing import ONE
from gristmill_evals.contamination.kernel.limits import (
    BITS,
    BUDGET,
    DEPTH,
    FEW_WINDOWS,
    MAGNITUDE,
    SHARES,
    STRIDE,
    WINDOW,
)
from gristmill_evals.contamination.kernel.ranking import better, enter, new_best, note_known
from gristmill_evals.contamination.kernel.space import SLOTS

_LAST = np.uint64(SLOTS - 1)
LOW = (1 << 32) - 1
LINE = 16
"""Numbers that come from memory together."""


@compiled
def score_fields(tokens: Any, parts: Any, features: Any, lookup: Any, docs: Any, space: Any, n: Any) -> Any:
    """The best items over all windows of all fields; the ``n`` known sides are scored on the side."""
    best = new_best()
    known, lasts = space[7], features[2]
    for place in range(n):
        known[space[5][place]] = 0.0, -1.0, 0.0, 0.0
    budget = BUDGET // max(1, min(SHARES, windows_of(parts[0])))
    start = 0
    for field in range(len(parts[0])):
        end: Any = parts[0][field]
        count = emit(tokens, (start, end), features[:3])
        look_up(features, count, lookup, space)
        few = end - start <= WINDOW + (FEW_WINDOWS - 1) * STRIDE
        low = high = 0
        first = start
        while first < end:
            last = min(first + WINDOW, end)
            while low < count and lasts[low] < first:
                low += 1
            while high < count and lasts[high] < last:
                high += 1
            window = (field, first - start, last - start)
            score_window(features, (low, high, first), lookup, docs, space, (best, n, few, window, budget))
            if last == end:
                break
            first += STRIDE
        start = end
    return best


@compiled
def windows_of(ends: Any) -> Any:
    """How many windows the fields of a row have."""
    total, start = 0, 0
    for end in ends:
        if end > start:
            total += 1 + max(0, end - start - WINDOW + STRIDE - 1) // STRIDE
        start = end
    return total


@compiled
def look_up(features: Any, count: Any, lookup: Any, space: Any) -> None:
    """Place in the index (-1: in no item), weight and postings of each of the first ``count`` features.

    Step by step for all of them: then what one waits for from memory is on its way while others are asked.
    """
    keys, _, _, places, weights, sizes, starts = features
    (known, buckets, shift), facts, unseen = lookup[0], lookup[5], lookup[4]
    if len(known) == 0:
        places[:count] = -1
    seen = np.uint64(0)
    for at in range(count if len(known) else 0):
        places[at] = buckets[keys[at] >> shift]
    for at in range(count if len(known) else 0):
        seen ^= known[min(places[at], len(known) - 1)]
    space[3][0] = seen  # so that the loop is not left out; its keys count nothing between windows
    for at in range(count if len(known) else 0):
        end, place, found = buckets[(keys[at] >> shift) + ONE], places[at], -1
        while place < end:
            if known[place] == keys[at]:
                found = place
                break
            place += 1
        places[at] = found
    for at in range(count):
        if places[at] >= 0:
            starts[at] = facts[places[at], 0]
            packed = facts[places[at], 1]
            weights[at], sizes[at] = packed & LOW, packed >> 32
        else:
            weights[at] = unseen[np.int64(keys[at] & ONE)]


@compiled
def distinct(features: Any, span: Any, space: Any) -> Any:
    """Collect the window's distinct known features in ``space[4]`` and its tables: how many, and the norm."""
    keys, firsts, _, places, weights, _, _ = features
    low, high, first = span
    stamps, seen, listed = space[2], space[3], space[4]
    stamps[1, 0] += 1
    clock = stamps[1, 0]
    n, norm = 0, 0
    for at in range(low, high):
        if firsts[at] < first:
            continue
        slot = np.int64(keys[at] & _LAST)
        while stamps[0, slot] == clock and seen[slot] != keys[at]:
            slot = (slot + 1) & (SLOTS - 1)
        if stamps[0, slot] == clock:
            continue
        stamps[0, slot] = clock
        seen[slot] = keys[at]
        norm += weights[at]
        if places[at] >= 0:
            listed[n] = at
            n += 1
    return n, norm


@compiled
def by_rarity(features: Any, n: Any, listed: Any) -> Any:
    """The listed features in order of how many items have them, by powers of two; stable."""
    starts = features[6]
    counts = np.zeros(34, dtype=np.int64)
    for at in range(n):
        counts[(starts[listed[at]] & MAGNITUDE) + 1] += 1
    for bits in range(1, 34):
        counts[bits] += counts[bits - 1]
    order = np.empty(n, dtype=np.int32)
    for at in range(n):
        bits = starts[listed[at]] & MAGNITUDE
        order[counts[bits]] = listed[at]
        counts[bits] += 1
    return order


@compiled
def walk(features: Any, order: Any, postings: Any, space: Any, budget: Any) -> Any:
    """Add the weights of rare features to the items that have them; how many items were touched."""
    _, _, _, _, weights, sizes, starts = features
    sums, touched = space[0], space[1]
    n, left, seen = 0, budget, 0
    for at in order:  # so that the first of each list is there when its turn comes
        seen += postings[starts[at] >> BITS]
    touched[len(touched) - 1] = seen
    for at in order:
        size = sizes[at]
        if size > left and not (n == 0 and size <= 8 * budget):
            continue
        left -= size
        weight = weights[at]
        start = starts[at] >> BITS
        for entry in range(start, start + size):
            doc = postings[entry]
            before = sums[doc]
            touched[n] = doc  # without a branch, which could not be foreseen
            n += before == 0
            sums[doc] = before + weight
    return n


@compiled
def score_window(features: Any, span: Any, lookup: Any, docs: Any, space: Any, target: Any) -> None:
    """Exact cosines of the window with the items that share most with it, and with the known sides."""
    best, known, few, place, budget = target
    n, norm = distinct(features, span, space)
    if n == 0:
        return
    order = by_rarity(features, n, space[4])
    touched = walk(features, order, lookup[3], space, budget)
    hold(features, n, space)
    scale = 1.0 / sqrt(norm)
    score_known(known, few, docs, space, scale, place)
    chosen, taken = most_promising(space[1][:touched], space[0], docs[6], docs[7])
    bring(chosen[:taken], docs, space)
    for at in range(taken):
        cosine = dot(chosen[at], docs, space[8]) * docs[0][chosen[at]] * scale
        enter(best, docs[1][chosen[at]], cosine, place)
    release(features, n, space)


@compiled
def most_promising(touched: Any, sums: Any, roots: Any, highest: Any) -> Any:
    """The items with most in common so far, for their length: their numbers, and how many; sums are 0 again.

    The ``highest`` root tells of most that they cannot be among them, without a look at their own.
    """
    chosen, promise = np.empty(DEPTH, dtype=np.int32), np.zeros(DEPTH, dtype=np.float64)
    taken, floor = 0, np.int64(-1)
    for doc in touched:
        total = np.int64(sums[doc])
        sums[doc] = 0
        if total > floor:
            value = total * roots[doc]
            if taken < DEPTH or value > promise[0] or (value == promise[0] and doc < chosen[0]):
                taken = better(chosen, promise, taken, np.int32(doc), value)
                if taken == DEPTH:  # what rounding may have added is taken off again
                    floor = np.int64(promise[0] / highest) - 2
    return chosen, taken


@compiled
def score_known(known: Any, few: Any, docs: Any, space: Any, scale: Any, place: Any) -> None:
    """Cosines with the sides that are candidates anyway; in a long text only where something was touched."""
    for at in range(known):
        side = space[5][at]
        for doc in range(docs[5][side], docs[5][side + 1]):
            if few or space[0][doc] > 0:
                note_known(space[7], side, dot(doc, docs, space[8]) * docs[0][doc] * scale, place)


@compiled
def hold(features: Any, n: Any, space: Any) -> None:
    """Write the weights of the window's features to their places, for :func:`dot`."""
    held, places, weights, listed = space[8], features[3], features[4], space[4]
    for at in range(n):
        held[places[listed[at]]] = weights[listed[at]]


@compiled
def release(features: Any, n: Any, space: Any) -> None:
    """Undo :func:`hold`."""
    held, places, listed = space[8], features[3], space[4]
    for at in range(n):
        held[places[listed[at]]] = 0


@compiled
def bring(chosen: Any, docs: Any, space: Any) -> None:
    """Ask for the features of all chosen items at once, before they are read one after the other."""
    offsets, forward, seen = docs[2], docs[3], 0
    for doc in chosen:
        first, end = offsets[doc], offsets[doc + 1]
        for at in range(first, end, LINE):
            seen += forward[at]
    space[1][0] = seen


@inlined
def dot(doc: Any, docs: Any, held: Any) -> Any:
    """Summed weight of the features that the item ``doc`` and the window share."""
    offsets, forward, total = docs[2], docs[3], 0
    for at in range(offsets[doc], offsets[doc + 1]):
        total += held[forward[at]]
    return total
