"""The report of one evaluation: one offline HTML page, with JSON and Markdown twins."""

from __future__ import annotations

from pathlib import Path

__all__ = ["write_eval_report"]


def write_eval_report(folder: Path) -> tuple[Path, Path, Path]:
    """Write ``report.html``, ``report.json`` and ``report.md`` into a run folder, finished or not.

    Raises:
        UsageError: no run folder, or a file in it that cannot be read.
    """
    from gristmill_evals.evaluation.report.build import evaluation_report, read_evaluation
    from gristmill_evals.evaluation.report.files import write_files
    from gristmill_evals.evaluation.report.plain import plain

    found = read_evaluation(folder)
    return write_files(evaluation_report(found), folder / "report.html", plain(found))
