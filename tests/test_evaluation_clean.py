"""Items of an evaluation against a dataset: what is marked, where rows come from, scores on the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.store_rows import fill, new_store

from gristmill.cli.evaluate_dataset import mark_outcomes
from gristmill.cli.rowfiles import line_batches
from gristmill.errors import UsageError
from gristmill_evals.evaluation.clean import (
    Mark,
    Marks,
    clean_scores,
    mark,
    mark_runs,
    read_marks,
    write_marks,
)
from gristmill_evals.evaluation.folder import RunWriter
from gristmill_evals.evaluation.records import EvalRun, EvalSample, MetricInfo, TaskInfo
from gristmill_evals.evaluation.runner import Outcome

SHEEP = "How many hectares of meadow does a shepherd with ninety-one sheep and four dogs rent for a summer?"
FERRY = "Why does the ferry at the lower crossing leave eleven minutes later on every second market day?"
OWNER = """
import sys
from pathlib import Path
import gristmill.pipeline.operations
from support.store_owner import main
main(Path(sys.argv[1]), sys.argv[2])
"""


def sample(
    item: str, question: str = "", value: float | None = 1.0, task: str = "t", **more: Any
) -> EvalSample:
    return EvalSample(task, item, item, {"correct": value}, question=question, **more)


def batches(*rows: dict[str, Any]) -> list[list[tuple[int, bytes]]]:
    return [[(number, json.dumps(row).encode()) for number, row in enumerate(rows, 1)]]


def info(*tasks: str) -> list[TaskInfo]:
    return [TaskInfo(task, "jsonl", (MetricInfo("correct"),), 0) for task in tasks]


def test_the_best_row_of_each_item_is_kept_with_its_place() -> None:
    rows = batches(
        {"id": "r1", "text": "Bread is left to rise overnight in a cool room under a damp cloth."},
        {"id": "r2", "messages": [{"role": "user", "content": f"Please answer. {SHEEP}"}]},
    )
    found = mark([sample("a", SHEEP), sample("b", FERRY)], rows, dataset="rows")
    first, second = found.marks
    assert (first.example_id, first.line, first.field, first.label) == ("r2", 2, "messages[0]", "verbatim")
    assert first.row_text[slice(*first.row_span)] == SHEEP.rstrip("?")
    assert first.contaminated(0.9)
    assert (second.score, second.contaminated(0.3), found.rows) == (0.0, False, 2)


def test_rows_that_cannot_be_read_and_items_without_text_are_counted() -> None:
    rows = [[(1, b"no json"), (2, b'{"id": 1}'), (3, json.dumps({"text": FERRY}).encode())]]
    found = mark([sample("a"), sample("b", FERRY)], rows, dataset="rows.jsonl")
    assert found.rejected == {"not-json": 1, "no-text": 1}
    assert found.rows == 1
    assert [one.score for one in found.marks] == [None, 1.0]
    assert found.marks[1].example_id == "rows.jsonl:3"
    [score] = clean_scores([sample("a"), sample("b", FERRY)], found, info("t"), [])
    assert score.unknown == 1
    assert score.note == "every item is contaminated: there is no clean score"


def test_a_template_teaches_how_and_does_not_count() -> None:
    kept = Mark("t", "a", 0.6, "template")
    assert kept.contaminated(0.5) is False
    assert Mark("t", "a", 0.6, "paraphrase").contaminated(0.5)


def test_one_question_in_many_tasks_is_still_found() -> None:
    """Runs that more than three items share are boilerplate, which a repeated item must not become."""
    samples = [sample("a", SHEEP, task=f"t{n}") for n in range(6)]
    found = mark(samples, batches({"id": "r", "text": SHEEP}), dataset="rows")
    assert [(one.task, one.label) for one in found.marks] == [(f"t{n}", "verbatim") for n in range(6)]


def test_a_variant_has_the_mark_of_its_original() -> None:
    def details(variant: str) -> dict[str, Any]:
        return {"variant": variant, "of": "a", "set": "m"}

    samples = [
        sample("a", SHEEP, task="m/original", details=details("original")),
        sample("a#names-1", SHEEP.replace("shepherd", "farmer"), task="m/names", details=details("names-1")),
    ]
    first, second = mark(samples, batches({"id": "r", "text": SHEEP}), dataset="rows").marks
    assert (second.task, second.item_id, second.label) == ("m/names", "a#names-1", "verbatim")
    assert first.score == second.score


def test_several_runs_are_marked_in_one_go() -> None:
    runs = [[sample("a", SHEEP), sample("b", FERRY)], [sample("b", FERRY, 0.0)]]
    rows = iter(batches({"id": "r", "text": FERRY}))  # can be read once
    first, second = mark_runs(runs, rows, dataset="rows")
    assert [one.item_id for one in first.marks] == ["a", "b"]
    assert [(one.item_id, one.label) for one in second.marks] == [("b", "verbatim")]


def test_marks_come_back_from_their_file(tmp_path: Path) -> None:
    marks = Marks("d", (Mark("t", "a", None), Mark("t", "b", 0.7, "near", "r", 3, "text", "x", (0, 1))), 5)
    write_marks(tmp_path / "contamination.jsonl", marks)
    assert read_marks(tmp_path / "contamination.jsonl") == marks
    (tmp_path / "contamination.jsonl").write_text('{"dataset": "d"}\n{"item": 1}\n')
    with pytest.raises(UsageError, match=r"contamination\.jsonl:2"):
        read_marks(tmp_path / "contamination.jsonl")


def marked(scores: Sequence[tuple[float | None, float]]) -> tuple[list[EvalSample], Marks]:
    """Samples of (value, contamination score)."""
    samples = [sample(str(n), value=value) for n, (value, _) in enumerate(scores)]
    return samples, Marks("d", tuple(Mark("t", str(n), s, "near") for n, (_, s) in enumerate(scores)))


def test_all_less_clean_is_the_share_times_the_gap() -> None:
    samples, marks = marked([(1.0, 0.8)] * 18 + [(0.0, 0.8)] * 2 + [(1.0, 0.0)] * 30 + [(0.0, 0.0)] * 30)
    [score] = clean_scores([*samples, sample("x", value=None)], marks, info("t"), [])
    assert score.everything
    assert score.clean
    assert score.inflation
    assert score.gap
    assert (score.everything.mean, score.clean.mean, score.gap.mean) == pytest.approx((0.6, 0.5, 0.4))
    assert score.inflation.mean == pytest.approx(score.everything.mean - score.clean.mean)
    assert score.inflation.low == pytest.approx(0.25 * score.gap.low)  # type: ignore[operator]
    assert score.inflation.low > 0  # type: ignore[operator]
    assert (score.unscored, score.clean.n) == (1, 60)


def test_few_contaminated_items_have_no_interval_and_thresholds_move_them() -> None:
    samples, marks = marked([(1.0, 0.95)] * 4 + [(1.0, 0.6)] * 10 + [(0.0, 0.0)] * 20)
    found = {one.min_score: one for one in clean_scores(samples, marks, info("t"))}
    assert list(found) == [0.3, 0.5, 0.7, 0.9]
    assert found[0.5].gap
    assert found[0.5].gap.low is not None
    assert found[0.9].gap
    assert found[0.9].gap.note == "4 contaminated sources, 10 are needed: no interval"
    assert found[0.9].inflation
    assert found[0.9].inflation.low is None


def test_thresholds_below_what_was_looked_for_are_left_out() -> None:
    samples, marks = marked([(1.0, 0.8)])
    assert [one.min_score for one in clean_scores(samples, marks, info("t"), [0.1, 0.9])] == [0.5, 0.9]


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[Path]:
    """A store that another process owns."""
    with new_store(tmp_path) as store:
        fill(store)
    db = tmp_path / "data.duckdb"
    command = [sys.executable, "-c", OWNER, str(db), "t0ken"]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"http")
        yield db
        process.terminate()


def test_rows_of_a_store_that_another_process_owns(owned: Path, tmp_path: Path) -> None:
    run = EvalRun("r", "evaluation", {}, tuple(info("t")), started="2026-01-01", finished="2026-01-01")
    with RunWriter(tmp_path / "run") as writer:
        writer.add(sample("a", "How does pair 0 work?", choices=("good 0", "no idea"), target="good 0"))
        writer.add(sample("b", FERRY))
        writer.save(run)
    mark_outcomes(owned, 0.5, [Outcome("model", tmp_path / "run", run)])
    marks = read_marks(tmp_path / "run" / "contamination.jsonl")
    assert (marks.dataset, marks.rows) == ("data.duckdb", 4)
    first, second = marks.marks
    assert first.contaminated(0.5)
    assert "How does pair 0 work?" in first.row_text
    assert second.score == 0.0


@pytest.mark.shared
def test_rewordings_of_a_real_benchmark_are_found(shared: Path) -> None:
    lines = (shared / "benchmarks/gsm8k_test.jsonl").read_text().splitlines()[:120]
    items = [json.loads(line) for line in lines]
    samples = [sample(item["id"], item["question"], target=item["answer"]) for item in items]
    source = shared / "contamination/gsm8k_paraphrase.jsonl"
    reworded = {json.loads(line)["item"] for line in source.read_text().splitlines()}
    found = mark(samples, line_batches(source), dataset=source.name).marks
    wanted = [one.item_id in reworded for one in found]
    agree = sum(one.contaminated(0.5) == there for one, there in zip(found, wanted, strict=True))
    assert sum(wanted) >= 40
    assert agree >= 114  # 4 of 120 are on the wrong side: two rewordings missed, two like another one
