"""What judges said and what people said of the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Side = Literal[0, 1, 2]
"""Which response of a pair is better: the first, the second, or (0) neither."""
TIE: Side = 0


@dataclass(frozen=True, slots=True)
class PairVote:
    """A judge's verdicts on one pair, both mapped back to the sides as stored; None is an unscored verdict.

    ``both_orders`` says whether the judge was asked a second time with the responses swapped. ``score`` is
    how sure the judge is, if it says so; else :attr:`sureness` stands in. ``asked`` is the same for judges
    that were asked alike, which form a jury; None for a jury itself, which is in none unless it is named.
    """

    id: str
    judge: str
    forward: Side | None
    swapped: Side | None
    both_orders: bool
    label: Side
    source: str | None = None
    score: float | None = None
    asked: str | None = ""

    @property
    def verdicts(self) -> tuple[Side | None, ...]:
        """One verdict for each order asked."""
        return (self.forward, self.swapped) if self.both_orders else (self.forward,)

    @property
    def verdict(self) -> Side | None:
        """Both orders as one: disagreement is a tie; None when an order is unscored."""
        if None in self.verdicts:
            return None
        return self.forward if len(set(self.verdicts)) == 1 else TIE

    @property
    def sureness(self) -> float | None:
        """:attr:`score`, else 1 for the same verdict in both orders and 0 for two; None when unscored."""
        if self.verdict is None:
            return None
        if self.score is not None or not self.both_orders:
            return self.score
        return float(self.forward == self.swapped)


@dataclass(frozen=True, slots=True)
class Rating:
    """A judge's score of one row (None: unscored), the people's label, and the row's length if known.

    ``asked`` as in :class:`PairVote`, None for any scorer that is no member of a jury.
    """

    id: str
    judge: str
    score: float | None
    label: float
    source: str | None = None
    length: int | None = None
    asked: str | None = ""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that counts for nothing: ``reason`` is a stable slug."""

    line: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Votes:
    """All that was read. ``raters`` are people's own labels by row id and name, ``pair_raters`` of pairs.

    ``lengths`` are characters of the two responses of a pair, where they came with the votes.
    ``left_out`` counts rows that were read well and are not used, by reason.
    """

    origin: str
    pairs: Sequence[PairVote] = ()
    ratings: Sequence[Rating] = ()
    raters: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    pair_raters: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    lengths: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    malformed: Sequence[Malformed] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Votes and ratings that can be used."""
        return len(self.pairs) + len(self.ratings)
