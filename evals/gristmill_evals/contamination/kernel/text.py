"""Texts as bytes for the kernel, and what it has to know about characters and words.

Everything that Unicode folding can change is changed here; plain ASCII is left as it is (the kernel lowers
it, and the capitals inside ``nearbyElements`` tell where its words begin).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.kernel.hashing import word_hash
from gristmill_evals.contamination.normalise import CJK
from gristmill_evals.contamination.vocabulary import NUMBER_WORDS, STOPWORDS

Bytes = NDArray[np.uint8]
Hashes = NDArray[np.uint64]

OTHER, LETTER, DIGIT, CHARACTER, BLANK = range(5)
STOP, NUMBER = 1, 2
MARKS = r"\u0300-\u036f\u1160-\u11ff\u3099\u309a\u20d0-\u20ff"
"""Characters that change the one before them."""
_PIECE = re.compile(rf"[^{MARKS}]?[{MARKS}]+|[^\x00-\x7f]", re.S)
_MARKED = re.compile(f"[{MARKS}]")
_BEYOND = re.compile(r"[^\x00-\x7f]+")
_SLOTS = 512
_MANY = 100


def encode(text: str) -> bytes:
    """UTF-8 of ``text``, folded like :func:`normalise.fold` except that ASCII letters keep their case."""
    if text.isascii():
        return text.encode()
    if not _MARKED.search(text):
        folded = _by_character(text)
        if folded is not None:
            return folded.encode("utf-8", "surrogatepass")
    return _PIECE.sub(_piece, text).encode("utf-8", "surrogatepass")


def _by_character(text: str) -> str | None:
    """``text`` with all of a character replaced at once; None for too many, or one to be replaced twice."""
    changed = {char: _folded(char) for char in set("".join(_BEYOND.findall(text)))}
    changed = {char: folded for char, folded in changed.items() if folded != char}
    if len(changed) > _MANY or any(char in changed for folded in changed.values() for char in folded):
        return None
    for char, folded in changed.items():
        text = text.replace(char, folded)
    return text


def _piece(found: re.Match[str]) -> str:
    return _folded(found[0])


@lru_cache(maxsize=1 << 14)
def _folded(piece: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", piece).casefold())


@lru_cache(maxsize=1)
def classes() -> Bytes:
    """Class of every code point: what :func:`normalise.tokenise` takes it for."""
    every = "".join(map(chr, range(0x110000)))
    table = np.zeros(0x110000, dtype=np.uint8)
    patterns = {LETTER: r"[^\W\d_]+", DIGIT: r"\d+", CHARACTER: f"[{CJK}]+", BLANK: r"\s+"}
    for kind, pattern in patterns.items():
        for found in re.finditer(pattern, every):
            table[found.start() : found.end()] = kind
    table.flags.writeable = False
    return table


@lru_cache(maxsize=1)
def special_words() -> tuple[Hashes, Hashes, Bytes]:
    """Stop words and number words by open addressing: hash, hash of the number, kind."""
    keys, values = np.zeros(_SLOTS, dtype=np.uint64), np.zeros(_SLOTS, dtype=np.uint64)
    kinds = np.zeros(_SLOTS, dtype=np.uint8)
    entries = [(word_hash(w), 0, STOP) for w in sorted(STOPWORDS)]
    entries += [(word_hash(w), word_hash(digits), NUMBER) for w, digits in NUMBER_WORDS.items()]
    for key, value, kind in entries:
        slot = key % _SLOTS
        while kinds[slot]:
            slot = (slot + 1) % _SLOTS
        keys[slot], values[slot], kinds[slot] = key, value, kind
    for array in (keys, values, kinds):
        array.flags.writeable = False
    return keys, values, kinds
