"""Whether a difference can be told from noise, over all comparisons that are made at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gristmill_evals.statistics import Difference

Verdict = Literal["better", "worse", "higher", "lower", "noise", "same", "not known"]
Method = Literal["holm", "bh", "none"]
LEVEL = 0.95
TONES: dict[str, Literal["good", "bad", "plain"]] = {"better": "good", "worse": "bad"}


def adjusted_all(p_values: Sequence[float | None], method: Method = "holm") -> list[float | None]:
    """The p values corrected for how many there are; None (not known) stays None and does not count."""
    from gristmill_evals.statistics import adjusted

    known = [p for p in p_values if p is not None]
    if method == "none" or not known:
        return list(p_values)
    corrected = iter(adjusted(known, method=method))
    return [None if p is None else next(corrected) for p in p_values]


def verdict(found: Difference | None, p: float | None, higher_is_better: bool | None = True) -> Verdict:
    """What to make of a difference whose corrected p value is ``p``.

    ``noise`` says that it could well be chance, not that there is no difference. Without a direction that
    is good (lengths), a difference is higher or lower.
    """
    if found is None or (p is None and found.mean != 0):
        return "not known"
    if found.mean == 0 and p is None:
        return "same"
    if p is None or p >= 1 - LEVEL:
        return "noise"
    if higher_is_better is None:
        return "higher" if found.mean > 0 else "lower"
    return "better" if (found.mean > 0) == higher_is_better else "worse"


def detectable(found: Difference | None) -> float | None:
    """The least true difference that such data would show in four of five repetitions."""
    from gristmill_evals.statistics import MIN_CLUSTERS, minimum_detectable_effect

    if found is None or not found.error or found.clusters < MIN_CLUSTERS:
        return None
    return minimum_detectable_effect(found.error, df=found.clusters - 1)
