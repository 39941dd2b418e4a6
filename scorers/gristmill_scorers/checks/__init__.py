"""The rules of ``quality_rules``: one function each, from a view of the example to what is wrong with it.

They run for every row, so a pattern is only tried on a text that holds one of its *clues*: literals
without which it cannot match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from gristmill.records import Item
from gristmill_scorers.checks.text import Text


@dataclass(frozen=True, slots=True)
class Limits:
    """Arguments of the rules that have any. Lengths are in characters, ``repetition`` is a share."""

    min_instruction: int = 8
    max_instruction: int = 20_000
    min_response: int = 1
    max_response: int = 12_000
    repetition: float = 0.35
    languages: tuple[str, ...] = ()
    pii_allowed: frozenset[str] = frozenset()


@dataclass(slots=True)
class View:
    """What the rules look at.

    ``prompts`` are the user turns without a passage that they hold, ``responses`` what a model would
    learn to say (assistant turns, ``chosen``), ``texts`` both and ``rejected``, ``source`` the chunk.
    """

    prompts: Sequence[Text]
    responses: Sequence[Text]
    texts: Sequence[Text]
    source: str
    passage_given: bool = False
    limits: Limits = field(default_factory=Limits)


Check = Callable[[View], str | None]
"""Returns what is wrong, in a few words for people, or None."""


def view(item: Item, limits: Limits) -> View:
    """The view of one example."""
    example = item.example
    passage = item.chunk.text.strip()
    prompts: list[Text] = []
    responses: list[Text] = []
    given = False
    for message in example.messages:
        content = message["content"]
        if message["role"] == "assistant":
            responses.append(Text(content))
        elif message["role"] == "user":
            asked = content.replace(passage, " ") if passage else content
            given = given or asked != content
            prompts.append(Text(asked))
    # an example without a user turn has an empty prompt, which is too short
    prompts = prompts or [Text("")]
    if example.chosen is not None:
        responses.append(Text(example.chosen))
    texts = [*prompts, *responses]
    if example.rejected is not None:
        texts.append(Text(example.rejected))
    return View(prompts, responses, texts, item.chunk.text, given, limits)


class Clued(NamedTuple):
    """A pattern and its clues: any text it matches holds at least one of them when folded (``Text.low``)."""

    pattern: re.Pattern[str]
    clues: tuple[str, ...]

    @classmethod
    def of(cls, pattern: str, *clues: str, flags: int = re.IGNORECASE) -> Clued:
        """Compile the pattern; it compares without case unless told otherwise."""
        return cls(re.compile(pattern, flags), clues)


@lru_cache(maxsize=256)
def in_source(words: str, source: str) -> bool:
    """Whether the source itself says this (case and white space aside)."""
    return " ".join(words.split()).casefold() in _said(source)


@lru_cache(maxsize=8)
def _said(source: str) -> str:
    # a hostile text matches thousands of times: its source is read once
    return " ".join(source.split()).casefold()


def possible(patterns: Iterable[Clued], text: Text) -> list[re.Pattern[str]]:
    """The patterns that may match, by their clues."""
    low, found = text.low, []
    for pattern, clues in patterns:  # the loop of holds_any, written out: a row looks for some forty patterns
        for clue in clues:
            if clue in low:
                found.append(pattern)
                break
    return found


def holds_any(low: str, clues: Iterable[str]) -> bool:
    """Whether one of the clues is in the folded text."""
    for clue in clues:  # noqa: SIM110 - any() over a generator takes three times as long
        if clue in low:
            return True
    return False


def own(patterns: Iterable[Clued], text: Text, source: str) -> Iterator[re.Match[str]]:
    """Every match that is the writer's own, not a phrase of the source."""
    for pattern in possible(patterns, text):
        for match in pattern.finditer(text.raw):
            if not in_source(match.group(), source):
                yield match


def first_own(patterns: Iterable[Clued], texts: Iterable[Text], source: str) -> str | None:
    """The first of :func:`own` in any of the texts, for people."""
    for text in texts:
        for match in own(patterns, text, source):
            return clipped(match.group())
    return None


def clipped(text: str, size: int = 80) -> str:
    """A short form for a detail line."""
    plain = " ".join(text.split())
    return plain if len(plain) <= size else plain[: size - 1] + "…"
