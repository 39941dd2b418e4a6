"""The page about judges: HTML that needs nothing else, and the same figures as JSON beside it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gristmill_evals.agreement import Agreement
from gristmill_evals.judging import charts
from gristmill_evals.judging.jury_report import juries_table, jury_section
from gristmill_evals.judging.result import Calibrated, Calibration, Judged
from gristmill_evals.judging.threshold_report import threshold_blocks
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Figures, Note, Section, Table
from gristmill_evals.statistics import Estimate

SHOWN_LINES = 50
LIMITS = (
    "It holds for rows like those that people labelled. Labels of picked rows say little of others.",
    "Saying the same in both orders is not being right: look at the accuracy when the same.",
    "An interval of accuracy is Wilson's. Where the source of rows is known, rows of one count as fewer.",
    "The interval at the threshold holds although the threshold was chosen on the same rows. It is a band "
    "over all thresholds at once, and therefore wider.",
    "Calibrated probabilities are compared with rows that the fit had not seen.",
    "A jury's weights, and its best judge, come from other rows than those that they are tried on.",
)


def write_page(found: Calibration, out: Path, title: str = "Judges against people") -> tuple[Path, Path]:
    """Write ``out`` (HTML) and its ``.json`` twin, each whole or not at all; both paths."""
    from gristmill_evals.report import Report, write_whole

    twin = twin_of(out)
    write_whole(out, Report(title, sections(found), "judge calibration").html())
    write_whole(twin, json.dumps(plain(found), ensure_ascii=False, indent=1, allow_nan=False))
    return out, twin


def twin_of(out: Path) -> Path:
    """The file beside a page that holds the same as data."""
    return out.with_suffix(".json") if out.suffix != ".json" else out.with_name(out.name + ".json")


def plain(found: Calibration) -> dict[str, Any]:
    """Everything as plain data."""
    return asdict(found)


def sections(found: Calibration) -> tuple[Section, ...]:
    """Overview, one chapter a judge and a jury, people, lines not used, limits."""
    chapters = [_overview(found), *(_judge(judge, n) for n, judge in enumerate(found.judges, 1))]
    chapters += [jury_section(jury, n) for n, jury in enumerate(found.juries, 1)]
    if found.people or found.between:
        chapters.append(_agreement(found))
    if found.malformed:
        chapters.append(_malformed(found))
    chapters.append(Section("limits", "How to read this", tuple(Note(text) for text in LIMITS)))
    return tuple(chapters)


def _overview(found: Calibration) -> Section:
    columns = ("judge", "rows", "unscored", "accuracy", "kappa")
    rows = tuple(
        (judge.name, judge.n, judge.unscored, _rate(judge.accuracy), _coefficient(judge.kappa))
        for judge in found.judges
    )
    reached = tuple((judge.name, *_reach(judge)) for judge in found.judges)
    heads = ("judge", "threshold", "precision there", "rows kept")
    caption = f"The lowest score from which up a precision of {found.target:g} was seen"
    blocks: list[Block] = [
        Table(columns, rows, "Against people, with 95 % intervals", numeric=(1, 2, 3, 4)),
        Table(heads, reached, caption, numeric=(1, 2, 3)),
    ]
    measured = [jury for jury in found.juries if jury.ways]
    if measured:
        blocks.append(juries_table(measured))
    if found.malformed:
        blocks.append(Note(f"{len(found.malformed):,} lines could not be used: see below.", "warning"))
    for reason, n in found.left_out.items():
        blocks.append(Note(f"{n:,} scores are left out: {reason}."))
    intro = f"From {found.origin}. Thresholds are for a precision of {found.target:g}."
    return Section("overview", "Overview", tuple(blocks), intro)


def _reach(judge: Judged) -> tuple[object, object, object]:
    chosen = None if judge.threshold is None else judge.threshold.chosen
    if chosen is None:
        return "none", "–", "–"
    precision = Figure("", chosen.precision, "score", chosen.kept, "rows", chosen.low, chosen.high)
    return f"{chosen.score:.3f}", precision, Figure("", chosen.share, "share")


def _judge(judge: Judged, number: int) -> Section:
    blocks: list[Block] = [Note(note, "warning") for note in judge.notes]
    blocks += [*_pair_blocks(judge), *_rating_blocks(judge)]
    if judge.lengths is not None:
        rows = ((judge.name, _bare(judge.lengths.judge)), ("people", _bare(judge.lengths.people)))
        told = f"Rank correlation of the verdict or score with length, over {judge.lengths.n:,} rows"
        blocks.append(Table(("who", "correlation"), rows, told, numeric=(1,)))
    if judge.calibrated is not None:
        blocks += _calibrated_blocks(judge.calibrated)
    if judge.threshold is not None:
        blocks += threshold_blocks(judge.threshold)
    slug = re.sub(r"[^a-z0-9]+", "-", judge.name.lower()).strip("-")
    return Section(f"judge-{number}-{slug}", judge.name, tuple(blocks))


def _pair_blocks(judge: Judged) -> list[Block]:
    pairs = judge.pairs
    if pairs is None:
        return []
    longer = judge.lengths.longer if judge.lengths else None
    ties = pairs.decides is not None and pairs.decides.mean < 1
    figures = [
        _figure("Accuracy of verdicts given", pairs.accuracy, "verdicts"),
        _figure("Accuracy, unscored as wrong", pairs.accuracy_of_all, "verdicts"),
        _figure("Same verdict in both orders", pairs.same, "pairs"),
        _figure("Accuracy when the same", pairs.accuracy_when_same, "pairs"),
        _figure("Names a side", pairs.decides if ties else None, "verdicts"),
        _figure("Accuracy when a side is named", pairs.right if ties else None, "verdicts"),
        _figure("First shown wins", pairs.first_shown, "verdicts"),
        _figure("Pick the longer", longer, "pairs"),
        _agreed("Cohen's kappa", pairs.kappa),
        _agreed("Kappa, unscored a category", pairs.kappa_of_all),
    ]
    return [Figures(tuple(figure for figure in figures if figure is not None))]


def _rating_blocks(judge: Judged) -> list[Block]:
    if judge.kind != "rating":
        return []
    figures = [
        _figure("Accuracy at probability one half", judge.accuracy, "rows"),
        _agreed("Cohen's kappa", judge.kappa),
        _agreed("Krippendorff's alpha, interval", judge.scale_alpha),
        _agreed("Krippendorff's alpha, ordinal", judge.ordinal_alpha),
    ]
    if judge.correlation is not None:
        n = judge.n - judge.unscored
        figures.append(Figure("Rank correlation with labels", judge.correlation, "score", n))
    found = tuple(figure for figure in figures if figure is not None)
    return [Figures(found)] if found else []


def _calibrated_blocks(found: Calibrated) -> list[Block]:
    curves = (
        {"as stated": found.before, "calibrated": found.after}
        if found.before
        else {"calibrated": found.after}
    )
    errors = [
        _agreed("Calibration error as stated", found.error_before),
        _agreed("Calibration error, calibrated", found.error_after),
    ]
    told = "; ".join(f"{p.stated:.2f} stated, {p.observed:.2f} observed ({p.n:,} rows)" for p in found.after)
    losses = tuple((name, f"{loss:.4f}") for name, loss in found.fitted.losses.items())
    return [
        Figures(tuple(error for error in errors if error is not None)),
        ChartBlock("Reliability", charts.reliability(curves), f"Calibrated: {told}"),
        Table(("method", "log loss on unseen rows"), losses, f"Taken: {found.fitted.method}", numeric=(1,)),
    ]


def _agreement(found: Calibration) -> Section:
    rows = [(name, _coefficient(one)) for name, one in found.people.items()]
    rows += [(f"all judges, {kind} alpha", _coefficient(one)) for kind, one in found.between.items()]
    told = "Cohen's kappa of two people; Krippendorff's alpha where it says so"
    return Section(
        "agreement", "Agreement", (Table(("who", "coefficient"), tuple(rows), told, numeric=(1,)),)
    )


def _malformed(found: Calibration) -> Section:
    rows = tuple((one.line, one.reason, one.detail) for one in found.malformed[:SHOWN_LINES])
    more = len(found.malformed) - len(rows)
    caption = f"The first {len(rows)} of {len(found.malformed):,}; all in the JSON" if more else "All of them"
    table = Table(("line", "reason", "detail"), rows, caption)
    return Section("malformed", "Lines not used", (table,))


def _figure(label: str, found: Estimate | None, of: str) -> Figure | None:
    if found is None:
        return None
    note = found.note or (
        "Wilson interval" if found.clusters == found.n else f"in {found.clusters:,} clusters"
    )
    return Figure(label, found.mean, "score", found.n, of, found.low, found.high, note)


def _agreed(label: str, found: Agreement | None) -> Figure | None:
    if found is None:
        return None
    note = found.note or "bootstrap interval"
    return Figure(label, found.value, "score", found.n, "rows", found.low, found.high, note)


def _rate(found: Estimate | None) -> object:
    return "–" if found is None else Figure("", found.mean, "score", found.n, "rows", found.low, found.high)


def _coefficient(found: Agreement | None) -> object:
    if found is None:
        return "–"
    return Figure("", found.value, "score", found.n, "rows", found.low, found.high, found.note)


def _bare(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
