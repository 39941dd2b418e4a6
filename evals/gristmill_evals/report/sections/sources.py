"""Which files the rows came from, and how much of their text is used."""

from __future__ import annotations

from typing import Any

from gristmill_evals import charts
from gristmill_evals.report.blocks import Block, ChartBlock, Note, Section, Table
from gristmill_evals.report.frames import Frames, records, text
from gristmill_evals.report.numbers import written
from gristmill_evals.reviewing.blocks import sources as sources_reviewed

MOST_FILES = 60


def coverage(frames: Frames) -> Section:
    """Rows and covered share for each file."""
    frame = frames["coverage"]
    if frame.empty:
        return Section("coverage", "Coverage of the sources", (Note("No source file has been read."),))
    ordered = frame.sort_values(["accepted", "uri"], ascending=[False, True], kind="stable")
    shown = ordered.head(MOST_FILES)
    unused = int((frame["accepted"] == 0).sum())
    rows = tuple(_file(row) for row in records(shown))
    columns = ("file", "type", "characters", "chunks used", "covered", "accepted", "rejected", "failed")
    more = f" (the first {len(shown)} of {len(frame)} by accepted rows)" if len(shown) < len(frame) else ""
    blocks: list[Block] = [
        ChartBlock(
            "Files by share of their text covered",
            charts.coverage(frame),
            f"{len(frame)} files, {unused} without an accepted row",
        ),
        Note(f"{unused} of {len(frame)} files gave no accepted row.", "warning" if unused else "good"),
        *sources_reviewed(frames),
        Table(columns, rows, f"By file{more}", numeric=(2, 3, 4, 5, 6, 7)),
    ]
    intro = (
        "Covered: characters of the chunks that accepted rows rest on. "
        "Every file is counted, so there is no interval."
    )
    return Section("coverage", "Coverage of the sources", tuple(blocks), intro)


def _file(row: dict[str, Any]) -> tuple[object, ...]:
    chars = int(row["chars"])
    return (
        text(row["uri"]),
        text(row["media_type"]),
        chars,
        f"{int(row['chunks_used'])} of {int(row['chunks'])}",
        written(int(row["covered_chars"]) / chars if chars else None, "share"),
        *(int(row[state]) for state in ("accepted", "rejected", "failed")),
    )
