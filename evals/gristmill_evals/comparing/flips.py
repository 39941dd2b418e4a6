"""Items that changed sides between two runs.

Source: McNemar (1947), "Note on the sampling error of the difference between correlated proportions or
percentages", Psychometrika 12; the exact form is the sign test on the items that changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flips:
    """Items that got worse, better, and those that did not change; ``binary`` metrics have right and wrong.

    ``p`` is that of as uneven a split by chance, items taken as independent; None when nothing changed.
    """

    worse: int
    better: int
    same_right: int
    same_wrong: int
    binary: bool
    p: float | None

    @property
    def unchanged(self) -> int:
        """Items with the same value on both sides."""
        return self.same_right + self.same_wrong


def flips(a: Sequence[float], b: Sequence[float], higher_is_better: bool = True) -> Flips:
    """Count what changed from ``a`` to ``b``, by item; of values other than 0 and 1 any change counts."""
    sign = 1.0 if higher_is_better else -1.0
    steps = [sign * (after - before) for before, after in zip(a, b, strict=True)]
    worse, better = sum(step < 0 for step in steps), sum(step > 0 for step in steps)
    binary = bool(steps) and set(a) | set(b) <= {0.0, 1.0}
    good = 1.0 if higher_is_better else 0.0
    right = (
        sum(step == 0 and after == good for step, after in zip(steps, b, strict=True))
        if binary
        else len(steps) - worse - better
    )
    return Flips(worse, better, right, len(steps) - worse - better - right, binary, _p(worse, better))


def _p(worse: int, better: int) -> float | None:
    if worse + better == 0:
        return None
    from scipy import stats  # type: ignore[import-untyped]

    return float(stats.binomtest(worse, worse + better, 0.5).pvalue)
