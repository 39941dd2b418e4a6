"""How likely a row is an item in other words: :func:`decision.decide.judge`, compiled, as an upper bound.

String distances are only computed where they matter; before, they count as what the lengths allow.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import compiled
from gristmill_evals.contamination.kernel.hashing import BASE
from gristmill_evals.contamination.kernel.profile import SLOTS, empty, new_table, place_in, put
from gristmill_evals.contamination.kernel.runs import find

SYNONYM, LEAST, TELLING = 0.7, 0.08, 3
OTHER_NUMBERS = 0.6
MOST_NUMBERS, MOST_SHAPES = 60, 80
_NONE = np.uint64(0)
_ONE = np.uint64(1)
_HALF = np.uint64(32)


@compiled
def part(ends: Any, number: Any) -> Any:
    """First and end of a text's part of a list."""
    return (ends[number - 1] if number > 0 else np.int64(0)), ends[number]


@compiled
def rarity(keys: Any, table: Any, weights: Any, unseen: Any, scale: Any, most: Any) -> Any:
    """Weight, from 0 to 1, of each stem by the key under which the index knows it (0: nothing)."""
    found = np.zeros(len(keys), dtype=np.float64)
    for at in range(len(keys)):
        if keys[at] != _NONE:
            place = find(table, keys[at])
            found[at] = min(1.0, sqrt((weights[place] if place >= 0 else unseen) / scale) / most)
    return found


@compiled
def new_room(words: Any) -> Any:
    """Tables for the stems, groups and pieces of a window, and what of them the item has too."""
    return (
        new_table(),
        new_table(),
        (np.zeros(SLOTS, dtype=np.uint64), np.zeros(4, dtype=np.uint64)),
        np.zeros(words + 1, dtype=np.int64),
        np.zeros(words + 1, dtype=np.int64),
        np.zeros(1, dtype=np.int64),
    )


@compiled
def hold(rows: Any, number: Any, room: Any) -> None:
    """Put the window's stems, groups and pieces into the tables."""
    stems, heads, pieces, _, _, _ = room
    first, end = part(rows[0], number)
    empty(stems, end - first)
    empty(heads, end - first)
    for at in range(first, end):
        put(stems, rows[8][at], np.int32(at - first))
        put(heads, rows[9][at], np.int32(at - first))
    hold_pieces(rows, number, pieces)


@compiled
def hold_pieces(rows: Any, number: Any, pieces: Any) -> None:
    """Put the pieces of a text, which may come more than once, into their table.

    A slot holds the present stamp and a piece in one number; with the stamp are kept the shift and the mask
    that make slots of pieces, and how many different ones there are.
    """
    slots, state = pieces
    first, end = part(rows[1], number)
    bits = 6
    while bits < 14 and (1 << bits) < 2 * (end - first):
        bits += 1
    state[0] += _ONE
    shift, mask, count = np.uint64(64 - bits), np.uint64((1 << bits) - 1), _NONE
    for at in range(first, end):
        entry = state[0] << _HALF | np.uint64(rows[11][at])
        slot = (np.uint64(rows[11][at]) * BASE) >> shift
        while slots[slot] >> _HALF == state[0] and slots[slot] != entry:
            slot = (slot + _ONE) & mask
        if slots[slot] != entry:
            slots[slot] = entry
            count += _ONE
    state[1], state[2], state[3] = shift, mask, count


@compiled
def coverage(rows: Any, r: Any, items: Any, i: Any, room: Any) -> Any:
    """Share of the item's weight that the window has, of the window's that the item has, and the item's."""
    stems, heads, _, hit, group, clock = room
    clock[0] += 1
    shared, total = 0.0, 0.0
    first, end = part(items[0], i)
    for at in range(first, end):
        weight, head = items[20][at], place_in(heads, items[9][at])
        if head >= 0:
            group[head] = clock[0]
        place = place_in(stems, items[8][at])
        total += weight
        if place >= 0:
            hit[place] = clock[0]
            shared += weight
        elif head >= 0:
            shared += SYNONYM * weight
    of_item = shared / total if total > 0 else 0.0
    first, end = part(rows[0], r)
    known, all_of_it = 0.0, 0.0
    for at in range(end - first):
        weight = rows[20][first + at]
        all_of_it += weight
        if hit[at] == clock[0]:
            known += weight
        elif weight > 0:
            head = place_in(heads, rows[9][first + at])
            if group[head] == clock[0]:
                known += SYNONYM * weight
    return of_item, (known / all_of_it if all_of_it > 0 else 0.0), total


@compiled
def pieces_shared(items: Any, i: Any, room: Any) -> Any:
    """Cosine of the sets of runs of four letters of the window that is held and an item's text."""
    slots, state = room[2]
    first, end = part(items[1], i)
    ours = state[3]
    if end == first or ours == 0:
        return 0.0
    shared = 0
    for at in range(first, end):
        entry = state[0] << _HALF | np.uint64(items[11][at])
        slot = (np.uint64(items[11][at]) * BASE) >> state[1]
        while slots[slot] >> _HALF == state[0] and slots[slot] != entry:
            slot = (slot + _ONE) & state[2]
        shared += slots[slot] == entry
    return shared / sqrt((end - first) * ours)


@compiled
def aligned(rows: Any, r: Any, items: Any, i: Any) -> Any:
    """Weight of the values of the window, of the item, of both in order, and of those that stand alike.

    (:func:`decision.numbers.aligned`.) A profile of -1 has no values.
    """
    a, a_end = part(rows[2], r) if r >= 0 else (np.int64(0), np.int64(0))
    b, b_end = part(items[2], i) if i >= 0 else (np.int64(0), np.int64(0))
    ours, theirs = rows[13][a:a_end].sum(), items[13][b:b_end].sum()
    n, m = min(a_end - a, MOST_NUMBERS), min(b_end - b, MOST_NUMBERS)
    shared, near = 0.0, 0.0
    if n == 0 or m == 0:
        return ours, theirs, shared, near
    best = np.zeros((n + 1, m + 1), dtype=np.float64)
    for x in range(n):
        for y in range(m):
            same = best[x, y] + rows[13][a + x] if rows[12][a + x] == items[12][b + y] else 0.0
            best[x + 1, y + 1] = max(best[x, y + 1], best[x + 1, y], same)
    while n > 0 and m > 0:
        if best[n, m] == best[n - 1, m]:
            n -= 1
        elif best[n, m] == best[n, m - 1]:
            m -= 1
        else:
            n, m = n - 1, m - 1
            shared += items[13][b + m]
            if stand_alike(rows, a + n, items, b + m):
                near += items[13][b + m]
    return ours, theirs, shared, near


@compiled
def stand_alike(rows: Any, x: Any, items: Any, y: Any) -> Any:
    """Whether two values have a group of words around them in common."""
    first, end = part(rows[3], x)
    other, stop = part(items[3], y)
    for at in range(first, end):
        for place in range(other, stop):
            if rows[14][at] == items[14][place]:
                return True
    return False


@compiled
def names_of(rows: Any, r: Any, items: Any, i: Any) -> Any:
    """Names that the other side has too, and all names of both."""
    r_first, r_end = part(rows[4], r)
    i_first, i_end = part(items[4], i)
    shared, both = 0, 0
    for at in range(i_first, i_end):
        name = items[15][at]
        shared += among(name, rows[16], rows[5], r)
        both += among(name, rows[15], rows[4], r)
    for at in range(r_first, r_end):
        name = rows[15][at]
        if among(name, items[16], items[5], i) and not among(name, items[15], items[4], i):
            shared += 1
    return shared, (i_end - i_first) + (r_end - r_first) - both


@compiled
def among(key: Any, keys: Any, ends: Any, number: Any) -> Any:
    """Whether a key is in a text's part of a list."""
    first, end = part(ends, number)
    for at in range(first, end):  # noqa: SIM110 - compiled faster than any()
        if keys[at] == key:
            return True
    return False


@compiled
def shapes_shared(ours: Any, theirs: Any, weights: Any) -> Any:
    """Weight of the heaviest common subsequence (:func:`decision.code.shared_shape`)."""
    best = np.zeros(min(len(theirs), MOST_SHAPES) + 1, dtype=np.float64)
    for mine in ours[:MOST_SHAPES]:
        before = 0.0
        for at in range(1, len(best)):
            kept = best[at]
            same = before + weights[mine] if mine == theirs[at - 1] else 0.0
            best[at] = max(best[at], best[at - 1], same)
            before = kept
    return best[-1]


@compiled
def similarity(ours: Any, theirs: Any) -> Any:
    """Twice the longest common subsequence of two strings over their lengths, bit by bit.

    (Hyyrö, "Bit-parallel LCS-length computation revisited", 2004.)
    """
    one, other = (ours, theirs) if len(ours) <= len(theirs) else (theirs, ours)
    if len(one) == 0:
        return 0.0
    blocks = (len(one) + 63) // 64
    where = np.zeros((256, blocks), dtype=np.uint64)
    for at in range(len(one)):
        where[one[at], at >> 6] |= _ONE << np.uint64(at & 63)
    state = np.full(blocks, ~_NONE, dtype=np.uint64)
    for byte in other:
        carry = _NONE
        for block in range(blocks):
            before = state[block]
            matched = before & where[byte, block]
            added = before + matched
            over = added < before
            total = added + carry
            carry = np.uint64(over or total < added)
            state[block] = total | (before & ~where[byte, block])
    common = 0
    for at in range(len(one)):
        common += (state[at >> 6] >> np.uint64(at & 63)) & _ONE == _NONE
    return 2.0 * common / (len(one) + len(other))
