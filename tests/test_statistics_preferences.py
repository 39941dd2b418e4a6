"""Win rates, raw and length-controlled, against statsmodels and in degenerate cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from gristmill_evals.statistics import bounded_mean, clustered_share, trial, wilson, win_rate

ROWS = trial.clusters_of("equal", 30)
OUTCOMES, LENGTHS = trial.preferences(np.random.default_rng(3), ROWS, 0.2, 2.0, ties=True)


def test_the_controlled_rate_is_that_of_a_logistic_regression() -> None:
    more = np.array([first - second for first, second in LENGTHS])
    x = np.column_stack([np.ones(len(more)), np.tanh(more / more.std())])
    fitted = GLM(OUTCOMES, x, family=Binomial()).fit(cov_type="cluster", cov_kwds={"groups": ROWS})
    found = win_rate(OUTCOMES, ROWS.tolist(), LENGTHS)
    assert found.controlled.mean == pytest.approx(special.expit(fitted.params[0]))
    assert found.length_effect == pytest.approx(fitted.params[1])
    half = special.logit(found.controlled.high) - special.logit(found.controlled.mean)
    assert half == pytest.approx(2.045 * fitted.bse[0], rel=0.08)  # theirs is CR1


def test_length_that_wins_is_taken_out() -> None:
    found = win_rate(OUTCOMES, ROWS.tolist(), LENGTHS)
    assert found.raw.mean == pytest.approx(np.mean(OUTCOMES))
    assert found.raw.mean > 0.7 > found.controlled.mean
    assert found.ties == OUTCOMES.count(0.5) / len(OUTCOMES)
    turned = win_rate([1 - y for y in OUTCOMES], ROWS.tolist(), [(b, a) for a, b in LENGTHS])
    assert turned.controlled.mean == pytest.approx(1 - found.controlled.mean)
    assert turned.controlled.low == pytest.approx(1 - found.controlled.high)


def test_without_clusters_and_ties_the_raw_rate_has_wilsons_interval() -> None:
    found = win_rate([1] * 30 + [0] * 10)
    assert (found.raw.low, found.raw.high) == pytest.approx(wilson(30, 40))
    assert (found.controlled, found.ties, found.length_effect) == (None, 0, None)


def test_equal_lengths_leave_nothing_to_control_for() -> None:
    found = win_rate([1, 0, 1, 1], None, [(5, 5), (7, 7), (1, 1), (9, 9)])
    assert found.controlled == found.raw


@pytest.mark.parametrize(
    ("outcomes", "more", "words"),
    [
        ([1, 0, 1, 0], [3, 3, 3, 3], "always differ by about as much"),
        ([1, 1, 0, 0], [5, 2, -3, -4], "no overlap"),
        ([1, 1, 1, 1], [5, 2, -3, -4], "no overlap"),
        ([1, 1, 0.5, 0], [5, 2, 0, -4], "no overlap"),
        ([0.5, 1, 0, 0, 1], [0, 1, -1, 0, 0], None),
    ],
)
def test_degenerate_lengths_have_a_note_and_no_interval(
    outcomes: list[float], more: list[float], words: str | None
) -> None:
    found = win_rate(outcomes, None, [(100 + x, 100) for x in more]).controlled
    assert (found.low is None) == bool(found.note)
    assert words is None or words in found.note
    assert 0 <= found.mean <= 1


def test_one_source_or_one_that_carries_all_gives_no_interval() -> None:
    outcomes, lengths = [1, 0, 1, 0, 1, 1], [(9, 1), (8, 1), (1, 9), (1, 7), (5, 5), (5, 5)]
    alone = win_rate(outcomes, "aaaaaa", lengths)
    assert "one source" in alone.controlled.note
    assert "one source" in alone.raw.note
    carried = win_rate(outcomes, "aaaabc", lengths).controlled
    assert "without one of the sources" in carried.note
    assert 0 < carried.mean < 1


def test_a_side_that_is_always_longer_is_an_extrapolation() -> None:
    found = win_rate([1, 0, 1, 0, 1, 0, 1], None, [(n + 20, n) for n in (1, 2, 3, 4, 5, 6, 7)])
    assert "always differ" in found.controlled.note
    found = win_rate([1, 0, 1, 0, 1, 0, 1], None, [(100 + n, 100) for n in (3, 1, 2, 6, 4, 5, 7)])
    assert "extrapolation" in found.controlled.note
    assert found.controlled.low is not None


def test_outcomes_and_lengths_have_to_fit() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        win_rate([2, 0])
    with pytest.raises(ValueError, match="pairs of lengths"):
        win_rate([1, 0], None, [(1, 2)])


def test_scores_near_an_end_have_an_interval_inside_the_scale() -> None:
    scores = [1.0] * 26 + [0.2, 0.7, 0.0, 0.9]
    found = bounded_mean(scores, range(30))
    assert 0 < found.low < found.mean < found.high < 1
    assert found.mean - found.low > found.high - found.mean
    flags = [True, False, True, True]
    assert bounded_mean(flags, "aabb") == clustered_share(flags, "aabb")
    assert "do not differ" in bounded_mean([0.5] * 4, "aabb").note
    with pytest.raises(ValueError, match="between 0 and 1"):
        bounded_mean([1.5, 0.1], "ab")
