"""Recalibrated probabilities of matches: how they are applied, and the file that keeps them."""

from __future__ import annotations

import logging
import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from gristmill.errors import UsageError
from gristmill_evals.contamination.decision import shipped

log = logging.getLogger(__name__)

FORMAT, VERSION = "gristmill-contamination-calibration", 1
FILE_NAME = "contamination-calibration.json"
EDGE = 1e-3
_HALVINGS = 40
Method = Literal["shipped", "platt", "isotonic"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """From ``score`` up, ``precision`` of ``n`` verdicts were right; ``interval`` is 95 % (Wilson).

    ``score`` is recalibrated; it is None when nothing reaches ``target``.
    """

    target: float
    score: float | None
    precision: float | None
    interval: tuple[float, float] | None
    n: int


@dataclass(frozen=True, slots=True)
class Recalibration:
    """Recalibrated probabilities, and what they stand on: ``verdicts`` counts by label ``[right, wrong]``.

    Log losses are means over verdicts that the fit had not seen (natural logarithm): ``loss_before`` of the
    shipped probabilities, ``loss_after`` of the recalibrated ones.
    """

    method: Method
    slope: float = 1.0
    offset: float = 0.0
    labels: Mapping[str, float] = field(default_factory=dict)
    steps: tuple[tuple[float, float], ...] = ()
    verdicts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    benchmarks: Mapping[str, int] = field(default_factory=dict)
    loss_before: float = 0.0
    loss_after: float = 0.0
    thresholds: tuple[Threshold, ...] = ()
    base: str = ""
    """Version of the shipped calibration that gave the scores."""

    def apply(self, score: float, label: str) -> float:
        """The probability that a match of this shipped score and label is right."""
        if self.method == "shipped":
            return score
        better = _sigmoid(self.slope * logit(score) + self.offset + self.labels.get(label, 0.0))
        return _interpolated(better, self.steps) if self.steps else better

    def shipped(self, score: float, label: str) -> float:
        """The lowest shipped score that :meth:`apply` makes ``score`` of: its inverse where it has one."""
        if self.method == "shipped":
            return score
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (low, middle) if self.apply(middle, label) >= score else (middle, high)
        return high

    def least(self, score: float) -> float:
        """The shipped score from which up a match of some label may reach ``score`` once recalibrated."""
        if score <= 0 or self.method == "shipped":
            return score
        return min(self.shipped(score, label) for label in ("", *self.labels)) * (1 - EDGE)

    @property
    def n(self) -> int:
        """How many verdicts it stands on."""
        return sum(right + wrong for right, wrong in self.verdicts.values())

    @property
    def stands_on(self) -> str:
        """What a report says about it, in one line."""
        right = sum(right for right, _ in self.verdicts.values())
        how = {
            "shipped": "the shipped probabilities hold",
            "platt": "recalibrated",
            "isotonic": "recalibrated",
        }
        return f"{how[self.method]} ({self.n} verdicts: {right} right, {self.n - right} wrong)"

    def save(self, path: Path) -> None:
        """Write it as JSON (under a temporary name, then renamed)."""
        body = {"format": FORMAT, "version": VERSION, **asdict(self)}
        part = path.with_name(path.name + ".part")
        part.write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Recalibration:
        """Read what :meth:`save` wrote; a warning says when it was fitted to scores of another version.

        Raises:
            UsageError: there is no such file, or it is none of this kind or of a newer version.
        """
        cure = "make it with `gristmill recalibrate`"
        try:
            body = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError) as error:
            raise UsageError(f"no calibration can be read: {error}", where=str(path), cure=cure) from error
        if not isinstance(body, dict) or body.pop("format", None) != FORMAT:
            raise UsageError("this is no calibration", where=str(path), cure=cure)
        if body.pop("version", None) != VERSION:
            raise UsageError("the calibration is of another version", where=str(path), cure=cure)
        try:
            made = _from_json(body)
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise UsageError(f"the calibration is damaged: {error}", where=str(path), cure=cure) from error
        if made.base not in ("", str(shipped().version)):
            now = shipped().version
            log.warning("%s: fitted to scores of version %s; this is version %s", path, made.base, now)
        return made


def _from_json(body: Mapping[str, Any]) -> Recalibration:
    thresholds = [
        Threshold(**{**row, "interval": tuple(row["interval"]) if row["interval"] else None})
        for row in body["thresholds"]
    ]
    if body["method"] not in ("shipped", "platt", "isotonic"):
        raise ValueError(f"unknown method {body['method']!r}")
    return Recalibration(
        **{
            **body,
            "slope": float(body["slope"]),
            "offset": float(body["offset"]),
            "labels": {str(label): float(weight) for label, weight in body["labels"].items()},
            "steps": tuple((float(x), float(y)) for x, y in body["steps"]),
            "verdicts": {
                label: (int(right), int(wrong)) for label, (right, wrong) in body["verdicts"].items()
            },
            "thresholds": tuple(thresholds),
        }
    )


def logit(probability: float) -> float:
    bounded = min(max(probability, EDGE), 1 - EDGE)
    return math.log(bounded / (1 - bounded))


def _sigmoid(value: float) -> float:
    return 0.5 * (1.0 + math.tanh(value / 2))


def _interpolated(value: float, steps: Sequence[tuple[float, float]]) -> float:
    """Linear between neighbours, constant outside."""
    after = bisect_left(steps, (value, 0.0))
    if after in (0, len(steps)):
        return steps[min(after, len(steps) - 1)][1]
    (left, low), (right, high) = steps[after - 1], steps[after]
    return low + (high - low) * (value - left) / (right - left)
