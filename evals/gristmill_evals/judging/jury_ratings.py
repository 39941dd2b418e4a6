"""Juries of judges that rate: the sides are good (1) and not good (2), decided at a probability of one half.

Equal weights are what a jury without a calibration has: the plain mean of the scores, which is given its
best cut here, fitted on the other folds. Weighted, each score is turned into a probability by its judge's
calibration first, as a jury with a calibration file does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gristmill.calibration import JudgeRecord
from gristmill.juries import combine_scores, weights
from gristmill_evals.judging.ballots import Panel
from gristmill_evals.judging.fitting import fit
from gristmill_evals.judging.folds import folds_of
from gristmill_evals.judging.juries import (
    FOLDS,
    HALF,
    NAMES,
    Jury,
    Member,
    Name,
    Rows,
    Said,
    Tried,
    assembled,
    best_of,
)
from gristmill_evals.judging.measures import share
from gristmill_evals.judging.votes import Rating, Side
from gristmill_evals.statistics import MIN_CLUSTERS, Estimate

GOOD: Side = 1
BAD: Side = 2
Scores = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class _Fit:
    """A judge as a calibration file holds it, with its accuracy on rows that the fit had not seen."""

    record: JudgeRecord
    accuracy: Estimate | None

    @property
    def weight(self) -> float:
        return weights(self.record.accuracy, self.record.n)


_Fits = Mapping[str, _Fit | None]


def rating_jury(panel: Panel[Rating], good_from: float, target: float) -> Jury:
    """The jury, measured on the rows that all its members rated; labels from ``good_from`` up are good."""
    labels = [GOOD if rating.label >= good_from else BAD for rating in panel.rows]
    rows = Rows("rating", [rating.id for rating in panel.rows], labels, panel.sources())
    scores = {name: [rating.score for rating in given] for name, given in panel.members.items()}
    plain = _plain(scores)
    names: list[Name] = ["best", "weighted", "unanimous"] if plain is None else [*NAMES]
    said: Said = {name: [None] * len(labels) for name in names}
    tried = Tried(rows, said, [0.0] * len(labels), target)
    fold = folds_of(rows.clusters, FOLDS).tolist()
    best = []
    for number in sorted(set(fold)):
        inside = [n for n, where in enumerate(fold) if where == number]
        others = [n for n, where in enumerate(fold) if where != number]
        best.append(_try_on(inside, _fits(scores, rows, others), scores, tried))
        if plain is not None:
            cut = _fit(plain, rows, others)
            for n in inside:
                said["equal"][n] = _side(_stated(plain[n], cut))
    whole = _fits(scores, rows, range(len(labels)))
    return assembled(panel, [_member(name, one, best) for name, one in whole.items()], tried)


def _plain(scores: Mapping[str, Scores]) -> Scores | None:
    """The mean score of each row; None when scores leave 0 to 1, where scales may differ."""
    known = [score for given in scores.values() for score in given if score is not None]
    if not all(0 <= score <= 1 for score in known):
        return None
    rows = zip(*scores.values(), strict=True)
    return [combine_scores([(score, 1.0) for score in row]).value for row in rows]


def _fits(scores: Mapping[str, Scores], rows: Rows, places: Sequence[int]) -> _Fits:
    return {name: _fit(given, rows, places) for name, given in scores.items()}


def _fit(given: Scores, rows: Rows, places: Sequence[int]) -> _Fit | None:
    """None with labels of one kind or rows of one source, which teach nothing."""
    clusters = rows.clusters
    known = [(score, n) for n in places if (score := given[n]) is not None]
    right = [rows.labels[n] == GOOD for _, n in known]
    of = [clusters[n] for _, n in known]
    if len(set(right)) < len((GOOD, BAD)) or len(set(of)) < MIN_CLUSTERS:
        return None
    fitted = fit([score for score, _ in known], right, of)
    hits = [(p >= HALF) == good for p, good in zip(fitted.unseen, right, strict=True)]
    record = JudgeRecord(kind="rating", accuracy=sum(hits) / len(hits), n=len(hits), points=fitted.points)
    return _Fit(record, share(hits, None if rows.sources is None else of))


def _try_on(inside: Sequence[int], fits: _Fits, scores: Mapping[str, Scores], tried: Tried) -> str:
    """What best, weighted and unanimous say of the rows that had no part in ``fits``; the best judge."""
    said = tried.said
    known = {name: (one.record.accuracy, one.record.n) if one else (0.0, 0) for name, one in fits.items()}
    best = best_of(known)
    for n in inside:
        row = {name: _stated(given[n], fits[name]) for name, given in scores.items()}
        votes = [(p, one.weight if (one := fits[name]) else 0.0) for name, p in row.items()]
        said["best"][n] = _side(row[best])
        outcome = combine_scores(votes)
        said["weighted"][n], tried.agreement[n] = _side(outcome.value), outcome.agreement
        sides = {_side(p) for p in row.values()}
        said["unanimous"][n] = sides.pop() if len(sides) == 1 else None
    return best


def _stated(score: float | None, one: _Fit | None) -> float | None:
    return None if score is None or one is None else one.record.probability(score)


def _side(probability: float | None) -> Side | None:
    if probability is None:
        return None
    return GOOD if probability >= HALF else BAD


def _member(name: str, one: _Fit | None, best: Sequence[str]) -> Member:
    if one is None:
        return Member(name, None, 0.0, best.count(name))
    return Member(name, one.accuracy, one.weight, best.count(name))
