"""Figures and tables of the dashboard, from the frames of the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from gristmill_evals.charts import Chart


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart with its title, or what to say while there is nothing to draw."""

    title: str
    frame: pd.DataFrame
    chart: Callable[[pd.DataFrame], Chart]
    empty: str = ""


def figures(counts: Mapping[str, int]) -> list[tuple[str, int, str]]:
    """(label, number, explanation) of the tiles at the top."""
    return [
        ("Rows", counts["total"], "All rows the runs have made"),
        ("To review", counts["pending"], "Accepted by the run, not looked at yet"),
        ("Accepted", counts["accepted"], "By a reviewer"),
        ("Rejected", counts["rejected"], "By a reviewer"),
        ("Rejected by runs", counts["machine_rejected"], "By gates and judges"),
        ("Failed", counts["failed"], "No usable answer"),
    ]


def panels(frames: Mapping[str, pd.DataFrame]) -> list[Panel]:
    """The charts, in the order they are shown."""
    from gristmill_evals import charts

    outcomes, scores, reviews = frames["outcomes"], frames["scores"], frames["reviews"]
    lost = outcomes[outcomes["state"] != "accepted"]
    wanted: list[tuple[str, Callable[[pd.DataFrame], Chart], pd.DataFrame, str]] = [
        ("From asked to accepted", charts.funnel, outcomes, "No run has decided a row yet."),
        ("Why rows were lost", charts.reject_reasons, outcomes if len(lost) else lost, "No row was lost."),
        ("Scores", charts.score_distribution, scores.dropna(subset=["value"]), "No row is scored yet."),
        ("Status of rows", charts.statuses, frames["rows"], "There are no rows yet."),
        ("Reviews", charts.review_actions, reviews, "Nobody has reviewed a row yet."),
        ("Sources covered", charts.coverage, frames["coverage"], "No source has been read yet."),
        ("Benchmark matches", charts.matches, frames["matches"], "No row looks like a benchmark item."),
    ]
    return [Panel(title, frame, chart, "" if len(frame) else empty) for title, chart, frame, empty in wanted]


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
