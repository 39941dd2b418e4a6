"""Is a row in another language than the benchmarks? By script, and by the share of their commonest words."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gristmill_evals.contamination.benchmark import Benchmark, BenchmarkItem
from gristmill_evals.contamination.rows import Row

COMMON_WORDS = 100
FEWEST_WORDS = 6
LEAST_SHARE = 0.15
_SAMPLE = 2000
# Kana, Hangul and Han are written together; the others name themselves in the Unicode names of their letters.
_TOGETHER = {"CJK": "HAN", "HIRAGANA": "HAN", "KATAKANA": "HAN", "HANGUL": "HANGUL"}


def script_of(text: str) -> str:
    """The script of most letters of a text (``LATIN``, ``HAN``, ``CYRILLIC``, …); ``""`` without any."""
    counts = Counter(_script(char) for char in text[:4000] if char.isalpha())
    return counts.most_common(1)[0][0] if counts else ""


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    first = unicodedata.name(char, "").partition(" ")[0]
    return _TOGETHER.get(first, first)


@dataclass(frozen=True, slots=True)
class Home:
    """The scripts and the commonest words of some benchmarks."""

    scripts: frozenset[str]
    words: frozenset[str]

    @classmethod
    def of(cls, benchmarks: Sequence[Benchmark]) -> Home:
        """Learnt from at most 2,000 items of each benchmark, evenly spaced."""
        texts = [item.text for item in _sample(benchmarks)]
        words = Counter(word for text in texts for word in _words(text))
        scripts = Counter(script_of(text) for text in texts)
        common = [word for word, _ in words.most_common(COMMON_WORDS)]
        return cls(frozenset(s for s, n in scripts.items() if n * 20 >= len(texts)), frozenset(common))

    def is_foreign(self, row: Row) -> bool:
        """Whether the row is in a script of none of the items, or hardly has a common word of theirs."""
        return any(self.foreign_text(row.text[start:end]) for start, end in row.fields.values())

    def foreign_text(self, text: str) -> bool:
        """The same for one text; a few words say nothing about their language."""
        script = script_of(text)
        if script and script not in self.scripts:
            return True
        words = list(_words(text))
        return len(words) >= FEWEST_WORDS and sum(w in self.words for w in words) < LEAST_SHARE * len(words)


def _sample(benchmarks: Iterable[Benchmark]) -> Iterator[BenchmarkItem]:
    for benchmark in benchmarks:
        yield from benchmark.items[:: max(1, -(-len(benchmark.items) // _SAMPLE))]


def _words(text: str) -> Iterator[str]:
    return (word.strip(".,;:!?\"'()[]") for word in text.casefold().split() if any(map(str.isalpha, word)))
