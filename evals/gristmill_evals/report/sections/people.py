"""What reviewers did, and what is left for them."""

from __future__ import annotations

import pandas as pd

from gristmill_evals import charts
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Note, Section, Table
from gristmill_evals.report.frames import Frames, groups, sums, text
from gristmill_evals.reviewing import blocks as review_blocks

REJECTED = ("reject", "regenerate")
DECISIONS = ("accept", "edit", *REJECTED)
INTRO = (
    "Agreement goes by the first word of each reviewer on a row, given before they could see what others "
    "said; a lead's last word on a disagreement and what was decided for many rows at once are left out."
)


def review(frames: Frames) -> Section:
    """Status of the rows and the reviewers' decisions."""
    rows, events = frames["rows"], frames["reviews"]
    blocks: list[Block] = []
    if not rows.empty:
        told = ", ".join(f"{n:,} {status}" for status, n in rows["status"].value_counts().items())
        blocks.append(ChartBlock("Rows by status now", charts.statuses(rows), told))
    if events.empty:
        blocks.append(Note("Nobody has reviewed rows yet: every status is the machine's.", "warning"))
        return Section("review", "Review", tuple(blocks))
    counts = events.groupby("action")["n"].sum()
    told = ", ".join(f"{action} {n:,}" for action, n in counts.items())
    blocks += [
        ChartBlock("Review events by action", charts.review_actions(events), told),
        _reviewers(events),
    ]
    for part in (
        review_blocks.stages,
        review_blocks.reasons,
        review_blocks.agreement,
        review_blocks.judges,
        review_blocks.pace,
    ):
        blocks += part(frames)
    blocks += _agreement(rows)
    return Section("review", "Review", tuple(blocks), INTRO)


def _reviewers(events: pd.DataFrame) -> Table:
    """Per reviewer: events, and the share of decisions that kept the row."""
    lines = []
    for (name,), part in groups(events, "reviewer"):
        by = sums(part, "action")
        decided = sum(by.get(action, 0) for action in DECISIONS)
        lost = sum(by.get(action, 0) for action in REJECTED)
        kept = Figure.share("", decided - lost, decided, "decisions")
        lines.append((name, sum(by.values()), decided, by.get("edit", 0), kept))
    columns = ("reviewer", "events", "decisions", "edits", "kept (95 % interval)")
    return Table(columns, tuple(lines), "By reviewer", numeric=(1, 2, 3, 4))


def _agreement(rows: pd.DataFrame) -> list[Block]:
    """How often people kept what the machine had accepted."""
    decided = rows[rows["review"].map(text) != ""]
    kept = decided["review"].map(text) != "rejected"
    judged = decided["judge_state"].map(text) == "accepted"
    if decided.empty:
        return [Note("No row has a decision in force, so agreement with the machine can not be measured.")]
    agree = Figure.clustered_share(
        "", [bool(a == b) for a, b in zip(kept, judged, strict=True)], list(decided["document_id"])
    )
    rows_ = (("people and machine agree", len(decided), agree),)
    return [Table(("", "n", "share (95 % interval)"), rows_, "Agreement", numeric=(1, 2))]
