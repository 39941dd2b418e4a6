"""Boilerplate that a row shares with a benchmark item is no contamination; a copy of the item beside it is.

Each line of ``data/contamination/boilerplate/*.jsonl`` is a pair: ``item`` and ``row`` share ``phrase`` and
nothing else. It is checked twice: in a benchmark where the phrase stands in just that item, so that nothing
tells it from the item's own words, and in one where five other items have it as well.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from gristmill_evals.contamination import Benchmark, BenchmarkItem, load_benchmark
from gristmill_evals.contamination.checker import Checker, Found
from gristmill_evals.contamination.rows import Row, row_of_mapping

DATA = Path(__file__).parent / "data" / "contamination"
LEAST, ECHOES, OWN = 0.5, 5, 15
SEVERE = {"verbatim", "near", "number-perturbed", "option-reordered", "paraphrase", "translated"}


@dataclass(frozen=True)
class Pair:
    """One line of a family: ``number`` counts within it."""

    family: str
    number: int
    phrase: str
    row: str
    item: BenchmarkItem

    @property
    def own(self) -> str:
        """What the question says before or after the phrase; "" where that is short or in pieces."""
        before, _, after = self.item.question.partition(self.phrase)
        own = (before + after).strip(' "\n.:') if not (before.strip() and after.strip()) else ""
        return own if len(own.split()) >= OWN and not self.item.choices else ""

    @property
    def echoes(self) -> Iterator[BenchmarkItem]:
        """Other questions with the same phrase, or with the same choices where these are the boilerplate."""
        choices = self.item.choices if self.family == "generic_options" else ()
        start = (self.number * ECHOES) % len(BACKGROUND.items)
        for n, other in enumerate((BACKGROUND.items * 2)[start : start + ECHOES]):
            question = other.question if choices else f"{self.phrase}\n\n{other.question}"
            yield BenchmarkItem(f"{self.item.id}/{n}", question, choices=choices)


def _pairs(path: Path) -> Iterator[Pair]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        data = json.loads(line)
        choices = tuple(data["item"].get("choices", ()))
        item = BenchmarkItem(f"{path.stem}-{number}", data["item"]["question"], choices=choices)
        yield Pair(data["family"], number, data["phrase"], data["row"], item)


BACKGROUND = load_benchmark("background.jsonl", DATA)
PAIRS = [pair for path in sorted((DATA / "boilerplate").glob("*.jsonl")) for pair in _pairs(path)]
each_pair = pytest.mark.parametrize("pair", PAIRS, ids=[pair.item.id for pair in PAIRS])


@cache
def _rare(number: int) -> Checker:
    """The ``number``-th item of each family among the background: every phrase occurs once."""
    items = [pair.item for pair in PAIRS if pair.number == number]
    return Checker([Benchmark.make("rare", [*BACKGROUND.items, *items])])


@cache
def _frequent() -> Checker:
    items = [item for pair in PAIRS for item in (pair.item, *pair.echoes)]
    return Checker([Benchmark.make("frequent", [*BACKGROUND.items, *items])])


def _row(text: str) -> Row:
    return row_of_mapping({"id": "row", "text": text})


def _said(found: list[Found]) -> list[tuple[str, str, float]]:
    return [(one.side.item.id, one.hit.label, round(one.hit.score, 3)) for one in found]


def test_there_are_enough_pairs() -> None:
    families = [pair.family for pair in PAIRS]
    assert len(set(families)) >= 10
    assert min(families.count(family) for family in families) >= 8
    assert all(pair.row != other.row for pair, other in pairwise(PAIRS))


@each_pair
def test_a_phrase_of_one_item_is_not_contamination(pair: Pair) -> None:
    assert _said(_rare(pair.number).check(_row(pair.row), LEAST)) == []


@each_pair
def test_a_phrase_of_many_items_is_not_contamination(pair: Pair) -> None:
    assert _said(_frequent().check(_row(pair.row), LEAST)) == []


@each_pair
def test_a_copy_of_the_item_is_found_beside_the_boilerplate(pair: Pair) -> None:
    row = _row(f"{pair.row}\n\n{pair.item.text}")
    for checker in (_rare(pair.number), _frequent()):
        found = {one.side.item.id: one.hit for one in checker.check(row, LEAST)}
        assert pair.item.id in found, _said(checker.check(row, 0.0))
        assert found[pair.item.id].label in SEVERE


@pytest.mark.parametrize("pair", [p for p in PAIRS if p.own], ids=[p.item.id for p in PAIRS if p.own])
def test_an_item_is_found_without_the_boilerplate_that_others_share(pair: Pair) -> None:
    found = {one.side.item.id: one.hit for one in _frequent().check(_row(pair.own), LEAST)}
    assert pair.item.id in found, _said(_frequent().check(_row(pair.own), 0.0))
    assert found[pair.item.id].label in SEVERE


@pytest.mark.shared
@pytest.mark.parametrize("size", [300, 1200])
def test_chunks_of_real_documents_are_clean(shared: Path, size: int) -> None:
    names = ("gsm8k_test", "mmlu_sociology", "humaneval")
    checker = Checker([load_benchmark(f"{name}.jsonl", shared / "benchmarks") for name in names])
    chunks = [chunk for text in _documents(shared / "documents") for chunk in _chunks(text, size)]
    flagged = [(text, _said(found)) for text in chunks if (found := checker.check(_row(text), LEAST))]
    assert len(chunks) > 500
    assert len(flagged) / len(chunks) <= 0.001, flagged


def _documents(folder: Path) -> Iterator[str]:
    """A book in Markdown, and web pages without their tags."""
    for path in sorted((folder / "rust_book").glob("*.md")):
        yield path.read_text(encoding="utf-8")
    for path in sorted((folder / "office").glob("*.html")):
        page = re.sub(r"(?s)<(script|style).*?</\1>", "", path.read_text(encoding="utf-8"))
        yield re.sub(r"\n\s*\n", "\n\n", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def _chunks(text: str, size: int) -> Iterator[str]:
    """Whole paragraphs, together up to ``size`` characters."""
    chunk = ""
    for paragraph in text.split("\n\n"):
        if len(chunk) + len(paragraph) > size and chunk.strip():
            yield chunk
            chunk = ""
        chunk += paragraph + "\n\n"
    if chunk.strip():
        yield chunk
