"""All that is measured of judges, in one object: :func:`calibrate`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gristmill.calibration import JudgeCalibration, JudgeRecord, ThresholdRecord
from gristmill_evals.agreement import (
    Agreement,
    CurvePoint,
    cohen_kappa,
    expected_calibration_error,
    krippendorff_alpha,
    reliability_curve,
)
from gristmill_evals.judging.fitting import Fitted, fit
from gristmill_evals.judging.juries import Jury
from gristmill_evals.judging.jury_result import BINARY, FEWEST, FEWEST_OF_A_KIND, juries_of
from gristmill_evals.judging.measures import (
    LengthMeasures,
    Lengths,
    PairMeasures,
    between_judges,
    between_people,
    pair_lengths,
    pair_measures,
    rating_lengths,
    scaled,
    share,
    sources,
    spearman,
)
from gristmill_evals.judging.threshold import Threshold, threshold_for
from gristmill_evals.judging.votes import Malformed, PairVote, Rating, Votes
from gristmill_evals.statistics import MIN_CLUSTERS, Estimate

CHANCE = 0.5


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Scores turned into probabilities. ``error_before`` is None when scores are no probabilities.

    Everything about ``after`` is of rows that the fit had not seen.
    """

    fitted: Fitted
    error_before: Agreement | None
    error_after: Agreement
    before: tuple[CurvePoint, ...]
    after: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """One judge. ``unscored`` counts rows without a full verdict; ``notes`` say what could not be measured.

    ``accuracy`` is what the calibration file carries: of all verdicts given on pairs; of ratings, of the
    decision "calibrated probability of at least one half" on rows that the fit had not seen.
    """

    name: str
    kind: Literal["pair", "rating"]
    n: int
    unscored: int
    accuracy: Estimate | None
    kappa: Agreement | None
    pairs: PairMeasures | None = None
    correlation: float | None = None
    scale_alpha: Agreement | None = None
    """Of ratings on a scale: Krippendorff's alpha (interval) of judge and people; of grades also ordinal."""
    ordinal_alpha: Agreement | None = None
    lengths: LengthMeasures | None = None
    calibrated: Calibrated | None = None
    threshold: Threshold | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Calibration:
    """What ``gristmill calibrate`` found."""

    origin: str
    target: float
    judges: tuple[Judged, ...]
    people: Mapping[str, Agreement] = field(default_factory=dict)
    between: Mapping[str, Agreement] = field(default_factory=dict)
    malformed: Sequence[Malformed] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    juries: tuple[Jury, ...] = ()

    def file(self) -> JudgeCalibration:
        """What scorers read; judges without an accuracy are left out."""
        records = {judge.name: record for judge in self.judges if (record := _record(judge, self.target))}
        return JudgeCalibration(source=self.origin, judges=records)


def calibrate(
    votes: Votes,
    *,
    target: float = 0.95,
    lengths: Lengths | None = None,
    good_from: float | None = None,
    juries: Sequence[Sequence[str]] = (),
) -> Calibration:
    """Measure every judge of ``votes`` against the people's labels.

    Args:
        target: the precision that the threshold must reach.
        lengths: characters of the responses of pairs, by id.
        good_from: labels of ratings from here up count as accepted; needed when they are not 0 and 1.
        juries: names of judges, those of one jury together; without them, judges that were asked alike.

    Raises:
        UsageError: a jury of unknown judges, or of fewer than two.
    """
    pairs: dict[str, list[PairVote]] = {}
    for vote in votes.pairs:
        pairs.setdefault(vote.judge, []).append(vote)
    ratings: dict[str, list[Rating]] = {}
    for rating in votes.ratings:
        ratings.setdefault(rating.judge, []).append(rating)
    # by id: folds and bootstraps follow the order of rows, which must not matter
    judges = [
        _pair_judge(name, sorted(given, key=_id), target, {**votes.lengths, **(lengths or {})})
        for name, given in pairs.items()
    ]
    judges += [
        _rating_judge(name, sorted(given, key=_id), target, good_from) for name, given in ratings.items()
    ]
    return Calibration(
        votes.origin,
        target,
        tuple(judges),
        between_people(votes),
        between_judges(votes),
        votes.malformed,
        votes.left_out,
        juries_of(votes, juries, good_from=good_from, target=target),
    )


def _id(row: PairVote | Rating) -> str:
    return row.id


def _pair_judge(name: str, votes: list[PairVote], target: float, lengths: Lengths) -> Judged:
    measured = pair_measures(votes)
    notes = _consistent_but_wrong(measured)
    stated = any(vote.score is not None for vote in votes)
    # a judge that says how sure it is on some rows says nothing on the others: 0 and 1 are of another scale
    sure = [(None if stated and v.score is None else v.sureness, v.verdict == v.label, v) for v in votes]
    usable = [(score, right, v) for score, right, v in sure if score is not None]
    calibrated, threshold, note = _fitted(
        [score for score, _, _ in usable],
        [right for _, right, _ in usable],
        sources([v for _, _, v in usable]),
        _Aim(target, len(votes) - len(usable), stated),
    )
    return Judged(
        name,
        "pair",
        len(votes),
        sum(vote.verdict is None for vote in votes),
        measured.accuracy,
        measured.kappa,
        pairs=measured,
        lengths=pair_lengths(votes, lengths),
        calibrated=calibrated,
        threshold=threshold,
        notes=(*notes, *([note] if note else [])),
    )


def _consistent_but_wrong(measured: PairMeasures) -> list[str]:
    same, right = measured.same, measured.accuracy_when_same
    if same is None or right is None or right.n < FEWEST or right.mean > CHANCE:
        return []
    told = (
        f"the same verdict in both orders on {same.mean:.3f} of the pairs, right on {right.mean:.3f} of those"
    )
    return [f"{told}: being consistent is not being right here"]


def _rating_judge(name: str, ratings: list[Rating], target: float, good_from: float | None) -> Judged:
    usable = [(r.score, r) for r in ratings if r.score is not None]
    scores, labels = [score for score, _ in usable], [r.label for _, r in usable]
    known = sources([r for _, r in usable])
    unscored = len(ratings) - len(usable)
    binary = set(labels) <= BINARY
    right = [label >= (good_from if good_from is not None else 1.0) for label in labels]
    calibrated, threshold, note = None, None, "labels are on a scale: say with --good-from which are good"
    if binary or good_from is not None:
        calibrated, threshold, note = _fitted(scores, right, known, _Aim(target, unscored, True))
    said = [] if calibrated is None else [p >= 0.5 for p in calibrated.fitted.unseen]
    levels = () if binary or not usable else scaled([*scores, *labels])
    alphas = {level: krippendorff_alpha([scores, labels], level, clusters=known) for level in levels}
    return Judged(
        name,
        "rating",
        len(ratings),
        unscored,
        share([a == b for a, b in zip(said, right, strict=True)], known) if said else None,
        cohen_kappa(said, right, clusters=known) if said else None,
        correlation=spearman(list(zip(scores, labels, strict=True))),
        scale_alpha=alphas.get("interval"),
        ordinal_alpha=alphas.get("ordinal"),
        lengths=rating_lengths(ratings),
        calibrated=calibrated,
        threshold=threshold,
        notes=(note,) if note else (),
    )


@dataclass(frozen=True, slots=True)
class _Aim:
    """The precision wanted, rows without a score, and whether scores may be probabilities."""

    target: float
    unscored: int
    stated: bool


def _fitted(
    scores: list[float],
    right: list[bool],
    clusters: list[Hashable] | None,
    aim: _Aim,
) -> tuple[Calibrated | None, Threshold | None, str]:
    """Calibration and threshold, or the reason why there is none."""
    true = sum(right)
    if len(set(scores)) < 2:
        return None, None, "no score that varies: no calibration and no threshold"
    if clusters is not None and len(set(clusters)) < MIN_CLUSTERS:
        return None, None, "all rows are of one source: nothing can be tried on another"
    if len(scores) < FEWEST or min(true, len(scores) - true) < FEWEST_OF_A_KIND:
        told = (
            f"{len(scores)} scored rows ({true} right, {len(scores) - true} wrong) are too few to calibrate"
        )
        return None, None, f"{told}: {FEWEST} are needed, {FEWEST_OF_A_KIND} of each kind"
    stated = aim.stated and all(0 <= score <= 1 for score in scores)
    fitted = fit(scores, right, clusters, stated=stated)
    calibrated = Calibrated(
        fitted,
        expected_calibration_error(scores, right, clusters=clusters) if stated else None,
        expected_calibration_error(fitted.unseen, right, clusters=clusters),
        reliability_curve(scores, right) if stated else (),
        reliability_curve(fitted.unseen, right),
    )
    threshold = threshold_for(scores, right, aim.target, clusters=clusters, unscored=aim.unscored)
    falling = fitted.points[-1][1] < fitted.points[0][1] - 1e-9
    return (
        calibrated,
        threshold,
        "higher scores are worse: this judge points the wrong way" if falling else "",
    )


def _record(judge: Judged, target: float) -> JudgeRecord | None:
    if judge.accuracy is None:
        return None
    low, high, found = judge.accuracy.low, judge.accuracy.high, judge.threshold
    chosen = None if found is None else found.chosen
    threshold = ThresholdRecord(target=target) if found is not None else None
    if found is not None and chosen is not None:
        threshold = ThresholdRecord(
            target=target,
            score=chosen.score,
            precision=chosen.precision,
            interval=(chosen.low, chosen.high),
            kept=chosen.share,
            n=chosen.kept,
            certain=None if found.certain is None else found.certain.score,
        )
    fitted = judge.calibrated.fitted if judge.calibrated else None
    return JudgeRecord(
        kind=judge.kind,
        accuracy=judge.accuracy.mean,
        interval=None if low is None or high is None else (low, high),
        n=max(1, judge.n - judge.unscored),
        unscored=judge.unscored,
        method="none" if fitted is None else fitted.method,
        points=() if fitted is None else fitted.points,
        threshold=threshold,
    )
