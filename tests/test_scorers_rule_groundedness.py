"""Groundedness, sentence by sentence: what is turned round, what stands elsewhere, and where it was said."""

from __future__ import annotations

import pytest
from support.scripted_ask import item

from gristmill.registry import Scored
from gristmill_scorers.groundedness import GroundedGate, measure
from gristmill_scorers.statements import statements

SOURCE = (
    "The ferry leaves the north pier at 6:40 and carries\n60 passengers with 12 bicycles. It does not sail "
    "in a storm. Dogs travel free of charge on the upper deck.\n\n- The winter ferry carries 25 passengers.\n"
    "- Tickets are sold on board without a fee."
)
GERMAN = "Die Mühle mahlt den Weizen am Fluss. Das Rad darf bei Hochwasser nicht laufen."

CASES = [
    # what the source says, also in part, from a wrapped line or in another order
    ("The ferry carries 60 passengers with 12 bicycles.", []),
    ("It does not sail in a storm.", []),
    ("Dogs travel free of charge.", []),
    ("In a storm the ferry does not sail.", []),
    ("Tickets are sold on board without a fee.", []),
    ("The winter ferry carries 25 passengers.", []),
    # turned round
    ("It does sail in a storm.", ["negation"]),
    ("Dogs do not travel free of charge on the upper deck.", ["negation"]),
    ("Dogs never travel free of charge on the upper deck.", ["negation"]),
    ("Tickets aren't sold on board without a fee.", ["negation"]),
    # figures of another sentence
    ("The winter ferry carries 60 passengers.", ["misplaced-number"]),
    ("The ferry leaves the north pier and carries 25 passengers with 12 bicycles.", ["misplaced-number"]),
    # figures and words of nowhere
    ("The winter ferry carries 26 passengers.", ["numbers"]),
    ("The submarine carries 25 passengers.", ["words"]),
]


@pytest.mark.parametrize(("response", "kinds"), CASES)
def test_findings(response: str, kinds: list[str]) -> None:
    result = measure(item(response, instruction="What is known?", passage=SOURCE))
    assert isinstance(result, Scored)
    assert [found["kind"] for found in result.votes] == kinds, result.rationale
    assert (result.value == 1.0) is (not kinds)
    for found in result.votes:
        assert response[found["start"] : found["end"]] == found["quote"]


@pytest.mark.parametrize(
    ("response", "value"),
    [
        ("Das Rad darf bei Hochwasser nicht laufen.", 1.0),
        ("Das Rad darf bei Hochwasser laufen.", 0.5),
        ("Die Mühle mahlt keinen Weizen am Fluss.", 0.5),
    ],
)
def test_negation_in_german(response: str, value: float) -> None:
    result = measure(item(response, instruction="Was?", passage=GERMAN))
    assert isinstance(result, Scored)
    assert result.value == value


def test_one_of_many_sentences_costs_its_share() -> None:
    good = "Dogs travel free of charge. Tickets are sold on board. "
    one = measure(item(good + "It does sail in a storm.", instruction="What?", passage=SOURCE))
    assert isinstance(one, Scored)
    assert one.value == pytest.approx(3 / 4)
    assert "negated otherwise than in the source: 1 sentences" in one.rationale


def test_the_gate_blocks_what_is_turned_round() -> None:
    gate = GroundedGate()
    assert not hasattr(gate.check(item("It does not sail in a storm.", passage=SOURCE)), "reason")
    blocked = gate.check(item("It does sail in a storm.", passage=SOURCE))
    assert getattr(blocked, "reason", "") == "ungrounded"


def test_evidence_of_a_wrapped_sentence_is_all_of_it() -> None:
    seen = item("The ferry carries 60 passengers with 12 bicycles.", instruction="What?", passage=SOURCE)
    result = measure(seen)
    assert isinstance(result, Scored)
    (proof,) = result.evidence
    assert proof["quote"].startswith("The ferry leaves")
    assert proof["quote"].endswith("bicycles.")
    assert seen.document.text[proof["start"] : proof["end"]] == proof["quote"]


def test_a_list_is_not_one_sentence() -> None:
    (found,) = statements("The winter ferry carries 25 passengers.", SOURCE)
    assert SOURCE[slice(*found.source)].strip(" -") == "The winter ferry carries 25 passengers."
    assert found.share == 1.0


@pytest.mark.parametrize("text", ["", "\n" * 4000, "no " * 3000, "a.b" * 3000, "1 " * 3000, "- x\n" * 800])
def test_hostile_texts_are_read(text: str) -> None:
    assert all(0 <= row.share <= 1 for row in statements(text, text))
