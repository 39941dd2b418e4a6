"""The few matches a report shows in full: the worst of every label, and the most doubtful ones."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gristmill.records import Span
from gristmill_evals.contamination.lines import Reject, read_row
from gristmill_evals.contamination_report.policy import RANK
from gristmill_evals.excerpts import window

if TYPE_CHECKING:
    from gristmill_evals.contamination_report.tally import BenchmarkTally

PER_LABEL = 4
MOST_UNCERTAIN = 25


@dataclass(frozen=True, slots=True)
class Example:
    """A match with both texts, cut around the spans; spans are offsets into what is left of them."""

    match: Mapping[str, Any]
    row_text: str
    row_span: Span
    item_text: str
    item_span: Span


class Examples:
    """Keeps a bounded number of matches; texts are cut out of rows only for those."""

    def __init__(self, benchmarks: Mapping[str, BenchmarkTally]) -> None:
        self._benchmarks = benchmarks
        self._items: dict[str, dict[str, Any]] = {}
        self._worst: dict[str, _Best] = {}
        self._doubtful = _Best(MOST_UNCERTAIN)

    def offer_worst(self, match: Mapping[str, Any], line: Callable[[], bytes]) -> None:
        """Take a match in when it is surer than one of its label that is kept; one of each item."""
        kept = self._worst.setdefault(match["label"], _Best(PER_LABEL))
        kept.offer(match["score"], (match["benchmark"], match["item_id"]), lambda: self._cut(match, line()))

    def offer_doubtful(self, match: Mapping[str, Any], line: Callable[[], bytes]) -> None:
        """Take the best match of an uncertain row in when it is more doubtful than one that is kept."""
        self._doubtful.offer(-abs(match["score"] - 0.5), match["line"], lambda: self._cut(match, line()))

    def worst(self) -> Iterator[Example]:
        """The surest matches of every label, labels from worst to mildest."""
        for label in sorted(self._worst, key=RANK.__getitem__):
            yield from self._worst[label].ranked()

    def doubtful(self) -> list[Example]:
        """Matches in the uncertain band, the most doubtful first."""
        return list(self._doubtful.ranked())

    def _cut(self, match: Mapping[str, Any], line: bytes) -> Example:
        spans = match["spans"]
        row = read_row(match["line"], line, "row")
        if isinstance(row, Reject):
            raise AssertionError(f"line {match['line']} was a row when it was checked")
        start, end = row.fields[spans["field"]]
        text, span = window(row.text[start:end], *spans["row"])
        item, item_span = window(self._item(match), *spans["item"])
        return Example(match, text, span, item, item_span)

    def _item(self, match: Mapping[str, Any]) -> str:
        name = match["benchmark"]
        if name not in self._items:
            self._items[name] = {item.id: item for item in self._benchmarks[name].benchmark.items}
        item = self._items[name][match["item_id"]]
        return str(item.answer if match["spans"]["side"] == "answer" else item.text)


class _Best:
    """The ``most`` values with the highest keys, one of each ``kind``; of equals the first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[float, int, object, Example]] = []
        self._offered = 0

    def offer(self, key: float, kind: object, make: Callable[[], Example]) -> None:
        self._offered += 1
        full = len(self._heap) >= self._most
        if (full and key <= self._heap[0][0]) or any(kind == known for _, _, known, _ in self._heap):
            return
        entry = (key, -self._offered, kind, make())
        if full:
            heapq.heapreplace(self._heap, entry)
        else:
            heapq.heappush(self._heap, entry)

    def ranked(self) -> Iterator[Example]:
        return (example for *_, example in sorted(self._heap, key=lambda entry: entry[:2], reverse=True))
