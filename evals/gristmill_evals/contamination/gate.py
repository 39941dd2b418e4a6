"""The gate of a run: examples that repeat a benchmark item are rejected before a judge is paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, field_validator

from gristmill.errors import UsageError
from gristmill.models import Ask, ModelSpec
from gristmill.records import Item, Match, MatchLabel, content_id
from gristmill.registry import Blocked, Gate, Passed
from gristmill_evals.contamination.benchmark import Benchmark, load_benchmark
from gristmill_evals.contamination.calibration import Recalibration
from gristmill_evals.contamination.checker import Checker, Found
from gristmill_evals.contamination.rows import row_of_example
from gristmill_evals.contamination.second_opinion.embedder import make_embedder
from gristmill_evals.contamination.second_opinion.judge import Judge
from gristmill_evals.contamination.second_opinion.opinion import SecondOpinion
from gristmill_evals.contamination.second_opinion.types import Suspect

BLOCKING: tuple[MatchLabel, ...] = (
    *("verbatim", "near", "number-perturbed", "option-reordered", "paraphrase", "translated"),
)


class ContaminationGate(Gate):
    """Rejects examples that repeat benchmark items, word for word or with other numbers or option order.

    ``judge`` is a role of the recipe and ``embedder`` a model of its own: a second opinion on uncertain
    matches, and on rows in other languages. ``calibration`` is a file of ``gristmill recalibrate``, ``index``
    a folder that keeps the benchmarks' index and vectors.
    """

    version: ClassVar[str] = "2"
    benchmarks: list[str] = Field(min_length=1)
    block: list[MatchLabel] = Field(default_factory=lambda: list(BLOCKING))
    min_score: float = Field(default=0.5, ge=0, le=1)
    index: str | None = None
    calibration: str | None = None
    judge: str | None = None
    embedder: ModelSpec | None = None
    embed_rows: Literal["foreign", "all"] = "foreign"
    _loaded: tuple[Benchmark, ...] = PrivateAttr(default=())
    _checker: Checker | None = PrivateAttr(default=None)
    _calibration: Recalibration | None = PrivateAttr(default=None)
    _opinion: SecondOpinion | None = PrivateAttr(default=None)
    _asking: int = PrivateAttr(default=0)

    @field_validator("embedder", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return {"model": value} if isinstance(value, str) else value

    def prepare(self, root: Path) -> None:
        """Load and index the benchmarks.

        Raises:
            UsageError: one is missing or malformed, or two have the same name; no such calibration.
            GristmillError: the embedder cannot be used at all (no key, no such kind, no package).
        """
        self._loaded = tuple(load_benchmark(spec, root) for spec in self.benchmarks)
        named = [benchmark.name for benchmark in self._loaded]
        for name in named:
            if named.count(name) > 1:
                raise UsageError(f"two benchmarks are called {name!r}", cure="rename one of the files")
        self._calibration = None if self.calibration is None else Recalibration.load(root / self.calibration)
        if self.embedder is not None:
            make_embedder(self.embedder)
        self._checker = Checker(self._loaded, None if self.index is None else root / self.index)

    def fingerprint(self) -> Mapping[str, Any]:
        """Arguments and the content of benchmarks and calibration; not where an embedder is reached."""
        arguments = {key: value for key, value in super().fingerprint().items() if key != "index"}
        embedder = None if self.embedder is None else self.embedder.model
        calibration = None if self._calibration is None else content_id(repr(self._calibration))
        digests = [benchmark.digest for benchmark in self._loaded]
        return {**arguments, "embedder": embedder, "calibration": calibration, "digests": digests}

    def roles(self) -> Sequence[str]:
        """The judge's role, if there is one."""
        return [] if self.judge is None else [self.judge]

    @property
    def asks(self) -> bool:
        """Whether there is a second opinion to ask for."""
        return self.judge is not None or self.embedder is not None

    def check(self, item: Item) -> Passed | Blocked:
        """Block on the best match with a blocking label; every match is kept with the example."""
        return self._decided([one.as_match() for one in self._found(item, self._least())])

    async def consult(self, item: Item, ask: Ask) -> Passed | Blocked:
        """:meth:`check` after a second opinion on what is uncertain.

        Raises:
            GristmillError: a model cannot be asked.
        """
        if self._opinion is None:
            self._opinion = self._made(ask)
        opinion = self._opinion
        found = self._found(item, min(self._least(), opinion.band[0]))
        self._asking += 1
        try:
            [suspects] = await opinion.review(
                [(row_of_example(item.example), [_suspect(one) for one in found])]
            )
        finally:
            self._asking -= 1
            if not self._asking:  # a gate is not told when the run ends: no connection may stay open
                await opinion.rest()
        return self._decided([suspect.as_match() for suspect in suspects])

    def _found(self, item: Item, least: float) -> list[Found]:
        if self._checker is None:
            raise UsageError("the contamination gate has not been prepared", cure="call prepare(root) first")
        return self._checker.check(row_of_example(item.example), least)

    def _least(self) -> float:
        return self.min_score if self._calibration is None else self._calibration.least(self.min_score)

    def _made(self, ask: Ask) -> SecondOpinion:
        embedder = None if self.embedder is None else make_embedder(self.embedder)
        folder = None if self._checker is None else self._checker.folder
        judge = None if self.judge is None else Judge(ask)
        return SecondOpinion(
            self._loaded, embedder=embedder, judge=judge, search=self.embed_rows, folder=folder
        )

    def _decided(self, found: Sequence[Match]) -> Passed | Blocked:
        if self._calibration is not None:
            apply = self._calibration.apply
            found = [replace(match, score=round(apply(match.score, match.label), 4)) for match in found]
        kept = (match for match in found if match.score >= self.min_score)
        matches = tuple(sorted(kept, key=lambda match: -match.score))
        worst = next((match for match in matches if match.label in self.block), None)
        if worst is None:
            return Passed(matches)
        detail = f"{worst.label} {worst.score:.2f}: {worst.benchmark}:{worst.item_id}"
        return Blocked("contaminated", detail, matches)


def _suspect(found: Found) -> Suspect:
    hit, side = found.hit, found.side
    spans = hit.row_span, hit.item_span
    return Suspect(found.row, side.benchmark, side.item, hit.label, hit.score, hit.tier, *spans, side.kind)
