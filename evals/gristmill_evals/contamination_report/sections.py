"""The chapters of the contamination page, made of the same blocks as the dataset report."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gristmill_evals.contamination.decision import UNCERTAIN
from gristmill_evals.contamination.lines import REASONS
from gristmill_evals.contamination_report import charts
from gristmill_evals.contamination_report.examples import Example
from gristmill_evals.contamination_report.page import Page
from gristmill_evals.contamination_report.policy import RANK, SEVERITIES, SEVERITY
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Figures, Note, Pair, Section, Table

MEANINGS = {
    "severe": "the item itself, word for word or with small changes, other numbers or reordered options",
    "moderate": "the item's content in other words or another language",
    "note": "the same kind of problem, with other numbers and names",
}
PAIRS_TO_REVIEW = 6
STEPS = 20


def overview(page: Page) -> Iterator[Section]:
    """How many rows, and how bad."""
    tally = page.tally
    figures = (
        Figure.counted("Rows checked", tally.checked),
        Figure.share("Rows matched", tally.matched, tally.checked),
        Figure.share("Rows with a blocking label", tally.blocked, tally.checked),
        Figure.share("Rows of an uncertain match", tally.uncertain, tally.checked),
    )
    blocks: list[Block] = [Figures(figures)]
    if tally.malformed:
        told = (
            f"{tally.malformed:,} lines could not be checked and count neither as clean nor as contaminated."
        )
        blocks.append(Note(told, "warning"))
    if tally.matched:
        blocks += [_severities(page)]
    else:
        blocks.append(
            Note("No row matches a benchmark item. That does not prove the rows clean: see Limits.")
        )
    blocking = ", ".join(label for label in RANK if label in tally.policy.block)
    intro = (
        f"A row matches from a probability of {tally.policy.threshold:g} up. These labels block: {blocking}."
    )
    yield Section("overview", "Overview", tuple(blocks), intro)


def _severities(page: Page) -> Table:
    tally = page.tally
    rows = tuple(
        (
            name,
            Figure.share("", tally.severities[name], tally.checked),
            tally.severities[name],
            MEANINGS[name],
        )
        for name in SEVERITIES
    )
    columns = ("severity", "share of rows", "rows", "what it means")
    return Table(columns, rows, "Rows by the worst match they have", numeric=(1, 2))


def benchmarks(page: Page) -> Iterator[Section]:
    """Rates both ways: rows that repeat items, and items that leaked."""
    tally = page.tally
    found = [one for one in tally.benchmarks.values() if one.rows]
    rows = tuple(
        (
            one.benchmark.name,
            getattr(one.benchmark, "split", "") or "not stated",
            getattr(one.benchmark, "version", "") or one.benchmark.digest[:12],
            len(one.benchmark.items),
            Figure.share("", one.items_by_label.total(), len(one.benchmark.items)),
            Figure.share("", one.rows, tally.checked) if tally.checked else "–",
            one.blocked,
        )
        for one in tally.benchmarks.values()
    )
    columns = ("benchmark", "split", "version", "items", "items leaked", "rows matched", "rows blocked")
    blocks: list[Block] = [Table(columns, rows, "Both ways, with 95 % intervals", numeric=(3, 4, 5, 6))]
    if found:
        counts = [
            (label, one.benchmark.name, one.rows_by_label[label])
            for label in RANK
            for one in found
            if one.rows_by_label[label]
        ]
        told = ", ".join(f"{label} in {name}: {n:,}" for label, name, n in counts)
        blocks.append(ChartBlock("Rows by label", charts.by_label(counts), told))
        lines = tuple(
            (one.benchmark.name, label, SEVERITY[label], one.rows_by_label[label], one.items_by_label[label])
            for one in found
            for label in RANK
            if one.rows_by_label[label] or one.items_by_label[label]
        )
        heads = ("benchmark", "label", "severity", "rows", "items")
        blocks.append(Table(heads, lines, "By label, each row and item under its worst", numeric=(3, 4)))
    yield Section("benchmarks", "Benchmarks", tuple(blocks))


def scores(page: Page) -> Iterator[Section]:
    """How sure the matches are, and what another threshold would flag."""
    curve = page.curve
    if not page.tally.matches and not page.tally.uncertain:
        return
    counts = _histogram(page)
    told = ", ".join(f"{low:g} to {high:g}: {n:,}" for low, high, n in counts if n)
    marks = [p for p in curve if round(p.threshold * 100) in (20, 50, 80, 95)]
    flagged = ", ".join(f"{p.hits:,} rows ({100 * p.share:.2g} %) from {p.threshold:g} up" for p in marks)
    chart = charts.flagged(curve, page.blocking_curve)
    blocks = (
        ChartBlock("Rows by their best score", charts.histogram(counts), told),
        ChartBlock("Rows flagged at a threshold, with 95 % band", chart, flagged),
    )
    intro = "A score is the probability that the match is real. Nothing is known below the least score kept."
    yield Section("scores", "Scores", blocks, intro)


def _histogram(page: Page) -> list[tuple[float, float, int]]:
    """The counts of hundredths in twentieths; a score of 1 lies in the last."""
    best, width = page.tally.best, (len(page.tally.best) - 1) // STEPS
    counts = [sum(best[step * width : (step + 1) * width]) for step in range(STEPS)]
    counts[-1] += best[-1]
    return [(step / STEPS, (step + 1) / STEPS, n) for step, n in enumerate(counts)]


def precision(page: Page) -> Iterator[Section]:
    """What reviewers said; left out when nobody has."""
    blocks = [*_judged(page), *_calibrated(page)]
    n = len(page.verdicts) or (page.calibration.n if page.calibration else 0)
    if blocks:
        intro = f"From {n:,} verdicts of reviewers; it holds for matches like those that were judged."
        yield Section("precision", "Precision", tuple(blocks), intro)


def _judged(page: Page) -> list[Block]:
    points = page.precision
    if not points:
        return []
    right, n = points[0].hits, points[0].n
    figures = Figures(
        (
            Figure.share("Verdicts that the label is right", right, n, "verdicts"),
            Figure.counted("Verdicts", n, note=f"{right:,} right, {n - right:,} wrong"),
        )
    )
    told = ", ".join(
        f"{p.hits} of {p.n} from {p.threshold:g} up" for p in points[:: max(1, len(points) // 6)]
    )
    return [figures, ChartBlock("Precision at a threshold, with 95 % band", charts.precision(points), told)]


def _calibrated(page: Page) -> list[Block]:
    """The thresholds of the calibration in use, and what they stand on."""
    if page.calibration is None:
        return []
    rows = tuple(
        (
            f"{one.target:g}",
            one.score,
            Figure("", one.precision, "share", one.n, "verdicts", *one.interval),
            one.n,
        )
        if one.score is not None and one.interval is not None
        else (f"{one.target:g}", "–", "no threshold reaches it", "–")
        for one in page.calibration.thresholds
    )
    columns = ("precision wanted", "from this score up", "found right", "verdicts")
    shown = tuple((target, f"{s:.3f}" if isinstance(s, float) else s, *rest) for target, s, *rest in rows)
    told = f"Scores follow a calibration: {page.calibration.stands_on}."
    return [Note(told), Table(columns, shown, "Thresholds of the calibration", numeric=(1, 2, 3))]


def examples(page: Page) -> Iterator[Section]:
    """The surest matches of each label."""
    found = list(page.tally.examples.worst())
    if found:
        intro = "The surest matches of each label, worst labels first. Long texts are cut around the span."
        yield Section("examples", "Examples", tuple(_pair(one) for one in found), intro)


def uncertain(page: Page) -> Iterator[Section]:
    """What people should look at."""
    low, high = UNCERTAIN
    found = page.tally.examples.doubtful()
    told = f"Matches of a probability from {low:g} to {high:g}, the most doubtful first."
    if page.min_score > low:
        told += (
            f" Matches below {page.min_score:g} were not kept: use --min-score {low:g} to see all of them."
        )
    if not found:
        yield Section("review", "To review", (Note("There is no uncertain match."),), told)
        return
    rows = tuple(
        (one.match["line"], one.match["id"], _item(one), one.match["label"], f"{one.match['score']:.2f}")
        for one in found
    )
    caption = f"{len(rows)} of {page.tally.uncertain:,} rows with an uncertain match"
    table = Table(("line", "row", "item", "label", "score"), rows, caption, numeric=(0, 4))
    yield Section("review", "To review", (table, *map(_pair, found[:PAIRS_TO_REVIEW])), told)


def malformed(page: Page) -> Iterator[Section]:
    """Every reason, and the first lines."""
    tally = page.tally
    if not tally.malformed:
        return
    reasons = tuple((reason, n, REASONS.get(reason, "")) for reason, n in tally.rejected.most_common())
    lines = tuple((reject.line, reject.reason, reject.detail) for reject in tally.rejects)
    caption = "The first lines" if len(lines) < tally.malformed else "All of them"
    blocks = (
        Table(("reason", "lines", "what it means"), reasons, numeric=(1,)),
        Table(("line", "reason", "detail"), lines, f"{caption}; whole in the file of rejects"),
    )
    yield Section("malformed", "Lines not checked", blocks)


def settings(page: Page) -> Iterator[Section]:
    """What the figures depend on, and what they cannot show."""
    asked = (
        f"A second opinion was asked of {', '.join(page.models)}."
        if page.models
        else (
            "No model was asked: rows in other languages than the items', and free rewordings that share few "
            "words with them, are hardly found. An embedding model or a judge finds more of them."
        )
    )
    limits = (
        Note("A row without a match is not proven clean.", "warning"),
        Note(asked),
        Note(
            "Items that are not in the files named here were not looked for, nor other splits of a benchmark."
        ),
        Note(
            "Intervals take rows as independent samples (Wilson). Where many rows were made from few sources "
            "they are too narrow."
        ),
    )
    table = Table(("", ""), page.settings, "Settings")
    yield Section("limits", "Limits and settings", (*limits, table))


def _pair(example: Example) -> Pair:
    match = example.match
    heading = f"{match['label']} · {match['score']:.2f}" + (
        f" · tier {match['tier']}" if match["tier"] else ""
    )
    side = " (its answer)" if match["spans"]["side"] == "answer" else ""
    known = (
        match["id"]
        if str(match["id"]).endswith(f":{match['line']}")
        else f"{match['id']}, line {match['line']}"
    )
    left = f"{known}, {match['spans']['field']}"
    return Pair(
        heading, left, example.row_text, example.row_span, _item(example) + side, example.item_text,
        example.item_span,
    )  # fmt: skip


def _item(example: Example) -> str:
    return f"{example.match['benchmark']}: {example.match['item_id']}"


SECTIONS: tuple[Callable[[Page], Iterator[Section]], ...] = (
    overview,
    benchmarks,
    scores,
    precision,
    examples,
    uncertain,
    malformed,
    settings,
)
