"""What the decision sees of a text: content words, values, names, literals; the same for prose and code.

Identifiers are cut into their words (``has_close_elements``, ``hasCloseElements``), so a function and its
translation into another language share their names, literals and the sentences of their comments.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from gristmill_evals.contamination.decision.code import is_code, shape, told
from gristmill_evals.contamination.decision.numbers import Number, read_numbers
from gristmill_evals.contamination.decision.stems import stem
from gristmill_evals.contamination.decision.synonyms import head_of
from gristmill_evals.contamination.normalise import CJK

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_TOKEN = re.compile(rf"\d+(?:\.\d+)?|[{CJK}]|(?:(?![{CJK}])[^\W\d_])+|%|(?<=\d)/(?=\d)")
_NAME = re.compile(r"(?<![.!?:]\s)(?<!^)(?<![.!?:]\s\s)\b[A-Z][a-z]{2,}")
_ANY_NAME = re.compile(r"\b[A-Z][a-z]{2,}")
_EMPTY_WORDS = """
a an the of to in on at for from by with and or but nor is are was were be been being am it its he she they
them him his her hers their theirs this that these those what which who whom whose how many much does do did
has have had having if then than as not no so will would can could should may might must shall there here when
where why i you we your our my me us all any each some more most other such only own same too very s t just
into over after before up down out off again also about between during both few while because until against
through per let d ll re ve m o def return self
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())
EMPTY = frozenset(stem(word) for word in _EMPTY) | _EMPTY


def _fold(text: str) -> str:
    """The folding of :func:`normalise.fold`, where no place in the original is asked for."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


REACH = 4


@dataclass(frozen=True, eq=False)
class View:
    """A text, cut once and looked at in several ways."""

    text: str
    code: str = ""
    """The code that ``text`` was taken from, when it is only what the code says in words."""

    @cached_property
    def shape(self) -> list[str]:
        """The shape of the examples."""
        return shape(self.code or self.text)

    @cached_property
    def is_code(self) -> bool:
        """Whether the text is code, or what code says."""
        return bool(self.code) or is_code(self.text)

    @cached_property
    def words_of_code(self) -> View | None:
        """What a piece of code says in words, when that is enough to compare."""
        if self.code:
            return self
        if not self.is_code:
            return None
        view = View(told(self.text), self.text)
        return view if len(view.content) >= 3 else None

    @cached_property
    def tokens(self) -> list[str]:
        """Folded words, figures, ``%`` and the ``/`` of fractions, in order."""
        plain = _THOUSANDS.sub("", _CAMEL.sub(" ", self.text))
        folded = plain.lower() if plain.isascii() else _fold(plain)
        return _TOKEN.findall(folded)

    @cached_property
    def _read(self) -> tuple[list[Number], frozenset[int]]:
        return read_numbers(self.tokens)

    @property
    def numbers(self) -> list[Number]:
        """Values in order."""
        return self._read[0]

    @cached_property
    def content(self) -> list[tuple[int, str]]:
        """Stems of the words that say something, with the positions of their tokens."""
        used = self._read[1]
        stems = ((at, stem(word)) for at, word in enumerate(self.tokens) if at not in used)
        return [(at, word) for at, word in stems if word not in EMPTY and (len(word) > 1 or ord(word) > 127)]

    @cached_property
    def stems(self) -> frozenset[str]:
        """Distinct stems."""
        return frozenset(word for _, word in self.content)

    @cached_property
    def heads(self) -> frozenset[str]:
        """Distinct groups of words that may replace each other."""
        return frozenset(map(head_of, self.stems))

    @cached_property
    def pieces(self) -> frozenset[str]:
        """Runs of four characters of the content words."""
        joined = " " + " ".join(word for _, word in self.content) + " "
        return frozenset(joined[at : at + 4] for at in range(len(joined) - 3))

    @cached_property
    def names(self) -> frozenset[str]:
        """Capitalised words that do not only stand at the beginning of a sentence."""
        inside = set(_NAME.findall(self.text))
        everywhere = _ANY_NAME.findall(self.text)
        return frozenset(word.lower() for word in everywhere if word in inside or everywhere.count(word) > 1)

    @cached_property
    def capitals(self) -> frozenset[str]:
        """All capitalised words: what a name of the other side may be found among."""
        return frozenset(word.lower() for word in _ANY_NAME.findall(self.text))

    @cached_property
    def sentence(self) -> str:
        """Content stems between blanks, for string distances."""
        return " ".join(word for _, word in self.content)

    @cached_property
    def form(self) -> str:
        """:attr:`sentence` without names: what is left when another problem is made from the same form."""
        gone = {stem(name) for name in self.names}
        return " ".join(word for _, word in self.content if word not in gone)

    @cached_property
    def surroundings(self) -> list[frozenset[str]]:
        """For each number, the groups of the content words within :data:`REACH` tokens of it."""
        heads = [(at, head_of(word)) for at, word in self.content]
        return [frozenset(h for at, h in heads if -REACH <= at - n.at <= REACH) for n in self.numbers]

    def weighed(self, weight: Callable[[str], float]) -> tuple[dict[str, float], float]:
        """The weight of each stem, and their sum; the last function asked for is remembered."""
        known = self.__dict__.get("_weighed")
        if known is None or known[0] is not weight:
            weights = {word: weight(word) for word in self.stems}
            # fsum does not depend on the order of a set, so a score is the same in every process.
            known = weight, (weights, math.fsum(weights.values()))
            self.__dict__["_weighed"] = known
        found: tuple[dict[str, float], float] = known[1]
        return found
