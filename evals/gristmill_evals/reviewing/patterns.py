"""Agreement of people from counts of patterns, with bootstrap intervals by row.

Rows on which people said the same things are alike, so that resampling rows is drawing how many of each
pattern there are (a multinomial draw). That is exact, and as quick for a million rows as for ten.

Sources: Fleiss (1971), "Measuring nominal scale agreement among many raters", Psychol. Bull. 76, with rows of
unlike numbers of raters as in Fleiss, Levin and Paik (2003), "Statistical methods for rates and proportions",
section 18.3; Cohen (1960) and Krippendorff (2011) as in :mod:`gristmill_evals.agreement`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from gristmill_evals.agreement import DRAWS, Agreement
from gristmill_evals.statistics import MIN_CLUSTERS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Statistic = Callable[[Array], Array]

Votes = Mapping[str, int]
"""How many people said what of one row."""
ONE_VALUE = "everybody said the same of every row: nothing to tell chance from"


def kappa_of(counts: Mapping[tuple[str, str], int], *, draws: int = DRAWS, seed: int = 0) -> Agreement:
    """Cohen's kappa of two raters; ``counts`` are rows by what the first and the second said."""
    import numpy as np

    values = sorted({value for pair in counts for value in pair})
    first, second = _coded(counts, values, 0), _coded(counts, values, 1)
    same = np.array([a == b for a, b in counts], dtype=float)

    def kappas(weights: Array) -> Array:
        n = weights.sum(axis=1)
        chance = ((weights @ first) * (weights @ second)).sum(axis=1) / n**2
        return _beyond_chance((weights @ same) / n, chance)

    return _with_interval(list(counts.values()), kappas, draws, seed)


def fleiss_kappa(patterns: Sequence[tuple[Votes, int]], *, draws: int = DRAWS, seed: int = 0) -> Agreement:
    """Fleiss' kappa; each pattern stands for so many rows. Rows of fewer than two votes say nothing."""
    table, rows = _table(patterns)
    voices = table.sum(axis=1)
    agreed = ((table**2).sum(axis=1) - voices) / (voices * (voices - 1)) if len(rows) else voices

    def kappas(weights: Array) -> Array:
        shares = (weights @ table) / (weights @ voices)[:, None]
        return _beyond_chance((weights @ agreed) / weights.sum(axis=1), (shares**2).sum(axis=1))

    return _with_interval(rows, kappas, draws, seed)


def nominal_alpha(patterns: Sequence[tuple[Votes, int]], *, draws: int = DRAWS, seed: int = 0) -> Agreement:
    """Krippendorff's alpha at the nominal level; each pattern stands for so many rows."""
    table, rows = _table(patterns)
    voices = table.sum(axis=1)
    apart = (voices**2 - (table**2).sum(axis=1)) / (voices - 1) if len(rows) else voices

    def alphas(weights: Array) -> Array:
        found = weights @ table
        n = found.sum(axis=1)
        chance = (n**2 - (found**2).sum(axis=1)) / (n - 1)
        return _ratio(chance - weights @ apart, chance)

    return _with_interval(rows, alphas, draws, seed)


def _coded(counts: Mapping[tuple[str, str], int], values: Sequence[str], place: int) -> Array:
    import numpy as np

    return np.array([[float(pair[place] == value) for value in values] for pair in counts])


def _table(patterns: Sequence[tuple[Votes, int]]) -> tuple[Array, list[int]]:
    """Votes by pattern and value, and the rows of each pattern; patterns of one vote are left out."""
    import numpy as np

    kept = [(votes, n) for votes, n in patterns if n and sum(votes.values()) >= MIN_CLUSTERS]
    values = sorted({value for votes, _ in kept for value in votes})
    table = np.array([[float(votes.get(value, 0)) for value in values] for votes, _ in kept])
    return table.reshape(len(kept), len(values)), [n for _, n in kept]


def _beyond_chance(observed: Array, chance: Array) -> Array:
    return _ratio(observed - chance, 1 - chance)


def _ratio(part: Array, whole: Array) -> Array:
    import numpy as np

    found: Array = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 1e-12)
    return found


def _with_interval(rows: Sequence[int], statistic: Statistic, draws: int, seed: int) -> Agreement:
    """``statistic`` takes how many rows of each pattern there are, (draws, patterns)."""
    import numpy as np

    n = int(sum(rows))
    if n == 0:
        return Agreement(None, None, None, 0, 0, "no row was decided by two people")
    counts = np.array([rows], dtype=float)
    value = float(statistic(counts)[0])
    if np.isnan(value):
        return Agreement(None, None, None, n, n, ONE_VALUE)
    if n < MIN_CLUSTERS:
        return Agreement(value, None, None, n, n, "one row only: no interval")
    drawn = np.random.default_rng(seed).multinomial(n, counts[0] / n, size=draws).astype(float)
    values = statistic(drawn)
    values = values[~np.isnan(values)]
    if not len(values):
        return Agreement(value, None, None, n, n, "no resample defines it: no interval")
    low, high = np.quantile(values, [0.025, 0.975])
    return Agreement(value, float(low), float(high), n, n, "bootstrap by row")
