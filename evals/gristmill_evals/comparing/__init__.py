"""Runs laid side by side: models by the items of their evaluations, datasets by their rows.

See docs/compare.md for what each number means.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gristmill_evals.comparing.datasets import Dataset, DatasetComparison, compare_datasets
from gristmill_evals.comparing.models import ModelComparison, Side, compare_models
from gristmill_evals.comparing.plain import plain_datasets, plain_models
from gristmill_evals.comparing.sides import read_sides

__all__ = [
    "Dataset",
    "DatasetComparison",
    "ModelComparison",
    "Side",
    "compare_datasets",
    "compare_models",
    "plain",
    "read_sides",
    "write_comparison",
]


def plain(found: ModelComparison | DatasetComparison) -> dict[str, Any]:
    """The comparison as plain data."""
    return plain_models(found) if isinstance(found, ModelComparison) else plain_datasets(found)


def write_comparison(found: ModelComparison | DatasetComparison, out: Path) -> tuple[Path, Path, Path]:
    """Write ``out`` (HTML) and its ``.json`` and ``.md`` twins.

    Raises:
        UsageError: ``out`` has the name of a twin.
    """
    from gristmill_evals.comparing import dataset_sections, model_sections
    from gristmill_evals.evaluation.report.files import write_files
    from gristmill_evals.report import Report

    made = (
        model_sections.sections(found)
        if isinstance(found, ModelComparison)
        else dataset_sections.sections(found)
    )
    title = " and ".join(side.label for side in found.sides)
    kind = "comparison of models" if isinstance(found, ModelComparison) else "comparison of datasets"
    return write_files(Report(title, tuple(made), kind), out, plain(found))
