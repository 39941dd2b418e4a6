"""Coefficients of agreement against hand-worked values, and what must hold whatever the data."""

from __future__ import annotations

import random

import krippendorff
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill_evals.agreement import (
    Level,
    cohen_kappa,
    expected_calibration_error,
    krippendorff_alpha,
    reliability_curve,
)

LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval")
VERDICTS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=3, max_size=40)


def test_kappa_of_a_table_worked_by_hand() -> None:
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: observed .7, by chance .5
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = cohen_kappa(first, second)
    assert found.value == pytest.approx(0.4)
    assert found.low is not None
    assert found.high is not None
    assert 0.1 < found.low < 0.4 < found.high < 0.7


def test_kappa_of_one_value_is_not_defined() -> None:
    found = cohen_kappa([1, 1, 1], [1, 1, 1])
    assert (found.value, found.low) == (None, None)
    assert "one and the same value" in found.note


@given(VERDICTS, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_kappa_depends_on_neither_order_nor_side_nor_names(
    pairs: list[tuple[int, int]], shuffler: random.Random
) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    value = cohen_kappa(first, second, draws=5).value
    assert cohen_kappa(second, first, draws=5).value == pytest.approx(value)
    assert cohen_kappa([f"v{a}" for a in first], [f"v{b}" for b in second], draws=5).value == pytest.approx(
        value
    )
    shuffler.shuffle(pairs)
    assert cohen_kappa(*zip(*pairs, strict=True), draws=5).value == pytest.approx(value)


@pytest.mark.parametrize(("level", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_the_example_with_missing_values(level: Level, expected: float) -> None:
    # the four observers and twelve units of Krippendorff (2011), section C
    table = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    found = krippendorff_alpha(table, level, draws=50)
    assert found.value == pytest.approx(expected, abs=5e-4)
    assert found.n == 11  # one unit has a single rating


@given(
    st.lists(st.lists(st.sampled_from([None, 1, 2, 3, 5]), min_size=3, max_size=3), min_size=4, max_size=30)
)
@settings(max_examples=40, deadline=None)
def test_alpha_is_that_of_the_library_whatever_is_missing(units: list[list[int | None]]) -> None:
    table = [list(row) for row in zip(*units, strict=True)]
    plain = [[float("nan") if value is None else value for value in row] for row in table]
    for level in LEVELS:
        found = krippendorff_alpha(table, level, draws=2)
        pairable = {
            v for unit in units if sum(x is not None for x in unit) > 1 for v in unit if v is not None
        }
        if len(pairable) < 2:
            assert found.value is None
        else:
            expected = krippendorff.alpha(plain, level_of_measurement=level)
            assert found.value == pytest.approx(expected, abs=1e-9)


def test_alpha_of_thousands_of_distinct_scores() -> None:
    draw = random.Random(8)
    scores = [draw.random() for _ in range(5000)]
    found = krippendorff_alpha([scores, [s + draw.gauss(0, 0.1) for s in scores]], "interval", draws=100)
    assert found.value == pytest.approx(1 - 0.01 / (1 / 12 + 0.005) / 2, abs=0.02)
    assert found.n == 5000


def test_alpha_takes_texts_at_the_nominal_level_only() -> None:
    words = [["good", "bad", None, "good"], ["good", "bad", "bad", "bad"]]
    numbers = [[1, 0, None, 1], [1, 0, 0, 0]]
    expected = krippendorff.alpha([[1, 0, float("nan"), 1], [1, 0, 0, 0]], level_of_measurement="nominal")
    assert krippendorff_alpha(words, draws=5).value == pytest.approx(expected)
    assert krippendorff_alpha(numbers, draws=5).value == pytest.approx(expected)
    with pytest.raises(ValueError, match="no ordinal scale"):
        krippendorff_alpha(words, "ordinal")


@pytest.mark.parametrize(
    ("table", "said"),
    [([[1, None], [None, 2]], "no unit has two ratings"), ([[1, 1], [1, 1]], "one and the same value")],
)
def test_alpha_without_pairs_or_variation_is_not_defined(table: list[list[int | None]], said: str) -> None:
    found = krippendorff_alpha(table)
    assert found.value is None
    assert said in found.note


def test_clusters_widen_the_interval() -> None:
    draw = random.Random(2)
    first, second, clusters = [], [], []
    for source in range(20):
        agree = draw.random() < 0.6
        for _ in range(10):
            value = draw.randint(0, 1)
            first.append(value)
            second.append(value if agree else 1 - value)
            clusters.append(source)
    alone, together = cohen_kappa(first, second), cohen_kappa(first, second, clusters=clusters)
    assert alone.value == together.value
    assert None not in (alone.low, alone.high, together.low, together.high)
    assert together.high - together.low > 2 * (alone.high - alone.low)  # type: ignore[operator]
    assert (alone.clusters, together.clusters) == (200, 20)


def test_the_calibration_error_is_the_mean_gap_of_the_bins() -> None:
    stated = [0.25] * 10 + [0.85] * 10
    came_true = [True] * 5 + [False] * 5 + [True] * 8 + [False] * 2
    found = expected_calibration_error(stated, came_true)
    assert found.value == pytest.approx((0.25 + 0.05) / 2)
    points = reliability_curve(stated, came_true)
    assert [(p.stated, p.observed, p.n) for p in points] == [(0.25, 0.5, 10), (pytest.approx(0.85), 0.8, 10)]
    assert all(p.observed_low < p.observed < p.observed_high for p in points)


def test_a_probability_of_one_lies_in_the_last_bin_and_two_do_not_exist() -> None:
    assert reliability_curve([1.0, 0.95], [True, True])[0].n == 2
    with pytest.raises(ValueError, match="between 0 and 1"):
        expected_calibration_error([1.2], [True])


def test_an_honest_forecast_shows_noise_alone() -> None:
    draw = random.Random(5)
    errors = []
    for _ in range(60):
        stated = [draw.random() for _ in range(500)]
        found = expected_calibration_error(stated, [draw.random() < p for p in stated], draws=2)
        errors.append((found.value or 0.0, float(found.note.removeprefix("noise alone: "))))
    assert sum(seen for seen, _ in errors) == pytest.approx(sum(noise for _, noise in errors), rel=0.05)
