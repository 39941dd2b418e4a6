"""Rewordings: numbers as values, code by its examples, and one decision for all benchmarks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gristmill_evals.contamination import Benchmark, BenchmarkItem, load_benchmark
from gristmill_evals.contamination.checker import Checker
from gristmill_evals.contamination.decision import FEATURES, View, shipped
from gristmill_evals.contamination.decision.code import is_code, shape, told
from gristmill_evals.contamination.decision.model import AGAINST, FREE
from gristmill_evals.contamination.decision.numbers import aligned
from gristmill_evals.contamination.rows import row_of_mapping

VALUES = [
    ("2 dozen eggs", [24]),
    ("three-fourths of them, or 75%", [0.75, 0.75]),
    ("1/4 of 1,250.50", [0.25, 1250.5]),
    ("twenty five hundred men", [2500]),
    ("twice as far, then half of it", [2, 0.5]),
    ("one third, and the third day", [0.333333, 3]),
    ("6 million and 20 percent", [6e6, 0.2]),
    ("none at all", []),
]
PYTHON = '''def below_limit(values: list, limit: int):
    """Whether all values are below a limit.
    >>> below_limit([1, 2, 4, 10], 100)
    True
    >>> below_limit([1, 20, 4, 10], 5)
    False
    """
'''
JAVASCRIPT = """// Check that every number of the list stays under the given limit.
// isUnder([3, 7, 8, 9], 50) => true
// isUnder([9, 70, 8, 7], 6) => false
function isUnder(numbers, bound) {
  for (const one of numbers) { if (one >= bound) return false; }
  return true;
}
"""
C = """/* Tell whether all numbers of an array are below the limit.
   all_below({2, 3, 5, 7}, 4, 60) == true
*/
bool all_below(int *numbers, int size, int limit) {
    for (int i = 0; i < size; i++) if (numbers[i] >= limit) return false;
    return true;
}
"""
ITEM = (
    "A baker fills 14 trays with 24 rolls each before six o'clock. She sells 195 rolls in the morning and "
    "throws away one third of those that are left. How many rolls remain for Henrik in the afternoon?"
)
SUBJECTS = (
    "miller",
    "tailor",
    "ferryman",
    "gardener",
    "printer",
    "mason",
    "shepherd",
    "brewer",
    "cooper",
    "weaver",
)


@pytest.mark.parametrize(("text", "values"), VALUES)
def test_numbers_are_values_however_they_are_written(text: str, values: list[float]) -> None:
    assert [number.value for number in View(text).numbers] == pytest.approx(values)


def test_numbers_are_aligned_in_their_order() -> None:
    ours, theirs = View("3 men carry 40 sacks and 7 bags").numbers, View("40 sacks, 3 men, 7 bags").numbers
    assert [theirs[j].value for _, j in aligned(ours, theirs)] == [40, 7]


@pytest.mark.parametrize("code", [PYTHON, JAVASCRIPT, C])
def test_code_is_known_by_its_look_and_says_what_its_comments_say(code: str) -> None:
    assert is_code(code)
    assert "below" in told(code) or "under" in told(code)
    assert "return" not in told(code)


@pytest.mark.parametrize("prose", [ITEM, "Return the book (the red one). For tea, use hot water; it helps."])
def test_prose_is_no_code(prose: str) -> None:
    assert not is_code(prose)


def test_the_shape_of_examples_is_the_same_in_every_language() -> None:
    assert shape(PYTHON) == ["[4", "N", "B", "[4", "N", "B"]
    assert shape(JAVASCRIPT) == ["[4", "N", "B", "[4", "N", "B"]
    assert shape(C)[:2] == ["[4", "N"]


def _benchmark() -> Benchmark:
    questions = [
        f"A {who} needs {n + 3} days for {4 * n + 5} orders and rests every {n + 2}th day. How long is it?"
        for n, who in enumerate(SUBJECTS)
    ]
    items = [BenchmarkItem(f"q{n}", question) for n, question in enumerate(questions)]
    return Benchmark.make("mixed", [*items, BenchmarkItem("rolls", ITEM), BenchmarkItem("limit", PYTHON)])


@pytest.fixture(scope="module")
def checker() -> Checker:
    return Checker([_benchmark()])


REWORDED = [
    (
        "Before 6 o'clock, 14 trays are filled by a baker, each with 24 rolls. 195 of the rolls are "
        "sold during the morning, and a third of the remaining ones is thrown out. What number of rolls is "
        "left for Henrik after noon?",
        "rolls",
        "paraphrase",
    ),
    (
        "A baker fills 31 trays with 18 rolls each before eight o'clock. She sells 240 rolls in the morning "
        "and throws away one fifth of those that are left. How many rolls remain for Amira in the afternoon?",
        "rolls",
        "template",
    ),
    (JAVASCRIPT, "limit", "paraphrase"),
    (C, "limit", "paraphrase"),
]


@pytest.mark.parametrize(("text", "item", "label"), REWORDED)
def test_a_rewording_is_found_and_named(checker: Checker, text: str, item: str, label: str) -> None:
    best = checker.check(row_of_mapping({"id": "r", "text": text}), 0.5)[0]
    assert (best.side.item.id, best.hit.label) == (item, label)
    assert best.hit.tier


CLEAN = [
    "A baker in our street sells rolls from six o'clock on; Henrik buys three of them every morning.",
    'def total(values: list):\n    """Sum of the values.\n    >>> total([1, 2])\n    3\n    """\n',
    "How long does the ferryman need to row across the lake when 3 boats are in his way?",
]


@pytest.mark.parametrize("text", CLEAN)
def test_the_same_subject_is_no_rewording(checker: Checker, text: str) -> None:
    assert checker.check(row_of_mapping({"id": "r", "text": text}), 0.5) == []


def test_a_rewording_inside_a_long_text_is_found_where_it_stands(checker: Checker) -> None:
    filler = "The harbour was quiet, and the gulls walked about between the boats as if they owned them. "
    text = f"{filler * 25}\n{REWORDED[0][0]}\n{filler * 25}"
    best = checker.check(row_of_mapping({"id": "r", "text": text}), 0.2)[0]
    assert best.side.item.id == "rolls"
    start, end = best.hit.row_span
    assert start <= text.index("14 trays") < end
    assert end - start < len(text) / 2


def test_two_copies_of_an_item_do_not_compete() -> None:
    twice = [_benchmark(), Benchmark.make("copy", [BenchmarkItem("again", ITEM)])]
    found = Checker(twice).check(row_of_mapping({"id": "r", "text": REWORDED[0][0]}), 0.5)
    assert {(one.side.benchmark, one.side.item.id) for one in found} == {
        ("mixed", "rolls"),
        ("copy", "again"),
    }


def test_the_shipped_calibration_has_the_signs_that_it_must_have() -> None:
    coefficients = shipped().coefficients
    assert set(coefficients) == set(FEATURES)
    assert all(coefficients[name] <= 0 for name in AGAINST)
    assert all(value >= 0 for name, value in coefficients.items() if name not in AGAINST | FREE)


RECALL = [("gsm8k_test", "gsm8k_paraphrase", 0.97), ("mmlu_sociology", "mmlu_sociology_paraphrase", 0.7)]


@pytest.mark.shared
@pytest.mark.parametrize(("name", "rows", "least"), RECALL)
def test_real_rewordings_are_found(shared: Path, name: str, rows: str, least: float) -> None:
    checker = Checker([load_benchmark(f"{name}.jsonl", shared / "benchmarks")])
    lines = (shared / "contamination" / f"{rows}.jsonl").read_text(encoding="utf-8").splitlines()[:200]
    told_rows = [json.loads(line) for line in lines]
    found = checker.check_many([row_of_mapping(row) for row in told_rows], 0.5)
    right = sum(
        hits[0].side.item.id == row["item"] for hits, row in zip(found, told_rows, strict=True) if hits
    )
    assert right / len(told_rows) >= least


def test_a_copy_in_one_field_does_not_hide_a_rewording_in_another(checker: Checker) -> None:
    row = row_of_mapping({"id": "r", "prompt": _benchmark().items[3].question, "response": REWORDED[0][0]})
    found = {one.side.item.id: one.hit.label for one in checker.check(row, 0.5)}
    assert found == {"q3": "verbatim", "rolls": "paraphrase"}
