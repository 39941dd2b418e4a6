"""What two texts can have in common without sharing a run of words, compiled: keys of features.

Stems of telling words, numbers, stems of the parts of identifiers; and, with their lowest bit set, pairs of
neighbouring stems (not both empty) and of consecutive numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import compiled
from gristmill_evals.contamination.kernel.cutting import cut, mixed
from gristmill_evals.contamination.kernel.hashing import (
    BASE,
    COUNT_SALT,
    NUMBER_SALT,
    ONE,
    PAIR_SALT,
    STEM_SALT,
)
from gristmill_evals.contamination.kernel.limits import COUNT, EMPTY

PER_BYTE = 4
"""No text has more features than this for each of its bytes."""


@compiled
def single(word: Any, salt: Any) -> Any:
    """Key of a word or number by itself."""
    return mixed(word ^ salt) & ~ONE


@compiled
def paired(first: Any, second: Any, salt: Any) -> Any:
    """Key of an ordered pair."""
    return mixed((first * BASE + second) ^ salt) | ONE


@compiled
def emit(tokens: Any, span: Any, out: Any) -> Any:
    """Features of the tokens ``span`` into ``out`` (key, first and last token), by last token; how many."""
    words, _, stems, flags, _, _, part_ends, parts = tokens
    keys, firsts, lasts = out
    start, end = span
    n, number = 0, -1
    for at in range(start, end):
        if flags[at] & COUNT:
            keys[n], firsts[n], lasts[n] = single(words[at], NUMBER_SALT), at, at
            n += 1
            if number >= 0:
                keys[n], firsts[n], lasts[n] = paired(words[number], words[at], COUNT_SALT), number, at
                n += 1
            number = at
        elif not flags[at] & EMPTY:
            keys[n], firsts[n], lasts[n] = single(stems[at], STEM_SALT), at, at
            n += 1
        for part in range(part_ends[at - 1] if at > 0 else 0, part_ends[at]):
            keys[n], firsts[n], lasts[n] = single(parts[part], STEM_SALT), at, at
            n += 1
        if at > start and not (flags[at - 1] & flags[at] & EMPTY):
            keys[n], firsts[n], lasts[n] = paired(stems[at - 1], stems[at], PAIR_SALT), at - 1, at
            n += 1
    return n


@compiled
def room_for(size: Any) -> Any:
    """Arrays for the tokens of a text of ``size`` bytes."""
    room = size + 1
    hashes = np.empty((3, room), dtype=np.uint64)
    return (
        hashes[0],
        hashes[1],
        hashes[2],
        np.empty(room, dtype=np.uint8),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.int64),
        np.zeros(room, dtype=np.int64),
        np.empty(room, dtype=np.uint64),
    )


@compiled
def cut_text(text: Any, span: Any, tables: Any, tokens: Any, at: Any) -> Any:
    """:func:`cut`, with symbols as tokens where there is nothing else; end and whether it came to that."""
    end = cut(text, span, tables, tokens, at, np.uint8(0))
    if end > at:
        return end, False
    return cut(text, span, tables, tokens, at, np.uint8(1)), True


@compiled
def features_of(text: Any, ends: Any, tables: Any) -> Any:
    """Distinct sorted feature keys of consecutive texts that end at ``ends``, and their ends by text."""
    size = largest(ends)
    tokens = room_for(size)
    keys = np.empty(PER_BYTE * (size + 1), dtype=np.uint64)
    places = np.empty((2, PER_BYTE * (size + 1)), dtype=np.int64)
    found = np.empty(max(1024, ends[-1] // 2 if len(ends) else 0), dtype=np.uint64)
    stops = np.empty(len(ends), dtype=np.int64)
    total, start = np.int64(0), np.int64(0)
    for number in range(len(ends)):
        end, _ = cut_text(text, (start, ends[number]), tables, tokens, np.int64(0))
        n = emit(tokens, (0, end), (keys, places[0], places[1]))
        start = ends[number]
        ordered = np.sort(keys[:n])
        if total + n > len(found):
            grown = np.empty(2 * (total + n), dtype=np.uint64)
            grown[:total] = found[:total]
            found = grown
        for at in range(n):
            if at == 0 or ordered[at] != ordered[at - 1]:
                found[total] = ordered[at]
                total += 1
        stops[number] = total
    return found[:total].copy(), stops


@compiled
def largest(ends: Any) -> Any:
    """Bytes of the longest of consecutive texts."""
    most, before = 0, 0
    for end in ends:
        most = max(most, end - before)
        before = end
    return most


@compiled
def tokens_of(text: Any, ends: Any, tables: Any) -> Any:
    """Word hashes, masked hashes and flags of consecutive texts, and the ends of their tokens."""
    tokens = room_for(ends[-1] if len(ends) else 0)
    stops = np.empty(len(ends), dtype=np.int64)
    at, start = np.int64(0), np.int64(0)
    for number in range(len(ends)):
        at, _ = cut_text(text, (start, ends[number]), tables, tokens, at)
        start = ends[number]
        stops[number] = at
    words, masked, _, flags, starts, stop_bytes, _, _ = tokens
    return words[:at].copy(), masked[:at].copy(), flags[:at].copy(), starts[:at], stop_bytes[:at], stops
