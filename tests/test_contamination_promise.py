"""The compiled first and second look: what they pass over, the decision in Python would have thrown out."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from rapidfuzz import fuzz

from gristmill_evals.contamination import Benchmark, BenchmarkItem, load_benchmark, row_of_mapping
from gristmill_evals.contamination.checker import Checker, Found, _listed, _may_repeat
from gristmill_evals.contamination.decision.synonyms import head_of
from gristmill_evals.contamination.decision.views import View
from gristmill_evals.contamination.kernel import backend
from gristmill_evals.contamination.kernel.batch import laid_out
from gristmill_evals.contamination.kernel.hashing import word_hash
from gristmill_evals.contamination.kernel.text import encode
from gristmill_evals.contamination.rows import Row
from gristmill_evals.contamination.tiers.reworded import shared_runs

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("GRISTMILL_NO_NUMBA")), reason="the looks in compiled code need numba"
)
TEXTS = [
    "Nora sells 24 loaves at $3.50 each and a half dozen rolls; twenty-five people buy two-thirds of them.",
    "In 1,250 mills, 75% grind rye. How many don't? Ask Nora. The miller Nora said: 3/4 of 12,000 sacks!",
    "def has_close_elements(numbers: List[float]) -> bool:\n    '''Check if any two are close.'''\n",
    "The studies were running; stopping, planned, happily, batteries, HTTPServer nearbyElements",
    "Ein Müller mahlt 15 Säcke. 磨坊每小时磨十五袋 three hundred thousand percent 007 1.50",
    "",
    "?!",
]
LICENCE = (
    "# Permission is given to anyone who holds this file to use it, change it and hand it on,\n"
    "# as long as this notice stays where it is and nobody is blamed for what the file does.\n"
)


@pytest.mark.parametrize("text", TEXTS)
def test_the_compiled_reader_sees_what_the_decision_sees(text: str) -> None:
    found, view = _profile(text), View(text)
    assert _set(found, "stems", "stem") == {word_hash(word) for word in view.stems}
    assert _set(found, "stems", "head") == {word_hash(head_of(word)) for word in view.stems}
    assert found["value"].tolist() == pytest.approx([number.value for number in view.numbers])
    assert found["says"].tolist() == pytest.approx([number.weight for number in view.numbers])
    assert _set(found, "names", "name") == {word_hash(name) for name in view.names}
    assert _set(found, "capitals", "capital") == {word_hash(name) for name in view.capitals}
    assert found["sizes"][0, 0] == len(view.content)
    assert found["sentence"].tobytes().decode().split() == sorted(word for _, word in view.content)
    assert sorted(found["form"].tobytes().decode().split()) == sorted(view.form.split())


@settings(max_examples=60, deadline=None)
@given(some.text(alphabet="ab 12,./%\nSTing_", max_size=60))
def test_values_and_sizes_are_those_of_the_decision_whatever_the_text(text: str) -> None:
    found, view = _profile(text), View(text)
    assert found["value"].tolist() == pytest.approx([number.value for number in view.numbers])
    near = np.split(found["near"], found["near_ends"][: max(0, len(view.numbers) - 1)])
    around = [{word_hash(head) for head in heads} for heads in view.surroundings]
    assert [set(heads.tolist()) for heads in near][: len(around)] == around


@settings(max_examples=60, deadline=None)
@given(some.binary(max_size=200), some.binary(max_size=90))
def test_strings_are_as_similar_as_rapidfuzz_says(one: bytes, other: bytes) -> None:
    from gristmill_evals.contamination.kernel.alike import similarity

    ours, theirs = (np.frombuffer(raw, dtype=np.uint8) for raw in (one, other))
    expected = fuzz.ratio(one, other) / 100 if one and other else 0.0
    assert similarity(ours, theirs) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(*(some.lists(some.sampled_from(["a", "b", "7", "cc"]), max_size=30) for _ in range(2)))
def test_shared_runs_are_those_of_the_second_look(one: list[str], other: list[str]) -> None:
    from gristmill_evals.contamination.kernel.sharing import shared_tokens
    from gristmill_evals.contamination.normalise import tokenise

    rows = [tokenise(" ".join(words)) for words in (one, other)]
    cut = backend().tokens([encode(row.text) for row in rows])
    marks = shared_tokens(cut.masked, cut.ends, np.array([[0, 1]]), 6)
    expected = shared_runs(rows[0].masked, rows[1].masked, 6)
    assert set(np.flatnonzero(marks[: len(one)]).tolist()) == expected[0]
    assert set(np.flatnonzero(marks[len(one) :]).tolist()) == expected[1]


def test_what_is_left_of_a_text_stands_in_lines_of_its_own() -> None:
    from gristmill_evals.contamination.kernel.sharing import rest

    text = encode("The mill, by the river, grinds rye.")
    cut = backend().tokens([text])
    marks = np.array([0, 0, 1, 1, 1, 0, 0], dtype=np.uint8)
    joined, _ = laid_out([text])
    left = rest(joined, (0, len(text)), (0, 7), marks, cut.starts, cut.stops)
    assert left.tobytes() == b"The mill, \n, grinds rye."


def test_code_under_the_same_licence_is_passed_over_and_its_rewording_is_not() -> None:
    task = "def sum_even(values):\n    '''Add up the even numbers of a list of whole numbers.'''\n"
    other = "def longest(words):\n    '''Give back the longest of the words of a text.'''\n"
    reworded = "def total_of_even(items):\n    '''Give the sum of the even whole numbers in a list.'''\n"
    things = ("wheel", "stone", "sack", "river", "harbour")
    made = [
        BenchmarkItem(f"i{n}", f"{LICENCE}def f{n}(x):\n    '''Turn {n} into a {thing}.'''\n")
        for n, thing in enumerate(things)
    ]
    checker = Checker([Benchmark.make("code", [BenchmarkItem("t", LICENCE + task), *made])])
    rows = [row_of_mapping({"id": n, "text": LICENCE + text}) for n, text in enumerate((other, reworded))]
    backend()
    candidates, suspects, _ = checker.index.promising(rows, 0.5)
    hopes = checker._hopes(rows, candidates, suspects, 0.5)
    assert hopes == [False, True]
    assert _keys(checker.check_many(rows, 0.5)) == _keys(_slowly(checker, rows, 0.5))
    assert [len(found) for found in checker.check_many(rows, 0.5)] == [0, 1]


@pytest.mark.shared
@pytest.mark.parametrize("least", [0.2, 0.5])
@pytest.mark.parametrize(
    ("name", "benchmark"),
    [
        ("gsm8k_paraphrase", "gsm8k_test"),
        ("gsm8k_clean", "gsm8k_test"),
        ("mmlu_sociology_paraphrase", "mmlu_sociology"),
        ("humaneval_python", "humaneval"),
    ],
)
def test_no_match_of_real_rows_is_lost(shared: Path, name: str, benchmark: str, least: float) -> None:
    checker = Checker([load_benchmark(f"{benchmark}.jsonl", shared / "benchmarks")])
    lines = (shared / "contamination" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[:150]
    rows = [row_of_mapping(json.loads(line)) for line in lines]
    backend()
    assert _keys(checker.check_many(rows, least)) == _keys(_slowly(checker, rows, least))


def _profile(text: str) -> dict[str, np.ndarray]:
    from gristmill_evals.contamination.kernel.lexicon import lexicon
    from gristmill_evals.contamination.kernel.profile import ARRAYS, profiles
    from gristmill_evals.contamination.kernel.text import classes

    joined, ends = laid_out([encode(text)])
    return dict(zip(ARRAYS, profiles(joined, ends, classes(), lexicon(), True), strict=True))


def _set(found: dict[str, np.ndarray], kind: str, name: str) -> set[int]:
    return set(found[name][: found[f"{kind}_ends"][0]].tolist())


def _slowly(checker: Checker, rows: Sequence[Row], least: float) -> list[list[Found]]:
    """Every candidate looked at in Python."""
    found = []
    for row, candidates in zip(rows, checker.index.candidates(rows), strict=True):
        best = checker._repeated(row, [one for one in candidates if _may_repeat(one)])
        checker._add_reworded(row, candidates, candidates, best)
        found.append(_listed(best, least))
    return found


def _keys(found: Sequence[Sequence[Found]]) -> list[list[object]]:
    return [[(one.side.item.id, one.hit) for one in own] for own in found]
