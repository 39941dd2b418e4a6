"""What the skimming kernel has to know about characters and bytes: folding by table, JSON, lists of choices.

In a reduced text only what matters for runs of words is left: ASCII as it is, letters of other scripts folded
and in UTF-8, characters of scripts without spaces between blanks, and a blank for everything else. So every
byte of it that is not ASCII belongs to a word.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.kernel.text import (
    BLANK,
    CHARACTER,
    DIGIT,
    LETTER,
    MARKS,
    Bytes,
    classes,
    special_words,
)
from gristmill_evals.contamination.rows import FIELDS

AS_IT_IS, ALONE, NOTHING, UNUSUAL, SPELT = range(5)
"""What becomes of a character that is not ASCII; from SPELT on, the place of its bytes in the spellings."""
PLAIN, QUOTE, ESCAPE, CONTROL, NOT_ASCII = range(5)
"""Kinds of bytes inside a string of JSON."""
NUMERAL, BULLET, DROPPED = 1, 2, 4
"""Flags of bytes: a digit, a bullet, nothing that :func:`normalise.squash` keeps."""
SIMPLE, HEX, NAMES, WIDTH = 256, 512, 768, 17
"""Places in the table for reading JSON: what escapes stand for, values of hexadecimal digits, and names, each
in so many bytes with its length before it."""
IDENTITY, CONTENT, VALUE = len(FIELDS), len(FIELDS) + 1, len(FIELDS) + 2
"""Places of names that matter in a row or message, after those of :data:`rows.FIELDS`."""
BEGINNING = 32
"""Bytes of a choice that its beginning is known by."""
WHOLE = np.uint64(0x452821E638D01377)
"""Told apart by this: the hash of a choice that is shorter than :data:`BEGINNING`."""
_ESCAPED = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SQUASHED = ".,;:!?\"'`()[]{}_"
_CHANGING = ((0x80, 0x3400), (0xA000, 0xAC00), (0xF900, 0x20000), (0x2F800, 0x2FA20))
"""Where the characters lie that folding changes."""
_ENCLOSING = range(0x20D0, 0x2100)
"""Marks that become part of no other character, such as the frame of keycaps."""


@lru_cache(maxsize=1)
def tables() -> tuple[Any, ...]:
    """For reading JSON, for folding, for cutting into words and choices; read-only arrays."""
    known, _, sorts = special_words()
    simple = _byte_table({ord(sign): ord(meant) for sign, meant in _ESCAPED.items()})
    digits = _byte_table({byte: int(chr(byte), 16) for byte in b"0123456789abcdefABCDEF"}, rest=16)
    json = np.concatenate([_inside_strings(), simple, digits, _names()])
    actions, spellings = _actions()
    letters, flags = _letters(), _flags()
    for array in (json, actions, letters, flags):
        array.flags.writeable = False
    return json, (actions, spellings, json), (letters, flags, known, sorts)


def reduced(folded: str) -> str | None:
    """The reduced form of a folded text; None when that is not for the table to say (foreign digits)."""
    if folded.isascii():
        return folded
    kinds = classes()
    found = []
    for char in folded:
        kind = kinds[ord(char)]
        if not char.isascii() and kind == DIGIT:
            return None
        found.append(_reduced(char, kind))
    return "".join(found)


def _reduced(char: str, kind: int) -> str:
    if char == "•":
        return "*"
    if char.isascii() or kind == LETTER:
        return char
    return f" {char} " if kind == CHARACTER else " "


def _actions() -> tuple[NDArray[np.int32], Bytes]:
    """What becomes of every code point, and the spellings: length, then bytes."""
    kinds = classes()
    actions = np.full(len(kinds), NOTHING, dtype=np.int32)
    actions[kinds == LETTER], actions[kinds == CHARACTER], actions[kinds == DIGIT] = AS_IT_IS, ALONE, UNUSUAL
    spellings = bytearray(SPELT)
    for code in (code for start, end in _CHANGING for code in range(start, end)):
        char = chr(code)
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", char).casefold())
        if folded != char or char == "•":
            spelt = (reduced(folded) or "").encode()
            # A text must not more than double, so that the room for it is known.
            usual = 0 < len(spelt) <= 2 * len(char.encode())
            actions[code] = len(spellings) if usual else UNUSUAL
            spellings += bytes([len(spelt)]) + spelt if usual else b""
    for code in (
        code for code in range(0x3100) if code not in _ENCLOSING and re.match(f"[{MARKS}]", chr(code))
    ):
        actions[code] = UNUSUAL
    return actions, np.frombuffer(bytes(spellings), dtype=np.uint8)


def _byte_table(values: dict[int, int], rest: int = 0) -> Bytes:
    table = np.full(256, rest, dtype=np.uint8)
    for byte, value in values.items():
        table[byte] = value
    return table


def _inside_strings() -> Bytes:
    high = dict.fromkeys(range(128, 256), NOT_ASCII)
    return _byte_table({ord('"'): QUOTE, ord("\\"): ESCAPE, **dict.fromkeys(range(32), CONTROL), **high})


def _letters() -> Bytes:
    """Bytes of words in lower case, 0 for all others."""
    return _byte_table(
        {byte: byte for byte in (*b"abcdefghijklmnopqrstuvwxyz", *range(128, 256))} | _CAPITALS
    )


_CAPITALS = {byte: byte + 32 for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def _flags() -> Bytes:
    blanks = [byte for byte in range(128) if classes()[byte] == BLANK]
    dropped = dict.fromkeys((*blanks, *_SQUASHED.encode()), DROPPED)
    return _byte_table(dropped | dict.fromkeys(b"0123456789", NUMERAL) | dict.fromkeys(b"-*", BULLET))


def _names() -> Bytes:
    """Names that matter, each after its length and padded with zeros."""
    names = [name.encode() for name in (*FIELDS, "id", "content", "value")]
    padded = b"".join(bytes([len(name)]) + name.ljust(WIDTH - 1, b"\0") for name in names)
    return np.frombuffer(padded, dtype=np.uint8)
