"""Contamination: benchmark items that the rows repeat, by label and with examples."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gristmill_evals import charts
from gristmill_evals.contamination_report.charts import precision as precision_chart
from gristmill_evals.contamination_report.precision import precision_curve
from gristmill_evals.excerpts import window
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Note, Pair, Section, Table
from gristmill_evals.report.frames import Frames, groups, records, text
from gristmill_evals.report.sections.overview import gates_used

MOST_PAIRS = 12
LIMITS = (
    "Lexical checks find repeated and lightly changed items; they do not find translations, and free "
    "paraphrases only in part. No match is not proof of no contamination."
)


def contamination(frames: Frames) -> Section:
    """Matches per benchmark and label, and side-by-side examples of the strongest."""
    found = frames["matches"]
    checked = gates_used(frames, "contamination")
    if found.empty:
        note = (
            "No row matches a benchmark item. " + LIMITS
            if checked
            else "Not checked: the recipe has no contamination gate."
        )
        return Section("contamination", "Contamination", (Note(note, "plain" if checked else "warning"),))
    told = ", ".join(f"{label} {n:,}" for label, n in found["label"].value_counts().items())
    blocks: list[Block] = [
        ChartBlock("Matches by label", charts.matches(found), told),
        _per_benchmark(found, frames["rows"]),
        *_tiers(found),
        *_verdicts(frames["match_verdicts"]),
        Note(LIMITS),
        *_examples(found),
    ]
    return Section(
        "contamination",
        "Contamination",
        tuple(blocks),
        "Rows with a blocking label were rejected; the others are shown for people to judge.",
    )


def _per_benchmark(found: pd.DataFrame, rows: pd.DataFrame) -> Table:
    lines = []
    for (benchmark, label), part in groups(found, "benchmark", "label"):
        hit, items = part["example_id"].nunique(), part["item_id"].nunique()
        kept = part.loc[part["status"] == "accepted", "example_id"].nunique()
        share = Figure.share("", min(hit, len(rows)), len(rows))
        lines.append(
            (
                benchmark,
                label,
                hit,
                share,
                kept,
                items,
                f"{part['score'].astype(float).median():.2f}",
            )
        )
    columns = (
        "benchmark",
        "label",
        "rows hit",
        "share of rows",
        "of them accepted",
        "items hit",
        "median score",
    )
    return Table(columns, tuple(lines), "Per benchmark", numeric=(2, 3, 4, 5, 6))


def _tiers(found: pd.DataFrame) -> list[Block]:
    """Which tier decided; nothing for matches from before that was kept."""
    known = found[found["tier"].map(text) != ""]
    lines = [(tier, len(part), part["example_id"].nunique()) for (tier,), part in groups(known, "tier")]
    columns = ("decided by", "matches", "rows")
    return [Table(columns, tuple(lines), "By tier", numeric=(1, 2))] if lines else []


def _verdicts(frame: pd.DataFrame) -> list[Block]:
    """What reviewers found right, by label, and along the score."""
    if frame.empty:
        return []
    right = frame["right"].astype(bool)
    points = precision_curve(zip(frame["score"].astype(float), right, strict=True))
    lines = [
        (label, Figure.share("", int(part["right"].astype(bool).sum()), len(part), "verdicts"), len(part))
        for (label,), part in groups(frame, "label")
    ]
    told = ", ".join(
        f"{p.hits} of {p.n} from {p.threshold:.2f} up" for p in points[:: max(1, len(points) // 6)]
    )
    title = f"Precision by score, from {len(frame):,} verdicts, with 95 % band"
    table = Table(("label", "found right by reviewers", "verdicts"), tuple(lines), "Verdicts", numeric=(1, 2))
    return [table, ChartBlock(title, precision_chart(points), told)]


def _examples(found: pd.DataFrame) -> list[Block]:
    """The strongest matches of each benchmark and label in turn."""
    ranked = found.sort_values(["score", "example_id"], ascending=[False, True], kind="stable")
    turn = ranked.groupby(["benchmark", "label"]).cumcount()
    chosen = ranked.assign(turn=turn).sort_values("turn", kind="stable").head(MOST_PAIRS)
    return [_pair(row) for row in records(chosen)]


def _pair(row: dict[str, Any]) -> Pair:
    left, left_span = window(text(row["example_text"]), int(row["example_start"]), int(row["example_end"]))
    right, right_span = window(text(row["item_text"]), int(row["item_start"]), int(row["item_end"]))
    tier = f" · tier {text(row['tier'])}" if text(row["tier"]) else ""
    heading = f"{text(row['label'])} · score {float(row['score']):.2f}{tier} · row {text(row['status'])}"
    side = " (its answer)" if text(row["side"]) == "answer" else ""
    item = f"{text(row['benchmark'])}: {text(row['item_id'])}{side}"
    return Pair(heading, f"Row {text(row['example_id'])[:12]}", left, left_span, item, right, right_span)
