"""Figures, charts and tables of the dashboard: those of the report, from the frames of the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gristmill_ui.services.reasons import REASONS
from gristmill_ui.services.view import STATUS_LABELS

if TYPE_CHECKING:
    import pandas as pd

    from gristmill_data.store import Frames, Store
    from gristmill_evals.charts import Chart
    from gristmill_evals.report.blocks import Block

FRAMES = (
    "runs", "outcomes", "scores", "coverage", "calls", "reviews", "states", "pairings", "ballots", "judged",
    "pace", "reasons", "spent", "matched", "speed",
)  # fmt: skip
SAMPLE = 100_000
"""Scores drawn from, of more: the histogram looks the same, and the page is there at once."""
LENGTHS = 10_000
"""Rows whose lengths are drawn."""
ESTIMATED = "Estimated: one token for every four characters."


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the dashboard: blocks as the report has them, or a sentence why there is nothing to draw."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


def load(store: Store) -> Frames:
    """The frames of the dashboard."""
    from gristmill_data.store.frames import frames

    found = {**frames(store, SAMPLE, FRAMES), **frames(store, LENGTHS, ("rows",))}
    found["states"] = found["states"].assign(status=found["states"]["queue_status"].map(STATUS_LABELS))
    found["reasons"] = found["reasons"].assign(
        reason=found["reasons"]["reason"].map(lambda r: REASONS.get(r, r))
    )
    return found


def figures(counts: Mapping[str, int]) -> list[tuple[str, int, str]]:
    """(label, number, explanation) of the tiles at the top."""
    return [
        ("Rows", counts["total"], "All rows the runs have made"),
        ("To review", counts["pending"], "Accepted by the run, not yet decided by as many people as wanted"),
        ("Accepted", counts["accepted"], "By people"),
        ("Rejected", counts["rejected"], "By people"),
        ("Disputed", counts.get("disputed", 0), "People disagree: a lead has the last word"),
        ("Rejected by runs", counts["machine_rejected"], "By gates and judges"),
        ("Failed", counts["failed"], "No usable answer"),
    ]


def groups(frames: Frames) -> list[Group]:
    """All parts, in the order they are shown."""
    return [
        Group("How the rows came about", tuple(_made(frames))),
        Group("How people review them", tuple(_reviewed(frames))),
        Group("What they rest on, and what they cost", tuple(_rest(frames))),
    ]


def _made(frames: Frames) -> list[Panel]:
    from gristmill_evals import charts
    from gristmill_evals.report.blocks import Note
    from gristmill_evals.report.charts import token_lengths
    from gristmill_evals.report.sections.judges import health
    from gristmill_evals.report.sections.lengths import long_form

    outcomes, scores = frames["outcomes"], frames["scores"]
    lost, scored = outcomes[outcomes["state"] != "accepted"], scores.dropna(subset=["value"])
    return [
        _chart("From asked to accepted", charts.funnel, outcomes, "No run has decided a row yet."),
        _chart(
            "Why rows were lost", charts.reject_reasons, outcomes if len(lost) else lost, "No row was lost."
        ),
        _chart("Scores", charts.score_distribution, scored, "No row is scored yet.", _sampled(scores)),
        _chart("Status of rows", charts.statuses, frames["states"], "There are no rows yet."),
        Panel("Judge health", tuple(health(frames)) if len(scores) else (Note("No row is scored yet."),)),
        _chart(
            "Lengths in tokens",
            token_lengths,
            long_form(_live(frames["rows"])),
            "There are no rows yet.",
            ESTIMATED,
        ),
    ]


def _live(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose document is still there."""
    return rows[~rows["stale"].astype(bool)]


def _reviewed(frames: Frames) -> list[Panel]:
    from gristmill_evals import charts
    from gristmill_evals.reviewing import blocks

    return [
        Panel("From accepted to kept", tuple(blocks.stages(frames))),
        _chart("What people did", charts.review_actions, frames["reviews"], "Nobody has reviewed a row yet."),
        Panel("Agreement between reviewers", tuple(blocks.agreement(frames))),
        Panel("Runs and people, over time", tuple(blocks.judges(frames))),
        Panel("Why people rejected rows", tuple(blocks.reasons(frames))),
        Panel("Speed", tuple(blocks.pace(frames))),
    ]


def _rest(frames: Frames) -> list[Panel]:
    from gristmill_evals import charts
    from gristmill_evals.report.blocks import Note
    from gristmill_evals.report.sections.spending import time
    from gristmill_evals.reviewing import blocks

    seen = blocks.sources(frames) or [Note("No source has given a row yet.")]
    return [
        _chart("Sources covered", charts.coverage, frames["coverage"], "No source has been read yet."),
        Panel("Sources reviewed", tuple(seen)),
        Panel("Cost", tuple(blocks.cost_per_row(frames))),
        Panel("Time", time(frames).blocks),
        _chart("Benchmark matches", charts.matches, frames["matched"], "No row looks like a benchmark item."),
    ]


def _chart(
    title: str, chart: Callable[[pd.DataFrame], Chart], frame: pd.DataFrame, empty: str, told: str = ""
) -> Panel:
    from gristmill_evals.report.blocks import ChartBlock, Note

    return Panel(title, (ChartBlock(title, chart(frame), told),) if len(frame) else (Note(empty),))


def _sampled(frame: pd.DataFrame) -> str:
    sampled = frame.attrs.get("sampled")
    return f"Drawn from a sample: 1 in {sampled['every']:,} of {sampled['of']:,} scores." if sampled else ""


def cells(rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a table as text, figures with their interval."""
    from gristmill_evals.report.numbers import cell

    return [dict(zip(columns, map(cell, row), strict=True)) for row in rows]


def runs(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """One row a run, the newest first, with the figures of its summary."""
    rows = []
    for run in frame.iloc[::-1].to_dict("records"):
        summary = json.loads(run["summary"]) if isinstance(run["summary"], str) else {}
        rejected, failed = (sum((summary.get(name) or {}).values()) for name in ("rejected", "failed"))
        rows.append(
            {
                "Run": run["name"] or run["run_id"],
                "Status": run["status"],
                "Started": run["started"],
                "Finished": run["finished"],
                "Planned": summary.get("planned"),
                "Accepted": summary.get("accepted"),
                "Rejected": rejected if summary else None,
                "Failed": failed if summary else None,
                "Cost $": summary.get("cost_usd"),
            }
        )
    return rows
