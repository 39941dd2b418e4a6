"""What two texts share word for word, and what is left without it, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import compiled
from gristmill_evals.contamination.kernel.hashing import MASK_HASH
from gristmill_evals.contamination.kernel.profile import empty, new_table, place_in, put
from gristmill_evals.contamination.kernel.runs import run_at

LINE = np.uint8(10)
_NONE = np.uint64(0)


@compiled
def shared_tokens(masked: Any, ends: Any, pairs: Any, size: Any) -> Any:
    """Mark the tokens of consecutive texts that lie in runs of ``size`` words that both texts of a pair have.

    Runs that are mostly numbers say nothing (:func:`tiers.reworded.shared_runs`).
    """
    marks = np.zeros(len(masked), dtype=np.uint8)
    runs = np.zeros(len(masked), dtype=np.uint64)
    start = np.int64(0)
    for end in ends:
        for at in range(start, end - size + 1):
            numbers = 0
            for place in range(at, at + size):
                numbers += masked[place] == MASK_HASH
            if numbers <= size // 2:
                runs[at] = run_at(masked, at, size)
        start = end
    table = new_table()
    for one, other in pairs:
        for ours, theirs in ((one, other), (other, one)):
            first, stop = (ends[theirs - 1] if theirs > 0 else np.int64(0)), ends[theirs]
            empty(table, stop - first)
            for at in range(first, stop):
                if runs[at] != _NONE:
                    put(table, runs[at], np.int32(0))
            first, stop = (ends[ours - 1] if ours > 0 else np.int64(0)), ends[ours]
            for at in range(first, stop):
                if runs[at] != _NONE and place_in(table, runs[at]) >= 0:
                    marks[at : at + size] |= np.uint8(1)
    return marks


@compiled
def rest(text: Any, span: Any, tokens: Any, marks: Any, starts: Any, stops: Any) -> Any:
    """The bytes ``text[span]`` without the marked ones of its ``tokens``; a line break for each run."""
    start, end = span
    first, last = tokens
    out = np.empty(end - start + last - first + 1, dtype=np.uint8)
    n, at = 0, start
    for token in range(first, last):
        if not marks[token] or starts[token] >= end:
            continue
        if stops[token] <= start:
            continue
        if token == first or not marks[token - 1] or stops[token - 1] <= start:
            for place in range(at, starts[token]):
                out[n] = text[place]
                n += 1
            out[n] = LINE
            n += 1
        at = min(end, stops[token])
    for place in range(at, end):
        out[n] = text[place]
        n += 1
    return out[:n]
