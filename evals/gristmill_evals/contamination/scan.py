"""Checking rows outside a run, by the batch, so that a file of any size can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gristmill.errors import GristmillError
from gristmill_evals.contamination.benchmark import Benchmark
from gristmill_evals.contamination.checker import Checker, Found
from gristmill_evals.contamination.index.item_index import ItemIndex, prepare_views
from gristmill_evals.contamination.index.shared_work import build_together
from gristmill_evals.contamination.lines import Reject, read_row
from gristmill_evals.contamination.rows import Row, row_of_mapping
from gristmill_evals.contamination.skim import Skim

MATCHED_FROM = 0.5
"""The probability from which a match counts as one; below, it is a candidate that is shown when asked for."""


def scan(
    rows: Iterable[Mapping[str, Any]],
    benchmarks: Sequence[Benchmark],
    min_score: float = MATCHED_FROM,
    *,
    texts: bool = False,
) -> Iterator[dict[str, Any]]:
    """Match rows ``id, benchmark, item_id, label, score, tier, spans`` for JSONL rows, lazily and in order.

    ``spans`` is ``{"field", "row": [start, end], "item": [start, end]}``: characters of that field of the
    row, and of the item's question followed by its choices, one a line (or of its answer, when that is
    what was found: then ``"side": "answer"``). With ``min_score`` 0 every row gives exactly one row, its
    best candidate; one that has nothing in common with any item gets item None and score 0. ``texts`` adds
    ``row_text`` and ``item_text``.
    """
    checker = Checker(benchmarks)
    for number, mapping in enumerate(rows, 1):
        row = row_of_mapping(mapping, where=f"row {number}")
        yield from _matches(row, checker.check(row, min_score), min_score, texts)


NumberedLine = tuple[int, bytes]


@dataclass(slots=True)
class Scanned:
    """What became of a batch: every line of it is counted in ``checked`` or listed in ``rejects``.

    ``matches`` are match rows as of :func:`scan`, in order, each with its ``line``.
    """

    checked: int = 0
    matches: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ScanJob:
    """:func:`scan` by the batch, for workers: a batch is a list of lines with their numbers, from 1.

    ``file`` names rows without an id (``FILE:LINE``); ``folder`` keeps the index of the benchmarks.
    ``exact``: only the tiers that compare word by word, many times faster.
    """

    benchmarks: tuple[Benchmark, ...]
    min_score: float = MATCHED_FROM
    file: str = "row"
    folder: Path | None = None
    exact: bool = False

    def open(self) -> Callable[[list[NumberedLine]], Scanned]:
        """Index the benchmarks, or open their index; the result checks a batch.

        Processes that open one job at the same time share the work of building what ``folder`` lacks.
        """
        if self.folder is not None:
            parts = {"tables": self._tables} if self.exact else {"tables": self._tables, "views": self._views}
            build_together(self.folder, parts)
        checker = Checker(self.benchmarks, self.folder)
        return _Work(checker, Skim(checker), self.min_score, self.file, self.exact).check

    def _tables(self) -> None:
        ItemIndex.open(self.benchmarks, self.folder)

    def _views(self) -> None:
        prepare_views(self.benchmarks, self.folder)


@dataclass(frozen=True, slots=True)
class _Work:
    checker: Checker
    skim: Skim
    min_score: float
    file: str
    exact: bool

    def check(self, batch: list[NumberedLine]) -> Scanned:
        done, numbers, rows = Scanned(), list[int](), list[Row]()
        if self.exact and self.min_score > 0:
            skip = self.skim.quiet([line for _, line in batch])
            done.checked = skip.count(True)
            batch = [numbered for numbered, skipped in zip(batch, skip, strict=True) if not skipped]
        for number, line in batch:
            read = read_row(number, line, self.file)
            if isinstance(read, Reject):
                done.rejects.append(read)
            else:
                numbers.append(number)
                rows.append(read)
        for number, row, found in zip(numbers, rows, self._found(rows), strict=True):
            if isinstance(found, Exception):
                done.rejects.append(Reject(number, "check-failed", f"{type(found).__name__}: {found}"[:300]))
                continue
            done.checked += 1
            done.matches += (
                {**match, "line": number} for match in _matches(row, found, self.min_score, False)
            )
        done.rejects.sort(key=lambda reject: reject.line)
        return done

    def _found(self, rows: list[Row]) -> Sequence[list[Found] | Exception]:
        try:
            return self._check(rows)
        except GristmillError:
            raise
        except Exception:
            alone = [self._alone(row) for row in rows]
            if len(rows) > 1 and all(isinstance(found, Exception) for found in alone):
                raise  # it is not the rows
            return alone

    def _check(self, rows: list[Row]) -> list[list[Found]]:
        if self.exact:
            return self.checker.check_exact(rows, self.min_score)
        return self.checker.check_many(rows, self.min_score)

    def _alone(self, row: Row) -> list[Found] | Exception:
        try:
            return self._check([row])[0]
        except Exception as error:  # noqa: BLE001 - becomes a reject: one row must not end the scan of millions
            return error


def _matches(row: Row, found: list[Found], min_score: float, texts: bool) -> Iterator[dict[str, Any]]:
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
        "tier": found.hit.tier,
        "spans": spans,
    }
    start, end = found.row.fields[field]
    return {**match, "row_text": found.row.text[start:end], "item_text": found.side.text} if texts else match


def _nothing(row: Row, texts: bool) -> dict[str, Any]:
    nothing = dict.fromkeys(("benchmark", "item_id", "label"))
    match = {"id": row.id, **nothing, "score": 0.0, "tier": "", "spans": None}
    return {**match, "row_text": row.text, "item_text": ""} if texts else match
