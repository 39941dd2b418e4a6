"""What is measured of one judge: accuracy, both orders, agreement with people, length."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from gristmill_evals.agreement import ALPHA_VALUES, Agreement, Level, cohen_kappa, krippendorff_alpha
from gristmill_evals.judging.votes import TIE, PairVote, Rating, Side, Votes
from gristmill_evals.statistics import MIN_CLUSTERS, Estimate, clustered_share, wilson

Lengths = Mapping[str, tuple[int, int]]
"""Characters of the two responses of a pair, by its id."""


@dataclass(frozen=True, slots=True)
class PairMeasures:
    """Of verdicts on pairs; None where there is nothing to count.

    ``accuracy`` is over every verdict given, in both orders; in ``accuracy_of_all`` an unscored verdict
    counts as wrong, and in ``kappa_of_all`` as a category that people never use. ``same`` is over pairs with
    two verdicts. ``first_shown`` is how often the response shown first wins, of verdicts that are no tie.
    ``decides`` is the share of verdicts that name a side, and ``right`` the accuracy of these.
    """

    accuracy: Estimate | None
    accuracy_of_all: Estimate
    kappa: Agreement | None
    kappa_of_all: Agreement
    same: Estimate | None
    accuracy_when_same: Estimate | None
    first_shown: Estimate | None
    decides: Estimate | None = None
    right: Estimate | None = None


@dataclass(frozen=True, slots=True)
class LengthMeasures:
    """How far a judge goes by length, and people: Spearman's rank correlations, None where not defined.

    Pairs: of the verdict (+1 first, 0 tie, -1 second) with the difference of lengths; ratings: of the score
    with the length. ``longer`` is the accuracy of picking the longer response; of equally long ones it picks
    the second.
    """

    judge: float | None
    people: float | None
    n: int
    longer: Estimate | None = None


def share(flags: Sequence[bool], clusters: Sequence[Hashable] | None) -> Estimate | None:
    """A proportion: Wilson's interval, with sources that of :func:`clustered_share`; None of nothing."""
    n = len(flags)
    if n == 0:
        return None
    if clusters is not None:
        return clustered_share(flags, clusters)
    return Estimate(sum(flags) / n, *wilson(sum(flags), n), n, n)


def sources(rows: Sequence[PairVote] | Sequence[Rating]) -> list[Hashable] | None:
    """The source of each row, a row of unknown source being its own; None when no source is known."""
    if all(row.source is None for row in rows):
        return None
    return [("row", row.id) if row.source is None else row.source for row in rows]


def accuracy_of(votes: Sequence[PairVote]) -> Estimate | None:
    """Of every verdict given, in both orders; None when there is none."""
    given = [one for one in _orders(votes) if one[1] is not None]
    single = sources(votes) is None and all(not vote.both_orders for vote in votes)
    return share([verdict == v.label for v, verdict, _ in given], None if single else _last(given))


def _orders(votes: Sequence[PairVote]) -> list[tuple[PairVote, Side | None, Hashable]]:
    """Every verdict asked for with its cluster. Two verdicts on one pair depend on each other, so a pair
    is a cluster even without sources."""
    known = sources(votes)
    by_row: list[Hashable] = known if known is not None else [vote.id for vote in votes]
    return [(v, verdict, c) for v, c in zip(votes, by_row, strict=True) for verdict in v.verdicts]


def pair_measures(votes: Sequence[PairVote]) -> PairMeasures:
    """Measures of one judge's votes, at least one."""
    known = sources(votes)
    by_row: list[Hashable] = known if known is not None else [vote.id for vote in votes]
    orders = _orders(votes)
    given = [(v, verdict, c) for v, verdict, c in orders if verdict is not None]
    single = known is None and all(not vote.both_orders for vote in votes)
    both = [(v, c) for v, c in zip(votes, by_row, strict=True) if v.both_orders and None not in v.verdicts]
    same = [(v, c) for v, c in both if v.forward == v.swapped]
    of_all = share([verdict == v.label for v, verdict, _ in orders], None if single else _last(orders))
    assert of_all is not None  # a judge has at least one vote
    return PairMeasures(
        accuracy_of(votes),
        of_all,
        _kappa(given),
        cohen_kappa(
            [verdict for _, verdict, _ in orders], [v.label for v, _, _ in orders], clusters=_last(orders)
        ),
        share([v.forward == v.swapped for v, _ in both], known and [c for _, c in both]),
        share([v.forward == v.label for v, _ in same], known and [c for _, c in same]),
        _first_shown(votes),
        *_decided(given, single),
    )


def _decided(
    given: Sequence[tuple[PairVote, Side | None, Hashable]], single: bool
) -> tuple[Estimate | None, Estimate | None]:
    sides = [one for one in given if one[1] != TIE]
    named = share([verdict != TIE for _, verdict, _ in given], None if single else _last(given))
    return named, share([verdict == v.label for v, verdict, _ in sides], None if single else _last(sides))


def _last(rows: Sequence[tuple[PairVote, object, Hashable]]) -> list[Hashable]:
    return [cluster for _, _, cluster in rows]


def _kappa(given: Sequence[tuple[PairVote, Hashable, Hashable]]) -> Agreement | None:
    if not given:
        return None
    verdicts, labels = [verdict for _, verdict, _ in given], [v.label for v, _, _ in given]
    return cohen_kappa(verdicts, labels, clusters=_last(given))


def _first_shown(votes: Sequence[PairVote]) -> Estimate | None:
    """A judge without a preference for a place is at one half when it was asked in both orders."""
    asked = [vote for vote in votes if vote.both_orders]
    found = [(vote.forward == 1, vote.id) for vote in asked if vote.forward in (1, 2)]
    found += [(vote.swapped == 2, vote.id) for vote in asked if vote.swapped in (1, 2)]
    return share([flag for flag, _ in found], [key for _, key in found])


def pair_lengths(votes: Sequence[PairVote], lengths: Lengths) -> LengthMeasures | None:
    """Length against verdicts and labels; None when no length is known."""
    known = [vote for vote in votes if vote.id in lengths]
    if not known:
        return None
    signs = {1: 1.0, 0: 0.0, 2: -1.0}
    gaps = {vote.id: float(lengths[vote.id][0] - lengths[vote.id][1]) for vote in known}
    said = [(gaps[v.id], signs[verdict]) for v in known for verdict in v.verdicts if verdict is not None]
    meant = [(gaps[v.id], signs[v.label]) for v in known]
    picks = [(1 if gaps[v.id] > 0 else 2) == v.label for v in known]
    return LengthMeasures(spearman(said), spearman(meant), len(known), share(picks, sources(known)))


def rating_lengths(ratings: Sequence[Rating]) -> LengthMeasures | None:
    """Length against scores and labels; None when no length is known."""
    known = [(float(r.length), r) for r in ratings if r.length is not None]
    if not known:
        return None
    said = [(length, r.score) for length, r in known if r.score is not None]
    return LengthMeasures(spearman(said), spearman([(length, r.label) for length, r in known]), len(known))


def spearman(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Spearman's rank correlation, None when a side does not vary."""
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    if len(set(first)) < 2 or len(set(second)) < 2:
        return None
    from scipy import stats  # type: ignore[import-untyped]

    return float(stats.spearmanr(first, second).statistic)


def between_judges(votes: Votes) -> dict[str, Agreement]:
    """Krippendorff's alpha of all judges on the same rows, where there are several; unscored is missing."""
    pairs: dict[tuple[str, str], float | None]
    pairs = {(v.judge, v.id): v.verdict for v in votes.pairs if v.asked is not None}
    # the jury that they are members of agrees with them by its nature
    juries = {r.asked for r in votes.ratings}
    ratings = {(r.judge, r.id): r.score for r in votes.ratings if r.judge not in juries}
    of_pairs = _together("pairs", pairs, ("nominal",), _clusters(votes.pairs))
    levels = scaled([score for score in ratings.values() if score is not None])
    return of_pairs | _together("ratings", ratings, levels, _clusters(votes.ratings))


def _together(
    kind: str,
    said: Mapping[tuple[str, str], float | None],
    levels: Sequence[Level],
    cluster: Mapping[str, Hashable],
) -> dict[str, Agreement]:
    names, rows = dict.fromkeys(judge for judge, _ in said), sorted({key for _, key in said})
    if len(names) < MIN_CLUSTERS:
        return {}
    table = [[said.get((name, key)) for key in rows] for name in names]
    of = [cluster[key] for key in rows]
    return {f"{kind}, {level}": krippendorff_alpha(table, level, clusters=of) for level in levels}


def scaled(values: Sequence[float]) -> tuple[Level, ...]:
    """Levels for an alpha of numbers; ordinal of grades only: of many values it takes minutes."""
    return ("ordinal", "interval") if len(set(values)) <= ALPHA_VALUES else ("interval",)


def _clusters(rows: Sequence[PairVote] | Sequence[Rating]) -> dict[str, Hashable]:
    return {row.id: ("row", row.id) if row.source is None else row.source for row in rows}


def between_people(votes: Votes) -> dict[str, Agreement]:
    """Cohen's kappa of every two people and Krippendorff's alpha of all, on rows with their own labels.

    The alpha is nominal; of labels on a scale there is an ordinal and an interval one beside it.
    """
    labels = {label for given in votes.raters.values() for label in given.values()}
    levels: Sequence[Level] = ("nominal",) if labels <= {0, 1} else ("nominal", *scaled([*labels]))
    both = _people(votes, votes.pair_raters, ("nominal",)), _people(votes, votes.raters, levels)
    suffix = " on pairs" if all(both) else ""
    return {**{f"{name}{suffix}": one for name, one in both[0].items()}, **both[1]}


def _people(
    votes: Votes, raters: Mapping[str, Mapping[str, float]], levels: Sequence[Level]
) -> dict[str, Agreement]:
    names = list(dict.fromkeys(name for labels in raters.values() for name in labels))
    known: dict[str, Hashable] = {vote.id: vote.source for vote in votes.pairs if vote.source is not None}
    known.update({rating.id: rating.source for rating in votes.ratings if rating.source is not None})
    rows = [(known.get(key, ("row", key)), labels) for key, labels in raters.items()]
    found: dict[str, Agreement] = {}
    for n, one in enumerate(names):
        for other in names[n + 1 :]:
            both = [(said[one], said[other], c) for c, said in rows if one in said and other in said]
            if both:
                first, second, clusters = zip(*both, strict=True)
                found[f"{one} and {other}"] = cohen_kappa(first, second, clusters=clusters)
    if len(names) > 1:
        table = [[said.get(name) for _, said in rows] for name in names]
        of = [cluster for cluster, _ in rows]
        for level in levels:
            told = "alpha" if level == "nominal" else f"alpha, {level}"
            found[f"all ({told})"] = krippendorff_alpha(table, level, clusters=of)
    return found
