"""Rows dealt into folds by their source, so that what is tried has had no part in the fit."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def folds_of(clusters: Sequence[Hashable], folds: int) -> NDArray[np.intp]:
    """The fold of each row: whole sources, shuffled the same way each time."""
    import numpy as np

    known = {cluster: n for n, cluster in enumerate(dict.fromkeys(clusters))}
    order = np.random.default_rng(0).permutation(len(known)) % folds
    return np.asarray(order[[known[cluster] for cluster in clusters]], dtype=np.intp)
