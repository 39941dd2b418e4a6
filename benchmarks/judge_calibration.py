"""Whether calibration finds out what a judge is worth, on judges whose worth is known.

    python benchmarks/judge_calibration.py [--runs 500] [--json FILE]

A row has a quality q; people accept it with probability 1 / (1 + exp(-2 q)), and a judge states
1 / (1 + exp(-(q + bias + noise))). Each run draws rows, calibrates, and compares with the truth, which is
counted on two million rows of the same judge. The table says how often the stated 95 % interval at the chosen
threshold holds the true precision, how often Wilson's interval there and that of the cross-fitted rows would
have, and how far the precision observed at the threshold, and the cross-fitted one, lie from the truth on
average. "certain" are runs in which a threshold had its whole interval above the target.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from gristmill_evals.judging.threshold import threshold_for
from gristmill_evals.statistics import wilson

Array = NDArray[np.float64]
TRUTH = 2_000_000
HEADS = (
    "judge",
    "rows",
    "target",
    "threshold found",
    "inside",
    "inside (Wilson)",
    "inside (cross-fitted)",
    "width",
    "observed",
    "cross-fitted",
    "certain",
)


@dataclass(frozen=True)
class Judge:
    """``bias`` makes it generous, ``noise`` inattentive; ``knows`` is the share of q that reaches it."""

    name: str
    bias: float
    noise: float
    rows: int = 300
    target: float = 0.9
    knows: float = 1.0
    per_source: int = 1
    quality: float = 0.8

    def draw(
        self, random: np.random.Generator, rows: int
    ) -> tuple[Array, NDArray[np.bool_], NDArray[np.intp]]:
        """Scores, whether people accept, and the source of each row."""
        sources = -(-rows // self.per_source)
        source = np.repeat(np.arange(sources), self.per_source)[:rows]
        shift = random.normal(0, 1.2, sources)[source] if self.per_source > 1 else np.zeros(rows)
        quality = random.normal(self.quality, 1.2, rows)
        right = random.random(rows) < expit(2 * quality + shift)
        seen = self.knows * quality + self.bias + self.noise * random.normal(0, 1, rows)
        return expit(seen), right, source


@dataclass(frozen=True)
class Found:
    """Rates over the runs in which a threshold was found."""

    judge: str
    rows: int
    target: float
    runs: int
    found: int
    inside: float
    inside_wilson: float
    inside_unseen: float
    width: float
    observed_off: float
    unseen_off: float
    certain: int
    certain_true: float


JUDGES = (
    Judge("exact", 0.0, 0.0),
    Judge("generous", 1.0, 0.5),
    Judge("severe", -1.0, 0.5),
    Judge("noisy", 0.5, 1.5),
    Judge("noisy, 1000 rows", 0.5, 1.5, rows=1000),
    Judge("generous, 100 rows", 1.0, 0.5, rows=100),
    Judge("generous, target .95", 1.0, 0.5, rows=500, target=0.95),
    Judge("says nothing", 0.5, 1.0, knows=0.0, quality=1.5),
    Judge("10 rows a source", 0.5, 0.7, rows=600, per_source=10),
)


def measure(judge: Judge, runs: int, seed: int = 1, truth_rows: int = TRUTH) -> Found:
    """Calibrate the judge ``runs`` times on rows of its own."""
    random = np.random.default_rng(seed)
    truth = _Truth(*judge.draw(random, truth_rows)[:2])
    inside, naive, widths, observed, unseen, certain = [], [], [], [], [], []
    inside_unseen = []
    for _ in range(runs):
        scores, right, source = judge.draw(random, judge.rows)
        clusters = source.tolist() if judge.per_source > 1 else None
        found = threshold_for(scores.tolist(), right.tolist(), judge.target, clusters=clusters)
        if found.certain is not None:
            certain.append(truth.precision(found.certain.score) >= judge.target)
        if found.chosen is None:
            continue
        at, value = found.chosen, truth.precision(found.chosen.score)
        low, high = wilson(at.hits, at.kept)
        inside.append(at.low <= value <= at.high)
        naive.append(low <= value <= high)
        widths.append(at.high - at.low)
        observed.append(at.precision - value)
        if found.unseen is not None and found.unseen.low is not None and found.unseen.high is not None:
            unseen.append(found.unseen.mean - value)
            inside_unseen.append(found.unseen.low <= value <= found.unseen.high)
    rates = (_mean(values) for values in (inside, naive, inside_unseen, widths, observed, unseen))
    found_in = len(inside)
    return Found(judge.name, judge.rows, judge.target, runs, found_in, *rates, len(certain), _mean(certain))


class _Truth:
    """The precision from any score up, of so many rows that it is known to three digits."""

    def __init__(self, scores: Array, right: NDArray[np.bool_]) -> None:
        order = np.argsort(scores)
        self._scores = scores[order]
        self._hits = np.cumsum(right[order][::-1])[::-1]

    def precision(self, score: float) -> float:
        place = min(int(np.searchsorted(self._scores, score)), len(self._scores) - 1)
        return float(self._hits[place] / (len(self._scores) - place))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def cells(one: Found) -> list[str]:
    """A line of the table."""
    rates = (one.inside, one.inside_wilson, one.inside_unseen, one.width)
    sure = f"{one.certain}, {one.certain_true:.3f} true" if one.certain else "0"
    found = f"{one.found} of {one.runs}"
    off = (f"{one.observed_off:+.4f}", f"{one.unseen_off:+.4f}")
    return [one.judge, str(one.rows), f"{one.target:g}", found, *(f"{r:.3f}" for r in rates), *off, sure]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print(f"| {' | '.join(HEADS)} |\n|{'---|' * len(HEADS)}")
    all_found = []
    for judge in JUDGES:
        one = measure(judge, options.runs)
        all_found.append(one)
        print(f"| {' | '.join(cells(one))} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in all_found], indent=1))


if __name__ == "__main__":
    main()
