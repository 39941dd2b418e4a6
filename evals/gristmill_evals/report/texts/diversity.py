"""How varied a set of instructions is. Every measure is taken at a fixed size, or it would speak of the size.

Sources: Li et al. (2016), "A diversity-promoting objective function for neural conversation models", for
distinct-n; Johnson (1944), "Studies in language behavior", for the mean over segments of equal length;
Simpson (1949), "Measurement of diversity", Nature 163, for the chance that two rows are of one kind; Friedman
and Dieng (2023), "The Vendi score", TMLR, for the effective number by the eigenvalues of likeness; Efron
and Stein (1981), "The jackknife estimate of variance", Annals of Statistics 9, by whole documents.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gristmill_evals.report.texts.words import blocks
from gristmill_evals.statistics import MIN_CLUSTERS, Estimate, clustered_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

BLOCK_WORDS = 1000
BLOCK_ROWS = 500
NO_INTERVAL = "one source, or sources that do not differ: no interval"


def distinct(texts: Sequence[Sequence[str]], order: int, size: int = BLOCK_WORDS) -> Estimate | None:
    """Share of ``order``-grams that differ, as the mean over blocks of ``size`` words in the order given.

    ``n`` is the number of blocks. Texts that fill no block give the share over all of their words: then ``n``
    is the number of words, and ``clusters`` is 0. None without words.
    """
    shares = [_distinct(block, order) for block in blocks(texts, size)]
    if not shares:
        found = [word for text in texts for word in text]
        if len(found) < order:
            return None
        note = f"a block has {size:,} words and a lower share: no interval"
        return Estimate(_distinct(found, order), None, None, len(found), 0, note)
    return _over_blocks(shares, f"block of {size:,} words")


def _distinct(found: Sequence[str], order: int) -> float:
    grams = list(zip(*(found[start:] for start in range(order)), strict=False))
    return len(set(grams)) / len(grams)


def _over_blocks(values: Sequence[float], what: str) -> Estimate:
    if len(values) < MIN_CLUSTERS:
        return Estimate(values[0], None, None, 1, 1, f"only one {what}: no interval")
    found = clustered_mean(values, list(range(len(values))))
    return found if found.note else Estimate(found.mean, found.low, found.high, found.n, found.n)


def collision(kinds: Sequence[Hashable], clusters: Sequence[Hashable]) -> Estimate | None:
    """The chance that two different rows are of one kind (unbiased); None of fewer than two rows."""
    if len(kinds) < MIN_CLUSTERS:
        return None
    table = _table(kinds, clusters)
    value, error = float(_collisions(table.sum(axis=0)[None])[0]), _jackknife(table, _collisions)[1]
    if error is None:
        return Estimate(value, None, None, len(kinds), len(table), NO_INTERVAL)
    half = _t(len(table)) * error
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), len(kinds), len(table))


def effective_kinds(kinds: Sequence[Hashable], clusters: Sequence[Hashable]) -> Estimate | None:
    """How many kinds of equal size would be as varied: exp of the entropy.

    The entropy of a sample is too low; the jackknife takes that out, as far as there are clusters for it.
    """
    if not len(kinds):
        return None
    table = _table(kinds, clusters)
    centre, error = _jackknife(table, _entropies)
    if error is None:
        value = math.exp(float(_entropies(table.sum(axis=0)[None])[0]))
        return Estimate(value, None, None, len(kinds), len(table), NO_INTERVAL)
    most, half = math.log(table.shape[1]), _t(len(table)) * error
    ends = [math.exp(min(most, max(0.0, one))) for one in (centre, centre - half, centre + half)]
    return Estimate(ends[0], ends[1], ends[2], len(kinds), len(table))


def _collisions(counts: Array) -> Array:
    n = counts.sum(axis=1)
    found: Array = ((counts * (counts - 1)).sum(axis=1)) / (n * (n - 1)).clip(min=1)
    return found


def _entropies(counts: Array) -> Array:
    import numpy as np

    shares = counts / counts.sum(axis=1, keepdims=True)
    found: Array = -(shares * np.log(shares, out=np.zeros_like(shares), where=shares > 0)).sum(axis=1)
    return found


def _jackknife(table: Array, statistic: Callable[[Array], Array]) -> tuple[float, float | None]:
    """Value without its first-order bias, and its error, by leaving out one cluster at a time.

    The error is None where there is one cluster only, or leaving any out changes nothing.
    """
    whole, groups = table.sum(axis=0)[None], len(table)
    value = float(statistic(whole)[0])
    if groups < MIN_CLUSTERS:
        return value, None
    without = statistic(whole - table)
    spread = float(((without - without.mean()) ** 2).sum())
    error = (spread * (groups - 1) / groups) ** 0.5
    return groups * value - (groups - 1) * float(without.mean()), error if error > 1e-9 else None


def _t(groups: int) -> float:
    from scipy import stats  # type: ignore[import-untyped]

    return float(stats.t.ppf(0.975, groups - 1))


def _table(kinds: Sequence[Hashable], clusters: Sequence[Hashable]) -> Array:
    """Counts by cluster (rows) and kind (columns)."""
    import numpy as np

    columns = {kind: n for n, kind in enumerate(dict.fromkeys(kinds))}
    rows = {cluster: n for n, cluster in enumerate(dict.fromkeys(clusters))}
    table = np.zeros((len(rows), len(columns)))
    places = Counter((rows[cluster], columns[kind]) for kind, cluster in zip(kinds, clusters, strict=True))
    for place, count in places.items():
        table[place] = count
    return table


@dataclass(frozen=True, slots=True)
class Likeness:
    """For each text the cosine with the text most like it, and which that is; and the effective number."""

    nearest: Array
    partner: NDArray[np.intp]
    effective: Estimate


def likeness(texts: Sequence[str], kinds: Sequence[Hashable]) -> Likeness | None:
    """TF-IDF over words and pairs of words, cosine; None when there is too little text.

    The nearest is looked for among texts of the same kind: a question may well be in a pair and in a row.
    """
    import numpy as np

    vectors = tfidf(texts)
    if vectors is None:
        return None
    found = np.asarray((vectors @ vectors.T).todense(), dtype=np.float64)
    effective = _effective_number(found)
    codes = np.unique(np.array([str(kind) for kind in kinds]), return_inverse=True)[1]
    found[codes[:, None] != codes[None, :]] = -1.0
    np.fill_diagonal(found, -1.0)
    partner = found.argmax(axis=1)
    return Likeness(found[np.arange(len(found)), partner].clip(0.0, 1.0), partner, effective)


def tfidf(texts: Sequence[str], **options: Any) -> Any | None:
    """A sparse matrix with a unit row for each text, or None when there is too little to compare."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    if sum(any(character.isalnum() for character in text) for text in texts) < MIN_CLUSTERS:
        return None
    pattern = r"(?u)\b\w+\b"
    return TfidfVectorizer(token_pattern=pattern, ngram_range=(1, 2), **options).fit_transform(texts)


def _effective_number(similar: Array) -> Estimate:
    """The Vendi score of blocks of :data:`BLOCK_ROWS` rows; of fewer rows that of all, with no interval."""
    n = len(similar)
    if n < BLOCK_ROWS:
        note = f"fewer than a block of {BLOCK_ROWS}: no interval"
        return Estimate(_vendi(similar), None, None, n, 0, note)
    starts = range(0, n - BLOCK_ROWS + 1, BLOCK_ROWS)
    scores = [_vendi(similar[s : s + BLOCK_ROWS, s : s + BLOCK_ROWS]) for s in starts]
    return _over_blocks(scores, f"block of {BLOCK_ROWS} rows")


def _vendi(similar: Array) -> float:
    import numpy as np

    values = np.linalg.eigvalsh(similar / len(similar))
    kept = values[values > 1e-12]
    return float(np.exp(-(kept * np.log(kept)).sum()))
