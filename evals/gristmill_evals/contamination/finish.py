"""The last step of a scan, in one process: second opinion, recalibration, and the threshold asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from gristmill_evals.contamination.benchmark import Benchmark, BenchmarkItem
from gristmill_evals.contamination.calibration import Recalibration
from gristmill_evals.contamination.lines import Reject, read_row
from gristmill_evals.contamination.rows import Row
from gristmill_evals.contamination.second_opinion.blocking import BlockingOpinion
from gristmill_evals.contamination.second_opinion.types import Cell, Suspect

MatchRow = dict[str, Any]


class Finish:
    """What becomes of the match rows of a batch (as of :func:`gristmill_evals.contamination.scan.scan`).

    Rows that a second opinion changed get ``opinion`` (its words), and ``unjudged`` where a judge gave no
    usable verdict; recalibrated ones keep their shipped probability in ``raw_score``.
    """

    def __init__(
        self,
        benchmarks: Iterable[Benchmark],
        min_score: float,
        file: str = "row",
        *,
        opinion: BlockingOpinion | None = None,
        calibration: Recalibration | None = None,
    ) -> None:
        self.min_score, self.file = min_score, file
        self._opinion, self._calibration = opinion, calibration
        self._items: dict[Cell, BenchmarkItem] = {
            (benchmark.name, item.id): item for benchmark in benchmarks for item in benchmark.items
        }

    @property
    def least(self) -> float:
        """The shipped score from which up a scan has to report matches, so that none is missed here."""
        least = self.min_score
        if self._calibration is not None:
            least = self._calibration.least(least)
        return least if self._opinion is None else min(least, self._opinion.models.band[0])

    @property
    def said(self) -> dict[str, Any]:
        """``second_opinion`` (counts of :class:`SecondOpinion`) and ``calibration`` (what it stands on)."""
        told: dict[str, Any] = {}
        if self._opinion is not None:
            told["second_opinion"] = dict(self._opinion.opinion.counts)
        if self._calibration is not None:
            told["calibration"] = self._calibration.stands_on
        return told

    def finish(self, batch: Sequence[tuple[int, bytes]], matches: Sequence[MatchRow]) -> list[MatchRow]:
        """Match rows of the lines of a batch, in the order of the lines, best first within each."""
        by_line = {line: list(found) for line, found in groupby(matches, itemgetter("line"))}
        if self._opinion is not None:
            self._consult(self._opinion, batch, by_line)
        done: list[MatchRow] = []
        for line, _ in batch:
            done += self._kept([self._calibrated(match) for match in by_line.get(line, ())])
        return done

    def _consult(
        self, opinion: BlockingOpinion, batch: Sequence[tuple[int, bytes]], by_line: dict[int, list[MatchRow]]
    ) -> None:
        given: list[tuple[int, Row, list[Suspect]]] = []
        for number, raw in batch:
            found = by_line.get(number, ())
            if not self._doubtful(opinion, found):
                continue
            row = read_row(number, raw, self.file)
            if not isinstance(row, Reject):
                given.append(
                    (number, row, [self._suspect(row, one) for one in found if one["label"] is not None])
                )
        reviewed = opinion.review([(row, suspects) for _, row, suspects in given])
        for (number, _, suspects), better in zip(given, reviewed, strict=True):
            before = {(one["benchmark"], one["item_id"]): one for one in by_line.get(number, ())}
            as_before = {id(suspect) for suspect in suspects}
            rows = [
                before[one.cell]
                if id(one) in as_before
                else before.get(one.cell, {}) | self._match_row(one, number)
                for one in better
            ]
            by_line[number] = rows or by_line.get(number, [])

    def _doubtful(self, opinion: BlockingOpinion, found: Sequence[MatchRow]) -> bool:
        low, high = opinion.models.band
        if any(low <= match["score"] <= high for match in found):
            return True
        return opinion.models.embedder is not None and all(match["score"] < low for match in found)

    def _suspect(self, row: Row, match: Mapping[str, Any]) -> Suspect:
        spans = match["spans"]
        start = row.fields[spans["field"]][0]
        left, right = spans["row"]
        return Suspect(
            row,
            match["benchmark"],
            self._items[match["benchmark"], match["item_id"]],
            match["label"],
            match["score"],
            match["tier"],
            (start + left, start + right),
            tuple(spans["item"]),
            spans["side"],
        )

    @staticmethod
    def _match_row(one: Suspect, line: int) -> MatchRow:
        field, span = one.row.locate(one.row_span)
        match = {
            "id": one.row.id,
            "benchmark": one.benchmark,
            "item_id": one.item.id,
            "label": one.label,
            "score": round(one.score, 4),
            "tier": one.tier,
            "spans": {"field": field, "row": list(span), "item": list(one.item_span), "side": one.side},
            "line": line,
            "opinion": one.opinion,
        }
        return {**match, "unjudged": True} if one.unjudged else match

    def _calibrated(self, match: MatchRow) -> MatchRow:
        if self._calibration is None or match["label"] is None:
            return match
        better = round(self._calibration.apply(match["score"], match["label"]), 4)
        return {**match, "score": better, "raw_score": match["score"]}

    def _kept(self, matches: list[MatchRow]) -> list[MatchRow]:
        ranked = sorted(matches, key=lambda match: -match["score"])
        if self.min_score <= 0:
            return ranked[:1]
        return [match for match in ranked if match["score"] >= self.min_score]
