"""The second opinion: an embedding model finds and weighs, an LLM judge decides what is still uncertain."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from gristmill_evals.contamination.benchmark import Benchmark
from gristmill_evals.contamination.decision import UNCERTAIN
from gristmill_evals.contamination.rows import Row
from gristmill_evals.contamination.second_opinion.foreign import Home
from gristmill_evals.contamination.second_opinion.judge import Judge
from gristmill_evals.contamination.second_opinion.looking import Look, Piece, pieces_of
from gristmill_evals.contamination.second_opinion.nearest import Space
from gristmill_evals.contamination.second_opinion.types import Embedder, Suspect
from gristmill_evals.contamination.second_opinion.vectors import RowVectors, item_vectors

Search = Literal["foreign", "all"]
Reviewed = tuple[Row, list[Suspect]]


class SecondOpinion:
    """Asked about the matches of rows, by the batch.

    ``band`` holds the probabilities in doubt. An embedder weighs matches in the band, and looks for items
    itself for rows without a match from ``band[0]`` up: those in another language than the benchmarks
    (``search`` ``foreign``), or all of them. A judge then decides on matches that are still in the band.
    Vectors of items and rows are kept in ``folder``. ``counts`` says what was done: ``weighed``,
    ``searched``, ``found``, ``judged``, ``unjudged`` and the judge's verdicts. One object belongs to one
    event loop.
    """

    def __init__(
        self,
        benchmarks: Sequence[Benchmark],
        *,
        embedder: Embedder | None = None,
        judge: Judge | None = None,
        band: tuple[float, float] = UNCERTAIN,
        search: Search = "foreign",
        folder: Path | None = None,
    ) -> None:
        self.band, self.search, self.counts = band, search, Counter[str]()
        self._benchmarks = tuple(benchmarks)
        self._embedder, self._judge, self._folder = embedder, judge, folder
        self._home = Home.of(self._benchmarks)
        self._rows = None if embedder is None else RowVectors(embedder, folder)
        self._space: Space | None = None
        self._preparing = asyncio.Lock()

    async def review(self, rows: Sequence[Reviewed]) -> list[list[Suspect]]:
        """The matches of each row after the second opinion, best first.

        Raises:
            GristmillError: the embedder or the judge cannot be asked (key, model, address, budget).
        """
        done = [list(suspects) for _, suspects in rows]
        if self._embedder is not None:
            done = await self._embedded([row for row, _ in rows], done)
        if self._judge is not None:
            done = await self._judged(self._judge, done)
        return [sorted(found, key=lambda one: (-one.score, one.cell)) for found in done]

    async def rest(self) -> None:
        """Release connections while nothing is asked; the next review opens them again."""
        if self._embedder is not None:
            await self._embedder.close()

    async def close(self) -> None:
        """Release connections and files."""
        if self._rows is not None:
            self._rows.close()
        await self.rest()

    def uncertain(self, suspect: Suspect) -> bool:
        """Whether a match is in the band."""
        return self.band[0] <= suspect.score <= self.band[1]

    async def _judged(self, judge: Judge, rows: Sequence[Sequence[Suspect]]) -> list[list[Suspect]]:
        asked = [one for suspects in rows for one in suspects if self.uncertain(one)]
        answers = await asyncio.gather(*(judge.judged(one) for one in asked))
        for one in answers:
            self.counts.update(["unjudged"] if one.unjudged else ["judged", one.opinion.partition(":")[0]])
        given = iter(answers)
        return [[next(given) if self.uncertain(one) else one for one in suspects] for suspects in rows]

    async def _embedded(self, rows: Sequence[Row], found: Sequence[list[Suspect]]) -> list[list[Suspect]]:
        space, pieces = await self._ready(), list[list[Piece]]()
        for row, suspects in zip(rows, found, strict=True):
            pieces.append(list(pieces_of(row)) if self._wanted(row, suspects) else [])
        flat = [piece for some in pieces for piece in some]
        if not flat or self._rows is None:
            return list(found)
        vectors = await self._rows.get([piece.text for piece in flat])
        nearest = space.nearest(vectors)
        done, at = list[list[Suspect]](), 0
        for row, suspects, mine in zip(rows, found, pieces, strict=True):
            part = slice(at, at + len(mine))
            look = Look(space, row, mine, vectors[part], nearest[part])
            done.append(self._of_row(look, suspects) if mine else suspects)
            at += len(mine)
        return done

    def _wanted(self, row: Row, suspects: Sequence[Suspect]) -> bool:
        if any(self.uncertain(one) for one in suspects):
            return True
        if any(one.score > self.band[1] for one in suspects):
            return False
        return self.search == "all" or self._home.is_foreign(row)

    def _of_row(self, look: Look, suspects: list[Suspect]) -> list[Suspect]:
        weighed = [look.weighed(one) if self.uncertain(one) else one for one in suspects]
        self.counts["weighed"] += sum(self.uncertain(one) for one in suspects)
        if self.search == "foreign" and not self._home.is_foreign(look.row):
            return weighed
        known = {one.cell for one in suspects if one.score >= self.band[0]}
        new = [one for one in look.found(self._home, self.band[0]) if one.cell not in known]
        self.counts["searched"] += 1
        self.counts["found"] += len(new)
        better = {one.cell for one in new}
        return [one for one in weighed if one.cell not in better] + new

    async def _ready(self) -> Space:
        async with self._preparing:
            if self._space is None and self._embedder is not None:
                matrices = [await item_vectors(b, self._embedder, self._folder) for b in self._benchmarks]
                self._space = Space.of(self._benchmarks, matrices)
        if self._space is None:
            raise AssertionError("only called with an embedder")
        return self._space
