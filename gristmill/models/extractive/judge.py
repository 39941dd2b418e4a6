"""The rule judge: what can be measured about an answer without understanding it, and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from gristmill.models.extractive.answering import answers
from gristmill.models.extractive.grammar import find_verb, tokenize
from gristmill.models.extractive.overlap import (
    OPPOSITES,
    best_match,
    content_words,
    names,
    negations,
    numbers,
    share,
)
from gristmill.models.extractive.passage import Passage, straight
from gristmill.models.extractive.selfcheck import balanced, points_elsewhere, starts_dangling
from gristmill.models.extractive.sentences import split_sentences
from gristmill.models.extractive.spans import render

# What a careless writer leaves of the markup.
_DEBRIS = re.compile(r"\{\{|\}\}|<[A-Za-z/][^>]*>|\]\(|\]\[|&\w+;|#include|\ufffd")
_CELL = re.compile(r"what is listed under")
_REFUSAL = re.compile(r"\b(?:as an ai|i (?:cannot|can't|am unable)|does not answer this question)\b", re.I)


@dataclass(frozen=True, slots=True)
class Finding:
    """One measured aspect in [0, 1], with the reason and the text that shows it."""

    value: float
    reason: str
    quote: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All aspects of one answer."""

    grounded: Finding
    complete: Finding
    relevant: Finding
    form: Finding

    @property
    def score(self) -> float:
        """0 to 10: aspects weighted, and an ungrounded or irrelevant answer cannot be saved by the others."""
        base = (
            0.35 * self.grounded.value
            + 0.3 * self.complete.value
            + 0.2 * self.relevant.value
            + 0.15 * self.form.value
        )
        cap = 0.35 + 0.65 * min(self.grounded.value, self.relevant.value + 0.25, self.complete.value + 0.3)
        return round(10 * min(base, cap), 2)


def judge(passage: Passage, question: str, response: str, reference: str = "") -> Verdict:
    """Measure an answer to ``question`` against the passage (and a reference answer when there is one)."""
    return Verdict(
        grounded(passage, response),
        complete(passage, question, response, reference),
        relevant(passage, question, response),
        well_formed(response),
    )


def units(text: str) -> list[str]:
    """Sentences, list items and code blocks of an answer."""
    parts = re.split(r"(```.*?```)", text, flags=re.S)
    found: list[str] = []
    for part in parts:
        if part.startswith("```"):
            found.append(part)
            continue
        for line in part.split("\n"):
            line = re.sub(r"^\s*(?:[-*]|\d+[.)])\s+", "", line).strip()
            found.extend(line[a:b] for a, b in split_sentences(line))
    return [unit for unit in found if unit.strip()]


def source_units(passage: Passage) -> list[str]:
    """The same of a passage, and neighbouring sentences together."""
    found = [s.text for s in passage.sentences]
    pairs = [f"{a.text} {b.text}" for group in passage.by_block for a, b in pairwise(group)]
    for block in passage.blocks:
        found += [cell.text.clean for cell in block.cells]
        found += [" | ".join(cell.text.clean for cell in row) for row in block.rows]
        found += [block.code] if block.code else [block.clean] if block.kind == "heading" else []
    return found + pairs


def grounded(passage: Passage, response: str) -> Finding:
    """Every sentence must be covered by a sentence of the passage: words, figures, names, negation."""
    pool = source_units(passage)
    found = [_support(passage, unit, pool) for unit in units(response)]
    if not found:
        return Finding(0.0, "the response is empty", "")
    worst = min(found, key=lambda f: f.value)
    if worst.value < 0.6:
        return Finding(worst.value * 0.6, worst.reason, worst.quote)
    mean = sum(f.value for f in found) / len(found)
    best = max(found, key=lambda f: f.value)
    return Finding(mean, "every statement is covered by the passage", best.quote)


def _support(passage: Passage, unit: str, pool: list[str]) -> Finding:
    match, coverage = best_match(unit, pool)
    missing = numbers(unit) - numbers(passage.raw)
    strange = {n for n in names(unit) if n.lower() not in passage.raw.lower()}
    if missing or strange:
        return Finding(0.2, f"not in the passage: {', '.join(sorted(missing | strange))}", unit)
    if numbers(unit) - numbers(match) and coverage > 0.5:
        return Finding(0.4, "a figure differs from the matching sentence of the passage", unit)
    if coverage >= 0.6 and _contradicts(unit, match):
        return Finding(0.1, "it says the contrary of the passage", unit)
    return Finding(
        coverage,
        f"{coverage:.0%} of its words are in one place of the passage",
        match if coverage >= 0.6 else unit,
    )


def _contradicts(unit: str, match: str) -> bool:
    here, there = straight(unit).lower(), straight(match).lower()
    # A part of the sentence may carry the negation, so look at the closest stretch only.
    if here.rstrip(".") in there:
        return False
    if negations(here) > negations(there) or (
        negations(here) < negations(there) and len(here) > 0.8 * len(there)
    ):
        return True
    words_here, words_there = (Counter(re.findall(r"[a-z]+", text)) for text in (here, there))
    new = set(words_here - words_there)
    lost = set(words_there - words_here)
    return any(set(OPPOSITES[word].split()) <= new for word in lost if word in OPPOSITES)


def complete(passage: Passage, question: str, response: str, reference: str) -> Finding:
    """How much of the best answer known (reference, or the rules' own) the response holds."""
    options = [reference] if reference else answers(passage, question)[:1]
    given = content_words(response)
    if not options:
        value = min(1.0, len(given - content_words(question)) / 6)
        return Finding(value, "the rules find no answer of their own to compare with", response[:200])
    wanted = content_words(options[0]) - content_words(question)
    value = share(wanted, given)
    coded = "```" in options[0] and "```" not in response
    value = min(value, 0.4) if coded else value
    reason = f"{value:.0%} of the expected content is there" + (", the code is missing" if coded else "")
    return Finding(value, reason, best_match(options[0], units(response))[0])


# Naming the document is no content that an answer could repeat.
_SOURCE = re.compile(r"^(?:According to|In) [^,]{3,80}, ")


def relevant(passage: Passage, question: str, response: str) -> Finding:
    """Shares the question's content words, or stands in a list or table whose surroundings do.

    What only names the document ("According to the manual, …", "in Rust") is left out.
    """
    asked = question if _CELL.search(question) else _SOURCE.sub("", question)
    wanted = content_words(asked) - content_words(passage.context)
    sentence, _ = best_match(asked, units(response))
    value = max(share(wanted, content_words(response)), share(wanted, _surroundings(passage, response)))
    return Finding(value, f"{value:.0%} of the question's words come up", sentence or response[:200])


def _surroundings(passage: Passage, response: str) -> frozenset[str]:
    """Content words of the list or table that the response was taken from, with heading and caption."""
    words, given = frozenset[str](), content_words(response)
    bare = response.strip(" `.")
    for number, block in enumerate(passage.blocks):
        if block.kind not in ("list", "table"):
            continue
        text = render(block)
        if (given and share(given, content_words(text)) >= 0.8) or (len(bare.split()) <= 8 and bare in text):
            near = [b.clean for b in passage.blocks[max(0, number - 1) : number + 2]]
            words |= content_words(" ".join([text, passage.headings[number], passage.title, *near]))
    return words


def _breaks_off(prose: str) -> bool:
    """Ends in the middle of a sentence; a table cell, a list item or a name needs no full stop."""
    last = prose.rsplit("\n", 1)[-1].strip()
    if not last or re.search(r"\b(?:and|or|the|of|to|with|an?)\.?$", last):
        return bool(last)
    if re.search(r"[.!:)\]|`\"”]$", last) or re.match(r"(?:[-*|]|\d+[.)]) ?", last):
        return False
    tokens = tokenize(last)
    return len(tokens) > 6 or find_verb([*tokens, tokens[0]]) is not None


def well_formed(response: str) -> Finding:
    """Length, whole sentences, no debris, nothing that points outside of the answer."""
    text = response.strip()
    prose = re.sub(r"```.*?```", "", text, flags=re.S).strip()
    faults = []
    if not text or _REFUSAL.search(text):
        return Finding(0.0, "no answer", text[:200])
    if _DEBRIS.search(prose):
        faults.append("markup debris")
    if _breaks_off(prose):
        faults.append("it breaks off")
    if not balanced(prose):
        faults.append("unbalanced brackets or quotes")
    if len(text) > 2500:
        faults.append("far too long")
    if points_elsewhere(prose):
        faults.append("it points outside of the answer")
    if starts_dangling(prose):
        faults.append("it leans on something said before")
    value = max(0.0, 1.0 - 0.35 * len(faults))
    return Finding(value, "; ".join(faults) or "whole, readable sentences", (units(text) or [text])[0][:200])
