"""Intervals, differences, power and win rates for the figures of reports; see docs/statistics.md.

Rows made from one document resemble each other, so everything here takes the cluster of each row: Miller
(2024), "Adding error bars to evals", shows by how much intervals are too narrow otherwise. Each module names
the sources of its methods.
"""

from __future__ import annotations

from gristmill_evals.statistics.comparisons import adjusted, simultaneous_level
from gristmill_evals.statistics.differences import bootstrap_difference, difference, paired_difference
from gristmill_evals.statistics.means import bootstrap_mean, clustered_error, clustered_mean
from gristmill_evals.statistics.power import intraclass_correlation, minimum_detectable_effect, sample_size
from gristmill_evals.statistics.preferences import win_rate
from gristmill_evals.statistics.results import (
    MIN_CLUSTERS,
    Correlation,
    Difference,
    Estimate,
    SampleSize,
    WinRate,
)
from gristmill_evals.statistics.shares import bounded_mean, clustered_share, wilson

__all__ = [
    "MIN_CLUSTERS",
    "Correlation",
    "Difference",
    "Estimate",
    "SampleSize",
    "WinRate",
    "adjusted",
    "bootstrap_difference",
    "bootstrap_mean",
    "bounded_mean",
    "clustered_error",
    "clustered_mean",
    "clustered_share",
    "difference",
    "intraclass_correlation",
    "minimum_detectable_effect",
    "paired_difference",
    "sample_size",
    "simultaneous_level",
    "wilson",
    "win_rate",
]
