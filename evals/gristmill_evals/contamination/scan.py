"""Checking rows outside a run, one at a time, so that a file of any size can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gristmill_evals.contamination.benchmark import Benchmark
from gristmill_evals.contamination.checker import Checker, Found
from gristmill_evals.contamination.rows import Row, row_of_mapping


def scan(
    rows: Iterable[Mapping[str, Any]],
    benchmarks: Sequence[Benchmark],
    min_score: float = 0.5,
    *,
    texts: bool = False,
) -> Iterator[dict[str, Any]]:
    """Match rows ``id, benchmark, item_id, label, score, spans`` for JSONL rows, lazily and in order.

    ``spans`` is ``{"field", "row": [start, end], "item": [start, end]}``: characters of that field of the
    row, and of the item's question followed by its choices, one a line (or of its answer, when that is
    what was found: then ``"side": "answer"``). With ``min_score`` 0 every row gives exactly one row, its
    best candidate; one that has nothing in common with any item gets item None and score 0. ``texts`` adds
    ``row_text`` and ``item_text``.
    """
    checker = Checker(benchmarks)
    for number, mapping in enumerate(rows, 1):
        yield from _matches(checker, number, mapping, min_score, texts)


Numbered = tuple[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ScanJob:
    """:func:`scan` by the batch, for workers: a batch is a list of rows with their numbers, from 1."""

    benchmarks: tuple[Benchmark, ...]
    min_score: float = 0.5

    def open(self) -> Callable[[list[Numbered]], list[dict[str, Any]]]:
        """Index the benchmarks; the result looks a batch up, and gives its match rows in order."""
        checker, least = Checker(self.benchmarks), self.min_score

        def work(batch: list[Numbered]) -> list[dict[str, Any]]:
            return [match for number, row in batch for match in _matches(checker, number, row, least, False)]

        return work


def _matches(
    checker: Checker, number: int, mapping: Mapping[str, Any], min_score: float, texts: bool
) -> Iterator[dict[str, Any]]:
    row = row_of_mapping(mapping, where=f"row {number}")
    found = checker.check(row, min_score)
    if min_score <= 0:
        found = found[:1]
        if not found:
            yield _nothing(row, texts)
    for one in found:
        yield _match_row(one, texts)


def _match_row(found: Found, texts: bool) -> dict[str, Any]:
    field, span = found.row.locate(found.hit.row_span)
    spans = {"field": field, "row": list(span), "item": list(found.hit.item_span), "side": found.side.kind}
    match = {
        "id": found.row.id,
        "benchmark": found.side.benchmark,
        "item_id": found.side.item.id,
        "label": found.hit.label,
        "score": round(found.hit.score, 4),
        "spans": spans,
    }
    start, end = found.row.fields[field]
    return {**match, "row_text": found.row.text[start:end], "item_text": found.side.text} if texts else match


def _nothing(row: Row, texts: bool) -> dict[str, Any]:
    match = {"id": row.id, "benchmark": None, "item_id": None, "label": None, "score": 0.0, "spans": None}
    return {**match, "row_text": row.text, "item_text": ""} if texts else match
