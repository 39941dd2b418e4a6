"""The decision on all candidates of many rows, compiled: which rows need no closer look.

Steps and features are those of :mod:`decision.decide` and :mod:`decision.features`; what is left open
(:mod:`.alike`) counts in favour of a rewording.
"""

from __future__ import annotations

from math import log1p, sqrt
from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.alike import (
    LEAST,
    OTHER_NUMBERS,
    TELLING,
    aligned,
    coverage,
    hold,
    names_of,
    new_room,
    part,
    pieces_shared,
    shapes_shared,
    similarity,
)
from gristmill_evals.contamination.kernel.compiled import compiled

KEY, LOGIT, ROW_TEXT, ITEM_TEXT, NUMBERS, ROOM = range(6)
"""What is remembered of a pair: likeness, logit without margin and words in order, the texts compared, their
``numbers_both``."""
TAKES_PART = 3
CLOSE = 0.05
"""Likeness by which compiled code and Python may differ, on the safe side."""
(
    INTERCEPT, OF_ITEM, EVIDENCE, SORTED, LENGTH, WORDY, NUMBERS_OF_ROW, NUMBERS_MISSING, NUMBERS_FOREIGN,
    NUMBERS_NEAR, NUMBERS_APART, NAMES_SHARED, NAMES_APART, SHAPE_APART, MARGIN, ALIKE_OTHERWISE,
) = range(16)  # fmt: skip


@compiled
def promising(pairs: Any, windows: Any, rows: Any, items: Any, texts: Any, shapes: Any, limits: Any) -> Any:
    """For each pair, 1 if it might be a rewording or a template with at least the given logit and form.

    2 for another one that such a pair is to be measured against, because the same words might rather be that;
    :data:`TAKES_PART` for code that only reaches the logit of prose, which is no template but takes part.

    ``pairs``: row, window, item and benchmark, those of a row (and in it, of a window) together. ``windows``:
    text, text of its comments (-1: none), whether it is code, field, first byte and end. ``rows``, ``items``:
    profiles with their weights. ``texts``: by item, the end of its texts; of each text its profile, that of
    its comments, whether it is code. ``shapes``: of windows and of the items' texts (ends and symbols), and
    what symbols weigh. ``limits``: coefficients, logit, that of code, form, whether words in order count.

    Tuples of arrays are handed on as they are and taken apart where they are needed: every array that is put
    into a tuple or taken out of one costs as much as ten look-ups.
    """
    found = np.zeros(len(pairs), dtype=np.uint8)
    kept = np.zeros((len(pairs), ROOM), dtype=np.float64)
    most = 0
    for number in range(len(rows[0])):
        first, end = part(rows[0], number)
        most = max(most, end - first)
    room = new_room(most)
    start = 0
    while start < len(pairs):
        stop = start + 1
        while stop < len(pairs) and pairs[stop, 0] == pairs[start, 0]:
            stop += 1
        span = start, stop
        compare_row(span, pairs, kept, windows, rows, items, texts, shapes, limits[0], room)
        decide_row(span, pairs, kept, found, windows, rows, items, texts, limits)
        start = stop
    return found


@compiled
def compare_row(
    span: Any, pairs: Any, kept: Any, windows: Any, rows: Any, items: Any, texts: Any, shapes: Any,
    weights: Any, room: Any,
) -> None:  # fmt: skip
    """Compare each window of a row with its items: first as they are, then code by its comments."""
    for at in range(span[0], span[1]):
        kept[at, KEY] = -1.0
    held = -1
    for said in range(2):
        for at in range(span[0], span[1]):
            window = pairs[at, 1]
            text = windows[window, said]
            if text < 0:
                continue
            if held != text:
                hold(rows, text, room)
                held = text
            compare_item(
                at, window, pairs[at, 2], said, kept, windows, rows, items, texts, shapes, weights, room
            )


@compiled
def compare_item(
    at: Any, window: Any, item: Any, said: Any, kept: Any, windows: Any, rows: Any, items: Any, texts: Any,
    shapes: Any, weights: Any, room: Any,
) -> None:  # fmt: skip
    """The likest text of an item counts (:func:`decision.features.likest`)."""
    ends, main, comments, code = texts
    sizes = items[19]
    first, end = part(ends, item)
    r, words = windows[window, 0], rows[19][windows[window, 0], 0]
    size = sizes[main[first], 0]
    if size < TELLING and words > 2 * size + 1:
        return
    for text in range(first, end):
        both_say = windows[window, 1] >= 0 and comments[text] >= 0
        bare = windows[window, 2] and code[text] and windows[window, 1] < 0 and comments[text] >= 0
        if bare or (said and not both_say):
            continue
        r, i = windows[window, said], comments[text] if said else main[text]
        of_item, of_row, total = coverage(rows, r, items, i, room)
        if both_say or of_item >= LEAST:
            both_code = windows[window, 2] > 0 and code[text] > 0
            numbers = r, i
            if both_code:  # numbers of a body or of examples change with every rewriting
                numbers = windows[window, 1], comments[text]
            compare(
                at, (window, text, r, i), (of_item, of_row, total), numbers, both_code, code[text] > 0,
                kept, rows, items, shapes, weights, room,
            )  # fmt: skip
        elif text == first and size >= TELLING:
            kept[at, KEY] = -1.0
            return


@compiled
def compare(
    at: Any, place: Any, covered: Any, numbers: Any, both_code: Any, code: Any, kept: Any, rows: Any,
    items: Any, shapes: Any, weights: Any, room: Any,
) -> None:  # fmt: skip
    """Features of two texts (:func:`decision.features.compare`); they are kept if these are the likest."""
    window, text, r, i = place
    of_item, of_row, total = covered
    ours, theirs, shared, near = aligned(rows, numbers[0], items, numbers[1])
    both = sqrt(of_item * of_row)
    shape_both, shape_apart = shape_of(window, text, shapes)
    numbers_both = 0.5 * (ours == theirs)
    if ours > 0 and theirs > 0:
        numbers_both = sqrt(shared / theirs * shared / ours)
    key = both + pieces_shared(items, i, room) + 0.5 * (numbers_both + shape_both)
    if key <= kept[at, KEY]:
        return
    names, all_names = 0, 0
    if not both_code:
        names, all_names = names_of(rows, r, items, i)
    first, end = part(items[2], i)
    missing, size, words = log1p(theirs - shared), items[19][i, 0], rows[19][r, 0]
    logit = weights[INTERCEPT] + weights[OF_ITEM] * of_item + weights[EVIDENCE] * log1p(of_item * total)
    logit += weights[LENGTH] * min(size, words) / max(size, words, 1) + weights[WORDY] * (
        code or first == end
    )
    logit += weights[NUMBERS_OF_ROW] * (shared / ours if ours > 0 else 0.5)
    logit += weights[NUMBERS_MISSING] * missing + weights[NUMBERS_FOREIGN] * log1p(ours - shared)
    logit += weights[NUMBERS_NEAR] * log1p(near) + weights[NUMBERS_APART] * log1p(shared - near)
    logit += weights[NAMES_SHARED] * log1p(names) + weights[NAMES_APART] * log1p(max(0, all_names - names))
    logit += weights[SHAPE_APART] * shape_apart + weights[ALIKE_OTHERWISE] * missing * both
    kept[at, KEY], kept[at, LOGIT], kept[at, NUMBERS] = key, logit, numbers_both
    kept[at, ROW_TEXT], kept[at, ITEM_TEXT] = r, i


@compiled
def shape_of(window: Any, text: Any, shapes: Any) -> Any:
    """How far the examples have the same shape, and what the window lacks of the item's."""
    ends, symbols, item_ends, item_symbols, weights = shapes
    first, end = part(ends, window)
    other, stop = part(item_ends, text)
    if end == first or stop == other:
        theirs = 0.0
        for at in range(other, stop):
            theirs += weights[item_symbols[at]]
        return 0.0, (log1p(theirs) if end > first else 0.0)
    ours, theirs = 0.0, 0.0
    for at in range(first, end):
        ours += weights[symbols[at]]
    for at in range(other, stop):
        theirs += weights[item_symbols[at]]
    shared = shapes_shared(symbols[first:end], item_symbols[other:stop], weights)
    return (shared / sqrt(ours * theirs) if shared > 0 else 0.0), log1p(theirs - shared)


@compiled
def decide_row(
    span: Any, pairs: Any, kept: Any, found: Any, windows: Any, rows: Any, items: Any, texts: Any, limits: Any
) -> None:
    """Mark the pairs that reach the logit or the form."""
    weights, logit, of_code, form, exact = limits
    for at in range(span[0], span[1]):
        if kept[at, KEY] < 0:
            continue
        r, i = np.int64(kept[at, ROW_TEXT]), np.int64(kept[at, ITEM_TEXT])
        rest = kept[at, LOGIT] + weights[MARGIN] * (kept[at, KEY] - rival(at, span, pairs, kept, windows))
        window = pairs[at, 1]
        if reaches(rows, r, items, i, 1, (logit - rest) / weights[SORTED], exact):
            enough = not windows[window, 2] or rest + weights[SORTED] >= of_code
            if enough and windows[window, 2]:
                enough = reaches(rows, r, items, i, 1, (of_code - rest) / weights[SORTED], exact)
            found[at] = 1 if enough else TAKES_PART
        elif not windows[window, 2] and kept[at, NUMBERS] < OTHER_NUMBERS:
            question = texts[1][part(texts[0], pairs[at, 2])[0]]
            first, end = part(items[2], question)
            found[at] = end > first and reaches(rows, windows[window, 0], items, question, 2, form, exact)
    for at in range(span[0], span[1]):
        if found[at] == 1 or found[at] == TAKES_PART:
            mark_rivals(at, span, pairs, kept, windows, found)


@compiled
def rival(at: Any, span: Any, pairs: Any, kept: Any, windows: Any) -> Any:
    """The likeness of the likest other item to the same words; another benchmark's may be the same item."""
    most = 0.0
    for other in range(span[0], span[1]):
        if kept[other, KEY] <= most or other == at or not overlap(windows, pairs[other, 1], pairs[at, 1]):
            continue
        if pairs[other, 3] == pairs[at, 3] or kept[other, KEY] < 0.8 * kept[at, KEY]:
            most = kept[other, KEY]
    return most


@compiled
def overlap(windows: Any, one: Any, other: Any) -> Any:
    """Whether two windows share words."""
    same = windows[one, 3] == windows[other, 3]
    return same and windows[one, 4] < windows[other, 5] and windows[other, 4] < windows[one, 5]


@compiled
def mark_rivals(at: Any, span: Any, pairs: Any, kept: Any, windows: Any, found: Any) -> None:
    """Mark those that may turn out to be its likest rival: about as like as that, or more."""
    most = rival(at, span, pairs, kept, windows)
    for other in range(span[0], span[1]):
        near = found[other] == 0 and kept[other, KEY] >= most - CLOSE
        if near and overlap(windows, pairs[other, 1], pairs[at, 1]):
            found[other] = 2


@compiled
def reaches(rows: Any, r: Any, items: Any, i: Any, kind: Any, wanted: Any, exact: Any) -> Any:
    """Whether the sorted words (1), or those without names (2), are as like each other as that (0 to 1)."""
    ours, theirs = rows[19][r, kind], items[19][i, kind]
    bound = 2.0 * min(ours, theirs) / max(1, ours + theirs)
    if wanted > bound:
        return False
    if wanted <= 0 or not exact:
        return True
    if kind == 1:
        return similarity(letters(rows[6], rows[17], r), letters(items[6], items[17], i)) >= wanted
    return similarity(letters(rows[7], rows[18], r), letters(items[7], items[18], i)) >= wanted


@compiled
def letters(ends: Any, every: Any, number: Any) -> Any:
    """A text's part of the letters of all."""
    first, end = part(ends, number)
    return every[first:end]
