"""Several comparisons at once.

Sources: Holm (1979), "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6;
Benjamini and Hochberg (1995), "Controlling the false discovery rate", J. R. Stat. Soc. B 57; Dunn (1961),
"Multiple comparisons among means", JASA 56 (Bonferroni's level for intervals).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Method = Literal["holm", "bh"]


def adjusted(p_values: Sequence[float], method: Method = "holm") -> list[float]:
    """P values that may be held against the usual limit although many were computed, in the given order.

    ``holm``: the chance of any false finding stays below the limit, whatever depends on what. ``bh``: of the
    findings at most that share is false on average.

    Raises:
        ValueError: a p value outside of [0, 1], or an unknown method.
    """
    import numpy as np

    p = np.asarray(p_values, dtype=np.float64)
    if method not in ("holm", "bh"):
        raise ValueError(f"no method {method!r}: holm and bh are known")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("a p value lies between 0 and 1; leave out comparisons without one")
    order, count = np.argsort(p, kind="stable"), len(p)
    if method == "holm":
        raised = np.maximum.accumulate(p[order] * (count - np.arange(count)))
    else:
        raised = np.minimum.accumulate((p[order] * count / np.arange(1, count + 1))[::-1])[::-1]
    found = np.empty(count)
    found[order] = np.minimum(raised, 1.0)
    return [float(value) for value in found]


def simultaneous_level(comparisons: int, level: float = 0.95) -> float:
    """The level for each of several intervals so that all hold together with ``level`` (Bonferroni).

    Raises:
        ValueError: no comparison.
    """
    if comparisons < 1:
        raise ValueError("there is no level for no comparison")
    return 1 - (1 - level) / comparisons
