"""The threshold for a target precision, what it promises, and the calibration of scores."""

from __future__ import annotations

import functools
import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill_evals.judging.fitting import fit
from gristmill_evals.judging.threshold import FEWEST_KEPT, operating_points, threshold_for
from gristmill_evals.statistics import wilson

ROWS = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=120)


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "judge_calibration.py"
    spec = importlib.util.spec_from_file_location("judge_calibration", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["judge_calibration"] = module
    spec.loader.exec_module(module)
    return module


@functools.cache
def measured(simulation: ModuleType, name: str, runs: int) -> Any:
    judge = next(judge for judge in simulation.JUDGES if judge.name == name)
    return simulation.measure(judge, runs, seed=11, truth_rows=400_000)


@pytest.mark.parametrize(
    ("name", "runs", "least"),
    [("generous", 120, 0.95), ("says nothing", 120, 0.93), ("10 rows a source", 80, 0.95)],
)
def test_the_stated_interval_holds_the_true_precision(
    simulation: ModuleType, name: str, runs: int, least: float
) -> None:
    found = measured(simulation, name, runs)
    assert found.found >= runs // 3
    assert found.inside >= least
    assert abs(found.unseen_off) < 0.02
    assert found.certain == 0 or found.certain * (1 - found.certain_true) <= 0.05 * runs


def test_a_lucky_threshold_is_seen_to_be_luck(simulation: ModuleType) -> None:
    found = measured(simulation, "says nothing", 120)
    assert found.observed_off > 0.03
    assert abs(found.unseen_off) < found.observed_off / 2


@given(ROWS, st.sampled_from([0.5, 0.8, 0.95]))
@settings(max_examples=60, deadline=None)
def test_whatever_the_rows_the_threshold_is_what_it_says(rows: list[tuple[int, bool]], target: float) -> None:
    scores, right = [s / 20 for s, _ in rows], [r for _, r in rows]
    found = threshold_for(scores, right, target, unscored=3)
    lower = [p for p in found.points if found.chosen is None or p.score < found.chosen.score]
    assert all(p.precision < target for p in lower)
    for point in found.points:
        kept = [r for s, r in zip(scores, right, strict=True) if s >= point.score]
        assert (point.kept, point.hits) == (len(kept), sum(kept))
        assert point.kept >= FEWEST_KEPT
        assert point.share == len(kept) / (len(rows) + 3)
        assert 0 <= point.low <= point.precision <= point.high <= 1
    if found.certain is not None:
        assert found.chosen is not None
        assert found.chosen.score <= found.certain.score
        assert found.certain.low >= target


def test_the_order_of_rows_does_not_matter() -> None:
    draw = random.Random(1)
    rows = [(draw.random(), draw.random() < 0.7) for _ in range(200)]
    points = operating_points([s for s, _ in rows], [r for _, r in rows])
    draw.shuffle(rows)
    assert operating_points([s for s, _ in rows], [r for _, r in rows]) == points


def test_the_band_is_wider_than_an_interval_that_forgets_the_choice_and_clusters_widen_it() -> None:
    draw = random.Random(3)
    scores, right, source = [], [], []
    for number in range(40):
        good = draw.random() < 0.7
        for _ in range(10):
            scores.append(draw.random())
            right.append(good != (draw.random() < 0.1))
            source.append(number)
    alone = operating_points(scores, right)[0]
    together = operating_points(scores, right, clusters=source)[0]
    low, high = wilson(alone.hits, alone.kept)
    assert alone.low < low < high < alone.high
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_all_right_in_two_sources_is_little() -> None:
    points = operating_points([0.5] * 100, [True] * 100, clusters=["a", "b"] * 50)
    assert (points[0].precision, points[0].high) == (1.0, 1.0)
    assert points[0].low < 0.2


@pytest.mark.parametrize(("scores", "target"), [([0.5], 1.0), ([0.5], 0.0), ([0.5, 0.6], 0.9)])
def test_a_wrong_target_or_lengths_that_differ_are_errors(scores: list[float], target: float) -> None:
    with pytest.raises(ValueError, match="a threshold needs"):
        threshold_for(scores, [True], target)


def drawn(shape: str, rows: int = 600) -> tuple[list[float], list[bool]]:
    random_ = np.random.default_rng(4)
    scores = random_.random(rows)
    chance = {
        "honest": scores,
        "overconfident": 0.5 + 0.3 * (scores - 0.5),
        "step": np.where(scores > 0.5, 0.95, 0.1),
        "nothing": np.full(rows, 0.7),
    }[shape]
    return scores.tolist(), (random_.random(rows) < chance).tolist()


@pytest.mark.parametrize(
    ("shape", "method"),
    [("honest", "identity"), ("overconfident", "platt"), ("step", "isotonic"), ("nothing", "constant")],
)
def test_the_method_is_the_one_that_predicts_unseen_rows_best(shape: str, method: str) -> None:
    scores, right = drawn(shape)
    found = fit(scores, right)
    assert found.method == method
    assert found.losses[found.method] == min(found.losses.values())
    probabilities = [p for _, p in found.points]
    assert all(0 < p < 1 for p in probabilities)
    assert [s for s, _ in found.points] == sorted({s for s, _ in found.points})


def test_rows_of_a_source_are_predicted_without_that_source() -> None:
    # within a source all rows are alike, so one that leaked would give its labels away
    draw = random.Random(6)
    source = [n // 10 for n in range(400)]
    luck = [draw.random() for _ in range(40)]
    scores = [luck[s] for s in source]
    right = [draw.random() < 0.5 for _ in range(40)]
    found = fit(scores, [right[s] for s in source], clusters=source)
    leaking = fit(scores, [right[s] for s in source])
    assert leaking.losses["isotonic"] < found.losses["isotonic"]
    assert found.method == "constant"


def test_scores_on_another_scale_are_calibrated_too() -> None:
    scores, right = drawn("overconfident")
    found = fit([1 + 9 * s for s in scores], right)
    assert "identity" not in found.losses
    assert found.method == "platt"
    with pytest.raises(ValueError, match="labels of both kinds"):
        fit([0.1, 0.2], [True, True])
