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
    COARSE,
    DEPTH,
    EPOCHS,
    FEW_WINDOWS,
    MAGNITUDE,
    SHARES,
    SINGLES,
    STRIDE,
    SUM_BITS,
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
        known[space[5][place]] = 0.0, -1.0, 0.0, 0.0, 0.0
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
def walk(features: Any, order: Any, postings: Any, space: Any, budget: Any, epoch: Any) -> Any:
    """Add the weights of rare features to the items that have them; how many items are listed for it.

    Listed are those of the rarest features (:data:`limits.SINGLES`), and of the others those that have a
    second one, once for every feature: nine of ten only have one. What earlier windows added does not count:
    sums bear the number of the window above :data:`limits.SUM_BITS`.
    """
    _, _, _, _, weights, sizes, starts = features
    n, single = 0, SINGLES
    used = affordable(order, sizes, budget)
    call(order[:used], features, postings, space)
    for at in order[:used]:
        start, weight = starts[at] >> BITS, np.uint32((weights[at] >> COARSE) + 1)
        if single > 0:
            n = add_all(postings[start : start + sizes[at]], space, weight, epoch, n)
        else:
            n = add_rest(postings[start : start + sizes[at]], space, weight, epoch, n)
        single -= sizes[at]
    return n


@compiled
def affordable(order: Any, sizes: Any, budget: Any) -> Any:
    """Put the features whose postings are within the budget first; how many. The rarest may cost more."""
    n, left = 0, budget
    for at in order:
        size = sizes[at]
        if size <= left or (n == 0 and size <= 8 * budget):
            order[n] = at
            n += 1
            left -= size
    return n


@compiled
def call(order: Any, features: Any, postings: Any, space: Any) -> None:
    """Ask for all postings at once, so that they are there when their turn comes."""
    sizes, starts, seen = features[5], features[6], 0
    for at in order:
        start = starts[at] >> BITS
        for entry in range(start, start + sizes[at], LINE):
            seen += postings[entry]
    space[1][len(space[1]) - 1] = seen


@inlined
def add_all(entries: Any, space: Any, weight: Any, epoch: Any, n: Any) -> Any:
    """Add a weight to items and list them all; how many are listed by now."""
    sums, listed = space[0], space[1]
    for doc in entries:
        listed[n] = doc
        n += 1
        sums[doc] = max(sums[doc], epoch) + weight
    return n


@inlined
def add_rest(entries: Any, space: Any, weight: Any, epoch: Any, n: Any) -> Any:
    """Add a weight to items and list those that had one before; how many are listed by now."""
    sums, listed = space[0], space[1]
    for doc in entries:
        before = sums[doc]
        if before >= epoch:
            listed[n] = doc
            n += 1
            sums[doc] = before + weight
        else:
            sums[doc] = epoch + weight
    return n


@compiled
def epoch_of(space: Any) -> Any:
    """What sums of the present window are above; when the numbers are used up, all sums are 0 again."""
    stamps = space[2]
    stamps[1, 1] = stamps[1, 1] % EPOCHS + 1
    if stamps[1, 1] == 1:
        space[0][:] = 0
    return np.uint32(stamps[1, 1] << SUM_BITS)


@compiled
def score_window(features: Any, span: Any, lookup: Any, docs: Any, space: Any, target: Any) -> None:
    """Exact cosines of the window with the items that share most with it, and with the known sides."""
    best, known, few, place, budget = target
    n, norm = distinct(features, span, space)
    if n == 0:
        return
    order = by_rarity(features, n, space[4])
    epoch = epoch_of(space)
    listed = walk(features, order, lookup[3], space, budget, epoch)
    hold(features, n, space)
    scale = 1.0 / sqrt(norm)
    score_known(known, few, docs, space, scale, (place, epoch))
    chosen, taken = most_promising(space[1][:listed], space[0], docs[6], docs[7], epoch)
    bring(chosen[:taken], docs, space)
    for at in range(taken):
        total, shared = common(chosen[at], docs, space[8])
        enter(best, docs[1][chosen[at]], total * docs[0][chosen[at]] * scale, place, shared)
    release(features, n, space)


@compiled
def most_promising(listed: Any, sums: Any, roots: Any, highest: Any, epoch: Any) -> Any:
    """The listed items with most in common so far, for their length: their numbers, and how many.

    The ``highest`` root tells of most that they cannot be among them, without a look at their own.
    """
    chosen, promise = np.empty(DEPTH, dtype=np.int32), np.zeros(DEPTH, dtype=np.float64)
    taken, floor = 0, np.int64(0)
    for doc in listed:
        total = np.int64(sums[doc]) - np.int64(epoch)  # below 0: it was listed before
        sums[doc] = 0
        if total > floor:
            value = total * roots[doc]
            if taken < DEPTH or value > promise[0] or (value == promise[0] and doc < chosen[0]):
                taken = better(chosen, promise, taken, np.int32(doc), value)
                if taken == DEPTH:  # what rounding may have added is taken off again
                    floor = np.int64(promise[0] / highest) - 2
    return chosen, taken


@compiled
def score_known(known: Any, few: Any, docs: Any, space: Any, scale: Any, at_window: Any) -> None:
    """Cosines with the sides that are candidates anyway; in a long text only where something was touched."""
    place, epoch = at_window
    for at in range(known):
        side = space[5][at]
        for doc in range(docs[5][side], docs[5][side + 1]):
            if few or space[0][doc] >= epoch:
                total, shared = common(doc, docs, space[8])
                note_known(space[7], side, total * docs[0][doc] * scale, place, shared)


@compiled
def hold(features: Any, n: Any, space: Any) -> None:
    """Write the weights of the window's features to their places, for :func:`common`."""
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
def common(doc: Any, docs: Any, held: Any) -> Any:
    """Summed weight of the features that the item ``doc`` and the window share, and how many those are."""
    offsets, forward, total, shared = docs[2], docs[3], 0, 0
    for at in range(offsets[doc], offsets[doc + 1]):
        weight = held[forward[at]]
        total += weight
        shared += weight > 0
    return total, shared
