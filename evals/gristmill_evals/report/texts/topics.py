"""Groups of rows that speak of the same things: k-means over TF-IDF, named by their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_TOPICS = 20
ROWS_A_TOPIC = 15
DIMENSIONS = 50
WORDS_SHOWN = 5
WORDS_ONLY = {"token_pattern": r"(?u)\b[^\W\d_]{2,}\b"}


@dataclass(frozen=True, slots=True)
class Topics:
    """The topic of each text, and the words by which each topic differs from the others."""

    of: NDArray[np.intp]
    names: tuple[str, ...]


def topics(texts: Sequence[str]) -> Topics | None:
    """At most :data:`MOST_TOPICS` groups, of :data:`ROWS_A_TOPIC` rows or more on average; None of too few.

    The number is set and not found, and the seed is fixed: this describes the rows, it tests nothing.
    """
    wanted = min(MOST_TOPICS, len(texts) // ROWS_A_TOPIC)
    if wanted < 2:
        return None
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

    options: dict[str, Any] = {"min_df": 2, "max_df": 0.5, "sublinear_tf": True, "stop_words": "english"}
    cut = TfidfVectorizer(**options, **WORDS_ONLY)
    try:
        vectors = cut.fit_transform(texts)
    except ValueError:  # no word is left
        return None
    dimensions = min(DIMENSIONS, vectors.shape[1] - 1, vectors.shape[0] - 1)
    if dimensions < 2:
        return None
    with threadpool_limits(1):  # of a few thousand rows threads wait for each other more than they work
        reduced = normalize(TruncatedSVD(dimensions, random_state=0).fit_transform(vectors))
        found = KMeans(wanted, n_init=3, random_state=0).fit_predict(reduced)
    return Topics(found, _names(vectors, found, cut.get_feature_names_out()))


def _names(vectors: Any, found: NDArray[np.intp], known: Sequence[str]) -> tuple[str, ...]:
    """For each topic the words whose weight in it is furthest above that in all rows."""
    import numpy as np

    everywhere = np.asarray(vectors.mean(axis=0)).ravel()
    names = []
    for topic in range(int(found.max()) + 1):
        here = np.asarray(vectors[found == topic].mean(axis=0)).ravel()
        best = np.argsort(everywhere - here, kind="stable")[:WORDS_SHOWN]
        names.append(", ".join(known[place] for place in best if here[place] > 0))
    return tuple(names)
