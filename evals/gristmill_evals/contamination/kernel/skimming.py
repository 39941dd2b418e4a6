"""Which lines of a file certainly repeat no item, compiled: one pass from JSON to runs of words.

A line is read (:mod:`.jsonl`), its texts are put into one reduced text (:mod:`.reducing`) in the order in
which a row has them, and that is cut into words, whose runs are looked up as in :mod:`.retrieve`. Lists of
choices are told by how their first choice begins.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import compiled, inlined
from gristmill_evals.contamination.kernel.cutting import mixed, special
from gristmill_evals.contamination.kernel.folding import BEGINNING, BULLET, DROPPED, NUMERAL, WHOLE
from gristmill_evals.contamination.kernel.hashing import MASK_HASH, OFFSET, PRIME
from gristmill_evals.contamination.kernel.jsonl import FIRST, MOST_TEXTS, texts_of
from gristmill_evals.contamination.kernel.reducing import reduced_row
from gristmill_evals.contamination.kernel.runs import BIT, FIRSTS, ONE_WORD, SIX, find, grams_of, run_at


@inlined
def numeral_end(text: Any, at: Any, flags: Any) -> Any:
    """First byte after the number at ``at`` (:func:`cutting.number_end`, ASCII; the text ends in zeros)."""
    while flags[text[at]] == NUMERAL:
        at += 1
    while text[at] == 44 and flags[text[at + 1]] == flags[text[at + 2]] == flags[text[at + 3]] == NUMERAL:
        at += 4
    if text[at] == 46 and flags[text[at + 1]] == NUMERAL:
        at += 2
        while flags[text[at]] == NUMERAL:
            at += 1
    return at


@inlined
def words_of(text: Any, size: Any, tables: Any, choices: Any, out: Any) -> Any:
    """Masked hashes of the words of a reduced text into ``out``; how many, -1 if a list may be an item's."""
    letters, flags, keys, sorts = tables
    at, n = 0, 0
    while at < size:
        letter = letters[text[at]]
        start, opening = at, np.uint8(0)
        if letter:
            state = OFFSET
            while letter:
                state = (state ^ np.uint64(letter)) * PRIME
                at += 1
                letter = letters[text[at]]
            word = mixed(state)
            slot = special(word, keys, sorts) if text[start] < 0x80 else -1
            out[n] = MASK_HASH if slot >= 0 and sorts[slot] == 2 else word
            n += 1
            if at == start + 1 and text[start] | 32 == 97:
                opening = np.uint8(98)
        elif flags[text[at]] & NUMERAL:
            at = numeral_end(text, at, flags)
            out[n] = MASK_HASH
            n += 1
            if at == start + 1 and text[start] == 49:
                opening = np.uint8(50)
        else:
            at += 1
            if flags[text[start]] & BULLET and (text[at] == 32 or text[at] == 9):
                opening = np.uint8(1) if begins_line(text, start) else opening
        listed = opening and len(choices) > 0 and (opening == 1 or after_mark(text[at]))
        if listed and may_list(text, at, size, opening, tables, choices):
            return -1
    return n


@inlined
def after_mark(byte: Any) -> Any:
    """Whether this may stand between the letter of a choice and the choice."""
    return byte == 41 or byte == 46 or byte == 58


@inlined
def begins_line(text: Any, at: Any) -> Any:
    """Whether there is nothing but blanks before ``at`` in its line."""
    at -= 1
    while at >= 0 and (text[at] == 32 or text[at] == 9):
        at -= 1
    return at < 0 or text[at] == 10


@compiled
def may_list(text: Any, at: Any, size: Any, following: Any, tables: Any, choices: Any) -> Any:
    """Whether what begins at ``at`` may be a choice of an item, as the first of a list.

    ``following``: the letter or number of the next choice, 1 for bullets. Either the choice begins like one
    of an item, or it is one, and the mark of the next choice comes right after it.
    """
    letters, flags = tables[0], tables[1]
    state, kept = OFFSET, 0
    for place in range(at, size):
        byte = letters[text[place]]
        if byte == 0:
            byte = text[place]
            if flags[byte] & DROPPED:
                continue
        after = text[place + 1]
        if following == 1:
            ends = flags[byte] & BULLET and (after == 32 or after == 9)
        else:
            ends = byte == following and after_mark(after)
        if ends and known(mixed(state) ^ WHOLE, choices):
            return True
        state = (state ^ np.uint64(byte)) * PRIME
        kept += 1
        if kept == BEGINNING:
            return known(mixed(state), choices)
    return False


@inlined
def known(key: Any, table: Any) -> Any:
    """Whether ``key`` is in an open-addressed table (0: free) whose size is a power of two."""
    last = np.uint64(len(table) - 1)
    slot = key & last
    while table[slot] != 0:
        if table[slot] == key:
            return True
        slot = (slot + BIT) & last
    return False


@inlined
def shares_run(masked: Any, count: Any, grams: Any, room: Any) -> Any:
    """Whether any telling run of the words is in the table (:func:`runs.sides_by_runs`)."""
    keys, (bits, shift) = grams[0], grams[1]
    n = grams_of(masked, count, room)
    left = 0
    for at in range(n):  # by itself, so that many places of the filter are fetched at a time
        key = room[at]
        room[left] = key
        wanted = (BIT << (key & ONE_WORD)) | (BIT << ((key >> SIX) & ONE_WORD))
        left += (bits[key >> shift] & wanted) == wanted
    for at in range(left):  # noqa: SIM110 - compiled code has no generators
        if find(keys, room[at]) >= 0:
            return True
    return False


@inlined
def shares_short(masked: Any, count: Any, shorts: Any) -> Any:
    """Whether a whole short question is among the words (:func:`runs.sides_by_short`)."""
    keys, _, _, sizes, firsts = shorts
    for at in range(count if len(sizes) else 0):
        word = masked[at]
        if (firsts[(word >> SIX) & FIRSTS] >> (word & ONE_WORD)) & BIT:
            for size in sizes:
                if at + size <= count and find(keys, run_at(masked, at, size)) >= 0:
                    return True
    return False


@compiled
def skim(text: Any, ends: Any, tables: Any, index: Any, choices: Any) -> Any:
    """For each line, 1 when it is a row that no exact tier can find anything in; 0 says nothing.

    ``text``: lines, up to ``ends``; 34 times as much room is taken as the longest has. ``tables``:
    :func:`folding.tables`. ``index``: runs, short questions. ``choices``: :func:`index.choices.beginnings`.
    """
    widest, start = 0, 0
    for end in ends:
        widest = max(widest, end - start)
        start = end
    room = np.empty(2 * widest + 64, dtype=np.uint8)
    words, runs = np.empty(2 * widest + 64, dtype=np.uint64), np.empty(2 * widest + 64, dtype=np.uint64)
    found = np.empty(FIRST + 4 * MOST_TEXTS, dtype=np.int64)
    quiet = np.zeros(len(ends), dtype=np.uint8)
    start = 0
    for number in range(len(ends)):
        count = texts_of(text, start, ends[number], tables[0], found)
        start = ends[number]
        if count <= 0:
            continue
        size = reduced_row(text, count, found, tables[1], room)
        n = words_of(room, size, tables[2], choices, words) if size >= 0 else -1
        if n > 0 and not shares_run(words, n, index[0], runs) and not shares_short(words, n, index[1]):
            quiet[number] = 1
    return quiet
