"""What tiers and decisions may ask the index besides: boilerplate, choice sets, rarity of words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.index.combine import SCALE
from gristmill_evals.contamination.index.keys import key_of, place_of
from gristmill_evals.contamination.index.shard import Arrays
from gristmill_evals.contamination.kernel.hashing import number_key, run_hash, stem_key
from gristmill_evals.contamination.normalise import MASK, Tokens
from gristmill_evals.contamination.vocabulary import STOPWORDS


class Common:
    """Runs of masked words that are boilerplate: ``gram in index.common``."""

    def __init__(self, arrays: Arrays) -> None:
        self.keys = arrays["common"]
        """Hashes of the runs, sorted."""

    def __contains__(self, gram: object) -> bool:
        return (
            isinstance(gram, tuple) and len(self.keys) > 0 and place_of(self.keys, run_hash(gram)) is not None
        )

    def __len__(self) -> int:
        return len(self.keys)


class Options:
    """Sides by their set of choices: ``index.options[option_key(choices)]``, empty when there is none."""

    def __init__(self, arrays: Arrays) -> None:
        self._keys, self._offsets = arrays["option_keys"], arrays["option_offsets"]
        self._sides = arrays["option_sides"]

    def __getitem__(self, key: tuple[str, ...]) -> list[int]:
        place = place_of(self._keys, key_of(key))
        if place is None:
            return []
        return [int(side) for side in self._sides[self._offsets[place] : self._offsets[place + 1]]]

    def __len__(self) -> int:
        return len(self._keys)


class Rarity:
    """Inverse document frequency of words, by stem, over the questions of all benchmarks."""

    def __init__(self, arrays: Arrays) -> None:
        self._keys, self._weights = arrays["feature_keys"], arrays["weights"]
        self._unseen = int(arrays["unseen"][0])
        self.weight = lru_cache(maxsize=1 << 16)(self._weight)

    def _weight(self, word: str, number: bool = False) -> float:
        """log(1 + items / items with the word); a word of no item weighs most, a stop word nothing."""
        if not number and word in STOPWORDS:
            return 0.0
        place = place_of(self._keys, number_key(word) if number else stem_key(word))
        return sqrt((self._unseen if place is None else int(self._weights[place])) / SCALE)

    def weights(self, tokens: Tokens, first: int = 0, last: int | None = None) -> NDArray[np.float64]:
        """The weight of each token."""
        return self._of(tokens.words[first:last], tokens.masked[first:last])

    def _of(self, words: Sequence[str], masked: Sequence[str]) -> NDArray[np.float64]:
        return np.array(
            [self.weight(w, m == MASK) for w, m in zip(words, masked, strict=True)], dtype=np.float64
        )
