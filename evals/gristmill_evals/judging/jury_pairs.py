"""Juries of judges of pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gristmill.juries import PairOutcome, combine_pairs, votes_in_orders, weights
from gristmill_evals.judging.ballots import Panel
from gristmill_evals.judging.folds import folds_of
from gristmill_evals.judging.juries import FOLDS, Jury, Member, Rows, Said, Tried, assembled, best_of
from gristmill_evals.judging.measures import accuracy_of
from gristmill_evals.judging.votes import TIE, PairVote, Side

SIDES: Mapping[str | None, Side | None] = {"1": 1, "2": 2, "tie": TIE, None: None}
WORDS: Mapping[Side | None, str | None] = {side: word for word, side in SIDES.items()}


def pair_jury(panel: Panel[PairVote], target: float) -> Jury:
    """The jury, measured on the rows that all its members judged."""
    rows = Rows("pair", [v.id for v in panel.rows], [v.label for v in panel.rows], panel.sources())
    fold = folds_of(rows.clusters, FOLDS).tolist()
    alike = dict.fromkeys(panel.members, 1.0)
    best: list[str] = []
    said: Said = {
        "best": [None] * len(fold),
        "equal": [SIDES[_jury(panel, alike, n).winner] for n in range(len(fold))],
        "weighted": [None] * len(fold),
        "unanimous": [_unanimous(panel, n) for n in range(len(fold))],
    }
    agreement = [0.0] * len(fold)
    for number in sorted(set(fold)):
        others = [n for n, where in enumerate(fold) if where != number]
        known = {name: _right(votes, others) for name, votes in panel.members.items()}
        weight = {name: weights(*found) for name, found in known.items()}
        best.append(best_of(known))
        for n in (n for n, where in enumerate(fold) if where == number):
            outcome = _jury(panel, weight, n)
            said["best"][n] = panel.members[best[-1]][n].verdict
            said["weighted"][n], agreement[n] = SIDES[outcome.winner], outcome.agreement
    members = [_member(name, votes, best) for name, votes in panel.members.items()]
    return assembled(panel, members, Tried(rows, said, agreement, target))


def _member(name: str, votes: Sequence[PairVote], best: Sequence[str]) -> Member:
    weight = weights(*_right(votes, range(len(votes))))
    return Member(name, accuracy_of(votes), weight, best.count(name))


def _jury(panel: Panel[PairVote], weight: Mapping[str, float], n: int) -> PairOutcome:
    """As in a run."""
    heard = [
        ([WORDS[verdict] for verdict in votes[n].verdicts], weight[name])
        for name, votes in panel.members.items()
    ]
    return combine_pairs(votes_in_orders(heard))


def _unanimous(panel: Panel[PairVote], n: int) -> Side | None:
    """What every member said in every order that it was asked in; a missing verdict is no consent."""
    verdicts = {verdict for votes in panel.members.values() for verdict in votes[n].verdicts}
    return verdicts.pop() if len(verdicts) == 1 else None


def _right(votes: Sequence[PairVote], places: Sequence[int]) -> tuple[float, int]:
    """What the calibration file says: accuracy of all verdicts given, and the rows that have one."""
    flags = [
        verdict == votes[n].label for n in places for verdict in votes[n].verdicts if verdict is not None
    ]
    scored = sum(votes[n].verdict is not None for n in places)
    return (sum(flags) / len(flags), scored) if flags else (0.0, 0)
