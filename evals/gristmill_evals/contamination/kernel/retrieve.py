"""Candidates of a row, compiled: cut, look up runs, walk the postings of rare features, score exactly.

A field longer than a window is compared piece by piece, because a question inside a long text would drown in
it. Of each piece, postings are walked from the rarest features on until a budget is used up; the items with
most in common by then get their exact cosine. Weights are integers, so that their order does not matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import compiled
from gristmill_evals.contamination.kernel.features import PER_BYTE, cut_text, room_for
from gristmill_evals.contamination.kernel.ranking import ranked
from gristmill_evals.contamination.kernel.runs import note, sides_by_runs, sides_by_short
from gristmill_evals.contamination.kernel.windows import score_fields


@compiled
def widest(rows: Any, fields: Any) -> Any:
    """Bytes of the longest row."""
    most, field, before = 0, 0, 0
    for stop in rows:
        end = fields[stop - 1] if stop > field else before
        most = max(most, end - before)
        field, before = stop, end
    return most


@compiled
def search(text: Any, fields: Any, rows: Any, tables: Any, index: Any, known: Any, space: Any) -> Any:
    """Candidates of many rows.

    ``text``: the bytes of all fields (:func:`text.encode`); ``fields``: where each ends; ``rows``: for each
    row, the number of fields up to its end. ``known``: sides to be scored anyway, and the ends of each row's.
    ``space``: see :mod:`.space`.
    Returns the ends of each row's candidates, and of each candidate: side, field, first and last token of
    the window, whether it is known or shares a run or a short item, features shared with the window; cosine,
    cosine of the runner-up, mean and deviation of the others; first byte and end of the window.
    """
    grams, shorts, lookup, docs = index
    size = widest(rows, fields)
    tokens = room_for(size)
    features = new_features(PER_BYTE * (size + 1))
    where, scores = np.empty((1024, 6), dtype=np.int32), np.empty((1024, 4), dtype=np.float64)
    places = np.empty((1024, 2), dtype=np.int64)
    stops = np.empty(len(rows), dtype=np.int64)
    total, field, at_known = 0, 0, 0
    for row in range(len(rows)):
        parts = cut_row(text, fields, (field, rows[row]), tables, tokens)
        found, seen = space[5], space[6]
        n = np.int64(0)
        for place in range(at_known, known[1][row]):
            n = note(found, n, seen, known[0][place])
        at_known = known[1][row]
        masked, count = joined(tokens[1], parts)
        n = sides_by_runs(masked, count, grams, found, n, seen)
        n = sides_by_short(masked, count, shorts, found, n, seen)
        best = score_fields(tokens, parts, features, lookup, docs, space, n)
        kept, kept_where, kept_scores = ranked(best, space, n, docs[4])
        if total + kept > len(where):
            where, scores = grown(where, total, 2 * (total + kept)), grown(scores, total, 2 * (total + kept))
            places = grown(places, total, 2 * (total + kept))
        where[total : total + kept, :4] = kept_where[:kept, :4]
        where[total : total + kept, 5] = kept_where[:kept, 4]
        for at in range(kept):
            where[total + at, 4] = seen[kept_where[at, 0]]
            places[total + at] = bytes_of(kept_where[at], parts, tokens, fields, field)
        scores[total : total + kept] = kept_scores[:kept]
        total += kept
        stops[row] = total
        field = rows[row]
        for place in range(n):
            seen[found[place]] = 0
    return stops, where[:total], scores[:total], places[:total]


@compiled
def bytes_of(place: Any, parts: Any, tokens: Any, fields: Any, first: Any) -> Any:
    """First byte and end of a window; with the edges of its field where it reaches them."""
    field = place[1]
    if field < 0:
        return -1, -1
    opening = parts[0][field - 1] if field > 0 else np.int64(0)
    start = tokens[4][opening + place[2]]
    end = tokens[5][max(opening, opening + place[3] - 1)]
    if place[2] == 0:
        start = fields[first + field - 1] if first + field > 0 else np.int64(0)
    if opening + place[3] >= parts[0][field]:
        end = fields[first + field]
    return start, end


@compiled
def repeats(text: Any, fields: Any, rows: Any, tables: Any, index: Any) -> Any:
    """For each row, how many sides share a telling run or a whole short question with it; no scores."""
    grams, shorts, _, docs = index
    tokens = room_for(widest(rows, fields))
    found, seen = np.empty(len(docs[4]), dtype=np.int32), np.zeros(len(docs[4]), dtype=np.uint8)
    counts = np.empty(len(rows), dtype=np.int64)
    field = 0
    for row in range(len(rows)):
        masked, count = joined(tokens[1], cut_row(text, fields, (field, rows[row]), tables, tokens))
        n = sides_by_runs(masked, count, grams, found, np.int64(0), seen)
        n = sides_by_short(masked, count, shorts, found, n, seen)
        counts[row], field = n, rows[row]
        for place in range(n):
            seen[found[place]] = 0
    return counts


@compiled
def grown(array: Any, used: Any, size: Any) -> Any:
    """The same content in a larger array."""
    larger = np.empty((size, array.shape[1]), dtype=array.dtype)
    larger[:used] = array[:used]
    return larger


@compiled
def new_features(room: Any) -> Any:
    """Arrays for the features of a field: key, first and last token, place in the index, weight, postings.

    (How many; and where they start, with :data:`limits.BITS` more bits.)
    """
    places = np.empty((3, room), dtype=np.int64)
    numbers = np.empty((3, room), dtype=np.int32)
    keys = np.empty(room, dtype=np.uint64)
    return keys, places[0], places[1], numbers[0], numbers[1], numbers[2], places[2]


@compiled
def cut_row(text: Any, fields: Any, span: Any, tables: Any, tokens: Any) -> Any:
    """Cut the fields ``span``; for each the end of its tokens and whether these are symbols."""
    first, stop = span
    ends = np.empty(stop - first, dtype=np.int64)
    odd = np.empty(stop - first, dtype=np.uint8)
    at = np.int64(0)
    start = fields[first - 1] if first > 0 else 0
    for n in range(stop - first):
        at, symbols = cut_text(text, (start, fields[first + n]), tables, tokens, at)
        ends[n], odd[n] = at, symbols
        start = fields[first + n]
    return ends, odd


@compiled
def joined(masked: Any, parts: Any) -> Any:
    """Masked words of the whole row and their number; fields of symbols only count when all are."""
    ends, odd = parts
    total = ends[-1] if len(ends) else 0
    if odd.all() or not odd.any():
        return masked, total
    kept = np.empty(total, dtype=np.uint64)
    n, start = 0, 0
    for field in range(len(ends)):
        if not odd[field]:
            for at in range(start, ends[field]):
                kept[n] = masked[at]
                n += 1
        start = ends[field]
    return kept, n
