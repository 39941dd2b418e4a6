"""How well a candidate can do at most, compiled: what rows and sides share, told from hashes.

The tiers that compare word by word build words, spans and options of a row in Python. Most rows that share
a run with an item share a licence or an instruction and come to nothing; here that is known beforehand.
Names and numbers are those of :mod:`tiers.ngrams`, which says what they mean.
"""

from __future__ import annotations

from math import exp
from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import compiled
from gristmill_evals.contamination.kernel.features import room_for
from gristmill_evals.contamination.kernel.hashing import MASK_HASH
from gristmill_evals.contamination.kernel.retrieve import cut_row, joined, widest
from gristmill_evals.contamination.kernel.sides import NONE, has_word, runs_of
from gristmill_evals.contamination.rows import GRAM

QUESTION, CHOICES = 1, 2
"""Flags of a side: it is a question; it has two choices or more."""


@compiled
def bounds(text: Any, fields: Any, rows: Any, tables: Any, shelf: Any, pairs: Any, rules: Any) -> Any:
    """For each pair the highest score that any tier can give it.

    ``text``, ``fields`` and ``rows`` as in :func:`retrieve.search`. ``shelf``: words, masked words, runs,
    weights and ends of :func:`sides.sides_of`, and facts by side: head, flags, first and last token of its
    asking sentence, whether its question is telling. ``pairs``: up to the end of each row, place on the
    shelf, and whether the row lists the choices of this side.
    """
    ends, places, listed = pairs
    longest = widest(rows, fields)
    tokens, table = room_for(longest), new_table(longest)
    found = np.empty(len(places), dtype=np.float64)
    field, pair = 0, 0
    for row in range(len(rows)):
        parts = cut_row(text, fields, (field, rows[row]), tables, tokens)
        words, count = joined(tokens[0], parts)
        masked, _ = joined(tokens[1], parts)
        enter_runs(masked, count, table)
        ours = words[:count], masked[:count], kept_fields(parts)
        while pair < ends[row]:
            found[pair] = bound(ours, table, shelf, places[pair], listed[pair], rules)
            pair += 1
        field = rows[row]
    return found


@compiled
def kept_fields(parts: Any) -> Any:
    """First and last token (half-open) of each field among the words that :func:`retrieve.joined` gives."""
    ends, odd = parts
    spans = np.zeros((len(ends), 2), dtype=np.int64)
    every = odd.all()
    at, start = 0, 0
    for field in range(len(ends)):
        size = ends[field] - start if every or not odd[field] else 0
        spans[field, 0], spans[field, 1] = at, at + size
        at, start = at + size, ends[field]
    return spans


@compiled
def new_table(size: Any) -> Any:
    """Room for the runs of a row: heads of chains by slot, stamps, keys, next place with the same slot."""
    slots = 16
    while slots < 2 * (size + 1):
        slots *= 2
    return (
        np.empty(slots, dtype=np.int64),
        np.zeros(slots + 1, dtype=np.int64),
        np.empty(size + 1, dtype=np.uint64),
        np.empty(size + 1, dtype=np.int64),
    )


@compiled
def enter_runs(masked: Any, count: Any, table: Any) -> None:
    """Enter the telling runs of a row, so that :func:`cover` finds them."""
    heads, stamps, keys, after = table
    last = len(heads) - 1
    stamps[-1] += 1
    runs_of(masked, count, keys)
    for at in range(count - GRAM, -1, -1):
        if keys[at] == NONE:
            continue
        slot = np.int64(keys[at] & np.uint64(last))
        after[at] = heads[slot] if stamps[slot] == stamps[-1] else -1
        heads[slot], stamps[slot] = at, stamps[-1]


@compiled
def cover(ours: Any, theirs: Any, table: Any, exact: Any) -> Any:
    """Tokens of row and side in shared runs, as bytes; ``exact``: with the same numbers."""
    heads, stamps, keys, after = table
    last = np.uint64(len(heads) - 1)
    of_row, of_side = np.zeros(len(ours[0]), dtype=np.uint8), np.zeros(len(theirs[0]), dtype=np.uint8)
    for place in range(len(of_side)):
        key = theirs[2][place]
        slot = np.int64(key & last)
        if key == NONE or stamps[slot] != stamps[-1]:
            continue
        at = heads[slot]
        while at >= 0:
            if keys[at] == key and (not exact or same(ours[0], at, theirs[0], place, GRAM)):
                of_row[at : at + GRAM] = 1
                of_side[place : place + GRAM] = 1
            at = after[at]
    return of_row, of_side


@compiled
def same(ours: Any, at: Any, theirs: Any, place: Any, size: Any) -> Any:
    """Whether ``size`` words from the given places on are the same."""
    for n in range(size):  # noqa: SIM110 - compiled faster than all()
        if ours[at + n] != theirs[place + n]:
            return False
    return True


@compiled
def place_in(ours: Any, theirs: Any, size: Any) -> Any:
    """Where the first ``size`` words of a side begin in the row, or -1."""
    if size == 0:
        return -1
    for at in range(len(ours) - size + 1):
        if ours[at] == theirs[0] and same(ours, at, theirs, 0, size):
            return at
    return -1


@compiled
def bound(ours: Any, table: Any, shelf: Any, place: Any, listed: Any, rules: Any) -> Any:
    """The highest score that any tier can give one pair."""
    words, masked, runs, weights, ends, facts = shelf
    start, end = ends[place - 1] if place > 0 else 0, ends[place]
    theirs = words[start:end], masked[start:end], runs[start:end]
    weight = weights[start:end]
    fact = facts[place]
    head, flags = fact[0], fact[1]
    if listed or head > len(weight) or may_be_whole(ours, theirs, fact):
        return 1.0
    if flags & CHOICES and has_words(ours[0], theirs[0][head:]):
        return 1.0
    of_row, of_side = cover(ours, theirs, table, False)
    if not of_side.any():
        return 0.0
    best = 0.0
    if not same_numbers(ours, of_row, theirs, of_side):
        share = shared(weight, of_side, head)
        best = of_template(share, rules)
        if flags & QUESTION and share >= rules[7]:
            best = max(best, probability(ours, (of_row, of_side), weight, fact, rules))
    of_row, of_side = cover(ours, theirs, table, True)
    if of_side.any():
        best = max(best, probability(ours, (of_row, of_side), weight, fact, rules))
    return best


@compiled
def may_be_whole(ours: Any, theirs: Any, fact: Any) -> Any:
    """Whether the whole question may be there, if only with other numbers; a short one as a whole field."""
    head, flags, telling = fact[0], fact[1], fact[4]
    if telling:
        if flags & QUESTION:
            return place_in(ours[1], theirs[1], head) >= 0
        return place_in(ours[0], theirs[0], head) >= 0
    for field in range(len(ours[2])):
        start, end = ours[2][field, 0], ours[2][field, 1]
        if end - start == head and same(ours[0], start, theirs[0], 0, head):
            return True
    return False


@compiled
def has_words(ours: Any, theirs: Any) -> Any:
    """Whether the row has each of these words."""
    for word in theirs:  # noqa: SIM110 - compiled faster than all()
        if not has_word(ours, word):
            return False
    return True


@compiled
def same_numbers(ours: Any, of_row: Any, theirs: Any, of_side: Any) -> Any:
    """Whether the numbers among the covered tokens are the same on both sides."""
    place = 0
    for at in range(len(of_row)):
        if not of_row[at] or ours[1][at] != MASK_HASH:
            continue
        while place < len(of_side) and (not of_side[place] or theirs[1][place] != MASK_HASH):
            place += 1
        if place == len(of_side) or ours[0][at] != theirs[0][place]:
            return False
        place += 1
    return not (of_side[place:] & (theirs[1][place:] == MASK_HASH)).any()


@compiled
def part(weight: Any, covered: Any, first: Any, end: Any) -> Any:
    """Covered share of the weight of the tokens ``first`` to ``end``."""
    total, got = 0.0, 0.0
    for at in range(first, end):
        total += weight[at]
        if covered[at]:
            got += weight[at]
    return got / total if total > 0 else 0.0


@compiled
def shared(weight: Any, covered: Any, head: Any) -> Any:
    """The larger of the covered shares of the question and of all of the item."""
    return max(part(weight, covered, 0, head), part(weight, covered, 0, len(weight)))


@compiled
def of_template(share: Any, rules: Any) -> Any:
    """:func:`decision.decide.template_score`."""
    form = rules[8]
    if 100 * share < form:
        return 0.5 * 100 * share / form
    return 0.5 + 0.1 * (100 * share - form) / (100 - form)


@compiled
def probability(ours: Any, covered: Any, weight: Any, fact: Any, rules: Any) -> Any:
    """:meth:`tiers.ngrams.Coverage.probability`."""
    steepness, half, half_of_a_piece, goes_on, most, asked, of_field, _, _ = rules
    share = shared(weight, covered[1], fact[0])
    if not diverges(ours[2], covered, weight, fact[0], goes_on):
        half = half_of_a_piece
    if most_of_a_field(ours[2], covered[0]) >= of_field:
        telling = 0
        for at in range(fact[2], fact[3]):
            telling += weight[at] > 0
        if telling >= asked:
            share = max(share, part(weight, covered[1], fact[2], fact[3]))
    return min(most, 1 / (1 + exp(-steepness * (share - half))))


@compiled
def diverges(fields: Any, covered: Any, weight: Any, head: Any, goes_on: Any) -> Any:
    """Whether row and item both go on, before or after what they share."""
    places, own = np.flatnonzero(covered[1]), np.flatnonzero(covered[0])
    before = after = 0
    for at in range(head):
        if weight[at] > 0:
            before += at < places[0]
            after += at > places[-1]
    first = end = 0
    for field in range(len(fields)):
        if fields[field, 0] <= own[0] < fields[field, 1]:
            first, end = fields[field, 0], fields[field, 1]
    return (before >= goes_on and own[0] - first >= goes_on) or (
        after >= goes_on and end - 1 - own[-1] >= goes_on
    )


@compiled
def most_of_a_field(fields: Any, of_row: Any) -> Any:
    """Covered share of the field that is covered most."""
    best = 0.0
    for field in range(len(fields)):
        start, end = fields[field, 0], fields[field, 1]
        if end > start:
            best = max(best, of_row[start:end].sum() / (end - start))
    return best
