"""Scoring a row's fields window by window, compiled (see :mod:`.retrieve` for the method)."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import compiled
from gristmill_evals.contamination.kernel.features import emit
from gristmill_evals.contamination.kernel.hashing import ONE
from gristmill_evals.contamination.kernel.limits import BUDGET, DEPTH, FEW_WINDOWS, SHARES, STRIDE, WINDOW
from gristmill_evals.contamination.kernel.ranking import better, enter, new_best, note_known
from gristmill_evals.contamination.kernel.runs import find

SLOTS = 8192
"""Places of the window's hash tables; a window has at most half as many features."""
_LAST = np.uint64(SLOTS - 1)


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
        look_up(features, count, lookup)
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
def look_up(features: Any, count: Any, lookup: Any) -> None:
    """Place in the index (-1: in no item) and weight of each of the first ``count`` features."""
    keys, _, _, places, weights = features
    table, known, _, _, unseen = lookup
    for at in range(count):
        place = find(table, keys[at])
        places[at] = place
        weights[at] = known[place] if place >= 0 else unseen[np.int64(keys[at] & ONE)]


@compiled
def distinct(features: Any, span: Any, space: Any) -> Any:
    """Collect the window's distinct known features in ``space[4]`` and its tables: how many, and the norm."""
    keys, firsts, _, places, weights = features
    low, high, first = span
    stamps, seen, listed = space[2], space[3], space[4]
    stamps[2, 0] += 1
    clock = stamps[2, 0]
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
def by_rarity(features: Any, n: Any, lookup: Any, listed: Any) -> Any:
    """The listed features in order of how many items have them, by powers of two; stable."""
    offsets, places = lookup[2], features[3]
    counts = np.zeros(34, dtype=np.int64)
    size = np.empty(n, dtype=np.int64)
    for at in range(n):
        place = places[listed[at]]
        df, bits = offsets[place + 1] - offsets[place], 0
        while df > 0:
            df >>= 1
            bits += 1
        size[at] = bits
        counts[bits + 1] += 1
    for bits in range(1, 34):
        counts[bits] += counts[bits - 1]
    order = np.empty(n, dtype=np.int32)
    for at in range(n):
        order[counts[size[at]]] = listed[at]
        counts[size[at]] += 1
    return order


@compiled
def walk(features: Any, order: Any, lookup: Any, space: Any, budget: Any) -> Any:
    """Add the weights of rare features to the items that have them; how many items were touched."""
    _, weights, offsets, postings, _ = lookup
    sums, touched, places = space[0], space[1], features[3]
    n, left = 0, budget
    for at in order:
        place = places[at]
        size = offsets[place + 1] - offsets[place]
        if size > left and not (n == 0 and size <= 8 * budget):
            continue
        left -= size
        weight = weights[place]
        for entry in range(offsets[place], offsets[place + 1]):
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
    order = by_rarity(features, n, lookup, space[4])
    touched = walk(features, order, lookup, space, budget)
    chosen, taken = most_promising(space[1][:touched], space[0], docs[0])
    hold(features, n, space)
    scale = 1.0 / sqrt(norm)
    for at in range(taken):
        cosine = dot(chosen[at], docs, lookup[1], space) * docs[0][chosen[at]] * scale
        enter(best, docs[1][chosen[at]], cosine, place)
    score_known(known, few, (docs, lookup[1], space), scale, place)
    clear(space[1][:touched], space[0])


@compiled
def most_promising(touched: Any, sums: Any, roots: Any) -> Any:
    """The items with most in common so far, for their length: their numbers, and how many there are."""
    chosen, promise = np.empty(DEPTH, dtype=np.int32), np.empty(DEPTH, dtype=np.float64)
    taken = 0
    for doc in touched:
        value = sums[doc] * roots[doc]
        if taken < DEPTH or value > promise[0] or (value == promise[0] and doc < chosen[0]):
            taken = better(chosen, promise, taken, doc, value)
    return chosen, taken


@compiled
def score_known(known: Any, few: Any, tables: Any, scale: Any, place: Any) -> None:
    """Cosines with the sides that are candidates anyway; in a long text only where something was touched."""
    docs, weights, space = tables
    for at in range(known):
        side = space[5][at]
        for doc in range(docs[5][side], docs[5][side + 1]):
            if few or space[0][doc] > 0:
                note_known(space[7], side, dot(doc, docs, weights, space) * docs[0][doc] * scale, place)


@compiled
def clear(touched: Any, sums: Any) -> None:
    """Set the sums of the touched items back."""
    for doc in touched:
        sums[doc] = 0


@compiled
def hold(features: Any, n: Any, space: Any) -> None:
    """Keep the places of the window's features in a small table, for :func:`dot`."""
    stamps, held, places, listed = space[2], space[8], features[3], space[4]
    clock = stamps[2, 0]
    for at in range(n):
        place = places[listed[at]]
        slot = place & (SLOTS - 1)
        while stamps[1, slot] == clock:
            slot = (slot + 1) & (SLOTS - 1)
        stamps[1, slot] = clock
        held[slot] = place


@compiled
def dot(doc: Any, docs: Any, weights: Any, space: Any) -> Any:
    """Summed weight of the features that the item ``doc`` and the window share."""
    stamps, held, offsets, forward = space[2], space[8], docs[2], docs[3]
    clock, total = stamps[2, 0], 0
    for at in range(offsets[doc], offsets[doc + 1]):
        place = forward[at]
        slot = place & (SLOTS - 1)
        while stamps[1, slot] == clock:
            if held[slot] == place:
                total += weights[place]
                break
            slot = (slot + 1) & (SLOTS - 1)
    return total
