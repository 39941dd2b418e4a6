"""What the decision sees of a text (:class:`decision.views.View`), compiled: content words, values, names.

It goes by bytes, so words with letters outside ASCII may be cut to another stem than in Python. Nothing is
decided here for good: :mod:`.promise` only tells what need not be looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.kernel.compiled import compiled
from gristmill_evals.contamination.kernel.cutting import code_point, mixed
from gristmill_evals.contamination.kernel.hashing import OFFSET, ONE, PRIME, STEM, STEM_SALT
from gristmill_evals.contamination.kernel.lexicon import BEGINS, TENS, UNIT

WORD, DIGITS, PERCENT, SLASH = range(4)
REACH = 4
LONG = 48
"""Bytes of a word that are looked at."""
_NONE = np.uint64(0)


@compiled
def small(byte: Any) -> Any:
    """Whether it is a small ASCII letter."""
    return 97 <= byte <= 122


@compiled
def figures(text: Any, at: Any, end: Any, classes: Any) -> Any:
    """Byte after the number that begins at ``at``, and its value; commas between thousands do not count."""
    value, scale = 0.0, 0.0
    while at < end:
        byte = text[at]
        if 48 <= byte <= 57:
            if scale > 0:
                value += (byte - 48) / scale
                scale *= 10
            elif value < 1e18:
                value = value * 10 + (byte - 48)
        elif byte == 44 and scale == 0 and thousand(text, at + 1, end):
            pass
        elif byte == 46 and scale == 0 and at + 1 < end and 48 <= text[at + 1] <= 57:
            scale = 10.0
        else:
            break
        at += 1
    return at, value


@compiled
def thousand(text: Any, at: Any, end: Any) -> Any:
    """Whether just three digits begin there."""
    if at + 3 > end:
        return False
    for place in range(at, at + 3):
        if not 48 <= text[place] <= 57:
            return False
    return at + 3 == end or not 48 <= text[at + 3] <= 57


@compiled
def letters(text: Any, at: Any, end: Any, classes: Any) -> Any:
    """Byte after the word that begins at ``at``; it ends where a capital follows a small letter."""
    before = np.uint8(0)
    while at < end:
        byte = text[at]
        if byte < 0x80:
            if classes[byte] != 1 or (small(before) and 65 <= byte <= 90):
                break
            before = byte
            at += 1
        else:
            point, size = code_point(text, at)
            if classes[point] != 1:
                break
            before = np.uint8(0)
            at += size
    return at


@compiled
def cut_words(text: Any, span: Any, classes: Any, out: Any) -> Any:
    """Tokens of ``text[span]`` into ``out`` (kind, first byte, end, value); how many."""
    kinds, starts, ends, values = out
    at, end = span
    n = 0
    while at < end:
        byte = text[at]
        point, size = (np.int64(byte), 1) if byte < 0x80 else code_point(text, at)
        kind, start = classes[point], at
        values[n] = 0.0
        if 48 <= byte <= 57:
            at, values[n] = figures(text, at, end, classes)
            kinds[n] = DIGITS
        elif kind == 1:
            at = letters(text, at, end, classes)
            kinds[n] = WORD
        elif kind == 3:
            at += size
            kinds[n] = WORD
        elif byte == 37:
            at += 1
            kinds[n] = PERCENT
        elif (
            byte == 47
            and at > span[0]
            and 48 <= text[at - 1] <= 57
            and at + 1 < end
            and 48 <= text[at + 1] <= 57
        ):
            at += 1
            kinds[n] = SLASH
        else:
            at += size
            continue
        starts[n], ends[n] = start, at
        n += 1
    return n


@compiled
def lower_into(text: Any, start: Any, end: Any, word: Any) -> Any:
    """The word in small letters, at most :data:`LONG` bytes of it; its length."""
    size = min(end - start, LONG)
    for at in range(size):
        byte = text[start + at]
        word[at] = byte + 32 if 65 <= byte <= 90 else byte
    return size


@compiled
def hash_of(word: Any, size: Any) -> Any:
    """Hash of the first bytes of a word (:func:`hashing.word_hash`)."""
    state = OFFSET
    for at in range(size):
        state = (state ^ np.uint64(word[at])) * PRIME
    return mixed(state)


def _packed(endings: Sequence[bytes]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Endings as numbers (last byte lowest), and their lengths."""
    known = [int.from_bytes(ending, "big") for ending in endings]
    return np.array(known, dtype=np.uint64), np.array([len(e) for e in endings], dtype=np.int64)


_ENDINGS = b"ingly edly ation ings ing ies ied ily ment ed es ly s e".split()
"""Those of :func:`decision.stems.stem`, in its order."""
_PACKED, _LENGTHS = _packed(_ENDINGS)
_LASTS = np.array([ending[-1] for ending in _ENDINGS], dtype=np.uint8)
_CAN_END = np.array([byte in b"ysgdnte" for byte in range(256)], dtype=np.uint8)


@compiled
def ending_of(word: Any, size: Any) -> Any:
    """Bytes of the ending that is taken off."""
    last = word[size - 1]
    if size < 4 or not _CAN_END[last]:
        return 0
    tail = np.uint64(0)
    for at in range(max(0, size - 5), size):
        tail = (tail << np.uint64(8)) | np.uint64(word[at])
    for number in range(len(_PACKED)):
        length = _LENGTHS[number]
        if _LASTS[number] == last and size - length >= 3:
            mask = (np.uint64(1) << np.uint64(8 * length)) - np.uint64(1)
            if tail & mask == _PACKED[number]:
                return length
    return 0


@compiled
def stemmed(word: Any, size: Any) -> Any:
    """Cut a word in place to its stem; the new length."""
    size -= ending_of(word, size)
    if size > 3 and word[size - 1] == word[size - 2] and word[size - 1] < 0x80:
        size -= 1
    if size > 3 and word[size - 1] == 105:
        word[size - 1] = 121
    return size


@compiled
def slot_of(keys: Any, key: Any) -> Any:
    """Slot of a key in a table of open addressing, or -1."""
    last = len(keys) - 1
    slot = np.int64(key) & last
    while keys[slot] != _NONE:
        if keys[slot] == key:
            return slot
        slot = (slot + 1) & last
    return -1


@compiled
def weight_key(word: Any, size: Any) -> Any:
    """Key under which the index knows how rare a stem is (:func:`hashing.stem_key`)."""
    count, at = 0, 0
    while at < size:
        if (word[at] & 0xC0) != 0x80:
            if count == STEM:
                break
            count += 1
        at += 1
    return mixed(hash_of(word, at) ^ STEM_SALT) & ~ONE


@compiled
def says(value: Any) -> Any:
    """What finding a value says (:func:`decision.numbers.weight_of`)."""
    if value <= 0:
        return 0.3
    digits = np.int64(np.rint(value / 10.0 ** (floor(log10(value)) - 5)))
    while digits % 10 == 0:
        digits //= 10
    return log10(1.0 + digits)


@compiled
def number_at(at: Any, n: Any, tokens: Any, table: Any) -> Any:
    """The value that begins at a token, and how many tokens it takes (:mod:`decision.numbers`)."""
    kinds, values, slots = tokens
    known, can = table
    if kinds[at] == DIGITS:
        value, size = values[at], 1
    elif slots[at] >= 0 and can[slots[at]] & BEGINS:
        value, size = known[0, slots[at]], 1
        after = slots[at + 1] if at + 1 < n else -1
        if can[slots[at]] & TENS and after >= 0 and can[after] & UNIT:
            value, size = value + known[0, after], 2
    else:
        return 0.0, 0
    place = at + size
    if place + 1 < n and kinds[place] == SLASH and kinds[place + 1] == DIGITS and values[place + 1] > 0:
        value, size = value / values[place + 1], size + 2
    elif place < n and slots[place] >= 0 and 0 < value < known[2, slots[place]]:
        value, size = value / known[2, slots[place]], size + 1
    while at + size < n:
        scale = 0.01 if kinds[at + size] == PERCENT else 0.0
        if slots[at + size] >= 0:
            scale = known[1, slots[at + size]]
        if scale == 0:
            break
        value, size = value * scale, size + 1
    return np.rint(value * 1e6) / 1e6, size
