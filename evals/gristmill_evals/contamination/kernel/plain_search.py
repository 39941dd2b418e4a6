"""Candidates of one row in numpy: what :mod:`.retrieve` and :mod:`.windows` do in compiled code."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.kernel.batch import Hashes, Places
from gristmill_evals.contamination.kernel.hashing import ONE
from gristmill_evals.contamination.kernel.limits import (
    BUDGET,
    COARSE,
    DEPTH,
    FEW_WINDOWS,
    KEEP,
    OTHERS,
    SAME_SHORT,
    SHARES,
    SINGLES,
    STRIDE,
    TOP,
    WINDOW,
)
from gristmill_evals.contamination.kernel.runs_numpy import first_runs, telling_grams

Numbers = NDArray[np.int32]
Place = tuple[int, int, int]
Scored = dict[int, tuple[float, Place, int]]
"""By side: cosine, where, how many features are shared."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Features of one field: keys, first and last token, by last token; and how many tokens there are."""

    keys: Hashes
    firsts: Places
    lasts: Places
    size: int


@dataclass(frozen=True, slots=True)
class _Window:
    """Distinct features of a window: places of those in the index, by first occurrence; the norm of all."""

    known: NDArray[np.int64]
    norm: int


def search_row(
    fields: list[Fields], masked: Hashes, wanted: list[int], index: tuple[Any, ...]
) -> list[tuple[tuple[int, ...], tuple[float, ...]]]:
    """Place and the four scores of each candidate (:func:`retrieve.search`)."""
    _, _, lookup, docs = index
    known = list(dict.fromkeys([*wanted, *shared_sides(masked, index)]))
    best: Scored = {}
    sure: Scored = {}
    cut = [_windows(field.size) for field in fields]
    budget = BUDGET // max(1, min(SHARES, sum(map(len, cut))))
    for number, (field, windows) in enumerate(zip(fields, cut, strict=True)):
        places = _find(lookup[0][0], field.keys)
        few = field.size <= WINDOW + (FEW_WINDOWS - 1) * STRIDE
        for first, last in windows:
            window = _window(field, places, (first, last), lookup)
            if len(window.known):
                _score(window, (number, first, last), lookup, docs, (best, sure, known, few, budget))
    return _ranked(best, sure, known, docs[4])


def shared_sides(masked: Hashes, index: tuple[Any, ...]) -> list[int]:
    """Sides that share a telling run or a whole short question with the words, in order of discovery."""
    return list(dict.fromkeys([*_by_grams(masked, index[0]), *_by_short(masked, index[1])]))


def _find(keys: Hashes, wanted: Hashes) -> NDArray[np.int64]:
    """Places of ``wanted`` in sorted ``keys``, -1 where they are missing."""
    if not len(keys):
        return np.full(len(wanted), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1)


def _by_grams(masked: Hashes, grams: Any) -> list[int]:
    table, _, offsets, sides = grams
    hashes, _ = telling_grams(masked, np.array([len(masked)], dtype=np.int64))
    found = [place for place in _find(table[0], hashes).tolist() if place >= 0]
    return [side for place in found for side in sides[offsets[place] : offsets[place + 1]].tolist()]


def _by_short(masked: Hashes, shorts: Any) -> list[int]:
    table, offsets, sides, sizes, _ = shorts
    hits: list[tuple[int, int, int]] = []
    for size in sizes.tolist():
        starts = np.arange(max(0, len(masked) - size + 1))
        runs = first_runs(masked, starts, np.full(len(starts), size, dtype=np.int64))
        places = _find(table[0], runs)
        hits += [(int(at), size, int(places[at])) for at in np.flatnonzero(places >= 0)]
    found = [(offsets[place], offsets[place + 1]) for _, _, place in sorted(hits)]
    return [side for start, end in found for side in sides[start : min(end, start + SAME_SHORT)].tolist()]


def _windows(size: int) -> list[tuple[int, int]]:
    """First and last token of each window of a field."""
    starts = range(0, max(1, size - WINDOW + STRIDE), STRIDE)
    return [(first, min(first + WINDOW, size)) for first in starts] if size else []


def _window(field: Fields, places: NDArray[np.int64], span: tuple[int, int], lookup: Any) -> _Window:
    inside = np.flatnonzero((field.firsts >= span[0]) & (field.lasts < span[1]))
    _, first = np.unique(field.keys[inside], return_index=True)
    once = inside[np.sort(first)]
    known = places[once]
    unseen = lookup[4][(field.keys[once] & ONE).astype(np.int64)]
    weights = np.where(known >= 0, lookup[1][np.maximum(known, 0)] if len(lookup[1]) else 0, unseen)
    return _Window(known[known >= 0], int(weights.sum(dtype=np.int64)))


def _score(
    window: _Window, place: Place, lookup: Any, docs: Any, target: tuple[Scored, Scored, list[int], bool, int]
) -> None:
    """Exact cosines with the items that share most with the window, and with the known sides."""
    best, sure, known, few, budget = target
    touched, listed, sums = _walked(window.known, lookup, budget)
    promise = sums[listed] * docs[6][touched[listed]].astype(np.float64)
    chosen = touched[listed][np.lexsort((touched[listed], -promise))[:DEPTH]]
    scale = 1.0 / sqrt(window.norm)
    held = np.sort(window.known)
    for doc in chosen.tolist():
        total, shared = _common(doc, held, lookup[1], docs)
        _enter(best, int(docs[1][doc]), (total * float(docs[0][doc]) * scale, place, shared))
    seen = set(touched.tolist())
    for side in known:
        for doc in range(docs[5][side], docs[5][side + 1]):
            if few or doc in seen:
                total, shared = _common(doc, held, lookup[1], docs)
                _enter(sure, side, (total * float(docs[0][doc]) * scale, place, shared))


def _walked(
    known: NDArray[np.int64], lookup: Any, budget: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
    """Items that have rare features of the window; whether these list them (:func:`windows.walk`); sums."""
    _, weights, offsets, postings, _, _ = lookup
    sizes = offsets[known + 1] - offsets[known]
    order = np.argsort(np.frexp(sizes.astype(np.float64))[1], kind="stable")
    left, single = budget, SINGLES
    pieces: list[NDArray[np.int32]] = []
    counted: list[NDArray[np.int64]] = []
    gains: list[NDArray[np.int64]] = []
    for at in order.tolist():
        size, place = int(sizes[at]), int(known[at])
        if size > left and not (not pieces and size <= 8 * budget):
            continue
        left -= size
        pieces.append(postings[offsets[place] : offsets[place + 1]])
        gains.append(np.full(size, (weights[place] >> COARSE) + 1, dtype=np.int64))
        counted.append(np.full(size, 2 if single > 0 else 1))
        single -= size
    if not pieces:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=bool), np.empty(0, dtype=np.int64)
    touched, inverse = np.unique(np.concatenate(pieces), return_inverse=True)
    sums = np.zeros(len(touched), dtype=np.int64)
    np.add.at(sums, inverse, np.concatenate(gains))
    times = np.bincount(inverse, weights=np.concatenate(counted), minlength=len(touched))
    return touched.astype(np.int64), times >= 2, sums


def _common(doc: int, held: NDArray[np.int64], weights: Numbers, docs: Any) -> tuple[int, int]:
    """Summed weight of the features that the item and the window share, and how many those are."""
    own = docs[3][docs[2][doc] : docs[2][doc + 1]]
    at = np.minimum(np.searchsorted(held, own), len(held) - 1)
    both = own[held[at] == own]
    return int(weights[both].sum(dtype=np.int64)), len(both)


def _enter(scored: Scored, side: int, new: tuple[float, Place, int]) -> None:
    if side not in scored or new[0] > scored[side][0]:
        scored[side] = new


def _ranked(
    best: Scored, sure: Scored, known: list[int], groups: Numbers
) -> list[tuple[tuple[int, ...], tuple[float, ...]]]:
    """The best, then the known sides that are not among them, each with how it stands out."""
    order = sorted(best, key=lambda side: (-best[side][0], side))[:KEEP]
    top = order[:TOP]
    found = {side: best[side] for side in top}
    found |= {side: sure.get(side, (0.0, (-1, 0, 0), 0)) for side in known if side not in found}
    return [
        ((side, *place, int(side in known), shared), (min(1.0, cosine), *_others(side, order, best, groups)))
        for side, (cosine, place, shared) in found.items()
    ]


def _others(side: int, order: list[int], best: Scored, groups: Numbers) -> tuple[float, float, float]:
    """Cosine of the runner-up, mean and deviation of the up to ten best others."""
    others = [min(1.0, best[one][0]) for one in order if groups[one] != groups[side]][:OTHERS]
    if not others:
        return 0.0, 0.0, 0.0
    total = squares = 0.0
    for value in others:
        total, squares = total + value, squares + value * value
    mean = total / len(others)
    return max(others), mean, sqrt(max(0.0, squares / len(others) - mean * mean))
