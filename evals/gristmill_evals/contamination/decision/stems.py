"""A light English stemmer: endings that rewordings add and drop."""

from __future__ import annotations

import functools

_ENDINGS = ("ingly", "edly", "ation", "ings", "ing", "ies", "ied", "ily", "ment", "ed", "es", "ly", "s", "e")


@functools.lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """``running``, ``runs`` → ``run``; ``studies``, ``studying`` → ``study``."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word[:-1] + "y" if len(word) > 3 and word[-1] == "i" else word
