"""What is measured of judges: worked by hand, under reordering and missing votes, and on published data."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gristmill_evals.agreement import Agreement
from gristmill_evals.judging import Calibration, PairVote, Rating, Votes, calibrate, read_votes
from gristmill_evals.judging.pairs_file import read_lengths
from gristmill_evals.statistics import Estimate, wilson


def mean(found: Estimate | None) -> float:
    assert found is not None
    return found.mean


def coefficient(found: Agreement | None) -> float:
    assert found is not None
    assert found.value is not None
    return found.value


def vote(key: str, forward: Any, swapped: Any, label: Any = 1, **more: Any) -> PairVote:
    return PairVote(key, "j", forward, swapped, True, label, **more)


HAND = [
    vote("a", 1, 1),
    vote("b", 1, 2),
    vote("c", 2, 2, label=2),
    vote("d", 2, 2),
    vote("e", None, None),
    vote("f", 1, None),
]


def test_both_orders_and_unscored_verdicts_worked_by_hand() -> None:
    [judge] = calibrate(Votes("hand", HAND)).judges
    assert judge.pairs is not None
    assert (judge.n, judge.unscored) == (6, 2)
    assert mean(judge.pairs.accuracy) == 6 / 9
    assert mean(judge.pairs.accuracy_of_all) == 6 / 12
    assert mean(judge.pairs.same) == 3 / 4
    assert mean(judge.pairs.accuracy_when_same) == 2 / 3
    same = judge.pairs.accuracy_when_same
    assert same is not None
    assert (same.low, same.high) == wilson(2, 3)
    # shown first: a, b, f forward and c, d (twice "2": first when swapped), b swapped
    assert mean(judge.pairs.first_shown) == 6 / 9
    assert judge.calibrated is None
    assert "too few to calibrate" in judge.notes[0]


def test_the_order_of_votes_changes_nothing() -> None:
    votes, rated = many(200, seed=3), ratings(100)
    before = calibrate(Votes("v", votes, rated), target=0.8).judges
    random.Random(1).shuffle(votes)
    random.Random(2).shuffle(rated)
    assert calibrate(Votes("v", votes, rated), target=0.8).judges == before


def test_sides_may_change_places() -> None:
    other: dict[int | None, Any] = {1: 2, 2: 1, 0: 0, None: None}
    votes = many(100, seed=4)
    mirrored = [
        replace(v, forward=other[v.swapped], swapped=other[v.forward], label=other[v.label]) for v in votes
    ]
    one, two = calibrate(Votes("v", votes)).judges[0], calibrate(Votes("v", mirrored)).judges[0]
    assert one.pairs is not None
    assert two.pairs is not None
    assert mean(one.accuracy) == mean(two.accuracy)
    assert one.pairs.same == two.pairs.same
    assert coefficient(one.kappa) == pytest.approx(coefficient(two.kappa))
    assert mean(one.pairs.first_shown) == pytest.approx(mean(two.pairs.first_shown))


def many(rows: int, seed: int) -> list[PairVote]:
    """A judge that is right on four verdicts of five; some ties, some unscored."""
    draw = random.Random(seed)
    votes = []
    for n in range(rows):
        label = draw.choice([1, 1, 2, 2, 0])
        said = [label if draw.random() < 0.8 else draw.choice([0, 1, 2, None]) for _ in range(2)]
        votes.append(vote(f"p{n}", *said, label=label))
    return votes


def test_disagreement_is_a_tie_and_a_tie_may_be_right() -> None:
    votes = [vote(f"t{n}", 1, 2, label=0) for n in range(30)]
    votes += [vote(f"s{n}", 1, 1, label=1 if n % 5 else 2) for n in range(30)]
    [judge] = calibrate(Votes("v", votes), target=0.7).judges
    assert judge.threshold is not None
    assert judge.calibrated is not None
    lowest = judge.threshold.points[0]
    assert (lowest.kept, lowest.hits) == (60, 54)
    assert judge.calibrated.error_before is None  # two orders state no probability
    assert judge.notes == ("higher scores are worse: this judge points the wrong way",)


def test_ties_are_wrong_where_people_prefer_a_side_and_told_apart() -> None:
    votes = [vote("a", 0, 0), vote("b", 1, 0), vote("c", 0, None, label=0), vote("d", 2, 2)]
    pairs = calibrate(Votes("v", votes)).judges[0].pairs
    assert pairs is not None
    assert (mean(pairs.accuracy), mean(pairs.decides), mean(pairs.right)) == (2 / 7, 3 / 7, 1 / 3)


def test_a_jury_does_not_agree_with_its_members_a_second_time() -> None:
    votes = [replace(v, judge=name) for name, seed in (("a", 1), ("b", 2)) for v in many(60, seed)]
    jury = [replace(v, judge="pair/jury", asked=None) for v in votes if v.judge == "a"]
    rated = [replace(r, judge=name, asked="rubric") for name in "ab" for r in ratings(60)]
    with_jury = [*rated, *(replace(r, judge="rubric", score=0.5, asked=None) for r in ratings(60))]
    alone = calibrate(Votes("v", votes, rated))
    assert calibrate(Votes("v", votes + jury, with_jury)).between == alone.between
    assert coefficient(alone.between["ratings, interval"]) == 1


def test_how_sure_a_judge_is_does_not_mix_with_two_orders() -> None:
    draw = random.Random(7)
    sure = [draw.random() for _ in range(60)]
    said = [vote(f"s{n}", *((1, 1) if draw.random() < p else (2, 2)), score=p) for n, p in enumerate(sure)]
    silent = [vote(f"t{n}", 2, 2) for n in range(20)]
    alone, mixed = (calibrate(Votes("v", some), target=0.7).judges[0] for some in (said, said + silent))
    assert alone.calibrated == mixed.calibrated
    assert alone.threshold is not None
    assert mixed.threshold is not None
    assert alone.threshold.chosen is not None
    assert mixed.threshold.chosen is not None
    assert mixed.threshold.chosen.share == pytest.approx(alone.threshold.chosen.share * 60 / 80)


def test_sources_widen_the_interval_of_accuracy() -> None:
    votes = [vote(f"p{n}", *((1, 1) if n // 10 % 2 else (2, 2)), source=f"d{n // 10}") for n in range(200)]
    alone = [replace(v, source=None) for v in votes]
    wide, narrow = (calibrate(Votes("v", some)).judges[0].accuracy for some in (votes, alone))
    assert wide is not None
    assert narrow is not None
    assert None not in (wide.low, wide.high, narrow.low, narrow.high)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)  # type: ignore[operator]
    assert (wide.clusters, narrow.clusters) == (20, 200)


def ratings(rows: int = 300, judge: str = "r") -> list[Rating]:
    draw = random.Random(9)
    made = []
    for n in range(rows):
        score = draw.random()
        made.append(Rating(f"r{n}", judge, None if n % 30 == 0 else score, float(draw.random() < score)))
    return made


def test_ratings_count_unscored_rows_and_keep_them_out_of_averages() -> None:
    given = ratings()
    [judge] = calibrate(Votes("v", ratings=given), target=0.8).judges
    [scored] = calibrate(Votes("v", ratings=[r for r in given if r.score is not None]), target=0.8).judges
    assert (judge.n, judge.unscored, scored.unscored) == (300, 10, 0)
    assert judge.accuracy == scored.accuracy
    assert judge.calibrated == scored.calibrated
    assert judge.threshold is not None
    assert scored.threshold is not None
    assert judge.threshold.chosen is not None
    assert scored.threshold.chosen is not None
    assert judge.threshold.chosen.share == pytest.approx(scored.threshold.chosen.share * 290 / 300)


def test_rows_of_one_source_are_not_fitted() -> None:
    [judge] = calibrate(Votes("v", ratings=[replace(r, source="a.md") for r in ratings()])).judges
    assert (judge.calibrated, judge.threshold, judge.accuracy) == (None, None, None)
    assert "of one source" in judge.notes[0]


def test_labels_on_a_scale_need_to_know_which_are_good() -> None:
    given = [replace(r, label=1 + round(4 * (r.score or 0))) for r in ratings()]
    [judge] = calibrate(Votes("v", ratings=given)).judges
    assert judge.accuracy is None
    assert judge.threshold is None
    assert "--good-from" in judge.notes[0]
    assert judge.correlation == pytest.approx(0.97, abs=0.03)
    assert coefficient(judge.scale_alpha) < 0.5  # another scale is no agreement
    assert judge.ordinal_alpha is None  # of so many values it would take minutes
    [told] = calibrate(Votes("v", ratings=given), good_from=4).judges
    assert mean(told.accuracy) > 0.9


def test_grades_have_an_ordinal_and_an_interval_alpha() -> None:
    """Judge and three people on one scale of five; the middle one of them is the label."""
    draw, given, people = random.Random(8), [], {}
    for n in range(80):
        grade = draw.randint(1, 5)
        said = {
            name: float(min(5, max(1, grade + draw.choice([-1, 0, 0, 1])))) for name in ("ann", "bob", "cy")
        }
        people[f"r{n}"] = said
        middle = sorted(said.values())[1]
        given += [
            Rating(f"r{n}", judge, middle + (n % 2) * off, middle) for judge, off in (("j", 0), ("k", 1))
        ]
    found = calibrate(Votes("v", ratings=given, raters=people))
    [exact, generous] = found.judges
    assert (coefficient(exact.scale_alpha), coefficient(exact.ordinal_alpha)) == (1, 1)
    assert 0.8 < coefficient(generous.scale_alpha) < 1
    assert 0.8 < coefficient(generous.ordinal_alpha) < 1
    nominal, ordinal = (
        coefficient(found.people["all (alpha)"]),
        coefficient(found.people["all (alpha, ordinal)"]),
    )
    assert nominal < 0.6 < ordinal
    assert coefficient(found.between["ratings, interval"]) == coefficient(generous.scale_alpha)


def test_length_is_told_for_judge_and_people() -> None:
    draw = random.Random(2)
    lengths = {f"p{n}": (draw.randint(1, 99), draw.randint(1, 99)) for n in range(100)}
    longer = {key: 1 if a > b else 2 for key, (a, b) in lengths.items()}
    votes = [vote(key, longer[key], longer[key], label=draw.choice([1, 2])) for key in lengths]
    [judge] = calibrate(Votes("v", votes), lengths=lengths).judges
    assert judge.lengths is not None
    assert judge.lengths.judge is not None
    assert judge.lengths.people is not None
    assert judge.lengths.judge > 0.8 > 0.3 > abs(judge.lengths.people)
    assert mean(judge.lengths.longer) == mean(judge.accuracy)


def test_several_judges_and_people_agree_with_missing_values() -> None:
    given = [*ratings(60), *(replace(r, judge="s") for r in ratings(40))]
    people = {
        r.id: {"ann": r.label, **({"bob": r.label} if n % 2 else {})} for n, r in enumerate(ratings(60))
    }
    found = calibrate(Votes("v", ratings=given, raters=people))
    assert coefficient(found.between["ratings, interval"]) == 1
    assert {name: one.n for name, one in found.people.items()} == {"ann and bob": 30, "all (alpha)": 30}


@pytest.fixture(scope="module")
def mtbench(shared: Path) -> Calibration:
    folder = shared / "judgments"
    lengths = read_lengths(folder / "mtbench_pairs.jsonl")
    return calibrate(read_votes(folder / "mtbench_votes.jsonl"), target=0.85, lengths=lengths)


def digits(*values: float) -> list[str]:
    return [f"{value:.3f}" for value in values]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("judge", "expected"),
    [
        ("GPT-4/Vanilla_NoRules", ["0.810", "0.870", "0.856", "0.620", "0.510"]),
        ("ChatGPT/Vanilla_NoRules", ["0.713", "0.575", "0.870", "0.425", "0.703"]),
        ("LLaMA2/Vanilla_NoRules", ["0.720", "0.670", "0.828", "0.440", "0.615"]),
        ("PaLM2/Vanilla_NoRules", ["0.730", "0.729", "0.814", "0.460", "0.600"]),
        ("GPT-4/Metrics_Reference", ["0.810", "0.840", "0.869", "0.620", "0.540"]),
        ("ChatGPT/Metrics_Reference", ["0.708", "0.625", "0.832", "0.415", "0.682"]),
        ("LLaMA2/Metrics_Reference", ["0.723", "0.705", "0.816", "0.445", "0.468"]),
        ("PaLM2/Metrics_Reference", ["0.699", "0.737", "0.771", "0.398", "0.555"]),
    ],
)
def test_published_votes_of_two_orders(mtbench: Calibration, judge: str, expected: list[str]) -> None:
    found = next(one for one in mtbench.judges if one.name == judge)
    assert found.pairs is not None
    assert found.lengths is not None
    same = found.pairs.accuracy_when_same
    figures = [mean(found.accuracy), mean(found.pairs.same), mean(same), coefficient(found.kappa)]
    figures.append(mean(found.pairs.first_shown))
    assert digits(*figures) == expected
    assert digits(mean(found.lengths.longer), coefficient(mtbench.between["pairs, nominal"])) == [
        "0.695",
        "0.539",
    ]
    assert same is not None
    assert (same.low, same.high) == wilson(round(same.mean * same.n), same.n)


def pandalm(folder: Path) -> Iterator[dict[str, Any]]:
    sides = {"1": 1, "2": 2, "Tie": "tie"}
    with (folder / "pandalm_human.jsonl").open() as people, (folder / "pandalm_gpt35.jsonl").open() as judge:
        for one, other in zip(map(json.loads, people), map(json.loads, judge), strict=True):
            labels = [one[f"annotator{n}"] for n in (1, 2, 3)]
            verdict = sides.get(other["gpt_result"])
            yield {"id": one["idx"], "judge": "gpt-3.5", "winner_forward": verdict, "labels": labels}


def picks(rows: Iterator[tuple[int, int, Any]]) -> Iterator[tuple[PairVote, tuple[int, int]]]:
    """The longer of two responses as a judge; of equally long ones the second."""
    for n, (first, second, label) in enumerate(rows):
        side = 1 if first > second else 2
        yield vote(f"n{n}", side, side, label=label), (first, second)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "responses", "expected"),
    [
        ("llmbar_natural", ("output_1", "output_2"), ["0.560", "0.560"]),
        ("mtbench_pairs", ("response_1", "response_2"), ["0.695", "0.695"]),
    ],
)
def test_picking_the_longer_is_no_judge(
    shared: Path, file: str, responses: tuple[str, str], expected: list[str]
) -> None:
    lines = map(json.loads, (shared / "judgments" / f"{file}.jsonl").read_text().splitlines())
    rows = ((len(row[responses[0]]), len(row[responses[1]]), row["label"]) for row in lines)
    votes, lengths = zip(*picks(rows), strict=True)
    found = calibrate(Votes("v", votes), lengths={v.id: both for v, both in zip(votes, lengths, strict=True)})
    [judge] = found.judges
    assert judge.lengths is not None
    assert digits(mean(judge.accuracy), mean(judge.lengths.longer)) == expected


@pytest.mark.shared
def test_published_raters_and_a_judge_with_unparsed_answers(shared: Path, tmp_path: Path) -> None:
    file = tmp_path / "votes.jsonl"
    file.write_text("\n".join(map(json.dumps, pandalm(shared / "judgments"))))
    found = calibrate(read_votes(file))
    kappas = [
        coefficient(found.people[f"rater {pair}"])
        for pair in ("1 and rater 2", "1 and rater 3", "2 and rater 3")
    ]
    assert digits(*kappas) == ["0.852", "0.879", "0.862"]
    assert f"{coefficient(found.people['all (alpha)']):.4f}" == "0.8642"
    [judge] = found.judges
    assert judge.pairs is not None
    assert (judge.n, judge.unscored) == (999, 25)
    # the published figures count an unparsed answer as wrong, and as a category of its own
    assert digits(mean(judge.pairs.accuracy_of_all), coefficient(judge.pairs.kappa_of_all)) == [
        "0.698",
        "0.476",
    ]
    assert digits(mean(judge.accuracy), coefficient(judge.kappa)) == ["0.716", "0.493"]
