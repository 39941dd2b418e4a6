"""From a run folder to a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from gristmill_evals.evaluation.folder import read_run
from gristmill_evals.evaluation.report.data import Evaluation
from gristmill_evals.evaluation.report.sections.clean import clean
from gristmill_evals.evaluation.report.sections.errors import errors
from gristmill_evals.evaluation.report.sections.lengths import lengths
from gristmill_evals.evaluation.report.sections.memorisation import memorisation
from gristmill_evals.evaluation.report.sections.overview import overview
from gristmill_evals.evaluation.report.sections.samples import samples
from gristmill_evals.evaluation.report.sections.scores import scores
from gristmill_evals.evaluation.report.sections.settings import settings
from gristmill_evals.evaluation.report.sections.spending import spending
from gristmill_evals.evaluation.report.sections.turns import turns
from gristmill_evals.report import Report
from gristmill_evals.report.blocks import Section

MARKS = "contamination.jsonl"
SECTIONS: tuple[Callable[[Evaluation], Iterator[Section]], ...] = (
    overview,
    scores,
    turns,
    memorisation,
    clean,
    errors,
    lengths,
    spending,
    settings,
    samples,
)


def read_evaluation(folder: Path) -> Evaluation:
    """The run of a folder with its marks, if there are any.

    Raises:
        UsageError: no run folder, or a file in it that cannot be read.
    """
    run, found = read_run(folder)
    marks = None
    if (folder / MARKS).is_file():
        from gristmill_evals.evaluation.clean import read_marks

        marks = read_marks(folder / MARKS)
    return Evaluation(folder, run, found, marks)


def evaluation_report(found: Evaluation) -> Report:
    """All chapters that have something to say."""
    title = f"{found.run.name}: {found.run.model.get('model') or 'model not recorded'}"
    made = tuple(section for make in SECTIONS for section in make(found))
    return Report(title, made, "evaluation report")
