"""Content words, and how well one text is covered by another."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from gristmill.models.extractive.lexicon import NUMBERS, STOPWORDS
from gristmill.models.extractive.passage import straight

_WORD = re.compile(r"[A-Za-z0-9_]+(?:'[a-z]+)?")
_NUMBER = re.compile(r"(?<![\w.])[-−]?\d[\d,_]*(?:\.\d+)?")
# Sentence starts do not tell a name from a word.
_NAME = re.compile(r"(?<![.!?:\n\"(*-] )(?<!^)\b[A-Z][A-Za-z]{2,}\b")
_NEGATION = re.compile(r"\b(?:not|never|no|none|neither|nor|cannot|without|hardly|rarely)\b|n't\b", re.I)
_OPPOSITES = """
always never|never always|more less|less more|before after|after before|faster slower|slower faster|
all none|first last|last first|largest smallest|smallest largest|increase decrease|decrease increase|
increases decreases|decreases increases|higher lower|lower higher|allows forbids|allow forbid|
must need not|same different|only hardly ever|every hardly any|each hardly any|requires rules out|
require rule out|immutable mutable|mutable immutable|valid invalid|safe unsafe|public private|
private public|inside outside|enables prevents|prevents enables|easier harder|harder easier|
beginning end|minimum maximum|maximum minimum|starts stops
"""
OPPOSITES = dict(entry.strip().split(" ", 1) for entry in _OPPOSITES.split("|"))
"""Words and what turns a statement into its contrary; used to corrupt and to detect corruption."""


def stem(word: str) -> str:
    """The word without its commonest endings."""
    for ending in ("'s", "edly", "ing", "ies", "ed", "es", "s", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


@lru_cache(maxsize=4096)
def content_words(text: str) -> frozenset[str]:
    """Stems of the words that carry content."""
    words = _WORD.findall(straight(text).lower())
    return frozenset(stem(word) for word in words if word not in STOPWORDS)


def share(part: frozenset[str], whole: frozenset[str]) -> float:
    """Share of ``part`` found in ``whole``; 1.0 for an empty part."""
    return len(part & whole) / len(part) if part else 1.0


def numbers(text: str) -> set[str]:
    """Figures in a text, thousands separators removed, with number words."""
    found = {re.sub(r"[,_]", "", n).replace("−", "-") for n in _NUMBER.findall(text)}
    return found | {word for word in re.findall(r"[a-z]+", text.lower()) if word in NUMBERS}


def names(text: str) -> set[str]:
    """Capitalised words that do not start a sentence."""
    return set(_NAME.findall(re.sub(r"`[^`]*`|```.*?```", " ", text, flags=re.S)))


def negations(text: str) -> int:
    """How many negating words a text has."""
    return len(_NEGATION.findall(straight(text)))


def best_match(text: str, pool: Iterable[str]) -> tuple[str, float]:
    """The text of the pool that shares the most content words, and the share of ``text`` covered."""
    words = content_words(text)
    scored = [(share(words, content_words(other)), -len(other), other) for other in pool]
    top = max(scored, default=(0.0, 0, ""))
    return top[2], top[0]
