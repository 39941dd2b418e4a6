"""The rare features in words: what the keys of the kernel stand for, for people and for small texts."""

from __future__ import annotations

from itertools import pairwise

from gristmill_evals.contamination.kernel.hashing import STEM
from gristmill_evals.contamination.normalise import MASK, Tokens
from gristmill_evals.contamination.vocabulary import STOPWORDS


def features(tokens: Tokens) -> set[str]:
    """Stems, numbers (``#12``), pairs of neighbouring stems, pairs of consecutive numbers (``#12 #3``).

    Parts of identifiers are not among them: tokens no longer know capitals.
    """
    stems = [word if word == MASK else word[:STEM] for word in tokens.masked]
    empty = [word == MASK or word in STOPWORDS for word in tokens.masked]
    numbers = [f"#{w}" for w, m in zip(tokens.words, tokens.masked, strict=True) if m == MASK]
    pairs = zip(pairwise(stems), pairwise(empty), strict=True)
    return (
        {stem for stem, dull in zip(stems, empty, strict=True) if not dull}
        | {f"{a} {b}" for (a, b), dull in pairs if not all(dull)}
        | set(numbers)
        | {f"{a} {b}" for a, b in pairwise(numbers)}
    )
