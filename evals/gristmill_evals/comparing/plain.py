"""A comparison as plain data: what ``--json`` prints and the JSON twin begins with."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gristmill_evals.comparing.datasets import ComparedMeasure, DatasetComparison
from gristmill_evals.comparing.measures import Measure
from gristmill_evals.comparing.models import Compared, ModelComparison
from gristmill_evals.statistics import Difference, WinRate


def plain_models(found: ModelComparison) -> dict[str, Any]:
    """``kind, correction, runs, warnings, compared, settings``."""
    return {
        "kind": "models",
        "correction": found.method,
        "runs": [
            {
                "label": side.label,
                "folder": str(side.folder),
                "id": side.run.id,
                "model": side.run.model.get("model"),
                "finished": bool(side.run.finished),
                "samples": len(side.samples),
            }
            for side in found.sides
        ],
        "warnings": list(found.warnings),
        "compared": [_compared(one) for one in found.compared],
        "settings": {name: [asdict(row) for row in rows] for name, rows in found.settings.items()},
    }


def _compared(one: Compared) -> dict[str, Any]:
    pairing, both = one.pairing, one.scored
    return {
        "task": one.task,
        "metric": one.metric.name,
        "main": one.main,
        "higher_is_better": one.metric.higher_is_better,
        "baseline": one.baseline,
        "other": one.other,
        "items": {
            "paired": len(both.a),
            "in_both": len(pairing.items),
            "only_baseline": pairing.only_a,
            "only_other": pairing.only_b,
            "changed": pairing.changed,
            "unscored_baseline": both.unscored_a,
            "unscored_other": both.unscored_b,
        },
        "values": list(one.values) if not one.metric.mean else None,
        **_decided(one.difference, one),
        "flips": None if one.flips is None else asdict(one.flips),
        "wins": _wins(one.wins),
    }


def _decided(found: Difference | None, one: Compared | ComparedMeasure) -> dict[str, Any]:
    return {
        "difference": None if found is None else asdict(found),
        "p_corrected": one.adjusted,
        "detectable": one.detectable,
        "verdict": one.verdict,
        "note": one.note,
    }


def _wins(found: WinRate | None) -> dict[str, Any] | None:
    return None if found is None else asdict(found)


def plain_datasets(found: DatasetComparison) -> dict[str, Any]:
    """``kind, correction, datasets, warnings, compared, rows, settings``."""
    return {
        "kind": "datasets",
        "correction": found.method,
        "datasets": [
            {
                "label": side.label,
                "runs": list(side.frames["runs"]["run_id"]),
                "asked": len(side.frames["slots"]),
                "rows": len(side.frames["rows"]),
                "documents_looked_at": f"1 in {side.every}",
            }
            for side in found.sides
        ],
        "warnings": list(found.warnings),
        "compared": [_measure(one) for one in found.compared],
        "rows": [{"other": one.other, "chunks": list(one.chunks), **one.counts} for one in found.changes],
        "settings": [asdict(row) for row in found.settings],
    }


def _measure(one: ComparedMeasure) -> dict[str, Any]:
    return {
        "figure": one.a.name,
        "unit": one.a.unit,
        "higher_is_better": one.a.higher_is_better,
        "baseline": {"label": one.baseline, **_side(one.a)},
        "other": {"label": one.other, **_side(one.b)},
        "paired_by_document": one.paired,
        **_decided(one.decides, one),
        "difference_all_rows": None if one.rows is None else asdict(one.rows),
        "difference_by_document": None if one.documents is None else asdict(one.documents),
    }


def _side(measure: Measure) -> dict[str, Any]:
    values = measure.values["value"]
    return {
        "n": len(values),
        "mean": float(values.mean()) if len(values) else None,
        "unscored": measure.left_out,
    }
