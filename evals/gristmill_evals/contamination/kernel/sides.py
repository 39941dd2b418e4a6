"""Sides of items as they are compared with rows, compiled: hashes of words and runs, weights, the asking."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import compiled
from gristmill_evals.contamination.kernel.cutting import mixed
from gristmill_evals.contamination.kernel.features import cut_text, largest, room_for, single
from gristmill_evals.contamination.kernel.hashing import BASE, MASK_HASH, NUMBER_SALT, STEM_SALT
from gristmill_evals.contamination.kernel.limits import COUNT, EMPTY
from gristmill_evals.contamination.kernel.runs import find, power
from gristmill_evals.contamination.kernel.text import BLANK
from gristmill_evals.contamination.rows import GRAM

NONE = np.uint64(0)
NEWLINE, QUESTION_MARK = 10, 63


@compiled
def runs_of(masked: Any, count: Any, out: Any) -> None:
    """Hash of the run of :data:`rows.GRAM` masked words at each place; 0 where it tells nothing."""
    lead, drop = np.uint64(GRAM) * power(GRAM), power(GRAM)
    state, masks = np.uint64(0), 0
    for at in range(count):
        state = state * BASE + masked[at]
        masks += masked[at] == MASK_HASH
        if at >= GRAM:
            state -= masked[at - GRAM] * drop
            masks -= masked[at - GRAM] == MASK_HASH
        if at >= GRAM - 1:
            out[at - GRAM + 1] = mixed(state + lead) if masks <= GRAM // 2 else NONE
    for at in range(max(0, count - GRAM + 1), count):
        out[at] = NONE


@compiled
def sides_of(text: Any, ends: Any, heads: Any, asks: Any, tables: Any, lookup: Any) -> Any:
    """Sides as they are compared: hashes of words, of masked words and of runs, weights, first bytes, ends.

    Runs that are boilerplate (the last of ``lookup``) are left out, and their words weigh nothing. ``heads``:
    how many tokens the question has, ``asks``: how many bytes (-1: no matter). The last result holds for each
    side first and last token of its asking sentence, and how many words the question says.
    """
    tokens = room_for(largest(ends))
    found = np.empty((3, ends[-1] + len(ends)), dtype=np.uint64)
    weights, starts = np.empty(found.shape[1], dtype=np.float64), np.empty(found.shape[1], dtype=np.int64)
    stops, facts = np.empty(len(ends), dtype=np.int64), np.zeros((len(ends), 3), dtype=np.int64)
    at, start = np.int64(0), np.int64(0)
    for number in range(len(ends)):
        count, _ = cut_text(text, (start, ends[number]), tables, tokens, np.int64(0))
        facts[number, 2] = telling_words(tokens, min(count, heads[number]))
        found[0, at : at + count] = tokens[0][:count]
        found[1, at : at + count] = tokens[1][:count]
        runs_of(tokens[1], count, found[2, at : at + count])
        for place in range(count):
            weights[at + place] = weight_of(tokens, place, lookup)
            starts[at + place] = tokens[4][place] - start
        without_common(found[2, at : at + count], weights[at : at + count], lookup[4])
        if asks[number] > 0:
            first, end = asking_bytes(text[start : start + asks[number]], tables[0])
            facts[number, :2] = np.searchsorted(starts[at : at + count], np.array([first, end]))
        at, start = at + count, ends[number]
        stops[number] = at
    return found[0, :at], found[1, :at], found[2, :at], weights[:at], starts[:at], stops, facts


@compiled
def asking_bytes(question: Any, classes: Any) -> Any:
    """Where the last sentence with a question mark begins and ends (:func:`tiers.ngrams.asking_span`)."""
    end = len(question) - 1
    while end >= 0 and question[end] != QUESTION_MARK:
        end -= 1
    for at in range(end - 1, -1, -1):
        if question[at] == NEWLINE:
            return at + 1, end
        if classes[question[at]] == BLANK and at > 0 and ends_sentence(question[at - 1]):
            return at + 1, end
    return 0, max(end, 0)


@compiled
def ends_sentence(byte: Any) -> Any:
    """Whether a byte is one of ``.!?:``."""
    return byte == 46 or byte == 33 or byte == QUESTION_MARK or byte == 58


@compiled
def telling_words(tokens: Any, count: Any) -> Any:
    """How many distinct words there are among the first ones, stop words not counted."""
    n = 0
    for at in range(count):
        if tokens[3][at] != EMPTY and not has_word(tokens[0][:at], tokens[0][at]):
            n += 1
    return n


@compiled
def has_word(words: Any, word: Any) -> Any:
    """Whether ``word`` is among ``words``."""
    for own in words:  # noqa: SIM110 - compiled faster than any()
        if own == word:
            return True
    return False


@compiled
def weight_of(tokens: Any, at: Any, lookup: Any) -> Any:
    """The weight of a token (:meth:`index.lookups.Rarity.weights`)."""
    table, known, unseen, scale, _ = lookup
    if tokens[3][at] & COUNT:
        key = single(tokens[0][at], NUMBER_SALT)
    elif tokens[3][at] & EMPTY:
        return 0.0
    else:
        key = single(tokens[2][at], STEM_SALT)
    place = find(table, key)
    return sqrt((known[place] if place >= 0 else unseen[0]) / scale)


@compiled
def without_common(runs: Any, weights: Any, common: Any) -> None:
    """Blot out the runs that are boilerplate, and the weight of their words."""
    if len(common) == 0:
        return
    for at in range(len(runs)):
        if runs[at] != NONE:
            place = np.searchsorted(common, runs[at])
            if place < len(common) and common[place] == runs[at]:
                runs[at] = NONE
                weights[at : at + GRAM] = 0.0
