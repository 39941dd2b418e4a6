"""The benchmark side of the comparison: texts of the items, and where to look for candidates.

Three look-ups, all in memory: runs of eight words with the numbers masked, whole short items, and rare
words and word pairs weighted by inverse document frequency. What is frequent across items is
boilerplate ("how many ... are left in total") and points nowhere.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

from gristmill_evals.contamination.benchmark import Benchmark, BenchmarkItem
from gristmill_evals.contamination.normalise import MASK, Tokens, is_cjk, tokenise
from gristmill_evals.contamination.options import option_key
from gristmill_evals.contamination.rows import GRAM, Row, grams, masked_grams
from gristmill_evals.contamination.vocabulary import STOPWORDS

COMMON_GRAM = 3
"""A run of words found in more distinct items than this is boilerplate."""
RARE_WORD = 200
"""Words in more items than this are not used to find candidates."""
MIN_ANSWER = 13
"""Answers of fewer tokens are not looked for: ``42`` or ``return a + b`` prove nothing."""
_CALCULATOR = re.compile(r"<<[^<>\n]*>>")


@dataclass(frozen=True, eq=False)
class Side:
    """One text of an item: the question with its choices, or the answer."""

    benchmark: str
    item: BenchmarkItem
    kind: Literal["question", "answer"]
    text: str
    tokens: Tokens
    head: int
    """How many tokens the question itself has."""

    @cached_property
    def informative(self) -> float:
        """How much the question says: tokens that are not stop words, a CJK character counting half."""
        words = set(self.tokens.words[: self.head]) - STOPWORDS
        return sum(0.5 if is_cjk(word) else 1.0 for word in words)


@dataclass(frozen=True)
class Candidate:
    """A side worth comparing, with the rarity-weighted share of features common to both (cosine)."""

    side: Side
    cosine: float


class ItemIndex:
    """All sides of all benchmarks, and the look-ups that find candidates among them."""

    def __init__(self, benchmarks: Iterable[Benchmark]) -> None:
        self.sides = [
            side
            for benchmark in benchmarks
            for item in benchmark.items
            for side in _sides(benchmark.name, item)
        ]
        self._distinct = {side.tokens.joined: side for side in self.sides}
        self.common = self._boilerplate()
        self._grams: dict[int, list[int]] = defaultdict(list)
        self._short: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self.options: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._postings: dict[str, list[int]] = defaultdict(list)
        for number, side in enumerate(self.sides):
            self._add(number, side)
        self._idf = {f: math.log(1 + len(self._distinct) / len(sides)) for f, sides in self._postings.items()}
        self._unseen = math.log(1 + max(1, len(self._distinct)))
        self._norms = [self._norm(features(side.tokens)) for side in self.sides]
        self._lengths = sorted({len(words) for words in self._short})

    def candidates(self, row: Row, top: int = 5) -> list[Candidate]:
        """Sides that share a run of words, a short item, a set of choices or rare words with ``row``."""
        cosines = self._by_features(row)
        best = sorted(cosines, key=lambda n: (-cosines[n], n))[:top]
        exact = self._by_grams(row) | self._by_short_items(row) | self._by_options(row)
        numbers = [*best, *sorted(exact.difference(best))]
        return [Candidate(self.sides[n], min(1.0, cosines.get(n, 0.0))) for n in numbers]

    def _boilerplate(self) -> frozenset[int]:
        counts: Counter[int] = Counter()
        for side in self._distinct.values():
            counts.update({hash(gram) for _, gram in masked_grams(side.tokens)})
        return frozenset(gram for gram, n in counts.items() if n > COMMON_GRAM)

    def _add(self, number: int, side: Side) -> None:
        for gram in {hash(gram) for _, gram in masked_grams(side.tokens)} - self.common:
            self._grams[gram].append(number)
        if side.kind == "answer":
            return
        if 0 < side.head < GRAM:
            self._short[tuple(side.tokens.masked[: side.head])].append(number)
        if len(side.item.choices) > 1:
            self.options[option_key(side.item.choices)].append(number)
        for feature in features(side.tokens):
            self._postings[feature].append(number)

    def _norm(self, found: set[str]) -> float:
        return math.sqrt(sum(self._idf.get(f, self._unseen) ** 2 for f in found)) or 1.0

    def _by_features(self, row: Row) -> dict[int, float]:
        """Cosine with every side that shares a rare feature; the best field of the row counts."""
        best: dict[int, float] = {}
        for part in row.parts.values():
            found = features(part)
            norm = self._norm(found)
            dots: dict[int, float] = defaultdict(float)
            for feature in sorted(found):
                sides = self._postings.get(feature, ())
                if len(sides) <= RARE_WORD:
                    weight = self._idf.get(feature, 0.0) ** 2
                    for number in sides:
                        dots[number] += weight
            for number, dot in dots.items():
                best[number] = max(best.get(number, 0.0), dot / (norm * self._norms[number]))
        return best

    def _by_grams(self, row: Row) -> set[int]:
        return {number for gram in row.masked_grams for number in self._grams.get(hash(gram), ())}

    def _by_short_items(self, row: Row) -> set[int]:
        runs = (run for size in self._lengths for run in grams(row.tokens.masked, size))
        return {number for run in runs for number in self._short.get(run, ())}

    def _by_options(self, row: Row) -> set[int]:
        return {number for found in row.options for number in self.options.get(found.key, ())}


def features(tokens: Tokens) -> set[str]:
    """Words and word pairs with the numbers masked; pairs of stop words say nothing."""
    words = tokens.masked
    single = {word for word in words if word != MASK and word not in STOPWORDS}
    pairs = pairwise(words)
    return single | {f"{a} {b}" for a, b in pairs if not (_empty(a) and _empty(b))}


def _empty(word: str) -> bool:
    return word == MASK or word in STOPWORDS


def _sides(benchmark: str, item: BenchmarkItem) -> Iterator[Side]:
    tokens = tokenise(item.text)
    yield Side(benchmark, item, "question", item.text, tokens, len(tokenise(item.question)))
    answer = tokenise(_CALCULATOR.sub(lambda note: " " * len(note[0]), item.answer))
    if len(answer) >= MIN_ANSWER:
        yield Side(benchmark, item, "answer", item.answer, answer, len(answer))
