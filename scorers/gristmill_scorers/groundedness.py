"""How much of a response is said by its source: a scorer, and a gate on its value.

No model. Four kinds of claims are looked up in the chunk, its headings and the document's title: content
words (by stem), numbers, names, quotations. It sees whether the material of a response comes from the
source, not whether it was put together rightly: a swapped subject, a dropped "not" or a wrong conclusion
from the right words goes unnoticed, and a fair paraphrase in other words loses points.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from gristmill.models.types import Ask
from gristmill.records import Evidence, Item
from gristmill.registry import Blocked, Gate, Passed, Scored, Scorer, Unscored
from gristmill_scorers.quotes import find
from gristmill_scorers.words import Claims, claims, numbers_in, spelled, stem

_PREFIX = 5
_MOST_EVIDENCE = 5
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+(?=\s|$)|[.!?](?=\S)[^.!?\n]*)*[.!?]*", re.MULTILINE)


class _Source:
    """What the source says, ready to be asked."""

    def __init__(self, item: Item) -> None:
        parts = (item.chunk.text, *item.chunk.heading_path, str(item.document.metadata.get("title") or ""))
        self.text = "\n".join(part for part in parts if part)
        self.numbers = numbers_in(self.text)
        self._stems = {stem(word) for word in re.findall(r"[^\W_]+", self.text)}
        self._stems |= {stem(word) for word in re.findall(r"\w+", self.text)}
        self._starts: dict[str, list[str]] = {}
        for known in self._stems:
            self._starts.setdefault(known[:_PREFIX], []).append(known)

    def says(self, key: str, word: str) -> bool:
        """A word counts as said in any form: same stem, a close relative, or a number spelled out."""
        if key in self._stems or key in self.text or spelled(word) in self.numbers:
            return True
        relatives = self._starts.get(key[:_PREFIX], []) if len(key) >= _PREFIX else []
        return any(abs(len(known) - len(key)) <= 4 for known in relatives)

    def names(self, key: str) -> bool:
        """A name must be there itself; ``CamelCase`` or ``snake_case`` may stand inside a longer one."""
        return key in self._stems or (len(key) > 3 and key in self.text.casefold())


def measure(item: Item) -> Scored | Unscored:
    """The groundedness of an example's response in its chunk.

    The value is the product of four shares, each the part that the source supports: words × numbers ×
    quotations × names (smoothed: a name may be general knowledge). A kind that does not occur counts 1.
    """
    found = claims(item.example.response)
    if found.empty:
        return Unscored("nothing-to-check", item.example.response)
    source = _Source(item)
    asked = _asked(item)
    # a question's own words are free, but count where the source has them
    words = {key: word for key, word in found.words.items() if key not in asked or source.says(key, word)}
    missing = {
        "words": [word for key, word in words.items() if not source.says(key, word)],
        "numbers": [number for number in found.numbers if number not in source.numbers],
        "quotations": [quote for quote in found.quotes if find(quote, source.text) is None],
        "names": [word for key, word in found.names.items() if not source.names(key) and key not in asked],
    }
    totals = dict(
        zip(missing, (len(words), len(found.numbers), len(found.quotes), len(found.names)), strict=True)
    )
    value = 1.0
    for kind, total in totals.items():
        # one strange name may be common knowledge, one strange number is not
        extra = 1 if kind == "names" else 0
        value *= (total + extra - len(missing[kind])) / (total + extra) if total else 1.0
    return Scored(value, _rationale(totals, missing), tuple(_evidence(item)))


def _asked(item: Item) -> frozenset[str]:
    """Stems of the question: a response may repeat its words whether or not the source has them."""
    passage = item.chunk.text.strip()
    question = item.example.instruction.replace(passage, " ") if passage else item.example.instruction
    return frozenset(stem(word) for word in re.findall(r"\w+", question))


def _rationale(totals: dict[str, int], missing: dict[str, list[str]]) -> str:
    counts = ", ".join(
        f"{kind} {total - len(missing[kind])}/{total}" for kind, total in totals.items() if total
    )
    lost = [f"{kind}: {', '.join(gone[:10])}" for kind, gone in missing.items() if gone]
    return f"in the source: {counts}" + (f"; not in the source: {'; '.join(lost)}" if lost else "")


def _evidence(item: Item) -> Iterable[Evidence]:
    """For each sentence of the response the sentence of the chunk that shares most with it."""
    sentences = [(m.start(), m.end(), _keys(claims(m.group()))) for m in _SENTENCE.finditer(item.chunk.text)]
    spans: list[tuple[int, int]] = []
    for match in _SENTENCE.finditer(item.example.response):
        keys = _keys(claims(match.group()))
        start, end, shared = max(
            ((start, end, len(keys & said)) for start, end, said in sentences),
            key=lambda found: found[2],
            default=(0, 0, 0),
        )
        if shared >= 2 and shared >= 0.4 * len(keys) and (start, end) not in spans:
            spans.append((start, end))
    for start, end in spans[:_MOST_EVIDENCE]:
        quote = item.chunk.text[start:end]
        start += len(quote) - len(quote.lstrip())
        at = item.chunk.start + start
        yield {"chunk_id": item.chunk.id, "start": at, "end": at + len(quote.strip()), "quote": quote.strip()}


def _keys(found: Claims) -> set[str]:
    return {*found.words, *found.names, *found.numbers}


class Groundedness(Scorer):
    """Share of the response's words, numbers, names and quotations that its source supports; no model."""

    version: ClassVar[str] = "1"

    async def score(self, item: Item, ask: Ask) -> Scored | Unscored:
        """Score one example; ``nothing-to-check`` when the response holds no content word."""
        return measure(item)


class GroundedGate(Gate):
    """Blocks a response that its source does not support, before a judge is paid.

    A response without anything to check (``Yes.``) passes: this gate has no opinion of it.
    """

    min: float = Field(default=0.6, ge=0, le=1, description="Least groundedness, 0 to 1.")

    def check(self, item: Item) -> Passed | Blocked:
        """Blocked below ``min``, with what was not found."""
        result = measure(item)
        if isinstance(result, Scored) and result.value < self.min:
            return Blocked("ungrounded", f"{result.value:.2f} < {self.min:g}; {result.rationale}")
        return Passed()
