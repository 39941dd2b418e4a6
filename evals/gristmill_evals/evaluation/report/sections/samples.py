"""Answers to read, with filters: a bounded number, drawn evenly, always the same."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Literal

from gristmill_evals.evaluation.records import EvalSample, MetricInfo
from gristmill_evals.evaluation.report.data import CATEGORY, Evaluation, slug_of, value_of
from gristmill_evals.evaluation.report.drawing import drawn, within
from gristmill_evals.report.blocks import Section
from gristmill_evals.report.browse import Browse, BrowseItem

MOST = 300
RIGHT, PARTLY, WRONG, SCORED, UNSCORED, FAILED = (
    "right",
    "partly right",
    "wrong",
    "scored",
    "unscored",
    "failed",
)
TONES: dict[str, Literal["plain", "good", "bad"]] = {RIGHT: "good", WRONG: "bad", FAILED: "bad"}


def samples(found: Evaluation) -> Iterator[Section]:
    """Right, wrong, unscored and failed ones of every task."""
    mains = {task.name: task.metrics[0] for task in found.tasks if task.metrics}
    if not found.samples:
        return

    def stratum(sample: EvalSample) -> Hashable:
        return (
            sample.task,
            result(sample, mains.get(sample.task)),
            slug_of(sample.error) if sample.error else "",
        )

    chosen = drawn(found.samples, stratum, lambda one: f"{one.task} {one.item_id}", MOST)
    items = within([_item(sample, mains.get(sample.task)) for sample in chosen])
    intro = (
        f"{len(items):,} of {len(found.samples):,} items, drawn evenly over tasks and results (not in their"
        " proportions), always the same ones. All of them are in samples.jsonl beside this page."
    )
    browse = Browse(("task", "result", "category", "error"), tuple(items))
    yield Section("samples", "Answers to read", (browse,), intro)


def result(sample: EvalSample, metric: MetricInfo | None) -> str:
    """What became of an item, by the main metric."""
    if sample.error:
        return FAILED
    value = value_of(sample, metric.name) if metric is not None else None
    if value is None:
        return UNSCORED if metric is None or metric.mean else SCORED
    if metric is None or metric.low is None or metric.high is None:
        return SCORED
    best, worst = (metric.high, metric.low) if metric.higher_is_better else (metric.low, metric.high)
    return RIGHT if value == best else WRONG if value == worst else PARTLY


def _item(sample: EvalSample, metric: MetricInfo | None) -> BrowseItem:
    where = result(sample, metric)
    question = sample.question or sample.prompt
    return BrowseItem(
        id=sample.item_id,
        badge=where,
        lead=question or sample.item_id,
        facets=(
            sample.task,
            where,
            str(sample.details.get(CATEGORY) or ""),
            slug_of(sample.error) if sample.error else "",
        ),
        parts=tuple((title, text) for title, text in _parts(sample, question) if text),
        facts=tuple(_facts(sample)),
        tone=TONES.get(where, "plain"),
    )


def _parts(sample: EvalSample, question: str) -> Iterator[tuple[str, str]]:
    turns = sample.details.get("turns")
    if isinstance(turns, list) and turns and all(isinstance(turn, Mapping) for turn in turns):
        for number, turn in enumerate(turns, 1):
            yield f"Turn {number}: user", str(turn.get("user") or "")
            yield f"Turn {number}: answer{_graded(turn)}", str(turn.get("response") or "")
            yield f"Turn {number}: judge", str(turn.get("rationale") or turn.get("unscored") or "")
    else:
        yield "Question", question
        yield "Choices", "\n".join(sample.choices)
    yield "Right answer", sample.target
    if not turns:
        yield "Answer", sample.response or ("" if sample.error else "(no text recorded)")
    yield "Error", sample.error
    yield from _judged(sample.details)
    if sample.prompt and sample.prompt.strip() != question.strip() and not turns:
        yield "Sent to the model", sample.prompt


def _graded(turn: Mapping[str, Any]) -> str:
    value = turn.get("value")
    return f" ({value:.2f})" if isinstance(value, (int, float)) else ""


def _judged(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    scores = details.get("scores")
    if isinstance(scores, Mapping):
        for name, row in scores.items():
            if isinstance(row, Mapping):
                yield f"Judge: {name}", str(row.get("rationale") or row.get("unscored") or "")


def _facts(sample: EvalSample) -> Iterator[tuple[str, str]]:
    for name, value in sample.metrics.items():
        yield name, "no value" if value is None else f"{value:.3g}"
    if sample.cluster and sample.cluster != sample.item_id:
        yield "Cluster", sample.cluster
