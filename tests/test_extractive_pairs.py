"""Questions and answers of the offline rules, passage by passage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gristmill.models.extractive.passage import Passage
from gristmill.models.extractive.rank import find_pairs, pick

CASES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "data" / "extractive" / "pairs.yaml").read_text(encoding="utf-8")
)
WITH_PAIRS = [case for case in CASES if "pairs" in case]


@pytest.mark.parametrize("case", WITH_PAIRS, ids=lambda case: case["name"])
def test_asks_what_a_reader_would_ask(case: dict[str, Any]) -> None:
    found = {c.question: c for c in find_pairs(Passage.of(case))}
    for pair in case["pairs"]:
        assert pair["q"] in found, sorted(found)
        candidate = found[pair["q"]]
        assert candidate.answer.text == pair["a"]
        assert candidate.type == pair.get("type", candidate.type)


@pytest.mark.parametrize("case", [c for c in CASES if c.get("none")], ids=lambda case: case["name"])
def test_asks_nothing_where_nothing_can_be_asked(case: dict[str, Any]) -> None:
    assert [c.question for c in find_pairs(Passage.of(case))] == []


@pytest.mark.parametrize("case", WITH_PAIRS, ids=lambda case: case["name"])
def test_evidence_is_a_verbatim_span(case: dict[str, Any]) -> None:
    passage = Passage.of(case)
    for candidate in find_pairs(passage):
        span = candidate.answer
        assert passage.raw[span.start : span.end] == span.evidence
        assert span.evidence.strip()


def test_a_later_sample_brings_other_pairs() -> None:
    passage = Passage.of(
        next(c for c in CASES if c["name"] == "reason with an auxiliary and with do-support")
    )
    pairs = find_pairs(passage)
    assert pick(pairs, 1, (), 0) == pairs[:1]
    assert pick(pairs, 1, (), 1) == pairs[1:2]
    assert pick(pairs, 1, (), 9) == []


def test_types_restrict_what_is_asked() -> None:
    passage = Passage.of(CASES[0])
    assert [c.type for c in pick(find_pairs(passage), 3, ["definition"], 0)] == ["definition"]
    assert pick(find_pairs(passage), 3, ["table"], 0) == []


def test_no_two_pairs_share_an_answer() -> None:
    text = (
        "A heap is a pile of plant waste that rots. A heap is warm because bacteria release energy inside it."
    )
    spans = [(c.answer.start, c.answer.end) for c in find_pairs(Passage(text, ("Heap",)))]
    assert len(spans) == 2
    assert max(a for a, _ in spans) >= min(b for _, b in spans)
