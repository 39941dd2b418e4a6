"""Who sits on a jury, and what each vote weighs: from the calibration file, or equal without one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gristmill.calibration import JudgeCalibration, JudgeRecord
from gristmill.errors import UsageError
from gristmill.juries import weights
from gristmill.registry import Scorer

Mode = Literal["verdicts", "probabilities", "scores"]
"""What is combined: sides of pairs, scores turned into probabilities of being right, or scores."""


_EQUAL = (
    "Without `calibration` that is all that can be done, and can be less right than the best of them alone "
    "(on adversarial pairs .538 against .810): measure them with `gristmill calibrate --save`"
)


@dataclass(frozen=True, slots=True)
class Seat:
    """One member: its role, the model behind it, its scorer, and what was measured of it (None: nothing).

    ``judge`` is the name under which it is measured: the model, with the role where two share one.
    """

    role: str
    model: str
    scorer: Scorer
    judge: str
    weight: float = 1.0
    record: JudgeRecord | None = None


def seated(
    members: Mapping[str, Scorer],
    models: Mapping[str, str],
    calibration: JudgeCalibration | None,
    named: Mapping[str, str],
    where: str = "",
) -> tuple[Seat, ...]:
    """The seats of ``members`` (scorers by role). ``named`` are names in the calibration, by role.

    Raises:
        UsageError: a judge is not in the file, is there as one of another kind, or none of them was right
            more often than a coin.
    """
    shared = [models.get(role, role) for role in members]
    seats = []
    for role, scorer in members.items():
        model = models.get(role, role)
        judge = model if shared.count(model) == 1 else f"{model}/{role}"
        seat = Seat(role, model, scorer, judge)
        seats.append(seat if calibration is None else _measured(seat, calibration, named, where))
    if not any(seat.weight for seat in seats):
        said = "; ".join(_accuracy(seat) for seat in seats)
        raise UsageError(
            f"no judge of the jury is right more often than a coin: {said}",
            where=where,
            cure="take other judges, or rules that they understand",
        )
    return tuple(seats)


def mode_of(seats: Sequence[Seat]) -> Mode:
    """Probabilities only where every judge with a vote has a curve: they do not mix with scores."""
    if is_pair(seats[0].scorer):
        return "verdicts"
    voting = [seat for seat in seats if seat.weight]
    return "probabilities" if all(seat.record and seat.record.points for seat in voting) else "scores"


def is_pair(scorer: Scorer) -> bool:
    """Whether it compares two responses."""
    return "pair" in scorer.tasks


def doubts_about(seats: Sequence[Seat]) -> Iterator[str]:
    """What a user should know of these judges before they are asked."""
    if seats[0].record is None:
        yield f"its {len(seats)} judges weigh the same. {_EQUAL}"
    for seat in seats:
        if not seat.weight:
            yield f"{_accuracy(seat)}, no more often than a coin: it has no vote and is not asked"
    bare = [seat.role for seat in seats if seat.weight and seat.record and not seat.record.points]
    if bare and not is_pair(seats[0].scorer):
        yield f"no calibration curve of {', '.join(bare)}: the mean is one of scores, not of probabilities"
    for model in dict.fromkeys(seat.model for seat in seats):
        twins = [seat.role for seat in seats if seat.model == model]
        if len(twins) > 1:
            yield f"{' and '.join(twins)} are one model, {model}, that will agree with itself"


def _measured(seat: Seat, calibration: JudgeCalibration, named: Mapping[str, str], where: str) -> Seat:
    name = _found(seat, calibration, named, where)
    record = calibration.judges[name]
    needed = "pair" if is_pair(seat.scorer) else "rating"
    if record.kind != needed:
        raise UsageError(
            f"{name!r} was measured on {record.kind}s, and {seat.role!r} of the jury judges {needed}s",
            where=where,
            cure=f"name the judge that was measured on {needed}s under `judges`",
        )
    return replace(seat, weight=weights(record.accuracy, record.n), record=record)


def _found(seat: Seat, calibration: JudgeCalibration, named: Mapping[str, str], where: str) -> str:
    """The member's name in the file: as given, else SCORER/MODEL, else MODEL, with and without backend."""
    models = dict.fromkeys((seat.judge, seat.model, seat.model.partition(":")[2]))
    scorers = dict.fromkeys((seat.scorer.label, seat.scorer.registered_name))
    usual = [*(f"{scorer}/{model}" for model in models if model for scorer in scorers), *filter(None, models)]
    tried = [named[seat.role]] if seat.role in named else usual
    for name in tried:
        if name in calibration.judges:
            return name
    raise UsageError(
        f"{seat.role!r} of the jury is not in the calibration as {' or '.join(map(repr, tried))}",
        where=where,
        cure=f"say under `judges` which it is; there are: {', '.join(map(repr, calibration.judges))}",
    )


def _accuracy(seat: Seat) -> str:
    assert seat.record is not None  # without a calibration every judge has a vote
    return f"{seat.role} ({seat.model}) was right on {seat.record.accuracy:.3f} of {seat.record.n} rows"
