"""What lm-eval's metrics are: means over samples, of which we work out intervals, or something else."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

from gristmill_evals.evaluation.records import EvalSample, MetricInfo

_SHARES = frozenset(
    ["acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match", "em", "f1", "likelihood"]
)
_MEANS = frozenset({"mean", "nanmean"})
UNNAMED = "none"
"""lm-eval's name for the one filter of a task without any."""


def label(metric: str, kind: str) -> str:
    """A metric's name with the filter that its answers went through, written as lm-eval does."""
    return metric if kind == UNNAMED else f"{metric},{kind}"


def value_of(raw: Any) -> float | None:
    """A sample's value as a number; None for pairs and lists, of which only all together make a figure."""
    if isinstance(raw, numbers.Real) or (hasattr(raw, "ndim") and raw.ndim == 0):
        value = float(raw)
        return value if math.isfinite(value) else None
    return None


def is_mean(task: Any, metric: str) -> bool:
    """Whether the metric is the mean of its values; lm-eval takes that for granted where a task is silent."""
    aggregate = task.aggregation().get(metric)
    name = getattr(aggregate, "__name__", "")
    own = getattr(aggregate, "__module__", "").startswith("lm_eval.api.")
    return aggregate is None or (own and name in _MEANS)


def infos(
    task: Any, samples: Sequence[EvalSample], results: Mapping[str, Any], found: Sequence[tuple[str, str]]
) -> tuple[MetricInfo, ...]:
    """The metrics of a task, ``found`` with their filters; ``results`` are lm-eval's own figures."""
    failed = sum(bool(sample.error) for sample in samples)
    return tuple(_info(task, metric, kind, samples, results, failed) for metric, kind in found)


def _info(
    task: Any,
    metric: str,
    kind: str,
    samples: Sequence[EvalSample],
    results: Mapping[str, Any],
    failed: int,
) -> MetricInfo:
    name = label(metric, kind)
    better = task.higher_is_better().get(metric)
    better = True if better is None else bool(better)
    if is_mean(task, metric):
        low, high = _range(metric, [sample.metrics.get(name) for sample in samples])
        return MetricInfo(name, better, low, high)
    value = value_of(results.get(f"{metric},{kind}"))
    how = getattr(task.aggregation().get(metric), "__name__", "a function of its own")
    note = f"lm-eval's {how} over all items together: no mean of samples, so no interval"
    if failed:
        value, note = None, f"{note}; not given, because {failed} of {len(samples)} items have no answer"
    elif value is None:
        note = f"{note}; it could not be worked out of these samples"
    return MetricInfo(name, better, None, None, mean=False, value=value, note=note)


def _range(metric: str, values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """0 to 1 for a share; a metric that nothing is known of may go beyond what was seen."""
    seen = {value for value in values if value is not None}
    return (0.0, 1.0) if metric in _SHARES or seen <= {0.0, 1.0} else (None, None)
