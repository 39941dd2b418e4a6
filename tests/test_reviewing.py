"""Agreement of reviewers with each other and with the runs, against values worked by hand and by row."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import krippendorff
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_frames import make

from gristmill_evals.agreement import cohen_kappa
from gristmill_evals.report import build_report
from gristmill_evals.report.blocks import ChartBlock, Figures, Note
from gristmill_evals.report.frames import COLUMNS, checked
from gristmill_evals.report.svg import svg
from gristmill_evals.reviewing import blocks
from gristmill_evals.reviewing.patterns import fleiss_kappa, kappa_of, nominal_alpha
from gristmill_evals.reviewing.people import overall, together, windows

TABLES = st.dictionaries(
    st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(lambda votes: sum(votes) > 1),
    st.integers(1, 30), min_size=1,
)  # fmt: skip


def test_cohens_kappa_is_that_of_the_rows_and_so_is_its_interval():
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: observed .7, by chance .5
    counts = {("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}
    found = kappa_of(counts)
    rows = [pair for pair, n in counts.items() for _ in range(n)]
    by_row = cohen_kappa(*zip(*rows, strict=True))
    assert found.value == pytest.approx(0.4)
    assert found.n == 50
    assert (found.low, found.high) == pytest.approx((by_row.low, by_row.high), abs=0.05)


def test_fleiss_kappa_of_a_table_worked_by_hand():
    # three people on four rows: agreed 1, 1/3, 1/3, 1; accepted 7 of 12: chance 74/144
    patterns = [({"a": 3}, 1), ({"a": 2, "b": 1}, 2), ({"b": 3}, 1)]
    found = fleiss_kappa(patterns)
    assert found.value == pytest.approx((2 / 3 - 74 / 144) / (1 - 74 / 144))
    assert found.n == 4
    assert fleiss_kappa([({"a": 1}, 9)]).note == "no row was decided by two people"
    assert "everybody said the same" in fleiss_kappa([({"a": 2}, 9)]).note


@given(TABLES)
@settings(max_examples=30, deadline=None)
def test_alpha_is_that_of_the_library(table):
    patterns = [({"a": a, "b": b}, n) for (a, b), n in table.items()]
    found = nominal_alpha(patterns, draws=5)
    counts = [[a, b] for (a, b), n in table.items() for _ in range(n)]
    if found.value is None:
        assert not all(sum(column) for column in zip(*counts, strict=True))
    else:
        expected = krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
        assert found.value == pytest.approx(expected)


def pairings(*lines: tuple[str, str, str, str, int]) -> pd.DataFrame:
    return pd.DataFrame([("rows", *line) for line in lines], columns=COLUMNS["pairings"])


def ballots(*votes: tuple[int, int, int]) -> pd.DataFrame:
    rows = [
        ("rows", json.dumps([{"said": "accepted", "votes": a}, {"said": "rejected", "votes": b}]), n)
        for a, b, n in votes
    ]
    return pd.DataFrame(rows, columns=COLUMNS["ballots"])


def test_every_two_people_and_all_of_them_have_an_agreement_with_interval():
    pairs = pairings(
        ("Ada", "Bo", "accepted", "accepted", 30), ("Ada", "Bo", "accepted", "rejected", 5),
        ("Ada", "Bo", "rejected", "rejected", 10), ("Ada", "Cy", "accepted", "accepted", 4),
    )  # fmt: skip
    [found] = together(pairs, ballots((2, 0, 34), (1, 1, 5), (0, 2, 10)))
    assert [(one, other, kappa.n) for one, other, kappa in found.pairs] == [
        ("Ada", "Bo", 45),
        ("Ada", "Cy", 4),
    ]
    assert found.pairs[0][2].value == pytest.approx(0.727, abs=0.001)
    assert found.pairs[1][2].value is None
    for one in (found.fleiss, found.alpha, found.pairs[0][2]):
        assert one.low is not None
        assert one.high is not None
        assert one.low < (one.value or 0) < one.high


def judged(*windows_: tuple[int, int, int, int]) -> pd.DataFrame:
    """By window: rows both accepted, rejected by people only, by the run only, by both."""
    start, rows = datetime(2026, 11, 2, 9, tzinfo=UTC), []
    cells = (
        ("accepted", "accepted"),
        ("accepted", "rejected"),
        ("rejected", "accepted"),
        ("rejected", "rejected"),
    )
    for number, counts in enumerate(windows_):
        first = start + timedelta(hours=number)
        for (judge, people), n in zip(cells, counts, strict=True):
            rows += [(number, first, first + timedelta(minutes=50), judge, people, n)] if n else []
    return pd.DataFrame(rows, columns=COLUMNS["judged"])


def test_the_runs_decisions_are_compared_window_by_window_and_over_all():
    frame = judged((16, 4, 0, 0), (10, 2, 3, 5))
    first, second = windows(frame)
    assert (first.n, first.share, first.kappa.value) == (20, 0.8, None)
    assert "the run had accepted all of them" in first.kappa.note
    assert first.low < 0.8 < first.high
    assert second.kappa.value == pytest.approx(0.468, abs=0.001)
    every = overall(frame)
    assert every is not None
    assert (every.n, every.share, every.first) == (40, 31 / 40, first.first)


@pytest.mark.parametrize(
    ("reviewers", "said"),
    [
        ([], "nobody has reviewed a row yet"),
        (["Ada"], "only Ada has reviewed: it takes two people"),
        (["Ada", "Bo"], "2 people have reviewed, but never the same row"),
    ],
)
def test_without_rows_in_common_it_is_said_why(reviewers, said):
    frames = checked(
        {"reviews": pd.DataFrame([(who, "accept", "", 3) for who in reviewers], columns=COLUMNS["reviews"])}
    )
    [note] = blocks.agreement(frames)
    assert isinstance(note, Note)
    assert said in note.text


def review_frames() -> dict[str, pd.DataFrame]:
    days = [("Ada", "2026-11-02", 40, 38, 11.0, 15.0, 22.0), ("Bo", "2026-11-03", 9, 8, 20.0, 31.0, 55.0)]
    reasons = [("Ada", "unsupported", False, 7), ("Bo", "trivial", False, 2), ("Bo", "trivial", True, 500)]
    states = [
        ("instruction", "accepted", None, "pending", 60),
        ("instruction", "accepted", "accepted", "accepted", 30),
        ("instruction", "accepted", "rejected", "rejected", 10),
        ("preference", "rejected", "accepted", "accepted", 2),
    ]
    spent = [(f"run-{n}", "mill", pd.Timestamp("2026-11-01"), 1.5, 900, n, 80, 50, 40) for n in (0, 3)]
    rows = {
        "pace": days, "reasons": reasons, "states": states, "spent": spent,
        "reviews": [("Ada", "accept", "", 40), ("Bo", "accept", "", 9)],
    }  # fmt: skip
    made = {name: pd.DataFrame(lines, columns=COLUMNS[name]) for name, lines in rows.items()}
    said = ("Ada", "Bo", "accepted", "rejected", 5), ("Ada", "Bo", "accepted", "accepted", 20)
    made |= {"pairings": pairings(*said), "ballots": ballots((2, 0, 20), (1, 1, 5))}
    return made | {"judged": judged((16, 4, 0, 0), (10, 2, 3, 5))}


def test_every_figure_has_its_n_and_an_interval_or_says_why_not_and_every_chart_is_drawn():
    frames = {**make(60, model="org/large"), **review_frames()}
    report = build_report(frames, title="Mill")
    shown = [
        block for section in report.sections if section.id in ("review", "cost") for block in section.blocks
    ]
    for block in shown:
        for figure in block.items if isinstance(block, Figures) else ():
            assert figure.note or figure.low is not None, figure.label
            assert figure.n is not None or "counted" in figure.note or "by people" in figure.note, (
                figure.label
            )
    charts = {block.title: block for block in shown if isinstance(block, ChartBlock)}
    wanted = (
        "From accepted to kept",
        "Agreement between reviewers on rows",
        "Why people rejected rows",
        "Seconds a decision",
        "The run's decisions and people's, over time",
        "Cost of a row, by run",
    )
    for title in wanted:
        assert svg(charts[title].chart, "c").count("<path") > 1, title
    notes = " ".join(block.text for block in shown if isinstance(block, Note))
    assert "many rows at once are not in it: 500" in notes


def test_what_a_row_costs_is_told_with_what_is_not_in_it():
    [figures, chart] = blocks.cost_per_row(checked(review_frames()))
    assert isinstance(figures, Figures)
    assert [(figure.value, figure.n) for figure in figures.items] == [(0.03, 100), (0.0375, 80)]
    assert "3 calls without a known price" in figures.items[0].note
    assert isinstance(chart, ChartBlock)
    [note] = blocks.cost_per_row(checked({}))
    assert isinstance(note, Note)
