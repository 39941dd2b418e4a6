"""How often the intervals of gristmill_evals.statistics hold the truth: the tables of docs/statistics.md.

    python benchmarks/statistics_coverage.py [--draws 2000] [--only bounded_mean]

Every interval is asked for through its public function, once for each draw. At 2,000 draws the coverage is
known to ±1 point. All of it takes about ten minutes of one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gristmill_evals import statistics
from gristmill_evals.statistics import trial

if TYPE_CHECKING:
    import numpy as np

SETTINGS: tuple[tuple[trial.Sizes, int], ...] = (
    ("equal", 5),
    ("equal", 20),
    ("unlike", 8),
    ("unlike", 20),
    ("one big", 12),
    ("single", 30),
    ("single", 100),
)
ALIKE = (0.0, 0.3)
FEW = 0.01


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows come from."""

    sizes: trial.Sizes
    groups: int
    alike: float
    random: np.random.Generator

    @property
    def clusters(self) -> Any:
        return trial.clusters_of(self.sizes, self.groups)


@dataclass(frozen=True, slots=True)
class Case:
    """A method tried on scores of one kind; ``interval`` makes a draw and asks for its interval."""

    method: str
    scores: str
    truth: float | None
    """None: how alike rows of a cluster are."""
    interval: Callable[[Place], trial.Interval]

    def cell(self, place: Place, draws: int) -> str:
        """Coverage, and the share of draws without an interval where that is 1 % or more."""
        truth = place.alike if self.truth is None else self.truth
        found = trial.covered(lambda: self.interval(place), truth, draws)
        return f"{found.inside:.3f}" + (f" ({found.none:.2f} none)" if found.none >= FEW else "")


def cases() -> Iterator[Case]:
    """All that is tried."""
    normal, skewed, ones = trial.normal(), trial.skewed(), trial.mostly_one()
    half, rare = trial.flags(0.5), trial.flags(0.95)
    for name, shape in {"normal": normal, "skewed": skewed, "mostly 1": ones}.items():
        yield _mean("clustered_mean", statistics.clustered_mean, name, shape)
    for name, shape in {"normal": normal, "skewed": skewed}.items():
        yield _mean("bootstrap_mean", lambda v, c: statistics.bootstrap_mean(v, c, draws=500), name, shape)
    yield _mean("bounded_mean", statistics.bounded_mean, "mostly 1", ones)
    for name, shape in {"0/1, p .5": half, "0/1, p .95": rare}.items():
        yield _mean("clustered_share", statistics.clustered_share, name, shape)
    less = trial.Shape(skewed.mean / 2, lambda u: skewed.score(u) / 2)
    yield from _differences("normal", normal, normal)
    yield from _differences("0/1, .7 and .6", trial.flags(0.7), trial.flags(0.6))
    yield from _differences("0/1, .95 and .9", rare, trial.flags(0.9))
    yield from _differences("skewed", skewed, less)
    for bias, ties in ((0.0, False), (2.0, False), (2.0, True)):
        yield _preference(bias, ties)
    yield _mean("intraclass_correlation", statistics.intraclass_correlation, "normal", normal, known=False)


def _mean(
    method: str, function: Callable[..., Any], name: str, shape: trial.Shape, known: bool = True
) -> Case:
    def interval(place: Place) -> trial.Interval:
        clusters = place.clusters
        values = shape.score(trial.uniforms(place.random, clusters, place.alike))
        found: trial.Interval = function(values.tolist(), clusters.tolist())
        return found

    return Case(method, name, shape.mean if known else None, interval)


def _differences(name: str, first: trial.Shape, second: trial.Shape) -> Iterator[Case]:
    """Of two models on the same items, which correlate by .5, and of samples with or without their sources in
    common."""
    import numpy as np

    def draw(place: Place, together: float) -> tuple[list[float], list[float], list[int]]:
        clusters = place.clusters
        a, b = trial.twins(place.random, clusters, place.alike, together)
        return first.score(a).tolist(), second.score(b).tolist(), clusters.tolist()

    def apart(place: Place) -> trial.Interval:
        a, b, rows = draw(place, 0.0)
        return statistics.difference(a, rows, b, rows)

    def shared(place: Place) -> trial.Interval:
        clusters = place.clusters
        both = trial.uniforms(place.random, np.r_[clusters, clusters], place.alike)
        a, b = first.score(both[: len(clusters)]), second.score(both[len(clusters) :])
        return statistics.difference(a.tolist(), clusters.tolist(), b.tolist(), clusters.tolist())

    truth = first.mean - second.mean
    yield Case(
        "paired_difference", name, truth, lambda place: statistics.paired_difference(*draw(place, 0.5))
    )
    if not name.startswith("0/1"):
        yield Case(
            "bootstrap_difference",
            name,
            truth,
            lambda place: statistics.bootstrap_difference(*draw(place, 0.5), draws=500),
        )
    yield Case("difference", name, truth, apart)
    if name == "normal":
        yield Case("difference, shared sources", name, truth, shared)


def _preference(bias: float, ties: bool) -> Case:
    """Win rates of answers that are longer by half a deviation and win by it."""

    def interval(place: Place) -> trial.Interval:
        clusters = place.clusters
        outcomes, lengths = trial.preferences(place.random, clusters, place.alike, bias, ties)
        found = statistics.win_rate(outcomes, clusters.tolist(), lengths).controlled
        assert found is not None  # there are lengths
        return found

    return Case("win_rate, controlled", f"bias {bias:g}{', ties' if ties else ''}", trial.EVEN, interval)


def main() -> None:
    """Prints one Markdown table: a line for each method, a column for each kind of clusters."""
    import numpy as np

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--only", default="")
    told = parser.parse_args()
    columns = [(sizes, n, a) for sizes, n in SETTINGS for a in ((0.0,) if sizes == "single" else ALIKE)]
    print("| method | scores | " + " | ".join(f"{n} {sizes}, {a:g}" for sizes, n, a in columns) + " |")
    print("|---|---|" + "---|" * len(columns))
    for number, case in enumerate(cases()):
        if not case.method.startswith(told.only):
            continue
        print(f"| {case.method} | {case.scores} |", end="", flush=True)
        for place, (sizes, groups, alike) in enumerate(columns):
            random = np.random.default_rng([number, place])  # the same with --only
            idle = case.truth is None and sizes == "single"
            cell = "" if idle else case.cell(Place(sizes, groups, alike, random), told.draws)
            print(f" {cell} |", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
