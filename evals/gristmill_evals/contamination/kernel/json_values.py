"""The values of JSON, compiled: where they end, and whether they are well-formed UTF-8 and JSON.

Only what is certain is taken for a value: numbers that might not be finite give -1 like every mistake.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import compiled, inlined
from gristmill_evals.contamination.kernel.cutting import code_point
from gristmill_evals.contamination.kernel.folding import CONTROL, ESCAPE, HEX, PLAIN, QUOTE, SIMPLE

STRING, NULL, NUMBER, TRUTH, OBJECT, ARRAY = 1, 2, 4, 8, 16, 32
LONGEST = 40
"""Characters of a number, so that it is finite."""


@inlined
def hex_digits(text: Any, at: Any, end: Any, table: Any) -> Any:
    """Value of the four hexadecimal digits at ``at``, or -1."""
    if at + 4 > end:
        return -1
    first, second = np.int64(table[HEX + text[at]]), np.int64(table[HEX + text[at + 1]])
    third, fourth = np.int64(table[HEX + text[at + 2]]), np.int64(table[HEX + text[at + 3]])
    if (first | second | third | fourth) > 15:
        return -1
    return (first << 12) | (second << 8) | (third << 4) | fourth


@inlined
def escaped(text: Any, at: Any, end: Any, table: Any) -> Any:
    """Code point that the escape at ``at`` stands for and how many bytes it has; 0 bytes: it is none."""
    if at + 1 >= end:
        return np.int64(0), 0
    if text[at + 1] != 117:
        meant = np.int64(table[SIMPLE + text[at + 1]])
        return meant, 2 if meant else 0
    point = hex_digits(text, at + 2, end, table)
    if point < 0xD800 or point > 0xDFFF:
        return np.int64(point), 6 if point >= 0 else 0
    if point > 0xDBFF or at + 7 >= end or text[at + 6] != 92 or text[at + 7] != 117:
        return np.int64(0), 0
    low = hex_digits(text, at + 8, end, table)
    if low < 0xDC00 or low > 0xDFFF:
        return np.int64(0), 0
    return np.int64(0x10000 + ((point - 0xD800) << 10) + low - 0xDC00), 12


@inlined
def character_size(text: Any, at: Any, end: Any) -> Any:
    """Bytes of the character at ``at``, which is not ASCII; 0 when it is no UTF-8."""
    first = text[at]
    size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if first < 0xC2 or first > 0xF4 or at + size > end:
        return 0
    for place in range(at + 1, at + size):
        if text[place] & 0xC0 != 0x80:
            return 0
    if size == 2:
        return size
    point, _ = code_point(text, at)
    if size == 3:
        return size if point >= 0x800 and (point < 0xD800 or point > 0xDFFF) else 0
    return size if 0x10000 <= point <= 0x10FFFF else 0


@inlined
def string_end(text: Any, at: Any, end: Any, table: Any) -> Any:
    """Closing quote of the string that begins at ``at``, or -1; and what it has: 1 not ASCII, 2 escapes."""
    has = 0
    while at < end:
        kind = table[text[at]]
        if kind == PLAIN:
            at += 1
        elif kind == QUOTE:
            return at, has
        elif kind == CONTROL:
            return -1, has
        elif kind == ESCAPE:
            _, size = escaped(text, at, end, table)
            if size == 0:
                return -1, has
            at += size
            has |= 2
        else:
            size = character_size(text, at, end)
            if size == 0:
                return -1, has
            at += size
            has |= 1
    return -1, has


@compiled
def digits_end(text: Any, at: Any, end: Any) -> Any:
    """First byte from ``at`` on that is no digit."""
    while at < end and 48 <= text[at] <= 57:
        at += 1
    return at


@compiled
def number_stop(text: Any, at: Any, end: Any) -> Any:
    """First byte after the number at ``at``, or -1 for one that is none, or not plain."""
    first = at
    if text[at] == 45:
        at += 1
    whole = at
    at = digits_end(text, at, end)
    if at == whole or (text[whole] == 48 and at > whole + 1):
        return -1
    if at < end and text[at] == 46:
        whole = at + 1
        at = digits_end(text, whole, end)
        if at == whole:
            return -1
    if at < end and (text[at] | 32) == 101:
        whole = at + 1
        if whole < end and (text[whole] == 43 or text[whole] == 45):
            whole += 1
        at = digits_end(text, whole, end)
        if at == whole or at > whole + 2:
            return -1
    return at if at - first <= LONGEST else -1


@compiled
def literal_stop(text: Any, at: Any, end: Any) -> Any:
    """First byte after ``true``, ``false`` or ``null`` at ``at`` (-1: none of them), and its kind."""
    if at + 5 > end:
        return -1, TRUTH
    second, third, fourth = text[at + 1], text[at + 2], text[at + 3]
    if text[at] == 110 and second == 117 and third == 108 and fourth == 108:
        return at + 4, NULL
    if text[at] == 116 and second == 114 and third == 117 and fourth == 101:
        return at + 4, TRUTH
    if text[at] == 102 and second == 97 and third == 108 and fourth == 115 and text[at + 4] == 101:
        return at + 5, TRUTH
    return -1, TRUTH


@compiled
def past_blanks(text: Any, at: Any, end: Any) -> Any:
    """First byte from ``at`` on that is no blank of JSON."""
    while at < end and (text[at] == 32 or text[at] == 10 or text[at] == 13 or text[at] == 9):
        at += 1
    return at
