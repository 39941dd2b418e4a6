"""Rewriting by selection: bullets, plain text or steps, made of the passage's own sentences."""

from __future__ import annotations

from gristmill.models.extractive import verbs
from gristmill.models.extractive.grammar import tokenize
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.rank import is_english
from gristmill.models.extractive.selfcheck import announces
from gristmill.models.extractive.spans import capital, lead_length, usable
from gristmill.models.extractive.summary import standing


def rewrite(passage: Passage, style: str) -> str:
    """The passage in another form, or "" when it does not lend itself to it."""
    if not is_english(passage.raw):
        return ""
    if style == "bullets":
        return _bullets(passage)
    return _steps(passage) if style == "steps" else _plain(passage)


def _text(sentence: Sentence) -> str:
    return capital(sentence.text[lead_length(sentence.text) :])


def _bullets(passage: Passage) -> str:
    chosen = standing(passage)
    if len(chosen) < 3:
        return ""
    return "\n".join(f"- {_text(sentence)}" for sentence in chosen[:7])


def _plain(passage: Passage) -> str:
    paragraphs = []
    for group in passage.by_block:
        kept: list[Sentence] = []
        for sentence in group:
            follows = kept and kept[-1].index + 1 == sentence.index
            if (
                usable(sentence)
                and not announces(sentence.text)
                and (follows or sentence in standing(passage))
            ):
                kept.append(sentence)
        if kept:
            paragraphs.append(" ".join(_text(sentence) for sentence in kept))
    return "\n\n".join(paragraphs) if sum(len(p.split()) for p in paragraphs) >= 40 else ""


def _steps(passage: Passage) -> str:
    for block in passage.blocks:
        if block.kind == "list" and block.plain and (block.ordered or _imperative(block.cells[0].text.clean)):
            items = [cell.text.clean for cell in block.cells if cell.depth == 0]
            if len(items) >= 2 and all(_imperative(item) for item in items):
                return _numbered(items)
    steps = [
        _text(s) for s in passage.sentences if usable(s) and not announces(s.text) and _imperative(_text(s))
    ]
    return _numbered(steps) if len(steps) >= 3 else ""


def _numbered(items: list[str]) -> str:
    return "\n".join(f"{number}. {item}" for number, item in enumerate(items, 1))


def _imperative(text: str) -> bool:
    tokens = tokenize(text)
    words = [t.low for t in tokens[:2]]
    return bool(words) and (
        verbs.is_base(words[0]) or (words[0] in ("then", "do", "please") and len(words) > 1)
    )
