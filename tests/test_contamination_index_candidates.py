"""Which items a row is compared with: found by runs, short questions, choices, and rare features."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill_evals.contamination import Benchmark, BenchmarkItem, load_benchmark, row_of_mapping
from gristmill_evals.contamination.index import Candidate, ItemIndex
from gristmill_evals.contamination.index.keys import may_hold_options
from gristmill_evals.contamination.options import find_options, option_key
from gristmill_evals.contamination.rows import Row, masked_grams

FORM = "Read the text with care and then choose the one word that fits the gap: {}"
ITEMS = [
    BenchmarkItem("sacks", "A mill grinds 120 sacks of rye in 8 hours. How many coins does the miller take?"),
    BenchmarkItem("short", "Name the river"),
    BenchmarkItem("grain", "Which grain floats?", "", ("rye bread", "barley soup", "oat milk")),
    BenchmarkItem(
        "code", "def grindAllSacks(sackList):", "    for sack in sackList:\n        grind(sack)\n    return 1"
    ),
    BenchmarkItem("sum", "Add 4711 and 815."),
    *(
        BenchmarkItem(f"form{n}", FORM.format(word))
        for n, word in enumerate(("granite", "ferry", "orchard", "lamp"))
    ),
]
INDEX = ItemIndex.open([Benchmark.make("mill", ITEMS)])


def _row(text: str, **fields: str) -> Row:
    return row_of_mapping({"id": "r", "text": text, **fields})


def _ids(text: str) -> list[str]:
    return [candidate.side.item.id for candidate in INDEX.candidates([_row(text)])[0]]


FOUND = [
    ("a mill grinds 7 sacks of rye in 9 hours every day", "sacks"),
    ("please name the river to me", "short"),
    ("B) oat milk\nC) rye bread", "grain"),
    ("1. barley soup\n2. oat milk\n3. rye bread", "grain"),
    ("take all the sacks and grind them", "code"),
    ("815 and 4711", "sum"),
]


@pytest.mark.parametrize(("text", "item"), FOUND)
def test_what_is_found(text: str, item: str) -> None:
    assert item in _ids(text)[:2]


@pytest.mark.parametrize("text", ["", "∫", "zebra", "what is it?"])
def test_nothing_in_common(text: str) -> None:
    assert _ids(text) == []


def test_boilerplate_is_common() -> None:
    common = [gram for _, gram in masked_grams(_row(FORM).tokens)]
    assert common
    assert all(gram in INDEX.common for gram in common)
    assert not any(gram in INDEX.common for _, gram in masked_grams(_row(ITEMS[0].question).tokens))
    assert INDEX.repeats([_row(FORM), _row(ITEMS[0].question), _row("name the river")]) == [0, 1, 1]


def test_a_question_in_a_long_text_is_found_with_its_place() -> None:
    filler = " ".join(f"word{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10 % 10]}" for n in range(900))
    row = row_of_mapping({"id": 1, "prompt": "hello", "response": f"{filler} {ITEMS[0].question} {filler}"})
    best: Candidate = INDEX.candidates([row])[0][0]
    assert (best.side.item.id, best.field) == ("sacks", "response")
    words = row.parts["response"].words[best.first : best.last]
    assert len(words) == 200
    assert {"mill", "rye", "miller"} <= set(words)


def test_how_a_candidate_stands_out() -> None:
    twice = ItemIndex.open([Benchmark.make("a", ITEMS), Benchmark.make("b", ITEMS[:1])])
    best, twin, *_ = twice.candidates([_row("the miller takes coins for sacks of rye, name them")])[0]
    assert [best.side.benchmark, twin.side.benchmark] == ["a", "b"]
    assert best.cosine == twin.cosine > best.rival > 0
    assert best.rival >= best.others_mean > 0
    assert best.others_std >= 0


def test_choices_and_weights_are_looked_up() -> None:
    assert [
        INDEX.side(n).item.id for n in INDEX.options[option_key(["oat milk", "rye bread", "BARLEY SOUP."])]
    ] == ["grain"]
    assert INDEX.options[option_key(["x", "y"])] == []
    assert INDEX.weight("unheard") > INDEX.weight("gap") > INDEX.weight("the") == 0
    assert INDEX.weight("4711", True) > 0
    assert INDEX.weights(_row("the gap unheard").tokens).tolist() == [
        0,
        INDEX.weight("gap"),
        INDEX.weight("unheard"),
    ]


def test_no_items_and_no_rows() -> None:
    assert ItemIndex.open([]).candidates([_row("x")]) == [[]]
    assert INDEX.candidates([]) == []


RECALL = [
    ("gsm8k_paraphrase", 0.99, 0.995),
    ("mmlu_sociology_paraphrase", 0.91, 0.975),
    ("humaneval_python", 0.88, 0.93),
]


@pytest.mark.shared
@pytest.mark.parametrize(("name", "first", "five"), RECALL)
def test_the_true_item_is_among_the_candidates(shared: Path, name: str, first: float, five: float) -> None:
    names = ("gsm8k_test", "mmlu_sociology", "humaneval")
    index = ItemIndex.open([load_benchmark(f"{n}.jsonl", shared / "benchmarks") for n in names])
    rows = [json.loads(line) for line in (shared / "contamination" / f"{name}.jsonl").open(encoding="utf-8")]
    rows = [row for row in rows if len(row["text"]) >= 30]
    looked_up = index.candidates([_row(row["text"]) for row in rows])
    ids = [[candidate.side.item.id for candidate in found] for found in looked_up]
    pairs = [(row["item"], found) for row, found in zip(rows, ids, strict=True)]
    assert sum(found[:1] == [item] for item, found in pairs) / len(pairs) >= first
    assert sum(item in found for item, found in pairs) / len(pairs) >= five


LISTS = [
    ("Pick (a) x (b) y", True),
    ("A) x\nB) y", True),
    ("- x\n- y", True),
    ("1. x\n2. y", True),
    ("a. b. c.", True),
]
LISTS += [("No list at all, not 1.5 of a one.", False), ("It has (b) only - or so.", False)]


@pytest.mark.parametrize(("text", "may"), LISTS)
def test_lists_are_only_looked_for_where_one_may_be(text: str, may: bool) -> None:
    assert may_hold_options(text) == may
    assert may or not find_options(text)


@given(st.text(st.sampled_from("Aa1Bb2(). :-*\n\txy"), max_size=40))
def test_no_list_is_overlooked(text: str) -> None:
    assert may_hold_options(text) or not find_options(text)
