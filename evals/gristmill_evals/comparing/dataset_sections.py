"""The chapters of a comparison of datasets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gristmill_evals.comparing.dataset_accounts import cost, funnel, rows, settings
from gristmill_evals.comparing.datasets import ComparedMeasure, Dataset, DatasetComparison
from gristmill_evals.comparing.measures import Measure
from gristmill_evals.comparing.row_browsing import rows_to_read
from gristmill_evals.comparing.words import METHODS, decided, reading
from gristmill_evals.evaluation.report import charts, figures
from gristmill_evals.report.blocks import Block, Figure, Note, Section, Table
from gristmill_evals.statistics import Difference

SHARES = ("share", "score")


def sections(found: DatasetComparison) -> Iterator[Section]:
    """All chapters that have something to say."""
    yield _overview(found)
    yield _figures(found)
    yield funnel(found)
    yield cost(found)
    yield rows(found)
    yield from settings(found)
    yield from rows_to_read(found)
    yield reading("rows of one document are not independent", found.method)


def _overview(found: DatasetComparison) -> Section:
    rows = tuple(_about(side, "baseline" if place == 0 else "") for place, side in enumerate(found.sides))
    columns = ("dataset", "recipe", "started", "documents", "rows asked for", "rows made", "accepted now")
    blocks: list[Block] = [Table(columns, rows, "What is compared", numeric=(3, 4, 5, 6))]
    blocks += [Note(text, "warning") for text in found.warnings]
    blocks += [Note(text) for text in outcome(found)]
    intro = f"Everything is compared with the first: {found.sides[0].label}."
    return Section("overview", "Overview", tuple(blocks), intro)


def _about(side: Dataset, role: str) -> tuple[object, ...]:
    runs, rows, slots = (side.frames[name] for name in ("runs", "rows", "slots"))
    return (
        f"{side.label} ({role})" if role else side.label,
        ", ".join(dict.fromkeys(runs["name"].astype(str))),
        str(runs["started"].iloc[-1])[:16] if len(runs) else "–",
        int(slots["document_id"].nunique()),
        len(slots),
        len(rows),
        int((rows["status"] == "accepted").sum()),
    )


def outcome(found: DatasetComparison) -> Iterator[str]:
    """One sentence for every dataset that is compared."""
    for side in found.sides[1:]:
        mine = [one for one in found.compared if one.other == side.label]
        moved = [
            f"{one.a.name} {one.verdict}" for one in mine if one.verdict not in ("noise", "same", "not known")
        ]
        counts = Counter(one.verdict for one in mine)
        told = [*moved, f"{counts['noise']} figures differ by no more than noise"]
        told += [f"{counts['same']} are the same"] if counts["same"] else []
        told += [f"{counts['not known']} cannot be decided"] if counts["not known"] else []
        yield f"{side.label}: {'; '.join(told)}."


def _figures(found: DatasetComparison) -> Section:
    blocks: list[Block] = [*_charts(found)]
    for side in found.sides[1:]:
        mine = [one for one in found.compared if one.other == side.label]
        first = found.sides[0].label
        columns = ("figure", "verdict", first, side.label, "p")
        blocks.append(Table(columns, tuple(map(_row, mine)), f"{side.label} beside {first}", (2, 3, 4)))
        heads = (
            "figure",
            "all rows",
            "by document",
            "visible from",
            "rows, first",
            "rows, other",
            "documents",
        )
        blocks.append(
            Table(heads, tuple(map(_steps, mine)), f"{side.label} less {first}", tuple(range(1, 7)))
        )
        unscored = [one for one in mine if one.a.left_out or one.b.left_out]
        blocks += [Note(_left_out(one)) for one in unscored]
    meanings = {one.a.name: one.a.meaning for one in found.compared}
    blocks.append(Table(("", ""), tuple(meanings.items()), "What the figures are"))
    intro = (
        "“All rows” takes the two sides as independent samples of documents. “By document” pairs the means"
        " of the documents that are in both, each counted once; the verdict goes by it where at least half of"
        " the rows on either side come from such documents, otherwise by all rows. Corrected for all"
        f" comparisons of this page: {METHODS[found.method]}."
    )
    return Section("figures", "Figures side by side", tuple(blocks), intro)


def _row(one: ComparedMeasure) -> tuple[object, ...]:
    return (
        one.a.name,
        decided(one.verdict, one.decides) + _by(one),
        figures.compact(mean_of(one.a)),
        figures.compact(mean_of(one.b)),
        figures.p_value(one.adjusted),
    )


def _steps(one: ComparedMeasure) -> tuple[object, ...]:
    unit = one.a.unit
    return (
        one.a.name,
        step(one.rows, unit, "no rows on one side"),
        step(one.documents, unit, "no document in both") if one.rows else "–",
        _amount(one.detectable, unit),
        len(one.a.values),
        len(one.b.values),
        "–" if one.documents is None else one.documents.n,
    )


def _by(one: ComparedMeasure) -> str:
    if one.decides is None or one.verdict in ("not known", "same"):
        return ""
    return " (by document)" if one.paired else " (all rows)"


def mean_of(measure: Measure) -> Figure:
    """The mean of a measure, clustered by document."""
    values, clusters = list(measure.values["value"]), list(measure.values["document_id"])
    if not values:
        return Figure(
            "", None, measure.unit, 0, measure.of, note=measure.absent.partition(",")[0] or f"no {measure.of}"
        )
    if measure.unit == "share":
        return Figure.clustered_share("", [value == 1 for value in values], clusters, measure.of)
    return Figure.mean("", values, clusters, measure.unit, measure.of)


def step(found: Difference | None, unit: str, lacking: str) -> object:
    """A difference in the unit of its figure: shares and scores as numbers, lengths in characters."""
    if found is None or unit in SHARES:
        return figures.compact(figures.difference("", found, lacking, "rows"))
    if found.low is None or found.high is None:
        return f"{_whole(found.mean)} (all alike)"
    return f"{_whole(found.mean)} ({_whole(found.low)} to {_whole(found.high)})"


def _whole(value: float) -> str:
    return f"{round(value):+,}"


def _amount(value: float | None, unit: str) -> str:
    return figures.amount(value) if unit in SHARES or value is None else f"{value:,.0f}"


def _left_out(one: ComparedMeasure) -> str:
    return (
        f"{one.a.name}: {one.a.left_out:,} rows of {one.baseline} and {one.b.left_out:,} of {one.other} were"
        " not scored and are in neither mean."
    )


def _charts(found: DatasetComparison) -> Iterator[Block]:
    levels = [dot for one in found.compared if one.a.unit in SHARES for dot in _levels(one)]
    unique = list({(dot.name, dot.group): dot for dot in levels}.values())
    if unique:
        yield charts.block("Shares and scores", unique, "share or mean score", (0.0, 1.0))
    steps = []
    for one in found.compared:
        if one.a.unit in SHARES and one.decides is not None:
            figure = figures.difference("", one.decides)
            dot = charts.Dot.of(one.a.name, figure, one.other, signed=True)
            steps += [dot] if dot is not None else []
    if steps:
        title = f"difference from {found.sides[0].label}"
        yield charts.block("Differences", steps, title, zero=True)


def _levels(one: ComparedMeasure) -> Iterator[charts.Dot]:
    for label, measure in ((one.baseline, one.a), (one.other, one.b)):
        dot = charts.Dot.of(one.a.name, mean_of(measure), label)
        if dot is not None:
            yield dot
