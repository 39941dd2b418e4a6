"""The second opinion for callers without an event loop: one batch of rows after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from gristmill.models import Door, ModelSpec
from gristmill_evals.contamination.benchmark import Benchmark
from gristmill_evals.contamination.decision import UNCERTAIN
from gristmill_evals.contamination.second_opinion.embedder import make_embedder
from gristmill_evals.contamination.second_opinion.judge import Judge
from gristmill_evals.contamination.second_opinion.opinion import Reviewed, Search, SecondOpinion
from gristmill_evals.contamination.second_opinion.types import Suspect

CACHE = "judge.sqlite"


@dataclass(frozen=True, slots=True)
class Models:
    """Which models are asked. ``folder`` keeps vectors and the judge's answers; None keeps nothing."""

    judge: ModelSpec | None = None
    embedder: ModelSpec | None = None
    folder: Path | None = None
    band: tuple[float, float] = UNCERTAIN
    search: Search = "foreign"


class BlockingOpinion:
    """Context manager around a :class:`SecondOpinion` with an event loop of its own.

    Raises:
        GristmillError: on entering, when a model cannot be asked at all: no key, no such kind, no package.
    """

    def __init__(self, benchmarks: Sequence[Benchmark], models: Models) -> None:
        self.models = models
        self._benchmarks = benchmarks
        self._runner = asyncio.Runner()
        self._door: Door | None = None
        self._opinion: SecondOpinion | None = None

    def __enter__(self) -> BlockingOpinion:
        try:
            self._opinion = self._runner.run(self._opened())
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._runner.run(self._closed())
        finally:
            self._runner.close()

    @property
    def opinion(self) -> SecondOpinion:
        """What is asked."""
        if self._opinion is None:
            raise AssertionError("enter it first")
        return self._opinion

    def review(self, rows: Sequence[Reviewed]) -> list[list[Suspect]]:
        """See :meth:`SecondOpinion.review`."""
        return self._runner.run(self.opinion.review(rows))

    async def _opened(self) -> SecondOpinion:
        models, judge = self.models, None
        if models.folder is not None:
            models.folder.mkdir(parents=True, exist_ok=True)
        embedder = None if models.embedder is None else make_embedder(models.embedder)
        if models.judge is not None:
            cache = None if models.folder is None else models.folder / CACHE
            self._door = Door({"judge": models.judge}, cache=cache)
            judge = Judge(self._door.ask_for("judge"))
        return SecondOpinion(
            self._benchmarks,
            embedder=embedder,
            judge=judge,
            band=models.band,
            search=models.search,
            folder=models.folder,
        )

    async def _closed(self) -> None:
        await self.opinion.close()
        if self._door is not None:
            await self._door.close()
