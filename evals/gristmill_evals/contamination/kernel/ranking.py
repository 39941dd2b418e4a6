"""Short sorted-out lists of items, compiled: the best of a window, of a row, and how they stand out."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import compiled, inlined
from gristmill_evals.contamination.kernel.limits import KEEP, OTHERS, TOP


@compiled
def better(chosen: Any, promise: Any, taken: Any, doc: Any, value: Any) -> Any:
    """Keep ``doc`` if it is among the best so far (ties: the lower number); how many are kept.

    They are a heap with the worst in front.
    """
    if taken < len(chosen):
        at = taken
        while at > 0 and worse(value, doc, promise[(at - 1) >> 1], chosen[(at - 1) >> 1]):
            chosen[at], promise[at] = chosen[(at - 1) >> 1], promise[(at - 1) >> 1]
            at = (at - 1) >> 1
        chosen[at], promise[at] = doc, value
        return taken + 1
    if worse(promise[0], chosen[0], value, doc):
        sink(chosen, promise, doc, value)
    return taken


@inlined
def worse(value: Any, doc: Any, other: Any, other_doc: Any) -> Any:
    """Whether the first of two comes after the second."""
    return value < other or (value == other and doc > other_doc)


@compiled
def sink(chosen: Any, promise: Any, doc: Any, value: Any) -> None:
    """Put another one in the place of the worst."""
    at, size = 0, len(chosen)
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and worse(promise[child + 1], chosen[child + 1], promise[child], chosen[child]):
            child += 1
        if not worse(promise[child], chosen[child], value, doc):
            break
        chosen[at], promise[at] = chosen[child], promise[child]
        at = child
    chosen[at], promise[at] = doc, value


@compiled
def new_best() -> Any:
    """An empty list of a row's best: sides, cosines, places (field, first, last, features shared), length."""
    places = np.empty((KEEP, 4), dtype=np.int64)
    return (
        np.empty(KEEP, dtype=np.int32),
        np.empty(KEEP, dtype=np.float64),
        places,
        np.zeros(1, dtype=np.int64),
    )


@compiled
def last_of(sides: Any, cosines: Any) -> Any:
    """Place of the lowest cosine (of the highest side that has it)."""
    at = 0
    for other in range(1, KEEP):
        if cosines[other] < cosines[at] or (cosines[other] == cosines[at] and sides[other] > sides[at]):
            at = other
    return at


@inlined
def enter(best: Any, side: Any, cosine: Any, place: Any, shared: Any) -> None:
    """Enter a side with its cosine; of two windows, the earlier one wins a tie."""
    sides, cosines, places, length = best
    at = 0
    while at < length[0] and sides[at] != side:
        at += 1
    if at == length[0]:
        if length[0] < KEEP:
            length[0] += 1
        else:
            at = 0
            for other in range(1, KEEP):
                if cosines[other] < cosines[at] or (
                    cosines[other] == cosines[at] and sides[other] > sides[at]
                ):
                    at = other
            if cosine < cosines[at] or (cosine == cosines[at] and side > sides[at]):
                return
    elif cosine <= cosines[at]:
        return
    sides[at], cosines[at] = side, cosine
    places[at, 0], places[at, 1], places[at, 2] = place
    places[at, 3] = shared


@inlined
def note_known(known: Any, side: Any, cosine: Any, place: Any, shared: Any) -> None:
    """Remember the best window of a side that is a candidate anyway."""
    if known[side, 1] < 0 or cosine > known[side, 0]:
        known[side, 0] = cosine
        known[side, 1], known[side, 2], known[side, 3] = place
        known[side, 4] = shared


@compiled
def in_order(sides: Any, cosines: Any, length: Any) -> Any:
    """Places of the entries, best first (ties: the lower side)."""
    order = np.empty(length, dtype=np.int64)
    for at in range(length):
        to = at
        while to > 0:
            other = order[to - 1]
            ahead = cosines[other] > cosines[at] or (
                cosines[other] == cosines[at] and sides[other] < sides[at]
            )
            if ahead:
                break
            order[to] = other
            to -= 1
        order[to] = at
    return order


@compiled
def ranked(best: Any, space: Any, known: Any, groups: Any) -> Any:
    """A row's candidates, best first, then the known sides that are not among them: see :func:`.search`."""
    sides, cosines, places, length = best
    order = in_order(sides, cosines, length[0])
    where, scores = np.empty((TOP + known, 5), dtype=np.int32), np.zeros((TOP + known, 4), dtype=np.float64)
    n = min(TOP, length[0])
    for at in range(n):
        one = order[at]
        where[at, 0] = sides[one]
        where[at, 1], where[at, 2], where[at, 3], where[at, 4] = places[one]
        scores[at, 0] = min(1.0, cosines[one])
    top = n
    for at in range(known):
        side = space[5][at]
        if not listed(where, top, side):
            where[n, 0] = side
            for column in range(1, 5):
                where[n, column] = np.int32(space[7][side, column])
            scores[n, 0] = min(1.0, space[7][side, 0])
            n += 1
    for at in range(n):
        stand_out(where[at, 0], scores[at], best, order, groups)
    return n, where, scores


@compiled
def listed(where: Any, count: Any, side: Any) -> Any:
    """Whether ``side`` is among the first ``count`` candidates."""
    for at in range(count):  # noqa: SIM110 - compiled faster than any()
        if where[at, 0] == side:
            return True
    return False


@compiled
def stand_out(side: Any, score: Any, best: Any, order: Any, groups: Any) -> None:
    """Cosine of the runner-up, mean and deviation of the others; an item worded the same is no other."""
    sides, cosines, _, _ = best
    n, total, squares = 0, 0.0, 0.0
    for at in order:
        if n == OTHERS or groups[sides[at]] == groups[side]:
            continue
        value = min(1.0, cosines[at])
        score[1] = max(score[1], value)
        n, total, squares = n + 1, total + value, squares + value * value
    if n > 0:
        score[2] = total / n
        score[3] = sqrt(max(0.0, squares / n - score[2] * score[2]))
