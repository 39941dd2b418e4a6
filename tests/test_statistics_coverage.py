"""Every interval holds the truth as often as it says: nominal ± 2 points over 2,000 draws."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from gristmill_evals import statistics
from gristmill_evals.statistics import Estimate, trial

CLOSE = 0.02
MEANS = [
    ("clustered_mean", "equal", 5, 0.3, trial.normal()),
    ("clustered_mean", "unlike", 8, 0.3, trial.normal()),
    ("clustered_mean", "single", 30, 0.0, trial.normal()),
    ("bounded_mean", "equal", 5, 0.3, trial.mostly_one()),
    ("bounded_mean", "equal", 20, 0.3, trial.mostly_one()),
    ("clustered_share", "equal", 20, 0.3, trial.flags(0.5)),
    ("clustered_share", "equal", 20, 0.1, trial.flags(0.95)),
    ("clustered_share", "one big", 12, 0.3, trial.flags(0.7)),
    ("bootstrap_mean", "single", 30, 0.0, trial.skewed()),
    ("bootstrap_mean", "equal", 20, 0.3, trial.skewed()),
]


def near_nominal(interval: Callable[[], Any], truth: float, none: float = 0.0) -> trial.Coverage:
    found = trial.covered(interval, truth)
    assert abs(found.inside - 0.95) <= CLOSE, found
    assert found.none <= none, found
    return found


@pytest.mark.parametrize(("name", "sizes", "groups", "alike", "shape"), MEANS)
def test_means_and_shares(name: str, sizes: Any, groups: int, alike: float, shape: trial.Shape) -> None:
    random, clusters = np.random.default_rng(2), trial.clusters_of(sizes, groups)
    rows, function = clusters.tolist(), getattr(statistics, name)
    more = {"draws": 200} if name == "bootstrap_mean" else {}

    def interval() -> Estimate:
        values = shape.score(trial.uniforms(random, clusters, alike)).tolist()
        return function(values, rows, **more)

    near_nominal(interval, shape.mean)


@pytest.mark.parametrize(("n", "share"), [(40, 0.3), (100, 0.05), (30, 0.8)])
def test_wilson(n: int, share: float) -> None:
    counts = iter(np.random.default_rng(3).binomial(n, share, 2000).tolist())

    def interval() -> Estimate:
        hits = next(counts)
        return Estimate(hits / n, *statistics.wilson(hits, n), n, n)

    near_nominal(interval, share)


@pytest.mark.parametrize("shape", [(0.7, 0.6), (0.95, 0.9)])
def test_paired_differences_of_right_and_wrong(shape: tuple[float, float]) -> None:
    random, clusters = np.random.default_rng(4), trial.clusters_of("equal", 20)
    rows, (first, second) = clusters.tolist(), map(trial.flags, shape)

    def interval() -> statistics.Difference:
        a, b = trial.twins(random, clusters, 0.3, 0.5)
        return statistics.paired_difference(first.score(a).tolist(), second.score(b).tolist(), rows)

    near_nominal(interval, first.mean - second.mean)


def test_bootstrapped_differences_of_skewed_values() -> None:
    random, clusters, shape = np.random.default_rng(5), trial.clusters_of("equal", 20), trial.skewed()
    rows = clusters.tolist()

    def interval() -> statistics.Difference:
        a, b = (shape.score(x) for x in trial.twins(random, clusters, 0.2, 0.5))
        return statistics.bootstrap_difference(a.tolist(), (b / 4).tolist(), rows, draws=200)

    near_nominal(interval, 0.75)


def test_differences_of_samples_of_unlike_size_and_spread() -> None:
    random = np.random.default_rng(6)
    few, many = trial.clusters_of("equal", 8), trial.clusters_of("single", 60)

    def interval() -> statistics.Difference:
        a = special.ndtri(trial.uniforms(random, few, 0.3))
        b = 3 * special.ndtri(trial.uniforms(random, many, 0.0))
        return statistics.difference(a.tolist(), few.tolist(), b.tolist(), None)

    near_nominal(interval, 0.0)


def test_differences_of_samples_from_the_same_sources() -> None:
    """Taken for unlike sources the interval would be twice as wide."""
    random, widths = np.random.default_rng(14), []
    one, two = trial.clusters_of("equal", 10), np.repeat(np.arange(10), 5)

    def interval() -> statistics.Difference:
        values = special.ndtri(trial.uniforms(random, np.r_[one, two], 0.6))
        a, b = values[: len(one)].tolist(), values[len(one) :].tolist()
        apart = statistics.difference(a, one.tolist(), b, (two + 10).tolist())
        widths.append(apart.high - apart.low)
        return statistics.difference(a, one.tolist(), b, two.tolist())

    assert near_nominal(interval, 0.0).width < 0.5 * float(np.mean(widths))


@pytest.mark.parametrize("ties", [False, True])
def test_win_rates_at_equal_length_where_the_longer_answer_wins(ties: bool) -> None:
    """The raw rate of the same outcomes holds another truth: what length has bought."""
    random, clusters = np.random.default_rng(7), trial.clusters_of("equal", 15)
    rows, raws = clusters.tolist(), []

    def interval() -> Estimate:
        found = statistics.win_rate(*_outcomes(random, clusters, rows, ties))
        raws.append(found.raw)
        assert found.controlled is not None
        return found.controlled

    near_nominal(interval, trial.EVEN)
    held = sum(raw.low <= trial.EVEN <= raw.high for raw in raws) / len(raws)
    assert held < 0.85


def _outcomes(random: Any, clusters: Any, rows: list[int], ties: bool) -> Any:
    outcomes, lengths = trial.preferences(random, clusters, 0.2, 2.0, ties)
    return outcomes, rows, lengths


def test_raw_win_rates_with_ties() -> None:
    random, clusters = np.random.default_rng(8), trial.clusters_of("equal", 15)
    rows = clusters.tolist()

    def interval() -> Estimate:
        a, b = (trial.uniforms(random, clusters, 0.2) < 0.8 for _ in "ab")
        return statistics.win_rate(((a + 0.0 + b) / 2).tolist(), rows).raw

    near_nominal(interval, 0.8)


@pytest.mark.parametrize("alike", [0.0, 0.3])
def test_intraclass_correlation(alike: float) -> None:
    random, clusters = np.random.default_rng(9), trial.clusters_of("equal", 30)
    rows = clusters.tolist()

    def interval() -> statistics.Correlation:
        values = special.ndtri(trial.uniforms(random, clusters, alike)).tolist()
        return statistics.intraclass_correlation(values, rows)

    near_nominal(interval, alike)


def test_five_intervals_hold_together() -> None:
    random, level = np.random.default_rng(10), statistics.simultaneous_level(5)
    held = 0
    for _ in range(2000):
        means = [statistics.clustered_mean(v, range(20), level) for v in random.standard_normal((5, 20))]
        held += all(mean.low <= 0 <= mean.high for mean in means)
    assert abs(held / 2000 - 0.95) <= CLOSE


def test_p_values_of_no_difference_are_below_a_limit_as_often_as_it_says() -> None:
    random, clusters = np.random.default_rng(11), trial.clusters_of("equal", 10)
    rows, found = clusters.tolist(), []
    for _ in range(2000):
        a, b = (special.ndtri(x).tolist() for x in trial.twins(random, clusters, 0.3, 0.5))
        found.append(statistics.paired_difference(a, b, rows).p)
    for limit in (0.05, 0.5):
        assert abs(float(np.mean(np.array(found) < limit)) - limit) <= 2 * CLOSE * math.sqrt(limit)


def test_a_detectable_effect_is_detected_in_four_of_five_studies() -> None:
    """12 clusters whose error is known: rows of variance 1 that correlate by 0.3, eight a cluster."""
    random, clusters = np.random.default_rng(12), trial.clusters_of("equal", 12)
    error = math.sqrt((1 + 7 * 0.3) / len(clusters))
    effect = statistics.minimum_detectable_effect(error, df=11)
    rows, none, seen = clusters.tolist(), [0.0] * len(clusters), 0
    for _ in range(2000):
        values = effect + special.ndtri(trial.uniforms(random, clusters, 0.3))
        seen += statistics.paired_difference(values.tolist(), none, rows).p < 0.05
    assert abs(seen / 2000 - 0.8) <= CLOSE


def test_a_sample_size_finds_its_effect_as_often_as_asked() -> None:
    """Half a deviation, two models that correlate by 0.5, clusters of eight that correlate by 0.2."""
    random = np.random.default_rng(13)
    size = statistics.sample_size(0.5, 1, correlation=0.5, cluster_size=8, icc=0.2, power=0.9)
    clusters = trial.clusters_of("equal", size.clusters)
    rows, seen = clusters.tolist(), 0
    for _ in range(2000):
        a, b = (special.ndtri(x) for x in trial.twins(random, clusters, 0.2, 0.5))
        seen += statistics.paired_difference((a + 0.5).tolist(), b.tolist(), rows).p < 0.05
    assert size.n == len(clusters)
    assert 0.88 <= seen / 2000 <= 0.95  # whole clusters: a little more than asked
