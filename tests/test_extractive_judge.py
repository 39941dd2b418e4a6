"""The rule judge: it must see what was done to an answer, and say honestly what it cannot see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gristmill.models.extractive.corrupt import corrupt
from gristmill.models.extractive.judge import judge
from gristmill.models.extractive.passage import Passage
from gristmill.models.extractive.rank import find_pairs
from gristmill.models.extractive.rubric import UNKNOWN, assess, family

TEXT = """# Keeping bees

A hive is a box in which a colony of bees lives. It has at least two combs. A colony needs 20 kilograms of
honey to survive the winter. Beekeepers wear white because bees attack dark colours. If a colony swarms,
hang up an empty hive nearby. You can calm bees by blowing cool smoke into the hive. Honey is harvested in
July and August.
"""
PASSAGE = Passage(TEXT, ("Keeping bees",))
CASES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "data" / "extractive" / "pairs.yaml").read_text(encoding="utf-8")
)
PAIRS = [(PASSAGE, c) for c in find_pairs(PASSAGE)]
PAIRS += [(p, c) for case in CASES for p in [Passage.of(case)] for c in find_pairs(p)]


@pytest.mark.parametrize("fault", ["unsupported_claim", "omission", "off_topic"])
def test_corrupted_answers_score_lower(fault: str) -> None:
    made, least = 0, {"unsupported_claim": 15, "omission": 10, "off_topic": 5}[fault]
    for passage, candidate in PAIRS:
        response, changed = corrupt(passage, candidate.question, candidate.answer.text, fault)
        if not response:
            continue
        made += 1
        good = judge(passage, candidate.question, candidate.answer.text).score
        bad = judge(passage, candidate.question, response).score
        assert changed
        assert bad < good - 0.5, (candidate.question, response)
    assert made >= least


def test_good_answers_score_high() -> None:
    scores = [judge(p, c.question, c.answer.text).score for p, c in PAIRS]
    assert min(scores) >= 8


@pytest.mark.parametrize(
    ("response", "aspect"),
    [
        ("A colony needs 55 kilograms of honey to survive the winter.", "grounded"),
        ("A colony does not need 20 kilograms of honey to survive the winter.", "grounded"),
        ("A colony needs honey from Tasmania to survive the winter.", "grounded"),
        ("Bees attack dark colours.", "relevant"),
        ("A colony needs", "form"),
        ("It needs <b>20</b> kilograms, see Figure 3.", "form"),
    ],
)
def test_each_fault_is_seen_in_its_aspect(response: str, aspect: str) -> None:
    question = "How much honey does a colony need to survive the winter?"
    good = judge(PASSAGE, question, "A colony needs 20 kilograms of honey to survive the winter.")
    assert getattr(judge(PASSAGE, question, response), aspect).value < getattr(good, aspect).value


def test_an_empty_answer_is_worth_nothing() -> None:
    assert judge(PASSAGE, "What is a hive?", "").score <= 3.5


@pytest.mark.parametrize(
    ("criterion", "name"),
    [
        ({"id": "grounded", "text": "?"}, "grounded"),
        ({"id": "c1", "text": "Every statement is supported by the passage."}, "grounded"),
        ({"id": "c2", "text": "Answers the question fully."}, "complete"),
        ({"id": "c3", "text": "Stays on topic."}, "relevant"),
        ({"id": "c4", "text": "Is written in clear language."}, "form"),
        ({"id": "c5", "text": "The question is self-contained."}, "standalone"),
        ({"id": "c6", "text": "Contains nothing harmful."}, "safe"),
        ({"id": "c7", "text": "Makes the reader laugh."}, None),
    ],
)
def test_criteria_are_mapped_by_their_words(criterion: dict[str, Any], name: str | None) -> None:
    assert family(criterion) == name


def test_met_criteria_carry_a_quote_from_answer_or_passage() -> None:
    question, answer = (
        "What is a hive?",
        "A hive is a box in which a colony of bees lives. It has at least two combs.",
    )
    criteria = [
        {"id": i, "text": i, "points": 2} for i in ("grounded", "complete", "relevant", "form", "humour")
    ]
    rows = assess(PASSAGE, question, answer, "", criteria)
    assert [row["met"] for row in rows] == [True, True, True, True, False]
    assert rows[-1]["reason"] == UNKNOWN
    for row in rows[:-1]:
        assert row["quote"] in answer or row["quote"] in " ".join(TEXT.split())


def test_a_criterion_with_negative_points_is_met_by_the_fault() -> None:
    criterion = {"id": "invented", "text": "Contains invented facts.", "points": -3}
    good = assess(
        PASSAGE, "What is a hive?", "A hive is a box in which a colony of bees lives.", "", [criterion]
    )
    bad = assess(PASSAGE, "What is a hive?", "A hive is a box made in Norway for 900 bees.", "", [criterion])
    assert (good[0]["met"], bad[0]["met"]) == (False, True)
    assert "Norway" in bad[0]["quote"]


def test_a_reference_decides_about_completeness() -> None:
    row = [{"id": "complete", "text": "complete", "points": 1}]
    answer = "A hive is a box."
    assert not assess(PASSAGE, "What is a hive?", answer, "", row)[0]["met"]
    assert assess(PASSAGE, "What is a hive?", answer, "A hive is a box.", row)[0]["met"]
