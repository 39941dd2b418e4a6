"""Candidates that are not worth comparing in Python: none is left out that a tier would have found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill_evals.contamination import Benchmark, BenchmarkItem, row_of_mapping
from gristmill_evals.contamination.checker import Checker
from gristmill_evals.contamination.index import Candidate
from gristmill_evals.contamination.kernel import backend
from gristmill_evals.contamination.kernel.hashing import word_hash
from gristmill_evals.contamination.normalise import Tokens
from gristmill_evals.contamination.rows import GRAM, Row, masked_grams, run_keys
from gristmill_evals.contamination.tiers import Hit, ngrams
from gristmill_evals.contamination.tiers.shelf import Shelf
from gristmill_evals.contamination.tiers.worth import Worth

pytest.importorskip("numba")
backend()  # without it, small jobs are done without compiled code, and nothing is left out

LICENCE = "Permission is hereby granted, free of charge, to any person who obtains a copy of this software"
PIECES = [
    *(LICENCE, "A mill grinds 15 sacks an hour; how many sacks does it grind in a day of 12 hours?"),
    "The old miller of Brunel carries grain to the market on every second Tuesday of the month.",
    "Which of these is a grain that grows on poor soil and keeps the miller busy in winter?",
    *(
        "What is it?",
        "磨坊每小时磨十五袋黑麦，十二小时磨多少袋？",
        "Straße über die Brücke: où va-t-elle?",
        "∫ ∑ ?",
    ),
    "A neighbour buys 21 sacks. How many barrels of cider does the cooper's daughter sell each autumn?",
    *("1 2 3 4 5 6 7 8 9", "for sack in sacks: total += sack", "İstanbul ½ café\u0301 ﬁne"),
]
CHOICES = [
    ("old rye", "a red brick", "the river bank"),
    ("yes", "no"),
    ("黑麦", "小麦"),
    ("+ -", "∫ ∑"),
    ("the river", "the river bank", "it rains every day in the valley of mills"),
]
ITEMS = [
    BenchmarkItem(
        f"i{n}",
        f"{LICENCE if n % 3 else ''} {piece} {PIECES[(n * 5 + 1) % len(PIECES)]}".strip(),
        answer,
        choices,
    )
    for n, piece in enumerate(PIECES)
    for answer, choices in [
        (PIECES[(n + 2) % len(PIECES)] if n % 2 else "", CHOICES[n % 5] if n % 3 == 0 else ())
    ]
]
ITEMS += [BenchmarkItem(f"o{n}", "∑ ∑ ∑ ?" if n == 3 else "Which?", choices=c) for n, c in enumerate(CHOICES)]
CHECKER = Checker([Benchmark.make("mills", ITEMS)])


def _changed(text: str, number: int) -> str:
    """The text as it is, or with other numbers, in capitals, its half, its last sentence, or turned round."""
    words = text.split(" ")
    other = text.replace("1", "4")
    ways = [text, other, text.upper(), " ".join(words[: len(words) // 2]), text.split(". ")[-1]]
    return [*ways, " ".join(other.split(" ")[:-1]), " ".join(words[::-1])][number]


LISTS = [" ".join(choices) for choices in CHOICES]
LISTS += [
    "\n".join(f"{letter}) {one}" for letter, one in zip("ABC", reversed(c), strict=False)) for c in CHOICES
]
SAYING = st.builds(
    _changed, st.sampled_from([*PIECES, *LISTS, *(item.text for item in ITEMS)]), st.integers(0, 6)
)
FIELD = st.lists(SAYING | st.text(max_size=12), max_size=4).map(" ".join)
ROW = st.builds(lambda a, b: row_of_mapping({"id": "r", "prompt": a, "response": b}), FIELD, FIELD)


def _found(row: Row, candidates: list[Candidate], least: float) -> list[tuple[int, Hit]]:
    """What the tiers find when these candidates are compared, best first."""
    found = CHECKER._repeated(row, candidates).values()
    enough = [(one.side.number, one.hit) for one in found if one.hit.score >= least]
    return sorted(enough, key=lambda one: (-one[1].score, one[0]))


@given(st.lists(ROW, min_size=1, max_size=4), st.sampled_from([0.05, 0.3, 0.5]))
@settings(max_examples=400, deadline=None)
def test_nothing_is_lost(rows: list[Row], least: float) -> None:
    candidates = CHECKER.index.candidates(rows)
    for row, own, kept in zip(rows, candidates, CHECKER.worth.of(rows, candidates, least), strict=True):
        left = [one for one in own if one not in kept]
        hits = [CHECKER._hit(row, one) for one in left]
        assert [hit for hit in hits if hit is not None and hit.score >= least] == []
        assert _found(row, kept, least) == _found(row, own, least)


def test_boilerplate_is_left_out_and_copies_are_not() -> None:
    rows = [
        row_of_mapping({"id": n, "text": f"{LICENCE}. {text}"})
        for n, text in enumerate(["Hello!", PIECES[1]])
    ]
    items = [BenchmarkItem("a", f"{LICENCE}: {PIECES[2]}"), BenchmarkItem("b", f"{LICENCE}, {PIECES[1]}")]
    checker = Checker([Benchmark.make("licensed", items)])
    candidates = checker.index.candidates(rows)
    assert [len(own) for own in candidates] == [2, 2]
    kept = checker.worth.of(rows, candidates, 0.5)
    assert [[one.side.item.id for one in own] for own in kept] == [[], ["b"]]
    assert checker.worth.of(rows, candidates, 0.0) == candidates


@pytest.mark.parametrize("number", range(len(CHECKER.index)))
def test_the_shelf_holds_what_the_tiers_read(number: int) -> None:
    side = CHECKER.index.side(number)
    shelf, [place] = Shelf(CHECKER.index).with_all([side])
    words, masked, runs, weights, ends, facts = shelf
    size = len(side.tokens)
    assert ends[place] == size
    assert words[:size].tolist() == [word_hash(word) for word in side.tokens.words]
    assert masked[:size].tolist() == [word_hash(word) for word in side.tokens.masked]
    assert np.flatnonzero(runs[:size]).tolist() == [at for at, _ in ngrams._telling(side, CHECKER.index)]
    assert weights[:size].tolist() == ngrams._weights(side, CHECKER.index)
    first, end = facts[place, 2:4].tolist()
    assert range(first, end) == range(*ngrams.asking(side))
    assert facts[place, 4] or side.informative < 3


def test_a_full_shelf_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row_of_mapping({"id": n, "text": item.text}) for n, item in enumerate(ITEMS)]
    candidates = CHECKER.index.candidates(rows)
    small, large = Worth(CHECKER.index), Worth(CHECKER.index)
    at_once = large.of(rows, candidates, 0.5)
    monkeypatch.setattr("gristmill_evals.contamination.tiers.shelf.ROOM", 50)
    one_by_one = [small.of([row], [own], 0.5)[0] for row, own in zip(rows, candidates, strict=True)]
    assert one_by_one == at_once
    assert 0 < len(small._shelf._place) < len(large._shelf._place)


def _covered(ours: Tokens, theirs: Tokens, exact: bool) -> tuple[set[int], set[int]]:
    found: tuple[set[int], set[int]] = set(), set()
    for at, run in masked_grams(ours):
        for place, other in masked_grams(theirs):
            same = ours.words[at : at + GRAM] == theirs.words[place : place + GRAM]
            if run == other and (same or not exact):
                found[0].update(range(at, at + GRAM))
                found[1].update(range(place, place + GRAM))
    return found


REPEATING = st.lists(st.sampled_from([*PIECES[1:3], "la la 1 la la", "la la 2 la la"]), max_size=6).map(
    " ".join
)


@given(REPEATING, REPEATING, st.booleans())
@settings(max_examples=100, deadline=None)
def test_coverage_is_what_each_pair_of_equal_runs_covers(ours: str, theirs: str, exact: bool) -> None:
    checker = Checker([Benchmark.make("one", [BenchmarkItem("i", theirs or "?")])])
    row, side = row_of_mapping({"id": 1, "text": ours or "!"}), checker.index.side(0)
    places = ngrams.Coverage(*map(sorted, _covered(row.tokens, side.tokens, exact)))
    assert ngrams.coverage(row, side, checker.index, exact=exact) == places


@given(ROW)
@settings(max_examples=60, deadline=None)
def test_runs_by_key_are_those_in_words(row: Row) -> None:
    expected = [(at, "\x1f".join(gram)) for at, gram in masked_grams(row.tokens)]
    assert run_keys(row.tokens) == expected
    assert all(key.count("\x1f") == GRAM - 1 for _, key in expected)
