"""Clusters of unlike sizes: error, degrees of freedom and tail against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg, stats

from gristmill_evals.statistics import clustered_error, clustered_mean
from gristmill_evals.statistics.clusters import grouped, likeness, spread
from gristmill_evals.statistics.tails import Unlike

SIZES = np.array([1, 2, 2, 3, 9])
CLUSTERS = np.repeat(np.arange(5), SIZES)


def unlike(sizes: np.ndarray, alike: float) -> Unlike:
    share, own = sizes / sizes.sum(), sizes * (1 - alike + alike * sizes)
    return Unlike(share, own, own / (own * (1 - 2 * share) + share**2 * own.sum()))


def test_error_and_degrees_of_freedom_are_bell_and_mccaffreys() -> None:
    """By matrices, for rows that are not alike (the working model is then one of independence)."""
    values = np.where(np.arange(17) % 2 == 0, 1.0, -1.0) + np.linspace(0, 0.1, 17)
    rows = grouped(values.tolist(), CLUSTERS.tolist())
    assert likeness(rows) == 0
    n, residuals = len(values), values - values.mean()
    kept, columns, variance = np.eye(n) - 1 / n, [], 0.0
    for cluster in range(5):
        inside = cluster == CLUSTERS
        turned = linalg.inv(linalg.sqrtm(kept[np.ix_(inside, inside)])) @ np.ones(inside.sum()) / n
        variance += float(turned @ residuals[inside]) ** 2
        columns.append(kept[:, inside] @ turned)
    weights = np.linalg.eigvalsh(np.array(columns) @ np.array(columns).T)
    found = spread(rows)
    assert found.error == pytest.approx(variance**0.5)
    assert found.df == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert found.error > clustered_error(values.tolist(), CLUSTERS.tolist())


def test_the_tail_with_clusters_of_one_size_is_students() -> None:
    clusters = unlike(np.full(8, 5), 0.3)
    for statistic in (0.0, 0.5, 2.0, 6.0, 40.0):
        assert clusters.tail(statistic) == pytest.approx(2 * stats.t.sf(statistic, 7), rel=1e-6)
    assert clusters.critical(0.99, 2.0) == pytest.approx(stats.t.ppf(0.995, 7), rel=1e-4)


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.9])
def test_the_tail_with_unlike_clusters_is_the_share_of_draws(alike: float) -> None:
    clusters = unlike(SIZES, alike)
    sums = np.random.default_rng(1).standard_normal((200_000, 5)) * np.sqrt(clusters.own)
    mean = sums.sum(axis=1)
    residuals = sums - np.outer(mean, clusters.share)
    drawn = np.abs(mean) / np.sqrt(residuals**2 @ clusters.weights)
    for statistic in (1.0, 2.5, 5.0):
        assert clusters.tail(statistic) == pytest.approx(float((drawn > statistic).mean()), abs=0.003)


def test_sizes_that_hardly_differ_change_hardly_anything() -> None:
    values = np.random.default_rng(2).normal(size=401).tolist()
    clusters = [min(n // 10, 39) for n in range(401)]  # the last has eleven rows
    found, error = clustered_mean(values, clusters), clustered_error(values, clusters)
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, 39) * error, rel=0.01)
