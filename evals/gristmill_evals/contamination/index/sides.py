"""The texts of benchmark items as the tiers compare them, and what a look-up gives back."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from gristmill_evals.contamination.benchmark import BenchmarkItem
from gristmill_evals.contamination.normalise import Tokens, is_cjk, tokenise
from gristmill_evals.contamination.vocabulary import STOPWORDS

Kind = Literal["question", "answer"]
_CALCULATOR = re.compile(r"<<[^<>\n]*>>")


@dataclass(frozen=True, eq=False)
class Side:
    """One text of an item: the question with its choices, or the answer. Texts are read when asked for."""

    benchmark: str
    kind: Kind
    head: int
    """How many tokens the question itself has."""
    number: int
    """Its place in the index."""
    read: Callable[[], BenchmarkItem]

    @cached_property
    def item(self) -> BenchmarkItem:
        """The item that this is a side of."""
        return self.read()

    @cached_property
    def text(self) -> str:
        """What spans refer to: the question followed by its choices, one a line, or the answer."""
        return self.item.answer if self.kind == "answer" else self.item.text

    @cached_property
    def tokens(self) -> Tokens:
        """The tokens of the text, calculator notes left out of an answer."""
        return tokenise(answer_text(self.item) if self.kind == "answer" else self.text)

    @cached_property
    def informative(self) -> float:
        """How much the question says: tokens that are not stop words, a CJK character counting half."""
        words = set(self.tokens.words[: self.head]) - STOPWORDS
        return sum(0.5 if is_cjk(word) else 1.0 for word in words)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A side worth comparing.

    ``cosine`` is the rarity-weighted share of features that the item has in common with the window of the row
    that is most like it: tokens ``first`` to ``last`` (half-open) of ``field``. ``field`` is empty when they
    have no feature in common. ``rival`` is the cosine of the best other item (0: none), ``others_mean`` and
    ``others_std`` are those of the up to ten best others; an item in the same words is no other.
    ``repeats``: it shares a run of eight words, a whole short question or a set of choices with the row.
    """

    side: Side
    cosine: float
    rival: float = 0.0
    others_mean: float = 0.0
    others_std: float = 0.0
    field: str = ""
    first: int = 0
    last: int = 0
    repeats: bool = False


def answer_text(item: BenchmarkItem) -> str:
    """The answer with calculator notes blanked out; every character keeps its place."""
    return _CALCULATOR.sub(lambda note: " " * len(note[0]), item.answer)
