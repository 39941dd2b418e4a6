"""Sentence boundaries in clean text."""

from __future__ import annotations

import re

from gristmill.models.extractive.lexicon import words

_ABBREVIATIONS = words("""
e.g i.e etc mr mrs ms dr prof st vs fig eq no nos vol pp p ed eds al inc ltd co corp approx dept est
jr sr u.s u.k a.m p.m cf ca sec ch jan feb mar apr jun jul aug sep sept oct nov dec
""")
# A stop counts only before white space, so 3.11 and main.rs stay whole.
_END = re.compile(r"""[.!?…]+["'”’)\]]*(?=\s|$)""")
_OPENING = re.compile(r"""[\s"'“‘(\[]*""")


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Half-open ranges of the sentences of ``text`` (one paragraph), without surrounding spaces."""
    code = [(m.start(), m.end()) for m in re.finditer(r"(`+)[^`]+\1", text)]
    spans, start = [], 0
    for found in _END.finditer(text):
        if found.end() < len(text) and not _is_end(text, start, found, code):
            continue
        spans.append((start, found.end()))
        start = found.end() + (len(text[found.end() :]) - len(text[found.end() :].lstrip()))
    if start < len(text):
        spans.append((start, len(text)))
    return [(a, b) for a, b in spans if text[a:b].strip()]


def _is_end(text: str, start: int, found: re.Match[str], code: list[tuple[int, int]]) -> bool:
    if any(a < found.start() < b for a, b in code):
        return False
    after = text[found.end() :].lstrip()
    opening = _OPENING.match(after)
    first = after[opening.end() :][:1] if opening else after[:1]
    if found[0].startswith("."):
        word = re.split(r"[\s(\[“\"]", text[start : found.start()])[-1].lower()
        # "p.m." or "etc." may well end a sentence, "Dr." hardly ever does.
        if word in _ABBREVIATIONS and not (word in ("etc", "inc", "p.m", "a.m") and first.isupper()):
            return False
        if re.fullmatch(r"[a-z]|\d{1,2}", word, re.I) and (len(word) == 1 and word.isalpha()):
            return False
        if re.fullmatch(r"\d{1,2}", text[start : found.start()].strip()):
            return False
    if text[: found.end()].count("(") > text[: found.end()].count(")") and not first.isupper():
        return False
    return not first.islower() or first == "`"
