"""The rows of the dataset that an evaluation is to be clean against."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.cli.rowfiles import line_batches
from gristmill.errors import UsageError

if TYPE_CHECKING:
    from gristmill_evals.evaluation.clean import CleanScore
    from gristmill_evals.evaluation.runner import Outcome

MARKS = "contamination.jsonl"


def mark_outcomes(dataset: Path, min_score: float, outcomes: Sequence[Outcome]) -> None:
    """Write ``contamination.jsonl`` into each run folder.

    Raises:
        GristmillError: the dataset cannot be read.
    """
    if not dataset.is_file():
        raise UsageError("no such file", where=str(dataset), cure="check clean_against in the plan")
    if dataset.suffix != ".duckdb":
        _mark(dataset, dataset.name, min_score, outcomes)
        return
    from gristmill.pipeline.operations import call

    with tempfile.TemporaryDirectory(prefix="gristmill-") as folder:
        rows = Path(folder) / "rows.jsonl"
        call(dataset, "training_rows", out=str(rows))
        _mark(rows, dataset.name, min_score, outcomes)


def forget_marks(outcomes: Sequence[Outcome]) -> None:
    """Take away what an earlier plan asked for: it would be shown as if it were of this one."""
    for outcome in outcomes:
        (outcome.folder / MARKS).unlink(missing_ok=True)


def clean_of(folder: Path) -> list[CleanScore]:
    """Scores of the main metric of each task, without the items that the dataset gives away."""
    from gristmill_evals.evaluation.clean import clean_scores, read_marks
    from gristmill_evals.evaluation.folder import read_run

    path = folder / MARKS
    if not path.is_file():
        return []
    run, samples = read_run(folder)
    mains = {(task.name, task.metrics[0].name) for task in run.tasks if task.metrics}
    found = clean_scores(samples, read_marks(path), run.tasks, thresholds=())
    return [score for score in found if (score.task, score.metric) in mains]


def _mark(rows: Path, name: str, min_score: float, outcomes: Sequence[Outcome]) -> None:
    from gristmill_evals.evaluation.clean import mark_runs, write_marks
    from gristmill_evals.evaluation.folder import read_run

    runs = [read_run(outcome.folder)[1] for outcome in outcomes]
    found = mark_runs(runs, line_batches(rows), dataset=name, min_score=min_score)
    for outcome, marks in zip(outcomes, found, strict=True):
        write_marks(outcome.folder / MARKS, marks)
