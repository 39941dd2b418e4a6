"""What a jury of judges is worth: its word against the best judge alone, and where all of them agree.

Weights, and the choice of the best judge, are made on nine tenths of the sources and tried on the last
(cross-fitting): a weight that was fitted to the rows that it is tried on looks better than it is. How votes
are combined is :mod:`gristmill.juries`, the same code as in a run.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gristmill_evals.judging.ballots import Panel
from gristmill_evals.judging.measures import share
from gristmill_evals.judging.threshold import Threshold, threshold_for
from gristmill_evals.judging.votes import TIE, Side
from gristmill_evals.statistics import Estimate, clustered_mean

Name = Literal["best", "equal", "weighted", "unanimous"]
NAMES: tuple[Name, ...] = ("best", "equal", "weighted", "unanimous")
Said = dict[Name, list[Side | None]]
"""What each way says of every row; None: nothing."""
CALLED: Mapping[Name, str] = {
    "best": "best judge alone",
    "equal": "equal weights",
    "weighted": "weights by accuracy",
    "unanimous": "unanimous",
}
FOLDS = 10
# 1 and what rounding makes of 1 are one agreement
DIGITS = 6
HALF = 0.5


@dataclass(frozen=True, slots=True)
class Member:
    """A judge of a jury: accuracy on the jury's rows (of pairs, of all verdicts given) and its weight.

    ``chosen`` is the number of folds in which it was the best of all on the other folds.
    """

    name: str
    accuracy: Estimate | None
    weight: float
    chosen: int


@dataclass(frozen=True, slots=True)
class Way:
    """One way to judge every row. ``unscored`` rows got no verdict: no quorum, no vote, or not unanimous.

    ``accuracy`` is of the rows with a verdict; a tie where people prefer a side is half right, as a coin
    would be, which makes a verdict that changes with the order count as its two halves. ``decides`` is the
    share of all rows on which a side is named, ``right`` the accuracy there. ``against_best`` is the mean
    difference from the best judge alone, row by row.
    """

    accuracy: Estimate | None
    decides: Estimate
    right: Estimate | None
    ties: int
    unscored: int
    against_best: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Jury:
    """Judges of the same rows, together. ``ways`` is empty when ``notes`` say why nothing was measured.

    ``seen`` counts the rows that any member judged, ``n`` those that all did. ``unanimity`` is the accuracy
    on unanimous rows less that of the best judge on the other rows that it decides (interval of Newcombe
    1998, "Interval estimation for the difference between independent proportions", method 10).
    ``abstention`` is the agreement, of weights by accuracy, from which up the target precision is reached:
    what ``min_agreement`` must be.
    """

    name: str
    kind: Literal["pair", "rating"]
    n: int
    seen: int
    members: tuple[Member, ...]
    ways: Mapping[Name, Way]
    unanimity: Estimate | None = None
    abstention: Threshold | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """Labels of a jury's rows, and their sources where these are known."""

    kind: Literal["pair", "rating"]
    ids: Sequence[str]
    labels: Sequence[Side]
    sources: list[Hashable] | None

    @property
    def clusters(self) -> list[Hashable]:
        """What rows depend on each other: sources, else every row for itself."""
        return list(self.ids) if self.sources is None else self.sources


def called(name: Name, kind: Literal["pair", "rating"]) -> str:
    """A way, for people."""
    return CALLED[name] + (" in every order" if (name, kind) == ("unanimous", "pair") else "")


@dataclass(frozen=True, slots=True)
class Tried:
    """What was said of the rows by judges and weights that come from others.

    ``agreement`` is the share of the weight that agrees with the weighted outcome, row by row; ``target``
    the precision that is wanted.
    """

    rows: Rows
    said: Said
    agreement: list[float]
    target: float


def assembled(panel: Panel[Any], members: Sequence[Member], tried: Tried) -> Jury:
    """The jury from what each way said of its rows; members in order of weight."""
    rows, said = tried.rows, tried.said
    ways = {name: _way(rows, said[name], said["best"], name) for name in NAMES if name in said}
    heaviest = tuple(sorted(members, key=lambda member: (-member.weight, member.name)))
    return Jury(
        panel.name,
        rows.kind,
        len(rows.ids),
        panel.seen,
        heaviest,
        ways,
        _unanimity(rows, said),
        _abstention(tried),
    )


def _abstention(tried: Tried) -> Threshold | None:
    """Rows on which no side is named are never kept."""
    rows, said = tried.rows, tried.said["weighted"]
    decided = [n for n, side in enumerate(said) if side not in (None, TIE)]
    if not decided:
        return None
    known = rows.sources
    return threshold_for(
        [round(tried.agreement[n], DIGITS) for n in decided],
        [said[n] == rows.labels[n] for n in decided],
        tried.target,
        clusters=known and [known[n] for n in decided],
        unscored=len(said) - len(decided),
    )


def _way(rows: Rows, said: Sequence[Side | None], best: Sequence[Side | None], name: Name) -> Way:
    places = range(len(said))
    decided = [n for n in places if said[n] not in (None, TIE)]
    decides = share([said[n] not in (None, TIE) for n in places], rows.sources)
    assert decides is not None  # a jury has rows
    against = _against(rows, said, best) if name in ("equal", "weighted") else None
    return Way(
        _accuracy(rows, said),
        decides,
        _share_right(rows, said, decided),
        sum(verdict == TIE for verdict in said),
        sum(verdict is None for verdict in said),
        against,
    )


def _accuracy(rows: Rows, said: Sequence[Side | None]) -> Estimate | None:
    """Two flags for each row of a pair, so that a tie can be half right; rows are clusters then."""
    given = [n for n, verdict in enumerate(said) if verdict is not None]
    if rows.kind == "rating":
        return _share_right(rows, said, given)
    halves = [(n, credit) for n in given for credit in _halves(said[n], rows.labels[n])]
    clusters = rows.clusters
    return share([credit for _, credit in halves], [clusters[n] for n, _ in halves])


def _halves(said: Side | None, label: Side) -> tuple[bool, bool]:
    if said == label:
        return True, True
    return said == TIE, False


def _share_right(rows: Rows, said: Sequence[Side | None], places: Sequence[int]) -> Estimate | None:
    known = rows.sources
    return share([said[n] == rows.labels[n] for n in places], known and [known[n] for n in places])


def _against(rows: Rows, said: Sequence[Side | None], best: Sequence[Side | None]) -> Estimate | None:
    """Paired: rows on which one of the two says nothing tell nothing about the difference."""
    both = [n for n in range(len(said)) if said[n] is not None and best[n] is not None]
    if not both:
        return None
    clusters = rows.clusters
    more = [sum(_halves(said[n], rows.labels[n])) - sum(_halves(best[n], rows.labels[n])) for n in both]
    return clustered_mean([halves / 2 for halves in more], [clusters[n] for n in both])


def _unanimity(rows: Rows, said: Said) -> Estimate | None:
    sides = range(len(rows.labels))
    agreed = [n for n in sides if said["unanimous"][n] not in (None, TIE)]
    others = [n for n in sides if said["best"][n] not in (None, TIE) and said["unanimous"][n] is None]
    one, two = _share_right(rows, said["unanimous"], agreed), _share_right(rows, said["best"], others)
    if (
        one is None
        or two is None
        or one.low is None
        or one.high is None
        or two.low is None
        or two.high is None
    ):
        return None
    gain = one.mean - two.mean
    low = gain - ((one.mean - one.low) ** 2 + (two.high - two.mean) ** 2) ** HALF
    high = gain + ((one.high - one.mean) ** 2 + (two.mean - two.low) ** 2) ** HALF
    return Estimate(gain, low, high, one.n + two.n, one.clusters + two.clusters)


def best_of(known: Mapping[str, tuple[float, int]]) -> str:
    """The judge of the highest accuracy; of equal ones that with more rows, then the first by name."""
    return min(known, key=lambda name: (-known[name][0], -known[name][1], name))
