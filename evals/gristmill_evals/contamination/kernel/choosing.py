"""Which candidates are worth comparing with their rows, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import compiled


@compiled
def worth_comparing(ends: Any, where: Any, scores: Any, places: Any, questions: Any, limits: Any) -> Any:
    """For each candidate, more than 0 if it is to be compared with its row; 2 if it may be that.

    Those like enough to it (:func:`tiers.reworded.worth_comparing`), in windows that share words with that of
    one that may be the row in other words: it has the least cosine, and its window has few tokens, or it
    shares enough features, or it has another cosine, from which one is enough. ``questions``: by side, if
    it is one. ``limits``: floor, share of the best cosine with the same window, least cosine, few tokens,
    enough features, cosine for fewer.
    """
    floor, relative, least, few, enough, surely = limits
    chosen = np.zeros(len(where), dtype=np.uint8)
    start = 0
    for end in ends:
        for at in range(start, end):
            cosine = scores[at, 0]
            if where[at, 1] < 0 or not questions[where[at, 0]] or cosine < floor:
                continue
            chosen[at] = cosine >= relative * best_of(at, start, end, where, scores)
            short = where[at, 3] - where[at, 2] <= few
            if chosen[at] and cosine >= least and (short or where[at, 5] >= enough or cosine >= surely):
                chosen[at] = 2
        for at in range(start, end):
            if chosen[at] == 1 and not beside(at, start, end, where, places, chosen):
                chosen[at] = 0
        start = end
    return chosen


@compiled
def best_of(at: Any, start: Any, end: Any, where: Any, scores: Any) -> Any:
    """The highest cosine with the words that begin where those of this candidate do."""
    best = 0.0
    for other in range(start, end):
        if where[other, 1] == where[at, 1] and where[other, 2] == where[at, 2]:
            best = max(best, scores[other, 0])
    return best


@compiled
def beside(at: Any, start: Any, end: Any, where: Any, places: Any, chosen: Any) -> Any:
    """Whether the window shares words with that of a candidate that may be the row in other words."""
    for other in range(start, end):
        if (
            chosen[other] == 2
            and where[other, 1] == where[at, 1]
            and places[at, 0] < places[other, 1]
            and places[other, 0] < places[at, 1]
        ):
            return True
    return False
