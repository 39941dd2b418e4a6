"""Juries of the judges that judged the same rows: :func:`juries_of`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from gristmill_evals.judging.ballots import Panel, panels_of
from gristmill_evals.judging.juries import Jury, Member
from gristmill_evals.judging.jury_notes import notes_of
from gristmill_evals.judging.jury_pairs import pair_jury
from gristmill_evals.judging.jury_ratings import rating_jury
from gristmill_evals.judging.votes import PairVote, Rating, Votes
from gristmill_evals.statistics import MIN_CLUSTERS

FEWEST = 20
"""Rows that all members judged: with fewer, nothing is measured."""
FEWEST_OF_A_KIND = 5
BINARY = {0.0, 1.0}


def juries_of(
    votes: Votes,
    chosen: Sequence[Sequence[str]] = (),
    *,
    good_from: float | None = None,
    target: float = 0.95,
) -> tuple[Jury, ...]:
    """All juries, measured or with a note why not.

    Raises:
        UsageError: ``chosen`` names no judge, or no two judges of one kind.
    """
    pairs, ratings = panels_of(votes, chosen)
    made = [_of_pairs(panel, target) for panel in pairs]
    made += [_of_ratings(panel, good_from, target) for panel in ratings]
    return tuple(replace(jury, notes=(*jury.notes, *(notes_of(jury) if jury.ways else ()))) for jury in made)


def _of_pairs(panel: Panel[PairVote], target: float) -> Jury:
    problem = _problem(panel)
    return _unmeasured(panel, "pair", problem) if problem else pair_jury(panel, target)


def _of_ratings(panel: Panel[Rating], good_from: float | None, target: float) -> Jury:
    problem = _problem(panel)
    labels = {rating.label for rating in panel.rows}
    if not problem and good_from is None and not labels <= BINARY:
        problem = "labels are on a scale: say with --good-from which are good"
    least = 1.0 if good_from is None else good_from
    good = sum(rating.label >= least for rating in panel.rows)
    others = len(panel.rows) - good
    if not problem and min(good, others) < FEWEST_OF_A_KIND:
        problem = f"{good} good rows and {others} others: {FEWEST_OF_A_KIND} of each kind are needed"
    return _unmeasured(panel, "rating", problem) if problem else rating_jury(panel, least, target)


def _problem(panel: Panel[PairVote] | Panel[Rating]) -> str:
    known = panel.sources()
    if len(panel.rows) < FEWEST:
        return f"{len(panel.rows)} rows were judged by all members: too few, {FEWEST} are needed"
    if known is not None and len(set(known)) < MIN_CLUSTERS:
        return "all rows are of one source: no weight can be tried on another"
    return ""


def _unmeasured(
    panel: Panel[PairVote] | Panel[Rating], kind: Literal["pair", "rating"], problem: str
) -> Jury:
    members = tuple(Member(name, None, 0.0, 0) for name in panel.members)
    return Jury(panel.name, kind, len(panel.rows), panel.seen, members, {}, notes=(problem,))
