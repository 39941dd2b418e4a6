"""Several judges, one word: votes weighted by how often each judge was right.

A vote weighs the log-odds of its judge's accuracy, which is best when judges err independently (Nitzan and
Paroush 1982, "Optimal Decision Rules in Uncertain Dichotomous Choice Situations", International Economic
Review 23). Judges that err on the same rows are not independent: no weight sees that, and a jury of them is
less sure than its agreement says.

Nothing here asks a model. Outcomes do not depend on the order of votes nor on the unit of weights; a vote
of weight 0 is as if it were absent; a missing vote (None) counts for nothing but the quorum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

V = TypeVar("V")
Side = Literal["1", "2", "tie"]
SIDES: tuple[Side, ...] = ("1", "2", "tie")
NEAR = 0.25
"""Scores agree that are at most so far from each other: one grade on a scale of five."""
# sums of weights that differ by less are equal: rounding must not decide
_EPSILON = 1e-9
_HUNDREDTH = 0.005


@dataclass(frozen=True, slots=True)
class PairOutcome:
    """What a jury says of a pair. ``winner`` is None with a ``problem``: ``no-quorum`` or ``abstained``.

    ``spoken`` is the share of all weight that voted, ``shares`` how that divides over the sides, and
    ``agreement`` the winner's share of it; of two sides that are level, nobody's: the winner is ``tie``.
    """

    winner: Side | None
    agreement: float
    spoken: float
    shares: tuple[tuple[Side, float], ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ScoreOutcome:
    """What a jury says of a row. ``value`` is None with a ``problem``: ``no-quorum`` or ``abstained``.

    ``agreement`` is the largest share of the weight spoken whose scores are near each other.
    """

    value: float | None
    agreement: float
    spoken: float
    problem: str = ""


def weights(accuracy: float, n: int) -> float:
    """The weight of a judge that was right on a share of ``accuracy`` of ``n`` rows; 0 up to one half.

    The log-odds of the mean of the Beta posterior over a uniform prior, (right + 1) ÷ (n + 2): for judges of
    uncertain accuracy it is the probability that the next vote is right. 1.0 of 5 rows weighs 1.8 and not
    infinitely much. A judge that is wrong more often than right has no weight rather than a negative one:
    its reversed vote was not asked for.
    """
    if not 0 <= accuracy <= 1 or n < 0:
        raise ValueError(f"accuracy {accuracy} of {n} rows")
    right = (accuracy * n + 1) / (n + 2)
    return max(0.0, math.log(right / (1 - right)))


def combine_pairs(votes: Sequence[tuple[str | None, float]], *, min_agreement: float = 0.0) -> PairOutcome:
    """The side that most weight votes for: ``1``, ``2`` or ``tie``; level sides are a ``tie``.

    Args:
        votes: (verdict, weight) of each judge; None is a judge without a verdict. Of judges asked in both
            orders see :func:`votes_in_orders`.
        min_agreement: below it the jury abstains; in hundredths, so that two of three are 0.67.
    """
    cast, spoken = _cast(votes)
    if strange := {side for side, _ in cast} - set(SIDES):
        raise ValueError(f"no side of a pair: {', '.join(sorted(strange))}")
    if not cast:
        return PairOutcome(None, 0.0, spoken, problem="no-quorum")
    shares = tuple((side, math.fsum(weight for said, weight in cast if said == side)) for side in SIDES)
    most = max(share for _, share in shares)
    leaders = [side for side, share in shares if share > most - _EPSILON]
    winner: Side = leaders[0] if len(leaders) == 1 else "tie"
    agreement = dict(shares)[winner]
    problem = _problem(agreement, spoken, min_agreement)
    return PairOutcome(None if problem else winner, agreement, spoken, shares, problem)


def votes_in_orders(
    heard: Sequence[tuple[Sequence[str | None], float]],
) -> list[tuple[str | None, float]]:
    """The votes for :func:`combine_pairs` of judges that were asked in one order or in both.

    Every verdict carries its part of the judge's weight, and all orders are counted together: a judge that
    takes what is shown first votes once for each side and decides nothing, where in a vote on each order,
    or on verdicts that are a tie for each judge that wavers, such judges outvote the others. (Of two hundred
    pairs of MT-Bench four judges decide .745 rightly together so, and .545 in either of the other ways.) Of
    one judge it is the verdict that it gave in both orders, else a tie.

    Args:
        heard: the verdicts of each judge, one for each order, and its weight. A judge without one of them has
            none at all.
    """
    return [
        (None if None in verdicts else verdict, weight / len(verdicts))
        for verdicts, weight in heard
        for verdict in verdicts
    ]


def combine_scores(
    votes: Sequence[tuple[float | None, float]], *, min_agreement: float = 0.0, near: float = NEAR
) -> ScoreOutcome:
    """The weighted mean of scores in 0…1.

    Args:
        votes: (score, weight) of each judge; None is a judge without a score.
        min_agreement: below it the jury abstains; in hundredths, so that two of three are 0.67.
        near: scores agree that are at most so far apart.
    """
    cast, spoken = _cast(votes)
    if any(not 0 <= score <= 1 for score, _ in cast):
        raise ValueError("a score outside of 0 to 1")
    if not cast:
        return ScoreOutcome(None, 0.0, spoken, "no-quorum")
    # rounding must not carry the mean of equal scores beyond them
    low, high = min(score for score, _ in cast), max(score for score, _ in cast)
    value = min(high, max(low, math.fsum(score * weight for score, weight in cast)))
    agreement = max(
        math.fsum(weight for score, weight in cast if -_EPSILON <= score - least <= near + _EPSILON)
        for least, _ in cast
    )
    problem = _problem(agreement, spoken, min_agreement)
    return ScoreOutcome(None if problem else value, min(1.0, agreement), spoken, problem)


def _cast(votes: Sequence[tuple[V | None, float]]) -> tuple[list[tuple[V, float]], float]:
    """Votes that count, their weights adding up to 1, and the share of all weight that they have."""
    if any(not 0 <= weight < math.inf for _, weight in votes):
        raise ValueError("a weight is a finite number of at least 0")
    total = math.fsum(weight for _, weight in votes)
    counted = [(said, weight) for said, weight in votes if said is not None and weight > 0]
    weight_cast = math.fsum(weight for _, weight in counted)
    if not counted:
        return [], 0.0
    return [(said, weight / weight_cast) for said, weight in counted], weight_cast / total


def _problem(agreement: float, spoken: float, min_agreement: float) -> str:
    if spoken <= 0.5 + _EPSILON:
        return "no-quorum"
    # 1 is all of the weight, however little a vote weighs
    tolerance = _HUNDREDTH if min_agreement < 1 else _EPSILON
    return "abstained" if agreement < min_agreement - tolerance else ""
