"""Intervals against closed forms, scipy, and the coverage they promise."""

from __future__ import annotations

import math
import random

import pytest
from scipy import stats

from gristmill_evals.statistics import (
    bootstrap_mean,
    clustered_error,
    clustered_mean,
    clustered_share,
    wilson,
)


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (1, 1), (457, 660), (5, 2000)])
def test_wilson_agrees_with_scipy(hits: int, n: int) -> None:
    expected = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert wilson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_of_nothing_found_in_ten() -> None:
    """Closed form: the upper end is z² / (n + z²)."""
    z = 1.959963984540054
    assert wilson(0, 10) == pytest.approx((0.0, z * z / (10 + z * z)))


@pytest.mark.parametrize(("hits", "n"), [(1, 0), (3, 2), (-1, 4)])
def test_wilson_refuses_impossible_counts(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="proportion"):
        wilson(hits, n)


def test_one_value_a_cluster_is_the_ordinary_standard_error() -> None:
    values = [0.1, 0.4, 0.35, 0.8, 0.95, 0.2]
    assert clustered_error(values, range(6)) == pytest.approx(stats.sem(values))


def test_clustered_error_by_hand() -> None:
    """Two clusters (1, 1) and (0, 0): residual sums ±1, so sqrt(2 · 2/1) / 4."""
    assert clustered_error([1, 1, 0, 0], ["a", "a", "b", "b"]) == pytest.approx(math.sqrt(4) / 4)


def test_copies_of_rows_do_not_narrow_the_interval() -> None:
    values, clusters = [0.2, 0.9, 0.5, 0.7], ["a", "b", "c", "d"]
    once = clustered_mean(values, clusters)
    ten = clustered_mean(values * 10, clusters * 10)
    assert (ten.low, ten.high) == pytest.approx((once.low, once.high))
    assert (ten.n, ten.clusters) == (40, 4)


def test_clustered_mean_agrees_with_scipy_without_clustering() -> None:
    values = [0.1, 0.4, 0.35, 0.8, 0.95, 0.2]
    low, high = stats.t.interval(0.95, 5, loc=sum(values) / 6, scale=stats.sem(values))
    found = clustered_mean(values, range(6))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_one_source_gives_no_interval_but_says_so() -> None:
    for estimate in (
        clustered_mean([1, 0], "aa"),
        bootstrap_mean([1, 0], "aa"),
        clustered_share([True, False], "aa"),
    ):
        assert (estimate.mean, estimate.low, estimate.high) == (0.5, None, None)
        assert "one source" in estimate.note


def test_equal_values_give_no_interval_of_no_width() -> None:
    found = clustered_mean([1.0] * 6, "aabbcc")
    assert (found.mean, found.low, found.high) == (1.0, None, None)
    assert "do not differ" in found.note


def test_bootstrap_is_reproducible_and_near_the_analytic_interval() -> None:
    chance = random.Random(4)
    clusters = [n // 5 for n in range(400)]
    centres = [chance.gauss(0, 1) for _ in range(80)]
    values = [centres[c] + chance.gauss(0, 0.3) for c in clusters]
    boot, exact = bootstrap_mean(values, clusters), clustered_mean(values, clusters)
    assert boot == bootstrap_mean(values, clusters)
    assert (boot.low, boot.high) == pytest.approx((exact.low, exact.high), abs=0.06)


def test_a_clustered_share_is_wilson_when_rows_are_independent() -> None:
    flags = [n % 3 == 0 for n in range(90)]
    found = clustered_share(flags, range(90))
    assert (found.low, found.high) == pytest.approx(wilson(30, 90), abs=0.002)


def test_a_share_without_variation_counts_clusters_not_rows() -> None:
    found = clustered_share([True] * 100, [n // 10 for n in range(100)])
    assert (found.low, found.high) == pytest.approx(wilson(10, 10))


def test_the_clustered_interval_holds_the_truth_as_often_as_it_says() -> None:
    """400 draws of 30 clusters with shared centres: nominal 95 %, and far fewer if clusters are ignored."""
    chance = random.Random(11)
    clusters = [n // 8 for n in range(240)]
    hits = naive = 0
    for _ in range(400):
        centres = [chance.gauss(0, 1) for _ in range(30)]
        values = [centres[c] + chance.gauss(0, 1) for c in clusters]
        held, plain = clustered_mean(values, clusters), clustered_mean(values, range(240))
        hits += held.low <= 0 <= held.high
        naive += plain.low <= 0 <= plain.high
    assert 0.92 <= hits / 400 <= 0.98
    assert naive / 400 < 0.8


@pytest.mark.parametrize("function", [clustered_error, clustered_mean, bootstrap_mean])
def test_lengths_have_to_agree(function: object) -> None:
    with pytest.raises(ValueError, match="clusters"):
        function([1.0, 2.0], ["a"])
    with pytest.raises(ValueError, match="clusters"):
        function([], [])
