"""Scores as figures: each with its sample size and interval, or with the reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gristmill_evals.evaluation.records import MetricInfo
from gristmill_evals.evaluation.scores import mean_of
from gristmill_evals.report.blocks import Figure, Unit
from gristmill_evals.statistics import Difference, Estimate, clustered_share


def score(
    label: str, values: Sequence[float], clusters: Sequence[str], metric: MetricInfo, of: str = "items"
) -> Figure:
    """The mean of a metric; its interval does not leave the range the metric has."""
    if not values:
        return Figure(label, None, "score", 0, of, note=f"no {of} with a value")
    found = mean_of(values, clusters, metric)
    return Figure(label, found.mean, "score", found.n, of, found.low, found.high, _method(found, of))


def share(label: str, flags: Sequence[bool], clusters: Sequence[str], of: str = "items") -> Figure:
    """A proportion with its clustered interval."""
    if not flags:
        return Figure(label, None, "share", 0, of, note=f"no {of} to count")
    found = clustered_share(flags, clusters)
    return Figure(label, found.mean, "share", found.n, of, found.low, found.high, _method(found, of))


def fixed(label: str, metric: MetricInfo, n: int | None = None) -> Figure:
    """A metric that its task worked out for all items together."""
    note = metric.note or "worked out over all items together: no interval"
    return Figure(label, metric.value, "score", n, "items", note=note)


def difference(
    label: str, found: Difference | None, note: str = "", of: str = "items", unit: Unit = "difference"
) -> Figure:
    """A difference with its interval."""
    if found is None:
        return Figure(label, None, unit, note=note or "not measured")
    told = found.note or f"in {found.clusters:,} clusters"
    return Figure(label, found.mean, unit, found.n, of, found.low, found.high, told)


SHORT = {
    "the sources do not differ": "all alike",
    "every item changed by as much": "all alike",
    "one source only": "one source",
    "no items with a value": "none",
    "no item is in both runs": "none",
    "no item has a value in both runs": "none",
}


def compact(figure: Figure) -> Figure:
    """For a table: why there is no interval, in few words."""
    if figure.low is not None:
        return figure
    head = figure.note.partition(":")[0]
    return replace(figure, note=SHORT.get(head, head))


def p_value(p: float | None) -> str:
    """A p value as people write it."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def amount(value: float | None) -> str:
    """A size without sign."""
    return "–" if value is None else f"{value:.3f}"


def visible(value: float | None, metric: MetricInfo) -> str:
    """The least difference that can be seen; none where it would be larger than the metric's range."""
    known = value is not None and metric.low is not None and metric.high is not None
    too_few = known and value > metric.high - metric.low  # type: ignore[operator]
    return "none: too few" if too_few else amount(value)


def _method(found: Estimate, of: str) -> str:
    if found.note:
        return found.note
    if found.clusters == found.n:
        return f"{of} taken as independent"
    return f"clustered: {found.clusters:,} clusters"
