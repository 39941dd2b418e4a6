"""The tokeniser, compiled: the tokens of :func:`normalise.tokenise`, as hashes, straight from bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import compiled
from gristmill_evals.contamination.kernel.hashing import BASE, HIGH, LOW, MASK_HASH, OFFSET, PRIME, STEM
from gristmill_evals.contamination.kernel.limits import COUNT, EMPTY, MOST_PARTS

_SLOT = np.uint64(511)


@compiled
def mixed(state: Any) -> Any:
    """The last step of every hash."""
    state = (state ^ (state >> HIGH)) * BASE
    return state ^ (state >> LOW)


@compiled
def code_point(text: Any, at: Any) -> Any:
    """Code point at byte ``at`` and how many bytes it has; the text is valid UTF-8 (surrogates allowed)."""
    first = np.int64(text[at])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return ((first & 0x1F) << 6) | (text[at + 1] & 0x3F), 2
    if first < 0xF0:
        return ((first & 0x0F) << 12) | ((text[at + 1] & 0x3F) << 6) | (text[at + 2] & 0x3F), 3
    high = ((first & 0x07) << 18) | ((text[at + 1] & 0x3F) << 12)
    return high | ((text[at + 2] & 0x3F) << 6) | (text[at + 3] & 0x3F), 4


@compiled
def lowered(byte: Any) -> Any:
    """A byte in lower case, as a 64-bit number."""
    return np.uint64(byte + 32) if 65 <= byte <= 90 else np.uint64(byte)


@compiled
def special(word: Any, keys: Any, kinds: Any) -> Any:
    """Slot of a stop word or number word, or -1."""
    slot = np.int64(word & _SLOT)
    while kinds[slot] != 0:
        if keys[slot] == word:
            return slot
        slot = (slot + 1) & 511
    return -1


@compiled
def digits_from(text: Any, at: Any, end: Any, classes: Any) -> Any:
    """First byte after the run of digits that starts at ``at``, and how many digits it has."""
    count = 0
    while at < end:
        point, size = code_point(text, at)
        if classes[point] != 2:
            break
        at += size
        count += 1
    return at, count


@compiled
def three_digits(text: Any, at: Any, end: Any, classes: Any) -> Any:
    """Byte after the three digits at ``at``, or -1."""
    for _ in range(3):
        if at >= end:
            return -1
        point, size = code_point(text, at)
        if classes[point] != 2:
            return -1
        at += size
    return at


@compiled
def number_end(text: Any, at: Any, end: Any, classes: Any) -> Any:
    """Ends of the whole part and of the number that starts at ``at``: ``1,234.50``."""
    at, _ = digits_from(text, at, end, classes)
    while at < end and text[at] == 44:
        after = three_digits(text, at + 1, end, classes)
        if after < 0:
            break
        at = after
    whole = at
    if at < end and text[at] == 46:
        after, count = digits_from(text, at + 1, end, classes)
        if count > 0:
            at = after
    return whole, at


@compiled
def number_hash(text: Any, start: Any, whole: Any, end: Any) -> Any:
    """Hash of the canonical number: no separators, no zeros before it, none after its decimal point."""
    stop = end
    if whole < end:
        while text[stop - 1] == 48:
            stop -= 1
        if stop - 1 == whole:
            stop = whole
    state, empty = OFFSET, True
    for at in range(start, stop):
        byte = text[at]
        if byte == 44 or (empty and byte == 48):
            continue
        empty = False
        state = (state ^ np.uint64(byte)) * PRIME
    return MASK_HASH if empty else mixed(state)


@compiled
def parts_of(text: Any, start: Any, end: Any, keys: Any, kinds: Any, out: Any, at: Any) -> Any:
    """Stems of ``nearby`` and ``Elements`` in ``nearbyElements``, written to ``out``; its new end."""
    first, pieces, began = at, 0, start
    for place in range(start + 1, end + 1):
        if place < end:
            upper = 65 <= text[place] <= 90
            after_upper = 65 <= text[place - 1] <= 90
            before_lower = place + 1 < end and 97 <= text[place + 1] <= 122
            if not (upper and (not after_upper or before_lower)):
                continue
        if pieces < MOST_PARTS:
            stem, word, letters = piece_hash(text, began, place)
            if letters > 1 and special(word, keys, kinds) < 0:
                out[at] = stem
                at += 1
        pieces += 1
        began = place
    return at if pieces > 1 else first


@compiled
def piece_hash(text: Any, start: Any, end: Any) -> Any:
    """Stem hash, word hash and letters of the bytes ``start`` to ``end``."""
    state = stem = OFFSET
    letters = 0
    for at in range(start, end):
        byte = text[at]
        if (byte & 0xC0) != 0x80:
            if letters == STEM:
                stem = state
            letters += 1
        state = (state ^ lowered(byte)) * PRIME
    whole = mixed(state)
    return (whole if letters <= STEM else mixed(stem)), whole, letters


@compiled
def word_end(text: Any, at: Any, end: Any, classes: Any) -> Any:
    """First byte after the run of letters at ``at``, and whether capitals inside it may split it."""
    start, humps = at, False
    while at < end:
        byte = text[at]
        if byte < 0x80:
            if classes[byte] != 1:
                break
            humps = humps or (at > start and byte <= 90)
            at += 1
            continue
        point, size = code_point(text, at)
        if classes[point] != 1:
            break
        at += size
    return at, humps


@compiled
def cut(text: Any, span: Any, tables: Any, out: Any, at: Any, symbols: Any) -> Any:
    """Tokens of ``text[span]`` written to ``out`` from place ``at`` on; returns the new end.

    ``tables``: character classes and special words. ``out``: word, masked and stem hashes, flags, first and
    last byte of each token, the end of its parts in ``out[7]``, and the stems of those parts. ``symbols``:
    every character that is no blank is a token (texts without any word).
    """
    classes, keys, values, kinds = tables
    words, masked, stems, flags, starts, ends, part_ends, parts = out
    place, end = span
    part = part_ends[at - 1] if at > 0 else 0
    while place < end:
        byte = text[place]
        point, size = (np.int64(byte), 1) if byte < 0x80 else code_point(text, place)
        kind = classes[point]
        if kind == 4 or (kind == 0 and not symbols):
            place += size
            continue
        start, humps, slot = place, False, -1
        if kind == 2 and not symbols:
            whole, place = number_end(text, place, end, classes)
            word = number_hash(text, start, whole, place)
            words[at], masked[at], stems[at], flags[at] = word, MASK_HASH, MASK_HASH, EMPTY | COUNT
        else:
            if kind == 1 and not symbols:
                place, humps = word_end(text, place, end, classes)
            else:
                place += size
            stem, word, _ = piece_hash(text, start, place)
            slot = special(word, keys, kinds)
            words[at], masked[at], stems[at], flags[at] = word, word, stem, 0
            if slot >= 0 and kinds[slot] == 2:
                words[at], masked[at], stems[at] = values[slot], MASK_HASH, MASK_HASH
                flags[at] = EMPTY | COUNT
            elif slot >= 0:
                flags[at] = EMPTY
            elif humps:
                part = parts_of(text, start, place, keys, kinds, parts, part)
        starts[at], ends[at], part_ends[at] = start, place, part
        at += 1
    return at
