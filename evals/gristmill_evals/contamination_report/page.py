"""The page about one scan: HTML that needs nothing else, and the same figures as JSON beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gristmill_evals.contamination.calibration import Recalibration
from gristmill_evals.contamination.decision import UNCERTAIN
from gristmill_evals.contamination_report.examples import Example
from gristmill_evals.contamination_report.precision import Point, flagged_curve, precision_curve
from gristmill_evals.contamination_report.summary import plain_summary
from gristmill_evals.contamination_report.tally import Tally


@dataclass(frozen=True, slots=True)
class Page:
    """All that the page tells. ``verdicts`` are (score, right) of reviewers; ``settings`` name and value."""

    title: str
    tally: Tally
    min_score: float
    settings: tuple[tuple[str, str], ...] = ()
    verdicts: Sequence[tuple[float, bool]] = ()
    calibration: Recalibration | None = None
    """What the scores were recalibrated with."""
    models: tuple[str, ...] = ()
    """Models that were asked for a second opinion."""

    @property
    def curve(self) -> list[Point]:
        """Rows with any label at or above each threshold."""
        return flagged_curve(self.tally.curve(), self.tally.checked, self._start)

    @property
    def blocking_curve(self) -> list[Point]:
        """The same for rows with a blocking label."""
        return flagged_curve(self.tally.curve(blocking=True), self.tally.checked, self._start)

    @property
    def precision(self) -> list[Point]:
        """Of the verdicts at or above each score, those that were right."""
        return precision_curve(self.verdicts)

    @property
    def _start(self) -> float:
        """Below the least score nothing was kept, so nothing can be said."""
        return max(self.min_score, 0.01)


def write_page(page: Page, out: Path) -> tuple[Path, Path]:
    """Write ``out`` (HTML) and its ``.json`` twin, each whole or not at all."""
    from gristmill_evals.contamination_report.sections import SECTIONS
    from gristmill_evals.report import Report, write_whole

    sections = tuple(section for make in SECTIONS for section in make(page))
    twin = json_twin(out)
    write_whole(out, Report(page.title, sections, "contamination report").html())
    write_whole(twin, json.dumps(plain(page), ensure_ascii=False, indent=1, allow_nan=False))
    return out, twin


def json_twin(out: Path) -> Path:
    """Where the JSON goes."""
    return out.with_suffix(".json") if out.suffix != ".json" else out.with_name(out.name + ".json")


def plain(page: Page) -> dict[str, Any]:
    """The page as plain data: summary, settings, curves, examples, uncertain and malformed."""
    tally = page.tally
    return {
        "title": page.title,
        "summary": plain_summary(tally),
        "settings": dict(page.settings),
        "uncertain_band": list(UNCERTAIN),
        "curve": [_point(point) for point in page.curve],
        "blocking_curve": [_point(point) for point in page.blocking_curve],
        "verdicts": len(page.verdicts),
        "precision": [_point(point) for point in page.precision],
        "calibration": None if page.calibration is None else asdict(page.calibration),
        "examples": [_example(one) for one in tally.examples.worst()],
        "uncertain": [_example(one) for one in tally.examples.doubtful()],
        "malformed": [
            {"line": reject.line, "reason": reject.reason, "detail": reject.detail}
            for reject in tally.rejects
        ],
    }


def _point(point: Point) -> dict[str, float]:
    return {
        "threshold": point.threshold,
        "hits": point.hits,
        "n": point.n,
        "share": point.share,
        "low": point.low,
        "high": point.high,
    }


def _example(example: Example) -> dict[str, Any]:
    return {
        **example.match,
        "row_excerpt": {"text": example.row_text, "span": list(example.row_span)},
        "item_excerpt": {"text": example.item_text, "span": list(example.item_span)},
    }
