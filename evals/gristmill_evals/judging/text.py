"""What was found of judges, in lines for a terminal."""

from __future__ import annotations

from gristmill_evals.agreement import Agreement
from gristmill_evals.judging.juries import Jury, called
from gristmill_evals.judging.result import Calibration, Judged
from gristmill_evals.judging.threshold import Operating, Threshold
from gristmill_evals.statistics import Estimate

SHOWN_LINES = 10


def lines(found: Calibration) -> list[str]:
    """All judges, then juries, agreement, and what could not be used."""
    said = [line for judge in found.judges for line in _judge_lines(judge)]
    said += [line for jury in found.juries for line in _jury_lines(jury)]
    said += _agreement_lines(found)
    said += [f"left out: {n} scores, {reason}" for reason, n in found.left_out.items()]
    if found.malformed:
        said.append(f"{len(found.malformed)} lines could not be used:")
        said += [f"  line {m.line}: {m.reason}: {m.detail}" for m in found.malformed[:SHOWN_LINES]]
        if len(found.malformed) > SHOWN_LINES:
            said.append("  … all of them with --json or --out")
    return said


def _judge_lines(judge: Judged) -> list[str]:
    head = f"{judge.name}: {judge.n} rows, {judge.unscored} unscored"
    if judge.accuracy is not None:
        head += f", accuracy {_with_interval(judge.accuracy.mean, judge.accuracy.low, judge.accuracy.high)}"
    if judge.kappa is not None and judge.kappa.value is not None:
        head += f", kappa {judge.kappa.value:.3f}"
    lines = [head]
    if judge.pairs and judge.pairs.same and judge.pairs.accuracy_when_same:
        same, right = judge.pairs.same.mean, judge.pairs.accuracy_when_same.mean
        lines.append(f"  same verdict in both orders {same:.3f}, accuracy when the same {right:.3f}")
    if judge.pairs and judge.pairs.decides and judge.pairs.right and judge.pairs.decides.mean < 1:
        told = f"right in {_estimate(judge.pairs.right)} of those"
        lines.append(f"  names a side in {judge.pairs.decides.mean:.3f} of its verdicts, {told}")
    return [*lines, *_length_lines(judge), *_scale_lines(judge), *_calibration_lines(judge)]


def _length_lines(judge: Judged) -> list[str]:
    found = judge.lengths
    if found is None:
        return []
    lines = [] if found.longer is None else [f"  picking the longer response: {found.longer.mean:.3f}"]
    if found.judge is not None and found.people is not None:
        lines.append(f"  correlation with length: judge {found.judge:.3f}, people {found.people:.3f}")
    return lines


def _scale_lines(judge: Judged) -> list[str]:
    """Of labels on a scale."""
    found = judge.scale_alpha
    if found is None:
        return []
    rank = "" if judge.correlation is None else f"rank correlation with labels {judge.correlation:.3f}, "
    return [f"  {rank}alpha (interval) {_coefficient(found)}"]


def _agreement_lines(found: Calibration) -> list[str]:
    between = {f"all judges ({name} alpha)": one for name, one in found.between.items()}
    people = {f"people, {name}": one for name, one in found.people.items()}
    return [f"agreement of {name}: {_coefficient(one)}" for name, one in {**people, **between}.items()]


def _coefficient(found: Agreement) -> str:
    return found.note if found.value is None else _with_interval(found.value, found.low, found.high)


def _jury_lines(jury: Jury) -> list[str]:
    said = [f"jury {jury.name}: {len(jury.members)} judges of {jury.kind}s, {jury.n} rows judged by all"]
    said += [f"  {member.name}: weight {member.weight:.2f}" for member in jury.members if jury.ways]
    for name, way in jury.ways.items():
        told = f"  {called(name, jury.kind)}: "
        if name != "unanimous" and way.accuracy is not None:
            told += f"accuracy {_estimate(way.accuracy)}, "
        right = "" if way.right is None else f", right on {_estimate(way.right)} of those"
        decides = "decides" if jury.kind == "rating" or name == "unanimous" else "names a side on"
        said.append(f"{told}{decides} {_estimate(way.decides)} of the rows{right}")
    said += [] if jury.abstention is None else [f"  weighted, {_abstention_line(jury.abstention)}"]
    return [*said, *(f"  ! {note}" for note in jury.notes)]


def _abstention_line(found: Threshold) -> str:
    if found.chosen is None:
        return f"no agreement reaches a precision of {found.target:g}"
    return f"agreement {_chosen_line(found.chosen)}"


def _chosen_line(at: Operating) -> str:
    told = _with_interval(at.precision, at.low, at.high)
    return f"from {at.score:.3f} up: precision {told}, keeps {100 * at.share:.1f} % of the rows"


def _estimate(found: Estimate) -> str:
    return _with_interval(found.mean, found.low, found.high)


def _calibration_lines(judge: Judged) -> list[str]:
    lines = [f"  {note}" for note in judge.notes]
    if judge.calibrated is not None:
        after, before = judge.calibrated.error_after.value, judge.calibrated.error_before
        was = "" if before is None or before.value is None else f", as stated {before.value:.3f}"
        lines.append(f"  calibrated ({judge.calibrated.fitted.method}): error {after or 0:.3f}{was}")
    found = judge.threshold
    if found is not None and found.chosen is None:
        lines.append(f"  no threshold reaches a precision of {found.target:g}")
    if found is not None and found.chosen is not None:
        lines.append(f"  {_chosen_line(found.chosen)}")
    return lines


def _with_interval(value: float, low: float | None, high: float | None) -> str:
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} ({low:.3f} to {high:.3f})"
