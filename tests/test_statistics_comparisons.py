"""Differences, power and adjusted p values against scipy and statsmodels, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestIndPower, TTestPower
from statsmodels.stats.proportion import proportion_confint

from gristmill_evals.statistics import (
    adjusted,
    bootstrap_difference,
    bootstrap_mean,
    clustered_error,
    clustered_mean,
    difference,
    intraclass_correlation,
    minimum_detectable_effect,
    paired_difference,
    sample_size,
    simultaneous_level,
    wilson,
)
from gristmill_evals.statistics.resampling import Resampled

RANDOM = np.random.default_rng(21)
A, B = RANDOM.normal(0.7, 0.1, 25).tolist(), RANDOM.normal(0.6, 0.2, 25).tolist()
SOURCES = [n // 3 for n in range(25)]


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_is_that_of_statsmodels(level: float) -> None:
    assert wilson(7, 31, level) == pytest.approx(proportion_confint(7, 31, 1 - level, "wilson"))


def test_the_clustered_error_is_that_of_a_regression_on_a_constant() -> None:
    """statsmodels multiplies by (n - 1) / (n - k) too, which is 1 with one coefficient."""
    fitted = OLS(A, np.ones(25)).fit(cov_type="cluster", cov_kwds={"groups": SOURCES})
    assert clustered_error(A, SOURCES) == pytest.approx(fitted.bse[0])


def test_a_paired_difference_of_independent_items_is_students() -> None:
    expected = stats.ttest_rel(A, B)
    found, ends = paired_difference(A, B), expected.confidence_interval(0.95)
    assert (found.mean, found.low, found.high, found.p) == pytest.approx(
        (np.mean(A) - np.mean(B), ends.low, ends.high, expected.pvalue)
    )
    assert (found.n, found.clusters, found.mean_a, found.mean_b) == (25, 25, np.mean(A), np.mean(B))
    assert found.correlation == pytest.approx(stats.pearsonr(A, B).statistic)


def test_a_difference_of_independent_samples_is_welchs() -> None:
    expected = stats.ttest_ind(A, B[:9], equal_var=False)
    found, ends = difference(A, None, B[:9], None), expected.confidence_interval(0.95)
    assert (found.low, found.high, found.p) == pytest.approx((ends.low, ends.high, expected.pvalue))
    assert (found.n, found.clusters, found.correlation) == (34, 34, None)


def test_a_source_in_both_samples_cancels() -> None:
    """With one row of each source in both, samples are pairs; with half of the sources, something between."""
    pairs, shared = paired_difference(A, B), difference(A, range(25), B, range(25))
    assert (shared.low, shared.high, shared.p) == pytest.approx((pairs.low, pairs.high, pairs.p))
    assert (shared.n, shared.clusters) == (50, 25)
    moved = [-n if n % 2 else n for n in range(25)]
    half, apart = difference(A, range(25), B, moved), difference(A, None, B, None)
    assert half.clusters == 25 + 12
    assert half.mean == pytest.approx(apart.mean)
    assert half.error != pytest.approx(apart.error, rel=0.01)
    assert "do not differ" in difference([1, 0], "ab", [1, 0], "ab").note


def test_items_of_one_source_are_not_independent() -> None:
    items, copies = paired_difference(A, B), paired_difference(A * 4, B * 4, [*range(25)] * 4)
    assert (copies.low, copies.high, copies.p) == pytest.approx((items.low, items.high, items.p))
    assert (copies.n, copies.clusters) == (100, 25)


def test_p_and_interval_agree_where_sizes_are_unlike() -> None:
    clusters = [0] * 12 + [*range(1, 14)]
    found = paired_difference(A, B, clusters)
    edge = paired_difference([a - found.low for a in A], B, clusters)
    assert (edge.low, edge.p) == (pytest.approx(0, abs=1e-9), pytest.approx(0.05, rel=1e-3))


def test_the_bootstrap_is_near_that_of_scipy_and_near_its_p_value() -> None:
    skewed = [x**4 for x in A]
    other = stats.bootstrap((skewed,), np.mean, method="BCa", rng=1, n_resamples=4000).confidence_interval
    found = bootstrap_mean(skewed, range(25), draws=4000)
    assert (found.low, found.high) == pytest.approx(
        (other.low, other.high), abs=0.25 * (other.high - other.low)
    )
    pair, exact = bootstrap_difference(A, B, range(25)), paired_difference(A, B, range(25))
    assert (pair.low, pair.high) == pytest.approx((exact.low, exact.high), abs=0.03)
    assert pair.p == pytest.approx(exact.p, abs=0.02)
    assert pair == bootstrap_difference(A, B, range(25))


def test_no_interval_says_why() -> None:
    one, flat = paired_difference([1, 0], [0, 0], "aa"), paired_difference([2, 3, 4], [1, 2, 3])
    boot, apart = bootstrap_difference([1, 1, 1, 0], [0] * 4, "abcd"), difference([1, 1], "ab", [1, 0], "cc")
    for found, words in (
        (one, "one source"),
        (flat, "do not differ"),
        (boot, "too few"),
        (apart, "one source"),
    ):
        assert words in found.note
        assert (found.low, found.high, found.error, found.p) == (None, None, None, None)
    assert (flat.mean, one.mean, one.correlation) == (1.0, 0.5, None)
    assert "do not differ" in difference([1, 1], None, [0, 0], None).note
    assert "more than half" in bootstrap_mean(A, [0] * 13 + [*range(1, 13)]).note


@pytest.mark.parametrize("function", [paired_difference, bootstrap_difference])
def test_pairs_need_as_many_and_finite_values(function: object) -> None:
    with pytest.raises(ValueError, match="as many of both"):
        function([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="no finite numbers"):
        function([1.0, math.nan], [1.0, 2.0])


def test_detectable_effects_are_those_of_statsmodels() -> None:
    effect = TTestPower().solve_power(nobs=20, alpha=0.05, power=0.8)
    assert minimum_detectable_effect(1 / math.sqrt(20), df=19) == pytest.approx(effect, rel=1e-4)
    normal = stats.norm.ppf(0.975) + stats.norm.ppf(0.9)
    assert minimum_detectable_effect(0.03, power=0.9) == pytest.approx(0.03 * normal)


@pytest.mark.parametrize(("effect", "power"), [(0.2, 0.8), (0.5, 0.9), (0.05, 0.8), (3, 0.8)])
def test_sample_sizes_are_those_of_statsmodels(effect: float, power: float) -> None:
    """Paired by .5, a difference has the deviation of one score."""
    paired = TTestPower().solve_power(effect_size=effect, alpha=0.05, power=power)
    assert sample_size(effect, 1, correlation=0.5, power=power).n == math.ceil(float(paired))
    apart = TTestIndPower().solve_power(effect_size=effect, alpha=0.05, power=power)
    assert sample_size(effect * 2, 2, power=power).n == math.ceil(float(apart))


def test_clusters_cost_rows_and_pairing_saves_them() -> None:
    plain, clustered = sample_size(0.1, 0.5), sample_size(0.1, 0.5, cluster_size=10, icc=0.2)
    assert clustered.design_effect == pytest.approx(2.8)
    assert clustered.n == 10 * clustered.clusters == pytest.approx(2.8 * plain.n, rel=0.03)
    assert sample_size(0.1, 0.5, correlation=0.8).n == pytest.approx(0.2 * plain.n, rel=0.03)


@pytest.mark.parametrize("wrong", [{"icc": 2}, {"correlation": 1}, {"cluster_size": 0}, {"power": 0.2}])
def test_impossible_studies_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"icc|correlation|power"):
        sample_size(0.1, 0.5, **wrong)
    with pytest.raises(ValueError, match="effect other than 0"):
        sample_size(0, 0.5)


@pytest.mark.parametrize(("ours", "theirs"), [("holm", "holm"), ("bh", "fdr_bh")])
def test_adjusted_p_values_are_those_of_statsmodels(ours: str, theirs: str) -> None:
    values = [0.04, 0.001, 0.2, 0.013, 0.013, 1.0, 0.0]
    assert adjusted(values, ours) == pytest.approx(multipletests(values, method=theirs)[1])
    assert adjusted([], ours) == []


def test_adjusted_refuses_what_is_no_p_value() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        adjusted([0.1, math.nan])
    with pytest.raises(ValueError, match="holm and bh"):
        adjusted([0.1], "none")
    with pytest.raises(ValueError, match="no comparison"):
        simultaneous_level(0)
    assert simultaneous_level(5) == pytest.approx(0.99)


def test_intraclass_correlation_by_hand() -> None:
    """Clusters (1, 2), (3, 4), (5, 6): mean squares 8 between and ½ within, so 7.5 / 8.5."""
    found = intraclass_correlation([1, 2, 3, 4, 5, 6], "aabbcc")
    assert found.value == pytest.approx(7.5 / 8.5)
    assert (found.size, found.design_effect) == (2, pytest.approx(1 + 7.5 / 8.5))
    assert found.low < found.value < found.high


@pytest.mark.parametrize(
    ("values", "clusters", "words"),
    [
        ([1, 2, 3], "abc", "no source has two rows"),
        ([1, 2, 3], "aab", "three sources"),
        ([1] * 6, "aabbcc", "do not differ"),
        ([1, 1, 2, 2, 3, 3], "aabbcc", "no interval"),
        ([1, *[0] * 19], [n // 2 for n in range(20)], "rare"),
    ],
)
def test_intraclass_correlation_says_what_it_cannot_tell(
    values: list[int], clusters: str, words: str
) -> None:
    found = intraclass_correlation(values, clusters)
    assert words in found.note
    assert found.low is None


def test_neither_a_far_origin_nor_a_small_unit_changes_what_is_found() -> None:
    clusters = [n // 3 for n in range(25)]
    near, far = clustered_mean(A, clusters), clustered_mean([1e9 + 1e3 * a for a in A], clusters)
    assert (far.high - far.low) / 1e3 == pytest.approx(near.high - near.low, rel=1e-6)
    small = clustered_mean([1e-9 * a for a in A], clusters)
    assert (small.high - small.low) * 1e9 == pytest.approx(near.high - near.low)
    assert "do not differ" in clustered_mean([1e9 + 0.1] * 25, clusters).note
    likeness = intraclass_correlation([1e9 + 1e3 * a for a in A], clusters)
    assert likeness.low == pytest.approx(intraclass_correlation(A, clusters).low, rel=1e-4)


def test_the_ends_of_a_bootstrap_are_as_far_from_either_end_of_the_draws() -> None:
    """Of 199 draws the 5th from below and the 5th from above: exactly turned round for turned values."""
    found = Resampled(0.0, 1.0, np.arange(199.0), flat=False).interval(0.95)
    assert found == (-194, -4)
    one, other = (
        bootstrap_mean(A, range(25), draws=199),
        bootstrap_mean([-a for a in A], range(25), draws=199),
    )
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
