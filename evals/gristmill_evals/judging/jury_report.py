"""The chapter of a jury."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gristmill_evals.judging import charts
from gristmill_evals.judging.juries import Jury, Name, Way, called
from gristmill_evals.judging.threshold_report import threshold_blocks
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Note, Section, Table
from gristmill_evals.statistics import Estimate

_ABSTENTION = (
    "Abstaining: the share of the weight that must agree (min_agreement of a jury), with weights by "
    "accuracy. Rows on which no side is named are never kept."
)
_JURIES: tuple[Name, ...] = ("best", "equal", "weighted")
_DECIDES = {"pair": "names a side on", "rating": "decides"}


def juries_table(juries: Sequence[Jury]) -> Table:
    """All juries that were measured: accuracy of each way, and where all agree."""
    columns = ("jury", "best alone", "equal weights", "weighted", "unanimous on", "right there")
    rows = []
    for jury in juries:
        found = [jury.ways[name].accuracy if name in jury.ways else None for name in _JURIES]
        agreed = jury.ways["unanimous"]
        rows.append(
            (jury.name, *map(_bare, found), f"{100 * agreed.decides.mean:.1f} %", _bare(agreed.right))
        )
    caption = "Accuracy of judges of the same rows together; intervals in the chapter of each jury"
    return Table(columns, tuple(rows), caption, numeric=(1, 2, 3, 4, 5))


def jury_section(jury: Jury, number: int) -> Section:
    """Warnings, the ways to judge by several, the members."""
    slug = re.sub(r"[^a-z0-9]+", "-", jury.name.lower()).strip("-")
    blocks: list[Block] = [Note(note, "warning") for note in jury.notes]
    if jury.ways:
        blocks += [_ways(jury), _chart(jury), _members(jury)]
    if jury.abstention is not None:
        blocks.append(Note(_ABSTENTION))
        blocks += threshold_blocks(jury.abstention, "agreement")
    intro = f"{len(jury.members)} judges of {jury.kind}s, {jury.n:,} rows that all of them judged."
    return Section(f"jury-{number}-{slug}", f"Jury: {jury.name}", tuple(blocks), intro)


def _ways(jury: Jury) -> Table:
    columns = ("who decides", "accuracy", _DECIDES[jury.kind], "right there", "difference from the best")
    rows = tuple((called(name, jury.kind), *_way(jury, name, way)) for name, way in jury.ways.items())
    told = "With 95 % intervals; weights and the best judge come from other rows than those judged"
    ties = "; a tie is half right" if jury.kind == "pair" else ""
    return Table(columns, rows, told + ties, numeric=(1, 2, 3, 4))


def _way(jury: Jury, name: Name, way: Way) -> tuple[object, ...]:
    # of unanimous rows only: beside accuracies of all rows it would be misread
    accuracy = None if name == "unanimous" else way.accuracy
    return _rate(accuracy), _share(way.decides), _rate(way.right), _rate(way.against_best)


def _chart(jury: Jury) -> ChartBlock:
    points = [
        (called(name, jury.kind), way.right) for name, way in jury.ways.items() if way.right is not None
    ]
    told = "; ".join(f"{name} {one.mean:.3f} of {one.n:,} rows" for name, one in points)
    return ChartBlock("Right where a verdict is given", charts.intervals(points), told)


def _members(jury: Jury) -> Table:
    rows = tuple(
        (member.name, _rate(member.accuracy), f"{member.weight:.2f}", member.chosen)
        for member in jury.members
    )
    told = "Weights are log-odds of accuracy on all rows, as a run takes them from a calibration file"
    return Table(("judge", "accuracy", "weight", "best in folds"), rows, told, numeric=(1, 2, 3))


def _bare(found: Estimate | None) -> str:
    return "–" if found is None else f"{found.mean:.3f}"


def _rate(found: Estimate | None) -> object:
    return "–" if found is None else _figure(found)


def _share(found: Estimate) -> Figure:
    return Figure("", found.mean, "share", found.n, "rows", found.low, found.high, found.note)


def _figure(found: Estimate) -> Figure:
    return Figure("", found.mean, "score", found.n, "rows", found.low, found.high, found.note)
