"""Best of n with few comparisons: a knockout over anything that can be compared in pairs.

Nothing here asks a model: ``compare`` does, and is called with two candidates in the order in which they are
to be shown. n candidates need n - 1 comparisons, the least that can find a best one; the second best costs
at most ceil(log2 n) - 1 more, since only those who lost to the best can be it (Knuth, The Art of Computer
Programming, vol. 3, 5.3.3).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from gristmill.errors import UsageError
from gristmill.records import content_id

C = TypeVar("C")
Place = Literal["first", "second", "tie"]
Compare = Callable[[C, C], Awaitable[Place | None]]
"""Which of two is better, as they are shown; None when the verdict could not be read."""


@dataclass(frozen=True, slots=True)
class Duel:
    """One comparison, by indices into the candidates.

    ``verdicts`` holds what ``compare`` said, with ``left`` shown first and then, where both orders were
    asked, with ``right`` shown first. ``decided`` is false when they were level (ties, verdicts that
    contradict each other or could not be read) and the seeds had to decide.
    """

    left: int
    right: int
    verdicts: tuple[Place | None, ...]
    winner: int
    decided: bool

    @property
    def loser(self) -> int:
        """The other one."""
        return self.right if self.winner == self.left else self.left


@dataclass(frozen=True, slots=True)
class Ranking:
    """``order`` has the ``top`` best, the best first; ``duels`` all comparisons in the order held.

    ``rest`` are the others, without order. ``same`` maps a candidate to an equal one that stood for it.
    """

    order: tuple[int, ...]
    rest: tuple[int, ...]
    duels: tuple[Duel, ...]
    same: dict[int, int] = field(default_factory=dict)

    @property
    def best(self) -> int:
        """Index of the best."""
        return self.order[0]

    @property
    def path(self) -> tuple[Duel, ...]:
        """The comparisons that the best went through."""
        return tuple(duel for duel in self.duels if duel.winner == self.best)

    @property
    def undecided(self) -> int:
        """Comparisons that the verdicts did not decide."""
        return sum(not duel.decided for duel in self.duels)

    @property
    def unread(self) -> int:
        """Verdicts that could not be read."""
        return sum(verdict is None for duel in self.duels for verdict in duel.verdicts)


async def best_of(
    candidates: Sequence[C],
    compare: Compare[C],
    *,
    seeds: Sequence[float] | None = None,
    top: int = 1,
    both_orders: bool = True,
    key: Callable[[C], str] = content_id,
) -> Ranking:
    """The best of ``candidates``, by a knockout of n - 1 comparisons (twice as many calls in both orders).

    ``seeds``, one number a candidate, higher is better, come from something cheap (a rule score): the
    better seeds meet late, have the free rounds, and win comparisons that are level. ``key`` writes a
    candidate as a text: those with equal texts are not compared, and the bracket is drawn from a hash of
    it, so that the order of ``candidates`` changes nothing. With a ``compare`` that is a weak order
    (transitive, ties too) the result is a true best; ``top`` k gives the k best at k - 1 more knockouts
    among those who lost only to better ones. Comparisons of a round run at the same time.

    Raises:
        UsageError: no candidates, ``top`` below 1, or another number of seeds.
        Exception: what ``compare`` raises, after the comparisons of its round have ended.
    """
    if not candidates or top < 1 or (seeds is not None and len(seeds) != len(candidates)):
        raise UsageError(
            f"a tournament of {len(candidates)} candidates, top {top}, {len(seeds or ())} seeds",
            cure="give at least one candidate, top of at least 1, and one seed for each candidate or none",
        )
    drawn, same = _drawn([key(candidate) for candidate in candidates], seeds)
    hall = _Hall(candidates, compare, both_orders, {index: rank for rank, index in enumerate(drawn)})
    order: list[int] = []
    pool = drawn
    while pool and len(order) < top:
        best = await hall.knockout(pool)
        order.append(best)
        # who lost to someone outside the order cannot be next
        pool = [index for index in drawn if index not in order and hall.lost_to[index] <= set(order)]
    rest = tuple(index for index in drawn if index not in order)
    return Ranking(tuple(order), rest, tuple(hall.duels), same)


def _drawn(keys: Sequence[str], seeds: Sequence[float] | None) -> tuple[list[int], dict[int, int]]:
    """Candidates from the best seed on, equal ones once; ties of seeds in the order of a hash."""
    first: dict[str, int] = {}
    same: dict[int, int] = {}
    for index in sorted(range(len(keys)), key=lambda index: -(seeds[index] if seeds else 0.0)):
        stands = first.setdefault(keys[index], index)
        if stands != index:
            same[index] = stands
    names = {index: content_id("tournament", keys[index]) for index in first.values()}
    drawn = sorted(names, key=lambda index: (-(seeds[index] if seeds else 0.0), names[index]))
    return drawn, same


class _Hall:
    """The comparisons of one tournament. ``rank``: place in the draw, which decides what is level."""

    def __init__(
        self, candidates: Sequence[C], compare: Compare[C], both_orders: bool, rank: dict[int, int]
    ) -> None:
        self._both, self._rank = both_orders, rank

        def ask(one: int, two: int) -> Awaitable[Place | None]:
            return compare(candidates[one], candidates[two])

        self._ask = ask
        self.duels: list[Duel] = []
        self.lost_to: dict[int, set[int]] = {index: set() for index in rank}

    async def knockout(self, pool: Sequence[int]) -> int:
        """The winner among ``pool``, which is in the order of the draw."""
        alive = list(pool)
        while len(alive) > 1:
            # the best of the draw stand aside until the number is a power of two
            size = 1 << (len(alive) - 1).bit_length()
            free = size - len(alive)
            playing = alive[free:]
            half = len(playing) // 2
            # best against worst, so that the two best of the draw can only meet in the final
            pairs = zip(playing[:half], reversed(playing[half:]), strict=True)
            alive = sorted([*alive[:free], *await self._round(list(pairs))], key=self._rank.__getitem__)
        return alive[0]

    async def _round(self, pairs: Sequence[tuple[int, int]]) -> list[int]:
        held = await asyncio.gather(*(self._duel(*pair) for pair in pairs), return_exceptions=True)
        for result in held:
            if isinstance(result, BaseException):
                raise result
        duels = [result for result in held if not isinstance(result, BaseException)]
        for duel in duels:
            self.lost_to[duel.loser].add(duel.winner)
        self.duels += duels
        return [duel.winner for duel in duels]

    async def _duel(self, left: int, right: int) -> Duel:
        asked = [self._ask(left, right), *([self._ask(right, left)] if self._both else [])]
        verdicts = await asyncio.gather(*asked)
        # +1 for left, -1 for right; in the second verdict the places are the other way round
        counts = {"first": 1, "second": -1, "tie": 0, None: 0}
        lead = sum(sign * counts[said] for sign, said in zip((1, -1), verdicts, strict=False))
        ahead = min(left, right, key=self._rank.__getitem__)
        winner = ahead if lead == 0 else left if lead > 0 else right
        return Duel(left, right, tuple(verdicts), winner, lead != 0)
