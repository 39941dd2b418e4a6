"""What a reader of a jury's figures must not miss, in words."""

from __future__ import annotations

from collections.abc import Iterator

from gristmill_evals.judging.juries import HALF, Jury, Name, Way
from gristmill_evals.statistics import Estimate

FEWEST_DECIDED = 20
"""Unanimity on fewer rows is not judged."""
_CALLED: dict[Name, str] = {"equal": "Equal weights are", "weighted": "Weights by accuracy are"}


def notes_of(jury: Jury) -> tuple[str, ...]:
    """Warnings, the gravest first."""
    return (*_juries(jury), *_unanimity(jury), *_members(jury))


def _juries(jury: Jury) -> Iterator[str]:
    for name, called in _CALLED.items():
        way = jury.ways.get(name)
        if way is None:
            yield "Scores leave 0 to 1: without a calibration they cannot be averaged"
        elif way.accuracy is None:
            yield "No member is right more often than not: nobody has weight"
        elif way.against_best is not None and way.against_best.mean < 0:
            yield f"{called} below the best judge alone: {_behind(jury, way, way.against_best)}"


def _behind(jury: Jury, way: Way, lost: Estimate) -> str:
    best, own = jury.ways["best"].accuracy, way.accuracy
    assert best is not None
    assert own is not None  # a difference is of rows that both judged
    told = f"{own.mean:.3f} against {best.mean:.3f}, difference {lost.mean:+.3f}{_interval(lost)}"
    return told if lost.high is not None and lost.high < 0 else f"{told}, which may be chance"


def _unanimity(jury: Jury) -> Iterator[str]:
    agreed, best, gain = jury.ways["unanimous"].right, jury.ways["best"].right, jury.unanimity
    decided = 0 if agreed is None else agreed.n
    if agreed is None or decided < FEWEST_DECIDED:
        yield f"Unanimous on {decided} rows: too few to say what unanimity is worth"
        return
    if agreed.mean <= HALF:
        yield f"Unanimous and wrong: right on {agreed.mean:.3f}{_interval(agreed)} where all agree"
    if best is None or gain is None:
        return
    told = f"{agreed.mean:.3f}{_interval(agreed)} where all agree, {best.mean:.3f} for the best judge alone"
    if gain.mean <= 0:
        yield f"Unanimity is no more right than the best judge alone where it decides: {told}"
    elif gain.low is not None and gain.low <= 0:
        yield f"Unanimity may be no more right than the best judge alone where it decides: {told}"


def _members(jury: Jury) -> Iterator[str]:
    for member in jury.members:
        if member.weight == 0 and jury.ways:
            found = member.accuracy
            told = (
                "cannot be measured" if found is None else f"is right on {found.mean:.3f}{_interval(found)}"
            )
            yield f"{member.name} {told}: weight 0"
    if jury.n < jury.seen:
        yield f"{jury.seen - jury.n} of {jury.seen} rows were not judged by all members and are left out"


def _interval(found: Estimate) -> str:
    return "" if found.low is None or found.high is None else f" ({found.low:.3f} to {found.high:.3f})"
