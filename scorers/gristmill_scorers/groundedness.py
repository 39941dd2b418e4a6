"""How much of a response is said by its source: a scorer, and a gate on its value.

No model. Four kinds of claims are looked up in the chunk, its headings and the document's title: content
words (by stem), numbers, names, quotations; then each sentence is held beside the one that it leans on. It
cannot see whether the material was put together rightly: a swapped subject, a reversed comparison or a wrong
conclusion from the right words goes unnoticed, a "not" in a sentence of other words too, and a fair
paraphrase loses points.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from gristmill.models.types import Ask
from gristmill.records import Evidence, Example, Item, Span
from gristmill.registry import Blocked, Gate, Passed, Scored, Scorer, Unscored
from gristmill_scorers.quotes import find
from gristmill_scorers.rule.base import MOST_FINDINGS, Finding
from gristmill_scorers.statements import Statement, statements
from gristmill_scorers.words import NUMBER, claims, number, numbers_in, spelled, stem

_PREFIX = 5
_MOST_EVIDENCE = 5


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

    The value is the product of five shares, each the part that the source supports: words × numbers ×
    quotations × names (smoothed: a name may be general knowledge) × sentences that do not turn round what
    the source says (smoothed, see :mod:`gristmill_scorers.statements`). What does not occur counts 1.
    ``votes`` hold the places of the response that are not supported.
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
    stated = statements(item.example.response, item.chunk.text)
    turned = sum(row.negated or bool(row.misplaced) for row in stated)
    # smoothed as well: another number of negations is mostly a contradiction, not always
    value *= (len(stated) + 1 - turned) / (len(stated) + 1)
    findings = _findings(item.example, missing, stated)
    rows = tuple(finding.row() for finding in findings[:MOST_FINDINGS])
    return Scored(value, _rationale(totals, missing, stated), tuple(_evidence(item, stated)), rows)


def _asked(item: Item) -> frozenset[str]:
    """Stems of the question: a response may repeat its words whether or not the source has them."""
    passage = item.chunk.text.strip()
    question = item.example.instruction.replace(passage, " ") if passage else item.example.instruction
    return frozenset(stem(word) for word in re.findall(r"\w+", question))


def _rationale(totals: dict[str, int], missing: dict[str, list[str]], stated: Sequence[Statement]) -> str:
    counts = ", ".join(
        f"{kind} {total - len(missing[kind])}/{total}" for kind, total in totals.items() if total
    )
    lost = [f"{kind}: {', '.join(gone[:10])}" for kind, gone in missing.items() if gone]
    negated = sum(row.negated for row in stated)
    figures = [figure for row in stated for figure in row.misplaced]
    said = f"in the source: {counts}" + (f"; not in the source: {'; '.join(lost)}" if lost else "")
    said += f"; negated otherwise than in the source: {negated} sentences" if negated else ""
    return said + (f"; from another sentence of the source: {', '.join(figures[:10])}" if figures else "")


def _evidence(item: Item, stated: Iterable[Statement]) -> Iterable[Evidence]:
    """For each sentence of the response the sentence of the chunk that shares most with it."""
    leaning = [row for row in stated if row.shared >= 2 and row.share >= 0.4]
    for start, end in list(dict.fromkeys(row.source for row in leaning))[:_MOST_EVIDENCE]:
        quote = item.chunk.text[start:end]
        start += len(quote) - len(quote.lstrip())
        at = item.chunk.start + start
        yield {"chunk_id": item.chunk.id, "start": at, "end": at + len(quote.strip()), "quote": quote.strip()}


def _findings(
    example: Example, missing: Mapping[str, list[str]], stated: Iterable[Statement]
) -> list[Finding]:
    """Where the response says what the source does not, in its order."""
    response = example.response
    rows = [
        (*span, kind)
        for kind, gone in missing.items()
        for claim in gone
        if (span := _written(claim, kind, response))
    ]
    for row in stated:
        rows += [(*row.span, "negation")] if row.negated else []
        rows += [(*row.span, "misplaced-number")] if row.misplaced else []
    said = sum(message["role"] == "assistant" for message in example.messages)
    # the last response, counted from 0
    turn = max(0, said - (example.chosen is None))
    return [Finding(kind, "response", turn, a, b, response[a:b].strip()) for a, b, kind in sorted(rows)]


def _written(claim: str, kind: str, response: str) -> Span | None:
    """The place of a claim; numbers were put into one form and are read again."""
    if kind == "numbers":
        spans = (m.span() for m in NUMBER.finditer(response) if number(m.group()) == claim)
        return next(spans, None)
    start = response.find(claim)
    return (start, start + len(claim)) if start >= 0 else None


class Groundedness(Scorer):
    """Share of the response's words, numbers, names and quotations that its source supports; no model."""

    version: ClassVar[str] = "2"

    async def score(self, item: Item, ask: Ask) -> Scored | Unscored:
        """Score one example; ``nothing-to-check`` when the response holds no content word."""
        return measure(item)


class GroundedGate(Gate):
    """Blocks a response that its source does not support, before a judge is paid.

    A response without anything to check (``Yes.``) passes: this gate has no opinion of it.
    """

    version: ClassVar[str] = "2"
    min: float = Field(default=0.6, ge=0, le=1, description="Least groundedness, 0 to 1.")

    def check(self, item: Item) -> Passed | Blocked:
        """Blocked below ``min``, with what was not found."""
        result = measure(item)
        if isinstance(result, Scored) and result.value < self.min:
            return Blocked("ungrounded", f"{result.value:.2f} < {self.min:g}; {result.rationale}")
        return Passed()
