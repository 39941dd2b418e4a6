"""Charts: aggregated before they are drawn, and drawn without a network."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from report_frames import make

from gristmill_evals import charts
from gristmill_evals.report.svg import svg

FRAMES = make()
CASES = [
    (charts.funnel, "outcomes"),
    (charts.reject_reasons, "outcomes"),
    (charts.score_distribution, "scores"),
    (charts.lengths, "rows"),
    (charts.coverage, "coverage"),
    (charts.matches, "matches"),
    (charts.review_actions, "reviews"),
    (charts.statuses, "rows"),
    (charts.tokens, "calls"),
    (charts.cost, "calls"),
]
IDS = [function.__name__ for function, _ in CASES]


@pytest.mark.parametrize(("function", "frame"), CASES, ids=IDS)
def test_each_chart_is_drawn(function: object, frame: str) -> None:
    drawn = svg(function(FRAMES[frame]), "c1")
    assert drawn.startswith("<svg")
    assert drawn.count("<path") + drawn.count("<rect") > 1
    assert "http" not in drawn.replace('xmlns="http://www.w3.org/2000/svg"', "")


@pytest.mark.parametrize(("function", "frame"), CASES, ids=IDS)
def test_each_chart_survives_an_empty_frame(function: object, frame: str) -> None:
    assert svg(function(FRAMES[frame].head(0)), "c1").startswith("<svg")


def test_big_frames_make_small_charts() -> None:
    scores = pd.concat([FRAMES["scores"]] * 300)
    spec = charts.score_distribution(scores).to_dict()
    assert sum(len(rows) for rows in spec["datasets"].values()) == 40
    assert (
        sum(row["n"] for rows in spec["datasets"].values() for row in rows) == scores["value"].notna().sum()
    )


def test_the_funnel_counts_what_was_lost() -> None:
    counts = [
        ("accepted", "", 5),
        ("rejected", "nothing-to-ask", 3),
        ("rejected", "short", 2),
        ("failed", "x", 1),
    ]
    outcomes = pd.DataFrame(counts, columns=["state", "reason", "n"])
    stages = charts.funnel_stages(outcomes)
    assert list(stages["n"]) == [11, 10, 7, 5]
    assert list(stages["share"]) == pytest.approx([1, 10 / 11, 7 / 11, 5 / 11])


def test_rare_reasons_are_gathered() -> None:
    outcomes = pd.DataFrame(
        {"task": "qa", "state": "rejected", "reason": [f"r{n}" for n in range(40)], "n": range(40, 0, -1)}
    )
    [rows] = [
        rows for rows in charts.reject_reasons(outcomes).to_dict()["datasets"].values() if "state" in rows[0]
    ]
    assert len(rows) == charts.MOST_BARS + 1
    assert (rows[-1]["reason"], sum(row["n"] for row in rows)) == ("28 other reasons", sum(range(41)))


def test_ids_in_a_drawing_are_its_own() -> None:
    chart = charts.score_distribution(FRAMES["scores"])
    ids = [set(re.findall(r'\bid="([^"]+)"', svg(chart, name))) for name in ("a", "b")]
    assert not ids[0] & ids[1]


def test_hostile_names_stay_text() -> None:
    outcomes = pd.DataFrame(
        [("qa", "rejected", "</svg><script>alert(1)</script>", 3)], columns=["task", "state", "reason", "n"]
    )
    assert "<script" not in svg(charts.reject_reasons(outcomes), "c")
