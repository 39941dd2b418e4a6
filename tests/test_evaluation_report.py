"""The report of an evaluation: its figures, its accounts, its twins; nothing in an answer gets out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.eval_runs import choice_samples, quiz, talk, talk_samples, write_run

from gristmill.errors import UsageError
from gristmill_evals.evaluation.clean import Mark, Marks, write_marks
from gristmill_evals.evaluation.records import EvalSample, MetricInfo, TaskInfo
from gristmill_evals.evaluation.report import write_eval_report
from gristmill_evals.evaluation.report.build import evaluation_report, read_evaluation
from gristmill_evals.evaluation.report.drawing import drawn
from gristmill_evals.evaluation.report.sections.samples import result
from gristmill_evals.report import Report
from gristmill_evals.report.blocks import Figure, Figures, Note, Section, Table
from gristmill_evals.report.browse import Browse
from gristmill_evals.statistics import clustered_share

HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>|`*"
INFOS = (quiz(120), talk(40))


def _made(folder: Path, **changes: Any) -> Report:
    samples = [*choice_samples(120, 0.6, 1, failed=6), *talk_samples(40, 0.6, 0.1, 1)]
    write_run(folder, samples, INFOS, **changes)
    return evaluation_report(read_evaluation(folder))


def _section(report: Report, name: str) -> Section:
    return next(section for section in report.sections if section.id == name)


def _tables(report: Report, name: str) -> list[Table]:
    return [block for block in _section(report, name).blocks if isinstance(block, Table)]


def _notes(report: Report) -> str:
    return " ".join(b.text for s in report.sections for b in s.blocks if isinstance(b, Note))


def _figures(report: Report) -> Iterator[Figure]:
    for block in (block for section in report.sections for block in section.blocks):
        if isinstance(block, Figures):
            yield from block.items
        elif isinstance(block, Table):
            yield from (value for row in block.rows for value in row if isinstance(value, Figure))


def test_the_main_score_is_clustered_and_leaves_failed_items_out(tmp_path: Path) -> None:
    report = _made(tmp_path)
    figures = {figure.label: figure for figure in _figures(report)}
    kept = [s for s in choice_samples(120, 0.6, 1, failed=6) if not s.error]
    expected = clustered_share([s.metrics["acc"] == 1 for s in kept], [s.cluster for s in kept])
    shown = figures["quiz: acc"]
    assert (shown.value, shown.low, shown.high, shown.n) == (expected.mean, expected.low, expected.high, 114)
    row = _tables(report, "scores")[0].rows[0]
    assert row[4:9] == (120, 114, 0, 6, 0)
    right = sum(s.metrics["acc"] or 0 for s in kept)
    assert row[9] == f"{right / 120:.3f} to {(right + 6) / 120:.3f}"


def test_every_figure_has_its_size_and_interval_or_a_reason(tmp_path: Path) -> None:
    figures = list(_figures(_made(tmp_path)))
    assert len(figures) > 20
    for figure in figures:
        assert figure.note, figure
        if figure.low is not None:
            assert figure.low <= float(figure.value or 0) <= float(figure.high or 0)
            assert figure.n


def test_turns_categories_and_what_can_be_seen(tmp_path: Path) -> None:
    report = _made(tmp_path)
    turns, drops = _tables(report, "turns")
    assert [row[1] for row in turns.rows] == ["turn 1", "turn 2"]
    assert drops.rows[0][2].value == pytest.approx(-0.1, abs=0.03)
    assert {row[1] for row in _tables(report, "categories")[0].rows} == {"machines", "trade", "safety"}
    power = next(table for table in _tables(report, "scores") if "standard error" in table.columns)
    error, others, same = (float(cell) for cell in power.rows[0][3:])
    assert same == pytest.approx(2.8 * error, rel=0.1)  # 1.96 + 0.84 errors, a little more with few clusters
    assert others == pytest.approx(2**0.5 * same, rel=0.02)


def test_errors_are_counted_by_kind_with_an_example(tmp_path: Path) -> None:
    table = _tables(_made(tmp_path), "errors")[0]
    assert table.rows[0][:2] == ("quiz", "timeout")
    assert table.rows[0][3:] == (6, "timeout: no answer within 30 s")


def test_answers_without_a_value_say_why(tmp_path: Path) -> None:
    details = {"scores": {"good": {"value": None, "unscored": "not-json", "raw": "Hm, perhaps."}}}
    sample = EvalSample("judged", "1", "", {"good": None}, question="Why?", response="So.", details=details)
    write_run(tmp_path, [sample], [TaskInfo("judged", "judged", (MetricInfo("good"),), 1)])
    report = evaluation_report(read_evaluation(tmp_path))
    assert _tables(report, "errors")[0].rows == (("judged", "not-json", 1, "Hm, perhaps."),)
    assert _tables(report, "scores")[0].rows[0][4:9] == (1, 0, 1, 0, 0)


def test_unfinished_runs_failed_tasks_and_rule_models_are_warned_of(tmp_path: Path) -> None:
    model = {"role": "small", "model": "offline:extractive"}
    told = _notes(_made(tmp_path, finished=False, failures={"lm-eval:x": "no such task"}, model=model))
    assert "not complete (status: interrupted)" in told
    assert "The task lm-eval:x could not be run: no such task" in told
    assert "No language model" in told


def test_a_model_that_judges_itself_is_warned_of(tmp_path: Path) -> None:
    assert "judges its own answers" in _notes(_made(tmp_path, judges={"judge": {"model": "openai:writer"}}))


def test_secrets_stay_out_of_all_three_files(tmp_path: Path) -> None:
    model = {"role": "a", "model": "openai:a", "base_url": "http://me:hunter2@host/v1", "api_key": "sk-123"}
    _made(tmp_path, model=model)
    for path in write_eval_report(tmp_path):
        text = path.read_text()
        assert "hunter2" not in text
        assert "sk-123" not in text
        assert "openai:a" in text


def test_hostile_answers_are_shown_and_not_run(tmp_path: Path) -> None:
    samples = [
        replace(s, question=HOSTILE, response=HOSTILE, error=HOSTILE if s.error else "", cluster=HOSTILE)
        for s in choice_samples(20, 0.5, 1, failed=2)
    ]
    write_run(tmp_path, samples, [replace(quiz(20), settings={"a": HOSTILE})], name=HOSTILE)
    html, _, markdown = (path.read_text() for path in write_eval_report(tmp_path))
    assert html.count("<script") == 1
    assert "<img" not in html
    assert all(line.startswith("    ") for line in markdown.splitlines() if "<script" in line)  # code blocks


def test_the_json_twin_begins_with_the_scores(tmp_path: Path) -> None:
    _made(tmp_path)
    data = json.loads(write_eval_report(tmp_path)[1].read_text())
    first = data["scores"][0]
    assert (first["task"], first["metric"], first["n"], first["failed"]) == ("quiz", "acc", 114, 6)
    assert first["low"] < first["mean"] < first["high"]
    assert data["sections"][0]["id"] == "about"


def test_contaminated_items_have_their_own_score(tmp_path: Path) -> None:
    _made(tmp_path)
    marks = tuple(
        Mark(
            "quiz",
            f"q{n}",
            0.9 if n < 60 else 0.0,
            "verbatim",
            "row",
            1,
            "text",
            "same",
            (0, 4),
            "same",
            (0, 4),
        )
        for n in range(120)
    )
    write_marks(tmp_path / "contamination.jsonl", Marks("rows.jsonl", marks, rows=10))
    scores = _tables(evaluation_report(read_evaluation(tmp_path)), "clean")[0]
    everything, clean, contaminated = scores.rows[0][2:]
    assert (everything.n, clean.n, contaminated.n) == (114, 60, 54)


def test_a_cut_off_task_is_told_from_its_samples(tmp_path: Path) -> None:
    write_run(tmp_path, choice_samples(30, 0.5, 1), [], finished=False)
    report = evaluation_report(read_evaluation(tmp_path))
    assert "Cut off before they were described" in _notes(report)
    assert _tables(report, "scores")[0].rows[0][:3] == ("quiz", "not recorded", "acc")


def test_samples_are_drawn_evenly_and_always_the_same() -> None:
    entries = [("a", n) for n in range(1000)] + [("b", n) for n in range(3)]
    chosen = drawn(entries, lambda entry: entry[0], str, 20)
    assert [kind for kind, _ in chosen].count("b") == 3
    assert len(chosen) == 20
    assert set(chosen) == set(drawn(entries[::-1], lambda entry: entry[0], str, 20))


@pytest.mark.parametrize(
    ("value", "better", "told"),
    [
        (1.0, True, "right"),
        (0.0, True, "wrong"),
        (0.0, False, "right"),
        (0.4, True, "partly right"),
        (None, True, "unscored"),
    ],
)
def test_right_and_wrong_follow_the_metric(value: float | None, better: bool, told: str) -> None:
    sample = EvalSample("quiz", "1", "", {"acc": value})
    assert result(sample, MetricInfo("acc", better)) == told


def test_a_large_run_has_a_small_page(tmp_path: Path) -> None:
    one = choice_samples(2000, 0.5, 1)
    samples = [replace(s, question=s.question * 40, response="&<è" * 3000) for s in one]
    write_run(tmp_path, samples, [quiz(2000)])
    html = write_eval_report(tmp_path)[0]
    assert html.stat().st_size < 5_000_000
    (browse,) = _section(evaluation_report(read_evaluation(tmp_path)), "samples").blocks
    assert isinstance(browse, Browse)
    assert len(browse.items) == 300
    assert "more characters" in browse.items[0].parts[-2][1]


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no run\.json here"):
        write_eval_report(tmp_path)
