"""Runs of models beside each other: what is paired, what is left out and counted, what is called noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats
from support.eval_runs import choice_samples, quiz, talk, talk_samples, write_run

from gristmill.errors import UsageError
from gristmill_evals.comparing import ModelComparison, compare_models, plain, read_sides
from gristmill_evals.comparing.flips import flips
from gristmill_evals.comparing.pairing import pair, scored
from gristmill_evals.comparing.verdict import adjusted_all
from gristmill_evals.evaluation.records import EvalSample, MetricInfo, TaskInfo
from gristmill_evals.statistics import paired_difference


def _compared(folder: Path, *sides: list[EvalSample], method: str = "holm") -> ModelComparison:
    names = ("small", "large", "third")
    folders = [
        write_run(folder / name, samples, [quiz(len(samples))], role=name)
        for name, samples in zip(names, sides, strict=False)
    ]
    return compare_models(read_sides(folders), method)  # type: ignore[arg-type]


def test_the_difference_is_that_of_the_items_with_a_value_on_both_sides(tmp_path: Path) -> None:
    a, b = choice_samples(120, 0.5, 1), choice_samples(120, 0.7, 2, failed=10)
    (found,) = _compared(tmp_path, a, b).compared
    pairs = [(x, y) for x, y in zip(a, b, strict=True) if not y.error]
    values = [[sample.metrics["acc"] for sample in side] for side in zip(*pairs, strict=True)]
    expected = paired_difference(values[1], values[0], [x.cluster for x, _ in pairs])  # type: ignore[arg-type]
    assert found.difference is not None
    assert (found.difference.mean, found.difference.p) == (expected.mean, expected.p)
    assert (found.scored.unscored_a, found.scored.unscored_b, len(found.scored.a)) == (0, 10, 110)
    assert found.verdict == "better"


def test_items_that_one_side_lacks_or_that_have_another_text_are_counted(tmp_path: Path) -> None:
    a = choice_samples(60, 0.5, 1)
    b = [
        replace(sample, question="Another question?") if n < 5 else sample for n, sample in enumerate(a[:50])
    ]
    found = pair(a, [*b, replace(a[0], item_id="new")])
    assert (len(found.items), found.only_a, found.only_b, found.changed) == (45, 10, 1, 5)


def test_an_item_asked_several_times_is_paired_in_order() -> None:
    one = choice_samples(1, 0.5, 1)[0]
    a = [replace(one, metrics={"acc": value}) for value in (1.0, 0.0)]
    both = scored(pair(a, list(a)).items, "acc")
    assert (both.a, both.b) == ((1.0, 0.0), (1.0, 0.0))


def test_a_metric_that_an_item_cannot_have_is_not_unscored() -> None:
    two = EvalSample("talk", "t", "", {"turn_1": 1.0, "turn_2": None})
    both = scored([(two, two)], "turn_3")
    assert (both.unscored_a, both.unscored_b) == (0, 0)
    assert scored([(two, two)], "turn_2").unscored_a == 1


def test_equal_models_with_other_luck_are_noise_and_say_what_could_be_seen(tmp_path: Path) -> None:
    (found,) = _compared(tmp_path, choice_samples(200, 0.5, 1), choice_samples(200, 0.5, 5)).compared
    assert found.verdict == "noise"
    assert found.detectable is not None
    assert found.difference is not None
    assert abs(found.difference.mean) < found.detectable


def test_a_run_beside_itself_under_another_name_is_the_same(tmp_path: Path) -> None:
    samples = choice_samples(40, 0.5, 1)
    (found,) = _compared(tmp_path, samples, samples).compared
    assert (found.verdict, found.adjusted) == ("same", None)
    assert found.flips is not None
    assert found.flips.unchanged == 40


def test_all_items_changed_alike_is_no_noise(tmp_path: Path) -> None:
    a = [replace(sample, metrics={"acc": 0.0}) for sample in choice_samples(40, 0.5, 1)]
    b = [replace(sample, metrics={"acc": 1.0}) for sample in a]
    (found,) = _compared(tmp_path, a, b).compared
    assert found.verdict == "better"
    assert found.difference is not None
    assert found.difference.p == pytest.approx(2 * 0.5**10)  # ten pages of four items
    assert "no interval" in found.note


def test_less_can_be_better(tmp_path: Path) -> None:
    info = TaskInfo("quiz", "jsonl", (MetricInfo("acc", higher_is_better=False),), 200)
    folders = [
        write_run(tmp_path / str(seed), choice_samples(200, right, seed), [info], role=str(seed))
        for seed, right in ((1, 0.4), (2, 0.7))
    ]
    (found,) = compare_models(read_sides(folders)).compared
    assert found.verdict == "worse"
    assert found.flips is not None
    assert found.flips.worse > found.flips.better


def test_flips_are_mcnemars() -> None:
    a, b = [1.0] * 30 + [0.0] * 30, [0.0] * 4 + [1.0] * 26 + [1.0] * 15 + [0.0] * 15
    found = flips(a, b)
    assert (found.worse, found.better, found.same_right, found.same_wrong) == (4, 15, 26, 15)
    assert found.p == pytest.approx(stats.binomtest(4, 19).pvalue)
    assert flips([0.2, 0.5], [0.3, 0.5]).binary is False


def test_p_values_are_corrected_over_all_comparisons(tmp_path: Path) -> None:
    sides = [choice_samples(160, right, seed) for right, seed in ((0.5, 1), (0.58, 2), (0.6, 3))]
    holm = [one.adjusted for one in _compared(tmp_path, *sides).compared]
    alone = [one.adjusted for one in _compared(tmp_path, *sides, method="none").compared]
    assert holm == adjusted_all(alone)
    assert min(filter(None, holm)) == pytest.approx(2 * min(filter(None, alone)))


def test_what_makes_scores_incomparable_is_a_warning(tmp_path: Path) -> None:
    samples = choice_samples(40, 0.5, 1)
    a = write_run(tmp_path / "a", samples, [quiz(40)], role="a")
    info = quiz(30, {"num_fewshot": 5, "seconds": 3.0}, version="2")
    b = write_run(
        tmp_path / "b", samples[:30], [info, talk(0)], role="b", finished=False, versions={"python": "3.12"}
    )
    told = "\n".join(compare_models(read_sides([a, b])).warnings)
    assert "b is not finished (interrupted)" in told
    assert "num_fewshot (0 / 5), task version (1 / 2), items (40 / 30)" in told
    assert "seconds" not in told
    assert "Only b has, so not compared: talk" in told
    assert "different versions of python: 3.11.9 / 3.12" in told


def test_judged_answers_have_a_win_rate_with_lengths(tmp_path: Path) -> None:
    folders = [
        write_run(tmp_path / name, talk_samples(60, mean, 0.1, seed), [talk(60)], role=name)
        for name, mean, seed in (("a", 0.5, 1), ("b", 0.7, 2))
    ]
    found = compare_models(read_sides(folders)).compared[0]
    assert found.wins is not None
    steps = [y - x for x, y in zip(found.scored.a, found.scored.b, strict=True)]
    assert found.wins.raw.mean == pytest.approx(sum((s > 0) + (s == 0) / 2 for s in steps) / 60)
    assert found.wins.controlled is not None


def test_a_metric_over_all_items_is_shown_without_a_verdict(tmp_path: Path) -> None:
    folders = []
    for name, value in (("a", 12.0), ("b", 9.0)):
        metrics = (MetricInfo("acc"), MetricInfo("ppl", False, mean=False, value=value, note="over a text"))
        info = TaskInfo("quiz", "lm-eval", metrics, 20)
        folders.append(write_run(tmp_path / name, choice_samples(20, 0.5, 1), [info], role=name))
    found = compare_models(read_sides(folders)).compared[1]
    assert (found.values, found.verdict, found.difference) == ((12.0, 9.0), "not known", None)
    assert "a: over a text" in found.note


def test_an_unfinished_run_without_descriptions_is_compared_too(tmp_path: Path) -> None:
    samples = choice_samples(30, 0.5, 1)
    a = write_run(tmp_path / "a", samples, [quiz(30)], role="a")
    b = write_run(tmp_path / "b", samples[:12], [], role="b", finished=False)
    (found,) = compare_models(read_sides([a, b])).compared
    assert (len(found.scored.a), found.pairing.only_a) == (12, 18)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("same", "named twice"),
        ("talk", "no task in common"),
        ("items", "no item in common"),
        ("empty", "no answers yet"),
        ("nothing", "no run.json here"),
    ],
)
def test_what_cannot_be_compared_is_said(tmp_path: Path, other: str, message: str) -> None:
    samples = choice_samples(10, 0.5, 1)
    a = write_run(tmp_path / "a", samples, [quiz(10)], role="a")
    write_run(tmp_path / "talk", talk_samples(5, 0.5, 0, 1), [talk(5)], role="b")
    write_run(
        tmp_path / "items", [replace(s, item_id="x" + s.item_id) for s in samples], [quiz(10)], role="b"
    )
    write_run(tmp_path / "empty", [], [quiz(10)], role="b", finished=False)
    with pytest.raises(UsageError, match=message):
        compare_models(read_sides([a, a if other == "same" else tmp_path / other]))


def test_plain_data_accounts_for_every_item(tmp_path: Path) -> None:
    found = plain(_compared(tmp_path, choice_samples(50, 0.5, 1), choice_samples(45, 0.6, 2, failed=3)))
    items = found["compared"][0]["items"]
    assert items["in_both"] + items["only_baseline"] == 50
    assert items["paired"] == items["in_both"] - items["unscored_other"] == 42
