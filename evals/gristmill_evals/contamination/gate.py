"""The gate of a run: examples that repeat a benchmark item are rejected before a judge is paid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from gristmill.errors import UsageError
from gristmill.records import Item, MatchLabel
from gristmill.registry import Blocked, Gate, Passed
from gristmill_evals.contamination.benchmark import Benchmark, load_benchmark
from gristmill_evals.contamination.checker import Checker
from gristmill_evals.contamination.rows import row_of_example

BLOCKING: tuple[MatchLabel, ...] = ("verbatim", "near", "number-perturbed", "option-reordered")


class ContaminationGate(Gate):
    """Rejects examples that repeat benchmark items, word for word or with other numbers or option order."""

    version: ClassVar[str] = "1"
    benchmarks: list[str] = Field(min_length=1)
    block: list[MatchLabel] = Field(default_factory=lambda: list(BLOCKING))
    min_score: float = Field(default=0.5, ge=0, le=1)
    _loaded: tuple[Benchmark, ...] = PrivateAttr(default=())
    _checker: Checker | None = PrivateAttr(default=None)

    def prepare(self, root: Path) -> None:
        """Load and index the benchmarks.

        Raises:
            UsageError: one is missing or malformed, or two have the same name.
        """
        self._loaded = tuple(load_benchmark(spec, root) for spec in self.benchmarks)
        named = [benchmark.name for benchmark in self._loaded]
        for name in named:
            if named.count(name) > 1:
                raise UsageError(f"two benchmarks are called {name!r}", cure="rename one of the files")
        self._checker = Checker(self._loaded)

    def fingerprint(self) -> Mapping[str, Any]:
        """Arguments and the content of the benchmarks."""
        return {**super().fingerprint(), "digests": [benchmark.digest for benchmark in self._loaded]}

    def check(self, item: Item) -> Passed | Blocked:
        """Block on the best match with a blocking label; every match is kept with the example."""
        if self._checker is None:
            raise UsageError("the contamination gate has not been prepared", cure="call prepare(root) first")
        found = self._checker.check(row_of_example(item.example), self.min_score)
        matches = tuple(one.as_match() for one in found)
        worst = next((match for match in matches if match.label in self.block), None)
        if worst is None:
            return Passed(matches)
        detail = f"{worst.label} {worst.score:.2f}: {worst.benchmark}:{worst.item_id}"
        return Blocked("contaminated", detail, matches)
