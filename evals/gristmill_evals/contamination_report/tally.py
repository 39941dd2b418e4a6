"""Counting what a scan finds while it goes on: memory depends on the benchmarks, not on the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from gristmill_evals.contamination.benchmark import Benchmark
from gristmill_evals.contamination.decision import UNCERTAIN
from gristmill_evals.contamination.lines import Reject
from gristmill_evals.contamination.scan import Scanned
from gristmill_evals.contamination_report.examples import Examples
from gristmill_evals.contamination_report.policy import RANK, SEVERITY, Policy

BINS = 100
MOST_REJECTS = 200
_Match = dict[str, Any]


@dataclass(slots=True)
class BenchmarkTally:
    """What was found of one benchmark. A row counts once, under the worst label it has here."""

    benchmark: Benchmark
    rows: int = 0
    blocked: int = 0
    rows_by_label: Counter[str] = field(default_factory=Counter)
    worst_by_item: dict[str, int] = field(default_factory=dict)

    @property
    def items_by_label(self) -> Counter[str]:
        """Items that leaked, each once, under the worst label any row has for it."""
        labels = list(RANK)
        return Counter(labels[rank] for rank in self.worst_by_item.values())

    def add(self, matches: Sequence[_Match], policy: Policy) -> None:
        """Count one row by its matches with this benchmark."""
        self.rows += 1
        self.blocked += any(policy.blocks(match) for match in matches)
        self.rows_by_label[min((match["label"] for match in matches), key=RANK.__getitem__)] += 1
        for match in matches:
            item, rank = match["item_id"], RANK[match["label"]]
            self.worst_by_item[item] = min(rank, self.worst_by_item.get(item, rank))


class Tally:
    """The counts of a scan. ``lines`` of :meth:`add` gives a line's bytes, for the few that are shown."""

    def __init__(self, benchmarks: Iterable[Benchmark], policy: Policy) -> None:
        self.policy = policy
        self.benchmarks = {one.name: BenchmarkTally(one) for one in benchmarks}
        self.checked = self.matched = self.blocked = self.uncertain = 0
        self.matches, self.tiers, self.fields = Counter[str](), Counter[str](), Counter[str]()
        self.severities, self.rejected = Counter[str](), Counter[str]()
        self.rejects: list[Reject] = []
        # Rows by their best score, in steps of a hundredth: all of them, and those whose label would block.
        self.best, self.best_blocking = [0] * (BINS + 1), [0] * (BINS + 1)
        self.examples = Examples(benchmarks=self.benchmarks)

    @property
    def malformed(self) -> int:
        """Lines that could not be checked."""
        return self.rejected.total()

    @property
    def blocked_share(self) -> float:
        """Rows with a blocking match, of those checked."""
        return self.blocked / self.checked if self.checked else 0.0

    def add(self, scanned: Scanned, line_of: Callable[[int], bytes]) -> set[int]:
        """Count a batch; the numbers of the lines that are blocked."""
        self.checked += scanned.checked
        for reject in scanned.rejects:
            self.rejected[reject.reason] += 1
            if len(self.rejects) < MOST_REJECTS:
                self.rejects.append(reject)
        blocked: set[int] = set()
        for line, found in groupby(scanned.matches, itemgetter("line")):
            matches = [match for match in found if match["label"] is not None]
            if matches and self._row(matches, lambda line=line: line_of(line)):  # type: ignore[misc]
                blocked.add(line)
        return blocked

    def _row(self, matches: list[_Match], line: Callable[[], bytes]) -> bool:
        """Count one row that has candidates; whether it is blocked."""
        self._best(matches)
        certain = [match for match in matches if self.policy.counts(match)]
        for match in certain:
            self.matches[match["label"]] += 1
            self.tiers[match["tier"] or "not stated"] += 1
            self.fields[_field(match)] += 1
            self.examples.offer_worst(match, line)
        best = max(matches, key=lambda match: float(match["score"]))
        if UNCERTAIN[0] <= best["score"] < UNCERTAIN[1]:
            self.uncertain += 1
            self.examples.offer_doubtful(best, line)
        if not certain:
            return False
        self.matched += 1
        self.severities[SEVERITY[min((m["label"] for m in certain), key=RANK.__getitem__)]] += 1
        for name in {match["benchmark"] for match in certain}:
            self.benchmarks[name].add([m for m in certain if m["benchmark"] == name], self.policy)
        blocked = any(self.policy.blocks(match) for match in certain)
        self.blocked += blocked
        return blocked

    def _best(self, matches: list[_Match]) -> None:
        self.best[_bin(max(match["score"] for match in matches))] += 1
        blocking = [match["score"] for match in matches if match["label"] in self.policy.block]
        if blocking:
            self.best_blocking[_bin(max(blocking))] += 1

    def curve(self, *, blocking: bool = False) -> list[tuple[float, int]]:
        """Rows whose best score is at least each threshold, from 1 down to 0."""
        counts, total, points = (self.best_blocking if blocking else self.best), 0, list[tuple[float, int]]()
        for step in range(BINS, -1, -1):
            total += counts[step]
            points.append((step / BINS, total))
        return points


def _bin(score: float) -> int:
    return int(score * BINS + 1e-9)


def _field(match: Mapping[str, Any]) -> str:
    """``messages[3]`` is ``messages``: where in a row items are found, not in which turn."""
    return str(match["spans"]["field"]).split("[")[0]
