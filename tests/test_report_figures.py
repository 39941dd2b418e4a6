"""Every number of a report: its n, its interval or why there is none; some of them worked out anew."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
import pytest
from report_frames import make
from support.store_rows import fill, new_store, review

from gristmill_evals.report import Report, build_report
from gristmill_evals.report.blocks import ChartBlock, Figure, Figures, Note, Table
from gristmill_evals.report.frames import checked
from gristmill_evals.report.sections import SECTIONS


@pytest.fixture(scope="module")
def report() -> Report:
    return build_report(make(model="openai:gpt-small"), title="Mill handbook")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Report:
    with new_store(tmp_path_factory.mktemp("stored")) as store:
        made = fill(store, examples=12, pairs=4)
        store.decide(review(made.examples[0], "reject", reason="wrong"))
        return build_report(store.frames(), title="stored")


def figures(report: Report) -> Iterator[tuple[str, Figure]]:
    """Every figure with its section, those in cells of tables too."""
    for section in report.sections:
        for block in section.blocks:
            if isinstance(block, Figures):
                yield from ((section.id, figure) for figure in block.items)
            if isinstance(block, Table):
                cells = (value for row in block.rows for value in row)
                yield from ((section.id, value) for value in cells if isinstance(value, Figure))


def of(report: Report, section: str) -> dict[str, Figure]:
    return {figure.label: figure for name, figure in figures(report) if name == section and figure.label}


def chapter(frames: dict[str, pd.DataFrame], name: str) -> Report:
    """A report of one section only."""
    return Report("x", tuple(s for f in SECTIONS if f.__name__ == name for s in [f(checked(frames))]))


def notes(report: Report) -> str:
    blocks = [block for section in report.sections for block in section.blocks]
    return " ".join(block.text for block in blocks if isinstance(block, Note))


def rows_of(report: Report, section: str, caption: str) -> list[tuple[object, ...]]:
    [found] = [s for s in report.sections if s.id == section]
    [table] = [b for b in found.blocks if isinstance(b, Table) and b.caption.startswith(caption)]
    return list(table.rows)


@pytest.mark.parametrize("which", ["report", "stored"])
def test_every_estimate_has_its_n_and_its_interval_or_says_why_not(
    which: str, request: pytest.FixtureRequest
) -> None:
    found = list(figures(request.getfixturevalue(which)))
    assert len(found) > (150 if which == "report" else 60)
    for section, figure in found:
        whole = figure.low is not None and figure.high is not None
        assert (figure.low is None) == (figure.high is None), (section, figure)
        assert figure.note, (section, figure)
        if whole:
            assert figure.n, (section, figure)
            assert isinstance(figure.value, (int, float))
            assert figure.low <= figure.value <= figure.high, (section, figure)
        elif figure.unit in ("share", "score", "points", "ratio", "number") and figure.value is not None:
            assert "no interval" in figure.note or "counted" in figure.note, (section, figure)


def test_every_chart_is_told_in_words(report: Report) -> None:
    told = [b.description for s in report.sections for b in s.blocks if isinstance(b, ChartBlock)]
    assert len(told) > 15
    assert all(told)


def test_all_chapters_are_there_even_when_nothing_is(stored: Report) -> None:
    wanted = (
        "about figures accounting funnel failures scores judges groundedness leaks diversity duplicates "
        "lengths pairs contamination coverage review cost time settings samples"
    )
    for report in (stored, build_report({}, title="empty")):
        assert [section.id for section in report.sections] == wanted.split()
        assert all(section.blocks for section in report.sections)


def test_key_figures_hold_those_of_other_chapters(report: Report) -> None:
    key, leaks = of(report, "figures"), of(report, "leaks")
    assert key["Accepted rows with a refusal or leak"].value == leaks["Rows with any of these"].value
    assert key["Accepted rows with a near copy"].low == of(report, "duplicates")["Have a near copy"].low
    assert key["Tokens to train on"].n


def test_lengths_are_those_of_the_estimate_for_budgets(report: Report) -> None:
    rows = make()["rows"]
    accepted = rows[rows["status"] == "accepted"]
    whole = [math.ceil(chars / 4) + 8 for chars in accepted["total_chars"]]
    found = of(report, "lengths")
    assert found["Tokens to train on, accepted rows"].value == sum(whole)
    assert found["Tokens a row"].value == pytest.approx(sum(whole) / len(whole))
    [first, *_] = rows_of(report, "lengths", "Accepted rows by context")
    assert first[:2] == ("512", sum(tokens <= 512 for tokens in whole))
    assert found["Characters a token in prompts to openai:gpt-small"].value == pytest.approx(400 / 105)


def test_pair_lengths_are_compared_by_their_geometric_mean() -> None:
    frames = make()
    twice = [200 if n % 10 else 50 for n in range(400)]
    frames["rows"] = frames["rows"].assign(chosen_chars=twice, rejected_chars=100, margin=4.5)
    found = of(chapter(frames, "audit"), "pairs")
    assert found["Length of chosen over rejected"].value == pytest.approx(1.0)
    assert found["Mean margin of the judge, in points of 10"].value == 4.5


def test_pairs_of_equal_length_say_nothing_of_length() -> None:
    frames = make()
    chosen = [100 + 50 * (n % 3) for n in range(400)]
    frames["rows"] = frames["rows"].assign(chosen_chars=chosen, rejected_chars=150, margin=None, contrast="x")
    report = chapter(frames, "audit")
    longer = of(report, "pairs")["Chosen is the longer response"]
    pairs = [c for c, kind in zip(chosen, frames["rows"]["kind"], strict=True) if kind == "preference"]
    assert longer.n == len(pairs) - pairs.count(150)
    assert longer.value == pairs.count(200) / longer.n
    assert "no length bias can be shown" in notes(report)


def test_words_of_prompts_that_are_not_recorded_are_not_called_absent() -> None:
    frames = make()
    frames["prompts"] = frames["prompts"].head(0)
    [line] = [
        r for r in rows_of(chapter(frames, "refusals"), "leaks", "By generator") if "prompt" in str(r[0])
    ]
    assert {cell.value for cell in line[2:]} == {None}


def test_margins_of_more_than_one_point_keep_their_interval() -> None:
    frames = make()
    margins = [2.0 + n % 7 for n in range(400)]
    frames["rows"] = frames["rows"].assign(chosen_chars=2, rejected_chars=1, margin=margins, contrast="swap")
    found = of(chapter(frames, "audit"), "pairs")["Mean margin of the judge, in points of 10"]
    assert found.low is not None
    assert 2 < found.low < found.value < found.high < 9


def test_judges_of_pairs_are_counted_in_both_orders(report: Report) -> None:
    verdicts = make()["verdicts"]
    lines = {str(name): cell for name, cell in rows_of(report, "judges", "Judges of pairs")}
    same = (verdicts["forward"] == verdicts["swapped"]).mean()
    ties = (verdicts["value"] == 0.5).mean()
    first = [*(verdicts["forward"] == "1"), *(verdicts["swapped"] == "2")]
    assert lines["pairs"] == len(verdicts)
    assert lines["same winner in both orders"].value == pytest.approx(same)
    assert lines["a tie in the end"].value == pytest.approx(ties)
    assert lines["the response shown first wins"].value == pytest.approx(sum(first) / len(first))


def test_judges_are_held_against_people_and_each_other(report: Report) -> None:
    frames = make()
    review = frames["rows"].set_index("example_id")["review"].dropna()
    scores = frames["scores"][frames["scores"]["scorer"] == "answer"].dropna(subset=["value"])
    both = scores.set_index("example_id")["value"].to_frame().join(review, how="inner")
    kept, lost = (both[both["review"] == word]["value"] for word in ("accepted", "rejected"))
    wins = [(a > b) + (a == b) / 2 for a in kept for b in lost]
    [line] = [
        row for row in rows_of(report, "judges", "Agreement of judges with people") if row[0] == "answer"
    ]
    assert line[1:3] == (len(kept), len(lost))
    assert line[3].value == pytest.approx(sum(wins) / len(wins))
    [jury] = [
        row for row in rows_of(report, "judges", "Agreement of judges with each") if "lab/" in str(row[1])
    ]
    seats = frames["seats"].pivot_table(index="example_id", columns="judge", values="value")
    assert jury[3].value == pytest.approx(seats.corr("spearman").iloc[0, 1])


def test_leaks_are_found_by_generator_with_examples(report: Report) -> None:
    texts = make()["texts"]
    lines = {row[0]: row[2] for row in rows_of(report, "leaks", "By generator")}
    refused = texts["response"].str.startswith("I cannot help").sum()
    talked = texts["response"].str.startswith("According to the passage").sum()
    assert refused > 1 < talked
    assert lines["refusal"].value == pytest.approx(refused / len(texts))
    assert lines["talk of the source"].value == pytest.approx(talked / len(texts))
    assert lines["words of the prompt"].value == pytest.approx(1 / len(texts))
    shown = {row[0]: str(row[2]) for row in rows_of(report, "leaks", "Examples")}
    assert shown["refusal"].startswith("I cannot help")
    assert shown["talk of the source"] == "According to the passage"


def test_groundedness_is_measured_for_the_report_when_the_run_did_not() -> None:
    frames = make()
    frames["scores"] = frames["scores"][frames["scores"]["scorer"] != "groundedness"]
    report = chapter(frames, "groundedness")
    assert "measured when this report was written" in notes(report)
    found = of(report, "groundedness")
    assert 0 < found["Mean groundedness"].value < 1
    assert found["All of it found in the source"].value == pytest.approx(
        (frames["texts"]["spans_found"] == 2).mean()
    )


def test_time_and_cost_are_told_by_run_and_generator(report: Report) -> None:
    [run] = rows_of(report, "time", "By run")
    assert run[2] == "41.0 s"
    assert run[5] == round(3600 * int(run[3]) / 41)
    by_generator = {row[0]: row for row in rows_of(report, "cost", "By generator")}
    assert by_generator["qa"][7].value == pytest.approx(1.2 / 190)
    assert "3 calls of no known price" in by_generator["preference"][7].note


def test_versions_recorded_by_runs_are_shown() -> None:
    frames = make()
    summary = frames["runs"]["summary"][0].replace('"seconds"', '"versions": {"python": "3.11.9"}, "seconds"')
    told = chapter({**frames, "runs": frames["runs"].assign(summary=summary)}, "settings")
    assert rows_of(told, "settings", "Versions") == [("python", "3.11.9")]


def test_a_sample_of_texts_is_called_a_lower_bound() -> None:
    frames = make()
    frames["texts"].attrs["sampled"] = {"of": 90_000, "every": 300}
    assert "lower bounds" in notes(chapter(frames, "duplicates"))


def test_nearly_constant_judges_have_no_rank_correlation() -> None:
    frames = make()
    scores = frames["scores"]
    frames["scores"] = scores.assign(value=scores["value"].where(scores["scorer"] == "answer", 1.0))
    report = chapter({**frames, "seats": frames["seats"].head(0)}, "judges")
    [line] = rows_of(report, "judges", "Agreement of judges with each")
    assert line[3].value is None
    assert "100.0 % of the rows one value" in line[3].note
