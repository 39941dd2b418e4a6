"""Scorers of the form of a text: repetition, language, readability."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pydantic import Field, ValidationInfo, field_validator

from gristmill.registry import Scored, Unscored
from gristmill_scorers.checks import View
from gristmill_scorers.checks.repetition import circle, repeated_share
from gristmill_scorers.checks.text import Text
from gristmill_scorers.language import LANGUAGES, detect
from gristmill_scorers.rule.base import Finding, RuleScorer, listed, scored
from gristmill_scorers.rules import known

_LETTER = re.compile(r"[^\W\d_]")
_PARAGRAPH = re.compile(r"\S.*?(?=\n\s*\n|\Z)", re.DOTALL)


class Repetition(RuleScorer):
    """Share of a response that is not said again; a loop, a stutter or a run of one letter halves it.

    Counted in phrases of five words, from 40 words on; loops are found in texts of any length. Tables and
    code are left out. It cannot see: the same thing said in other words, repetition across rows of the
    dataset, texts without spaces between words (Chinese, Japanese, Thai), or verse that is meant to repeat.
    """

    def look(self, seen: View) -> Scored | Unscored:
        """The worst of the responses."""
        values, findings, shares = [], [], []
        for turn, text in enumerate(seen.responses):
            found, words = circle(text)
            shares.append(repeated_share(words))
            values.append((1 - shares[-1]) * (0.5 if found else 1.0))
            if found:
                findings.append(_found("loop", turn, text, found.group()))
        said = listed(findings) or f"{max(shares):.0%} of its phrases are repeats"
        return scored(min(values), said, findings)


class Language(RuleScorer):
    """Share of a response, in letters, that is in the language wanted: ``languages``, else the source's.

    Told paragraph by paragraph from scripts and very common words (English, German, French, Spanish,
    Italian, Portuguese, Dutch; ten scripts for others). It cannot see: paragraphs of fewer than five words
    or without common ones (they are left out), languages that share a script (Ukrainian passes for Russian,
    Persian for Arabic), a foreign word or sentence inside a paragraph, or how well it is written.
    """

    languages: list[str] = Field(default=[], description="ISO 639-1 codes wanted; empty: the source's.")

    @field_validator("languages")
    @classmethod
    def _known_languages(cls, names: list[str]) -> list[str]:
        return known(names, list(LANGUAGES), "language")

    def look(self, seen: View) -> Scored | Unscored:
        """Over all responses together; ``unknown-language`` when nothing can be told."""
        source = detect(seen.source)
        wanted = self.languages or ([source] if source else [])
        if not wanted:
            return Unscored("unknown-language", "the language of the source cannot be told")
        right = total = 0
        findings: list[Finding] = []
        for turn, match, language in _paragraphs(seen.responses):
            letters = len(_LETTER.findall(match.group()))
            total += letters
            if language in wanted:
                right += letters
            else:
                findings.append(Finding(language, "response", turn, *match.span(), match.group()))
        if not total:
            return Unscored("unknown-language", "too little prose to tell the language of the response")
        said = f"{right / total:.0%} in {', '.join(wanted)}" + (f"; {listed(findings)}" if findings else "")
        return scored(right / total, said, findings)


def _paragraphs(texts: Sequence[Text]) -> Iterator[tuple[int, re.Match[str], str]]:
    for turn, text in enumerate(texts):
        told = [(match, detect(match.group())) for match in _PARAGRAPH.finditer(text.raw)]
        known_ones = [(match, language) for match, language in told if language]
        whole = re.match(r".*", text.raw, re.DOTALL)
        # short list items tell nothing alone, together they may
        if not known_ones and whole and (language := detect(text.raw)):
            known_ones = [(whole, language)]
        yield from ((turn, match, language) for match, language in known_ones)


_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|\n+")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_NO_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")
_LONG_WORD = 6
_LEAST_WORDS = 10


class Readability(RuleScorer):
    """How easy the sentences of a response are to read, by the LIX formula, from 0 (hard) to 1 (easy).

    LIX (Björnsson 1968) is words a sentence plus the percentage of words longer than six letters: 25 reads
    like a children's book, 60 like a statute. 1 up to ``easy``, 0 from ``hard`` on, even between them. Code
    and tables are left out. It cannot see: sense, order, grammar, jargon in short words, or that long words
    are usual in a language (German and Dutch read some 5 points higher than English, Russian 10). Fewer than
    ten words are unscored, and so are scripts without spaces.
    """

    easy: float = Field(default=40, ge=0, le=200, description="LIX up to which the value is 1.")
    hard: float = Field(default=65, ge=0, le=200, description="LIX from which on the value is 0.")

    @field_validator("hard")
    @classmethod
    def _harder(cls, hard: float, info: ValidationInfo) -> float:
        easy = info.data.get("easy", 0)
        if hard <= easy:
            raise ValueError(f"hard must be above easy ({easy:g})")
        return hard

    def look(self, seen: View) -> Scored | Unscored:
        """Over all responses together; ``no-word-boundaries`` or ``too-short`` where nothing is measured."""
        prose = [_prose(text) for text in seen.responses]
        letters = sum(len(_LETTER.findall(text)) for text in prose)
        if letters and sum(len(_NO_SPACES.findall(text)) for text in prose) > 0.3 * letters:
            return Unscored("no-word-boundaries", "this script has no spaces between words")
        sentences = [
            (turn, piece.strip(), words)
            for turn, text in enumerate(prose)
            for piece in _SENTENCE_END.split(text)
            if piece and (words := _WORD.findall(piece))
        ]
        count = sum(len(words) for _, _, words in sentences)
        if count < _LEAST_WORDS:
            return Unscored("too-short", f"{count} words outside of code and tables")
        long = sum(len(word) > _LONG_WORD for _, _, words in sentences for word in words)
        lix = count / len(sentences) + 100 * long / count
        longest = sorted(sentences, key=lambda sentence: -len(sentence[2]))[:3]
        value = (self.hard - lix) / (self.hard - self.easy)
        findings = [_found("long-sentence", turn, seen.responses[turn], said) for turn, said, _ in longest]
        said = f"LIX {lix:.0f}: {count / len(sentences):.1f} words a sentence, {long / count:.0%} long words"
        return scored(value, said, findings if value < 1 else ())


def _prose(text: Text) -> str:
    return "\n".join(line for line in text.plain.raw.splitlines() if "|" not in line)


def _found(kind: str, turn: int, text: Text, quote: str) -> Finding:
    """A finding in the prose of a text; the span is (0, 0) when code inside of it was blanked out."""
    start = max(0, text.raw.find(quote))
    end = start + len(quote) if quote in text.raw else 0
    return Finding(kind, "response", turn, start, end, quote)
