"""Answers that are not there: by kind, and what the judges could not score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from gristmill_evals.evaluation.records import EvalSample
from gristmill_evals.evaluation.report.data import Evaluation, cluster_of, slug_of
from gristmill_evals.evaluation.report.drawing import cut
from gristmill_evals.evaluation.report.figures import share
from gristmill_evals.report.blocks import Block, Figure, Note, Section, Table

LONGEST = 220


def errors(found: Evaluation) -> Iterator[Section]:
    """Failed and unscored items; of each kind one example."""
    blocks: list[Block] = []
    failed = _count(
        (sample.task, slug_of(sample.error), sample.error) for sample in found.samples if sample.error
    )
    if failed:
        rows = tuple(
            (task, kind, _share(found, task, kind), n, told) for (task, kind), (n, told) in failed.items()
        )
        columns = ("task", "kind", "share of the items", "items", "for example")
        blocks.append(Table(columns, rows, "Items without an answer", numeric=(2, 3)))
    unscored = _count(
        (s.task, kind, told) for s in found.samples if not s.error for kind, told in _unscored(s)
    )
    if unscored:
        lines = tuple((task, kind, n, told) for (task, kind), (n, told) in unscored.items())
        heads = ("task", "kind", "values", "for example")
        blocks.append(Table(heads, lines, "Answers without a value", numeric=(2,)))
    if not blocks:
        blocks = [Note("Every item has an answer, and every answer the values it should have.", "good")]
    intro = "They are in no score. Running the same command again asks the missing ones again."
    yield Section("errors", "Errors and what could not be scored", tuple(blocks), intro if failed else "")


def _count(rows: Iterator[tuple[str, str, str]]) -> dict[tuple[str, str], tuple[int, str]]:
    """By task and kind: how many, and the first one in words; the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], str] = {}
    for task, kind, told in rows:
        counts[task, kind] += 1
        first.setdefault((task, kind), cut(told, LONGEST))
    return {key: (n, first[key]) for key, n in counts.most_common()}


def _share(found: Evaluation, task: str, kind: str) -> Figure:
    samples = found.by_task[task]
    hits = [bool(sample.error) and slug_of(sample.error) == kind for sample in samples]
    return share("", hits, [cluster_of(sample) for sample in samples])


def _unscored(sample: EvalSample) -> Iterator[tuple[str, str]]:
    """Reasons of values that are lacking; without one recorded, the metric's name."""
    lacking = [name for name, value in sample.metrics.items() if value is None]
    if not lacking:
        return
    told = [*_reasons(sample.details)]
    yield from told or [("no reason recorded", f"no value of {', '.join(lacking)}")]


def _reasons(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What judges and readers of answers left in the details, wherever it lies."""
    for value in details.values():
        rows = value if isinstance(value, (list, tuple)) else [value]
        for row in rows:
            if isinstance(row, Mapping):
                if reason := row.get("unscored"):
                    yield slug_of(str(reason)), str(row.get("raw") or reason)
                else:
                    yield from _reasons(row)
    if isinstance(reason := details.get("unscored"), str) and reason:
        yield slug_of(reason), reason
