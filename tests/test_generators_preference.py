"""Preference pairs: both strategies, and a reason for every pair that is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError
from support.scripted_ask import Reply, ScriptedAsk, source

from gristmill.errors import ModelAnswerError, ModelConfigError
from gristmill.records import Example
from gristmill.registry import Failed, Rejected
from gristmill_generators.corruption import flaw
from gristmill_generators.preference import Preference
from gristmill_generators.schemas import FAULT_KINDS, Fault

MILL = "The mill grinds 40 sacks an hour. Its stones come from the Eifel. The wheel needs two men."
GOOD = "It grinds 40 sacks an hour. Two men tend it."
PAIRS = {
    "pairs": [
        {
            "question": "What does the mill do?",
            "answer": GOOD,
            "evidence": "grinds 40 sacks an hour",
            "type": "factual",
        }
    ]
}
CHUNK, DOCUMENT = source(MILL, title="Mills")


def corrupted(response: str) -> ScriptedAsk:
    return ScriptedAsk({"qa": PAIRS, "corrupt": {"response": response, "changed": "the number"}})


async def only(step: Preference, ask: ScriptedAsk) -> Example | Rejected | Failed:
    (row,) = await step.generate(CHUNK, DOCUMENT, ask)
    return row


async def test_corruption_keeps_the_grounded_answer_as_chosen() -> None:
    bad = "It grinds 90 sacks an hour. Two men tend it."
    row = await only(Preference(model="writer", faults=["unsupported_claim"]), corrupted(bad))
    assert isinstance(row, Example)
    assert (row.kind, row.chosen, row.rejected) == ("preference", GOOD, bad)
    assert [m["role"] for m in row.messages] == ["user"]
    assert row.metadata["fault"] == "unsupported_claim"
    assert (row.metadata["chosen_chars"], row.metadata["rejected_chars"]) == (len(GOOD), len(bad))
    assert row.calls == ("qa-1-0", "corrupt-2-0")
    assert row.metadata["evidence"][0]["quote"] == "grinds 40 sacks an hour"


FLAWS: list[tuple[Fault, str, bool]] = [
    ("unsupported_claim", "", True),
    ("unsupported_claim", "it grinds 40 sacks an hour; two men tend it", True),  # only punctuation changed
    ("unsupported_claim", "It grinds 40 sacks an hour.", True),  # an omission instead
    ("unsupported_claim", "It grinds 41 sacks an hour. Two men tend it.", False),
    ("unsupported_claim", "It grinds 40 sacks an hour. Two men tend two.", False),  # an old word, newly used
    ("omission", "It grinds 40 sacks an hour.", False),
    ("omission", "It grinds 40 sacks an hour. Two strong men tend it.", True),
    ("off_topic", "Two men tend it. It grinds 40 sacks an hour.", True),
    ("off_topic", "Its stones come from the Eifel mountains in Germany.", False),
]


@pytest.mark.parametrize(("fault", "spoiled", "failed"), FLAWS)
async def test_corruption_is_checked(fault: Fault, spoiled: str, failed: bool) -> None:
    assert bool(flaw(fault, GOOD, spoiled)) is failed
    row = await only(Preference(model="writer", faults=[fault]), corrupted(spoiled))
    assert isinstance(row, Rejected) is failed
    assert not isinstance(row, Rejected) or row.reason == "corruption-failed"


def test_a_lost_negation_is_a_false_claim() -> None:
    good = "Rust will not convert a number to a Boolean by itself."
    assert not flaw("unsupported_claim", good, good.replace("not ", ""))
    assert flaw("unsupported_claim", f"{good} It stops.", "It stops.")


async def test_faults_are_spread_and_stable() -> None:
    chosen = []
    for number in [*range(30), *range(30)]:
        ask = corrupted("")
        await Preference(model="writer").generate(*source(f"{MILL} {number}"), ask)
        chosen.append(ask.of("corrupt")[0].task.inputs["fault"])
    assert set(chosen) == set(FAULT_KINDS)
    assert chosen[:30] == chosen[30:]


async def test_no_omission_from_an_answer_of_one_part() -> None:
    short = {"pairs": [{**PAIRS["pairs"][0], "answer": "40 sacks"}]}
    for number in range(12):
        ask = ScriptedAsk({"qa": short, "corrupt": {"response": "", "changed": ""}})
        await Preference(model="writer").generate(*source(f"{MILL} {number}"), ask)
        assert ask.of("corrupt")[0].task.inputs["fault"] != "omission"


def judged(answers: Mapping[str, float | Reply]) -> ScriptedAsk:
    """A script whose candidates are the keys, in turn, and whose judge gives each its value."""
    texts = list(answers)

    def rate(inputs: Mapping[str, Any], _: int) -> Reply:
        rating = answers[inputs["response"]]
        return {"score": rating, "reason": "because"} if isinstance(rating, (int, float)) else rating

    return ScriptedAsk({"qa": PAIRS, "answer": lambda _, sample: texts[sample % len(texts)], "rate": rate})


def step(**args: Any) -> Preference:
    return Preference(model="writer", strategy="candidates", judge="judge", samples=3, **args)


async def test_best_against_worst() -> None:
    row = await only(step(), judged({"fair": 6, "good": 9.5, "bad": 2}))
    assert isinstance(row, Example)
    assert (row.chosen, row.rejected) == ("good", "bad")
    assert row.metadata["margin"] == 7.5
    assert row.metadata["ratings"] == [6, 9.5, 2]
    assert row.metadata["candidate_models"] == ["writer", "writer"]
    assert len(row.calls) == 1 + 3 + 3


NO_PAIR = [
    ({"one": 7, "two": 6.5}, Rejected, "margin-too-small"),
    ({"same": 7, "Same!": 1}, Rejected, "identical-candidates"),
    ({"": 1, " ": 1}, Failed, "empty-candidates"),
    ({"one": 7, "two": 11}, Failed, "unratable"),
    ({"one": 7, "two": ModelAnswerError("no JSON", kind="unparsable", raw="7/10")}, Failed, "unratable"),
]


@pytest.mark.parametrize(("answers", "kind", "reason"), NO_PAIR)
async def test_no_pair(answers: dict[str, Any], kind: type, reason: str) -> None:
    row = await only(step(), judged(answers))
    assert isinstance(row, kind)
    assert isinstance(row, (Rejected, Failed))
    assert (row.reason if isinstance(row, Rejected) else row.error) == reason


async def test_unratable_keeps_the_judges_words() -> None:
    row = await only(step(), judged({"one": 7, "two": 11}))
    assert isinstance(row, Failed)
    assert '"score": 11' in row.raw


async def test_models_and_temperatures_multiply() -> None:
    ask = judged({"one": 1, "two": 9})
    settings = step(models=["small", "large"], temperatures=[0.0, 1.0], temperature=0.5)
    await only(settings, ask)
    drawn = [(asked.model, asked.params["temperature"], asked.n) for asked in ask.of("answer")]
    assert drawn == [("small", 0.0, 3), ("small", 1.0, 3), ("large", 0.0, 3), ("large", 1.0, 3)]
    assert [asked.model for asked in ask.of("rate")] == ["judge", "judge"]
    assert ask.of("rate")[0].params == {}
    assert settings.roles() == ["writer", "small", "large", "judge"]


async def test_one_broken_answer_costs_one_row() -> None:
    two = {"pairs": [PAIRS["pairs"][0], {**PAIRS["pairs"][0], "question": "Where do the stones come from?"}]}
    replies: list[Reply] = [
        ModelAnswerError("cut short", kind="truncated", raw='{"resp'),
        {"response": "It grinds 90 sacks of coal.", "changed": "x"},
    ]
    ask = ScriptedAsk({"qa": two, "corrupt": replies})
    rows = await Preference(model="w", per_chunk=2, faults=["unsupported_claim"]).generate(
        CHUNK, DOCUMENT, ask
    )
    assert [type(row) for row in rows] == [Failed, Example]
    assert isinstance(rows[0], Failed)
    assert (rows[0].error, rows[0].raw) == ("truncated", '{"resp')


async def test_configuration_errors_stop_the_run() -> None:
    ask = ScriptedAsk({"qa": PAIRS, "corrupt": ModelConfigError("no such model", kind="not-found")})
    with pytest.raises(ModelConfigError):
        await Preference(model="writer").generate(CHUNK, DOCUMENT, ask)


async def test_calls_are_counted_honestly() -> None:
    settings = step(models=["small", "large"])
    asked = judged({"one": 1, "two": 5, "three": 9})
    await only(settings, asked)
    sent: dict[str, int] = {}
    for request in asked.asked:
        sent[request.model or ""] = sent.get(request.model or "", 0) + request.n
    assert settings.calls_per_chunk() == {"writer": 1, "small": 3, "large": 3, "judge": 6}
    assert sent == {"writer": 1, "small": 3, "large": 3, "judge": 3}  # equal candidates are rated once
    assert Preference(model="w", per_chunk=4).calls_per_chunk() == {"w": 5}


def test_one_candidate_is_refused() -> None:
    with pytest.raises(ValidationError, match="one candidate cannot be compared"):
        Preference(model="writer", strategy="candidates", samples=1)
