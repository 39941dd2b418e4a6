"""What the report measures of texts, on texts small enough to count by hand; intervals by simulation."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from gristmill_evals.report.measures import area, rank_correlation
from gristmill_evals.report.sections.duplicates import difference
from gristmill_evals.report.texts.copies import Text, near_copies
from gristmill_evals.report.texts.diversity import collision, distinct, effective_kinds, likeness
from gristmill_evals.report.texts.leaks import PROMPT, SOURCE_TALK, leaks
from gristmill_evals.report.texts.style import STYLES
from gristmill_evals.report.texts.topics import topics
from gristmill_evals.report.texts.words import blocks, shuffled, words

DRAWS = 2000
NO_PROMPTS = pd.DataFrame({"generator": [], "text": [], "n": []})


def row(
    response: str, instruction: str = "What is rye?", passage: str = "Rye is a grain."
) -> dict[str, object]:
    texts = {"response": response, "instruction": instruction, "passage": passage, "rejected": None}
    return {"example_id": "1", "kind": "instruction", "generator": "qa", "document_id": "d", **texts}


def found(*rows: dict[str, object], prompts: pd.DataFrame = NO_PROMPTS) -> list[tuple[int, str]]:
    return [(leak.row, leak.rule) for leak in leaks(pd.DataFrame(rows), prompts)]


def test_distinct_words_are_counted_in_blocks_of_one_size() -> None:
    assert words("Don't stop: rye's GROUND.") == ["don't", "stop", "rye's", "ground"]
    assert list(blocks([["a", "b"], ["c", "d", "e"]], 2)) == [["a", "b"], ["c", "d"]]
    texts = [["a"] * 4, ["a", "b", "c", "d"]]
    estimate = distinct(texts, 1, size=4)
    assert (estimate.mean, estimate.n) == ((0.25 + 1) / 2, 2)
    assert distinct(texts, 2, size=8).mean == 4 / 7
    assert "no interval" in distinct(texts, 1, size=9).note
    assert distinct([], 1) is None


def test_chances_and_effective_numbers_are_those_of_the_formulas() -> None:
    kinds = ["a", "a", "b", "b"]
    assert collision(kinds, [1, 2, 3, 4]).mean == pytest.approx(2 * 2 / 12)
    one_source = effective_kinds(kinds, [1, 1, 1, 1])
    assert (one_source.mean, one_source.low) == (pytest.approx(2.0), None)
    assert "no interval" in one_source.note
    assert collision(["a"], [1]) is None


def test_the_nearest_text_is_one_of_the_same_kind() -> None:
    texts = ["grind the rye", "grind the rye", "open the sluice gate now", "grind the rye slowly"]
    near = likeness(texts, ["x", "y", "x", "x"])
    assert near.partner[0] == 3
    assert near.nearest[0] < 1
    assert likeness(texts, ["x"] * 4).nearest[0] == pytest.approx(1)
    assert likeness(["", ""], ["x", "x"]) is None


def test_the_effective_number_counts_copies_once() -> None:
    one, many = ["what is a mill"] * 30, [f"word{n} other{n} third{n}" for n in range(30)]
    assert likeness(one, one).effective.mean == pytest.approx(1)
    assert likeness(many, many).effective.mean == pytest.approx(30)


def test_near_copies_are_found_and_numbers_told_apart() -> None:
    answer = "The miller opens the sluice by a hand's width before the wheel is freed."
    rows = [
        Text.of("q", "How far is the sluice opened?", answer),
        Text.of("q", "How far is the sluice opened ?", answer.upper()),
        Text.of("q", "How far is the sluice opened in 1902?", answer),
        Text.of("pair", "How far is the sluice opened?", answer),
        Text.of("q", "Why is rye ground cooler?", "Because it smears the stones when they are warm."),
    ]
    assert [(c.first, c.second, c.numbers_differ) for c in near_copies(rows)] == [
        (0, 1, False), (1, 2, True), (0, 2, True),
    ]  # fmt: skip
    assert near_copies(rows)[0].likeness == 1


def test_what_differs_between_two_texts_is_marked() -> None:
    assert difference("open in spring now", "open in autumn now") == ((8, 14), (8, 14))
    assert difference("same", "same") == ((4, 4), (4, 4))
    assert difference("all of it", "quite another") == ((0, 0), (0, 0))


def test_leaks_are_traces_that_the_source_does_not_have() -> None:
    prompt = "Write one question about the passage below for a careful reader of it"
    prompts = pd.DataFrame({"generator": ["qa"], "text": [prompt], "n": [1]})
    told = "According to the passage, it is a grain."
    assert found(row(told)) == [(0, SOURCE_TALK)]
    assert found(row(told, passage="As said according to the passage.")) == []
    assert found(row(told, instruction="Rye is a grain. Say more of it.")) == []
    assert found(row("I'm sorry, but I cannot help with that.")) == [(0, "refusal")]
    assert (0, PROMPT) in found(row(f"{prompt}, said the miller."), prompts=prompts)
    assert (0, PROMPT) not in found(row(f"{prompt}.", passage=f"{prompt}!"), prompts=prompts)
    assert found(row("It is a grain, sown in autumn.")) == []


def test_one_row_may_have_several_faults() -> None:
    rules = {
        rule for _, rule in found(row("I am ChatGPT. Mail me: jo.miller@river-mill.org. I hope this helps!"))
    }
    assert {"identity", "pii", "boilerplate"} <= rules


@pytest.mark.parametrize(
    ("name", "count"),
    [("list items", 2), ("headings", 1), ("bold passages", 1), ("code fences", 2), ("paragraphs", 4)],
)
def test_marks_of_style_are_counted(name: str, count: int) -> None:
    text = "# Title\n\nA **bold** word.\n\n- one\n2) two\n\n```\ncode\n```"
    assert STYLES[name](text) == count


def test_topics_part_rows_of_other_words_and_are_the_same_every_time() -> None:
    mills = [f"The sluice and the wheel turn stone number {'x' * n}" for n in range(20)]
    stars = [f"The telescope shows a faint galaxy at night {'y' * n}" for n in range(20)]
    made = topics([*mills, *stars])
    assert set(made.of[:20]).isdisjoint(made.of[20:])
    assert list(topics([*mills, *stars]).of) == list(made.of)
    assert "galaxy" in made.names[made.of[25]]
    assert topics(mills[:10]) is None


def test_rows_are_shuffled_by_their_ids() -> None:
    frame = pd.DataFrame({"example_id": [f"{n:032x}" for n in range(50)]})
    first = list(shuffled(frame, 10)["example_id"])
    assert first == list(shuffled(frame.iloc[::-1], 10)["example_id"])
    assert first != list(frame["example_id"][:10])


def _covered(draw: Callable[[np.random.Generator], object], truth: float) -> float:
    random = np.random.default_rng(11)
    estimates = [draw(random) for _ in range(DRAWS)]
    return float(np.mean([one.low <= truth <= one.high for one in estimates]))


def _clustered(random: np.random.Generator, groups: int = 40, size: int = 6) -> tuple[np.ndarray, list[int]]:
    effects = random.normal(0, math.sqrt(0.5), groups)
    values = random.normal(0, 1, (groups, size)) + effects[:, None]
    return values.ravel(), [n // size for n in range(groups * size)]


def test_the_interval_of_an_area_covers_the_truth_when_rows_are_clustered() -> None:
    def draw(random: np.random.Generator) -> object:
        values, clusters = _clustered(random)
        kept = random.random(len(values)) < 0.6
        values = values + kept
        of = [[c for c, k in zip(clusters, kept, strict=True) if k is side] for side in (np.True_, np.False_)]
        return area(list(values[kept]), list(values[~kept]), of[0] + of[1])

    assert _covered(draw, float(norm.cdf(1 / math.sqrt(3)))) == pytest.approx(0.95, abs=0.02)


def test_the_intervals_of_kinds_cover_the_truth_when_rows_are_clustered() -> None:
    shares = np.array([0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05, 0.05])

    def draw(random: np.random.Generator) -> list[int]:
        mine = random.dirichlet(shares * 20, 40).cumsum(axis=1)[:, None, :]
        return list((random.random((40, 6, 1)) > mine).sum(axis=2).ravel())

    clusters = [n // 6 for n in range(240)]
    entropy = math.exp(-float((shares * np.log(shares)).sum()))
    assert _covered(lambda r: effective_kinds(draw(r), clusters), entropy) == pytest.approx(0.95, abs=0.02)
    chance = float((shares**2).sum())
    assert _covered(lambda r: collision(draw(r), clusters), chance) == pytest.approx(0.95, abs=0.02)


def test_the_interval_of_a_rank_correlation_covers_the_truth() -> None:
    def draw(random: np.random.Generator) -> object:
        first, clusters = _clustered(random)
        second = 0.6 * first + 0.8 * _clustered(random)[0]
        return rank_correlation(list(first), list(second), clusters)

    truth = 6 / math.pi * math.asin(0.6 / 2)
    assert _covered(draw, truth) == pytest.approx(0.95, abs=0.02)


def test_areas_and_correlations_are_those_of_the_formulas() -> None:
    assert area([3, 2], [1, 2], [1, 2, 3, 4]).mean == (3 + 0.5) / 4
    assert area([], [1], [1]) is None
    assert rank_correlation([1, 2, 3], [2, 4, 9], [1, 1, 1]).mean == pytest.approx(1)
    assert rank_correlation([1, 1, 1], [2, 4, 9], [1, 2, 3]) is None
