"""The items of an evaluation against a dataset: for each the row that is most like it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from gristmill.records import MatchLabel, Span
from gristmill_evals.contamination.benchmark import Benchmark, BenchmarkItem
from gristmill_evals.contamination.benchmark_rows import chosen
from gristmill_evals.contamination.gate import BLOCKING
from gristmill_evals.contamination.lines import Reject, read_row
from gristmill_evals.contamination.scan import NumberedLine, ScanJob
from gristmill_evals.evaluation.clean.marks import Mark, Marks
from gristmill_evals.evaluation.records import EvalSample
from gristmill_evals.excerpts import window

Batches = Iterable[list[NumberedLine]]
"""Rows of a dataset as JSON lines with their numbers, from 1, a list at a time."""
Key = tuple[str, str]
LEAST = 0.3
"""Matches are looked for from here on, so that thresholds from here on can be compared afterwards."""
SIDE = {"question": "text", "answer": "answer"}


def mark(samples: Iterable[EvalSample], batches: Batches, *, dataset: str, min_score: float = 0.5) -> Marks:
    """For every item of ``samples`` the most similar row of the dataset, each item once, in their order.

    ``batches`` are the rows (any shape that ``gristmill decontaminate`` reads), ``dataset`` is their name.
    Memory depends on the items, not on the rows. A perturbed variant of an item
    (:mod:`gristmill_evals.evaluation.memorisation`) has the mark of its original. Items in the same words are
    compared once. Rows that cannot be read are counted in ``rejected`` by reason.
    """
    originals, variants = _by_source(samples)
    numbers: dict[BenchmarkItem, int] = {}
    for item in originals.values():
        if item.question.strip():
            numbers.setdefault(item, len(numbers))
    items = {f"{number}": replace(item, id=f"{number}") for item, number in numbers.items()}
    least = min(LEAST, min_score)
    search = _Search(items, least, dataset)
    if items:
        search.run(batches)
    marks = {
        key: _mark(key, None if (number := numbers.get(item)) is None else search.best_of(number))
        for key, item in originals.items()
    }
    for key, source in variants.items():
        marks[key] = replace(marks[source], task=key[0], item_id=key[1])
    rejected = dict(search.rejected)
    return Marks(dataset, tuple(marks.values()), search.rows, rejected, min_score, least)


def mark_runs(
    runs: Sequence[Sequence[EvalSample]], batches: Batches, *, dataset: str, min_score: float = 0.5
) -> list[Marks]:
    """:func:`mark` for the samples of several models, going over the rows only once."""
    found = mark(chain.from_iterable(runs), batches, dataset=dataset, min_score=min_score)
    keys = ({(one.task, one.item_id) for one in samples} for samples in runs)
    return [
        replace(found, marks=tuple(one for one in found.marks if (one.task, one.item_id) in own))
        for own in keys
    ]


def _by_source(samples: Iterable[EvalSample]) -> tuple[dict[Key, BenchmarkItem], dict[Key, Key]]:
    """Items to compare, without ids, and for each variant the item that it was made of."""
    items: dict[Key, BenchmarkItem] = {}
    known: dict[Key, Key] = {}
    made: dict[Key, Key] = {}
    for sample in samples:
        key, details = (sample.task, sample.item_id), sample.details
        items.setdefault(key, _item(sample))
        if "variant" in details and "of" in details:
            origin = (str(details.get("set", sample.task)), str(details["of"]))
            if details["variant"] == "original":
                known[origin] = key
            else:
                made[key] = origin
    variants = {key: known[origin] for key, origin in made.items() if origin in known}
    return {key: item for key, item in items.items() if key not in variants}, variants


def _item(sample: EvalSample) -> BenchmarkItem:
    answer = chosen(sample.target, sample.choices)
    return BenchmarkItem("", sample.question or sample.prompt, answer, sample.choices)


def _mark(key: Key, best: _Best | None) -> Mark:
    if best is None:
        return Mark(*key, score=None)
    return replace(best.mark, task=key[0], item_id=key[1])


@dataclass(slots=True)
class _Best:
    rank: tuple[bool, float]
    mark: Mark


class _Search:
    """Goes over the rows once and keeps for each item the best match.

    A label that counts goes before one that does not: a template must not hide a rewording.
    """

    def __init__(self, items: dict[str, BenchmarkItem], least: float, dataset: str) -> None:
        self._items, self._least, self._file = items, least, dataset
        self._best: dict[str, _Best] = {}
        self.rows = 0
        self.rejected: Counter[str] = Counter()

    def run(self, batches: Batches) -> None:
        """Compare all rows."""
        benchmark = Benchmark.make("items", self._items.values())
        check = ScanJob((benchmark,), self._least, self._file).open()
        for batch in batches:
            scanned = check(batch)
            self.rows += scanned.checked
            self.rejected.update(reject.reason for reject in scanned.rejects)
            better = [match for match in scanned.matches if self._is_better(match)]
            if better:
                self._keep(better, dict(batch))

    def best_of(self, number: int) -> _Best:
        """What was found for an item; score 0 where nothing was."""
        return self._best.get(str(number)) or _Best((False, 0.0), Mark("", "", 0.0))

    def _is_better(self, match: dict[str, Any]) -> bool:
        known = self._best.get(match["item_id"])
        return known is None or _rank(match) > known.rank

    def _keep(self, matches: Sequence[dict[str, Any]], lines: dict[int, bytes]) -> None:
        for match in matches:
            if self._is_better(match):  # two of one batch may be about one item
                number = match["line"]
                row = read_row(number, lines[number], self._file)
                if isinstance(row, Reject):
                    raise AssertionError(f"line {number} was read a moment ago")
                start, end = row.fields[match["spans"]["field"]]
                self._best[match["item_id"]] = _Best(_rank(match), self._found(match, row.text[start:end]))

    def _found(self, match: dict[str, Any], field_text: str) -> Mark:
        spans, item = match["spans"], self._items[match["item_id"]]
        row_text, row_span = window(field_text, *spans["row"])
        item_text, item_span = window(getattr(item, SIDE[spans["side"]]), *spans["item"])
        label: MatchLabel = match["label"]
        place = {"example_id": str(match["id"]), "line": int(match["line"]), "field": spans["field"]}
        return Mark(
            "", "", match["score"], label, **place, **_texts(row_text, row_span, item_text, item_span)
        )


def _texts(row: str, row_span: Span, item: str, item_span: Span) -> dict[str, Any]:
    return {"row_text": row, "row_span": row_span, "item_text": item, "item_span": item_span}


def _rank(match: dict[str, Any]) -> tuple[bool, float]:
    return match["label"] in BLOCKING, match["score"]
