"""The calibration file: what was measured of judges against people. ``gristmill calibrate`` writes it and
scorers read it, to weight juries, to name a threshold, and to turn a score into a probability."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

FORMAT: Literal["gristmill-judge-calibration"] = "gristmill-judge-calibration"
VERSION: Literal[1] = 1
Share = tuple[float, float]
Unit = Field(ge=0, le=1)


class ThresholdRecord(BaseModel):
    """From ``score`` up, ``precision`` of the judged rows were right; None when no score reaches ``target``.

    ``interval`` holds with 95 % although the score was chosen on the same rows. ``kept`` is the share of
    the scored rows at or above the score. ``certain`` is the lowest score whose interval lies above the
    target as a whole, None when there is none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    target: float = Field(gt=0, lt=1)
    score: float | None = None
    precision: float | None = Field(default=None, ge=0, le=1)
    interval: Share | None = None
    kept: float | None = Field(default=None, ge=0, le=1)
    n: int = Field(default=0, ge=0)
    certain: float | None = None


class JudgeRecord(BaseModel):
    """One judge. ``points`` are (score, probability of being right), rising in the score.

    ``accuracy`` is of ``n`` rows; ``unscored`` ones are no part of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    kind: Literal["pair", "rating"]
    accuracy: float = Unit
    interval: Share | None = None
    n: int = Field(ge=1)
    unscored: int = Field(default=0, ge=0)
    method: Literal["identity", "platt", "isotonic", "constant", "none"] = "none"
    points: tuple[tuple[float, float], ...] = ()
    threshold: ThresholdRecord | None = None

    @model_validator(mode="after")
    def _rising(self) -> Self:
        scores = [score for score, _ in self.points]
        if scores != sorted(set(scores)) or not all(0 <= p <= 1 for _, p in self.points):
            raise ValueError("points: scores must rise, and probabilities lie between 0 and 1")
        return self

    def probability(self, score: float) -> float | None:
        """The calibrated probability at ``score``: linear between points, constant outside, None without."""
        return _interpolated(score, self.points) if self.points else None


class JudgeCalibration(BaseModel):
    """The whole file, judges by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    format: Literal["gristmill-judge-calibration"] = FORMAT
    version: Literal[1] = VERSION
    source: str = ""
    judges: dict[str, JudgeRecord]

    def save(self, path: Path) -> None:
        """Write it as JSON under a temporary name, then rename."""
        part = path.with_name(path.name + ".part")
        part.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        part.replace(path)


def _interpolated(score: float, points: Sequence[tuple[float, float]]) -> float:
    after = bisect_left(points, (score, -1.0))
    if after in (0, len(points)):
        return points[min(after, len(points) - 1)][1]
    (left, low), (right, high) = points[after - 1], points[after]
    return low + (high - low) * (score - left) / (right - left)
