"""Generators with several samples: the answer most samples give, ratings by median, failures one by one."""

from __future__ import annotations

from typing import Any

import pytest
from support.scripted_ask import Reply, ScriptedAsk, source

from gristmill.errors import ModelAnswerError, ModelUnavailableError
from gristmill.records import Example
from gristmill.registry import Failed, Rejected
from gristmill_generators.preference import Preference
from gristmill_generators.qa import Qa
from gristmill_generators.summary import Summary

TEXT = "The mill at the ford employed forty people in 1880. Its wheel is driven by water from the mill race."
CHUNK, DOCUMENT = source(TEXT, before="# Mill\n\n")
PAIR = {
    "question": "How many people did the mill at the ford employ in 1880?",
    "answer": "It employed forty people.",
    "evidence": "employed forty people in 1880",
    "type": "factual",
}
CUT = ModelAnswerError("cut off", kind="truncated", raw="Fort")
GONE = ModelUnavailableError("gone", kind="time-out")


async def row(answers: list[Reply], pair: dict[str, str] = PAIR, **options: Any) -> Any:
    ask = ScriptedAsk({"qa": {"pairs": [pair]}, "answer": list(answers)})
    step = Qa(model="w", samples=len(answers), **options)
    (result,) = await step.generate(CHUNK, DOCUMENT, ask)
    return result


AGREED = [
    (["Forty.", "40", "Forty people in 1880."], "It employed forty people.", 1.0),
    (["Forty.", "50", "40 people"], "It employed forty people.", 2 / 3),
    (["Fifty.", "Forty"], "It employed forty people.", 0.5),  # a tie: the written answer stays
    (["Fifty.", "50 people", "40"], "Fifty.", 2 / 3),
    (["Fifty.", "Sixty."], "Fifty.", 0.5),  # a tie among others: drawn first
    (["40", CUT, GONE, "Forty"], "It employed forty people.", 1.0),
    (["40", "NO ANSWER", "40"], "It employed forty people.", 2 / 3),
]


@pytest.mark.parametrize(("answers", "response", "agreement"), AGREED)
async def test_the_answer_most_samples_give(answers: list[Reply], response: str, agreement: float) -> None:
    example = await row(answers)
    assert isinstance(example, Example)
    assert example.response == response
    assert example.metadata["agreement"] == pytest.approx(agreement, abs=1e-4)
    assert len(example.metadata["votes"]) == len(answers)


async def test_votes_are_traced_to_their_calls() -> None:
    example = await row(["40", CUT, "NO ANSWER.", "Fifty", "forty"])
    assert example.metadata["votes"] == [
        {"sample": 0, "call": "answer-2-0", "answer": "40", "agrees": True},
        {"sample": 1, "call": "answer-2-1", "failed": "truncated"},
        {"sample": 2, "call": "answer-2-2", "abstained": True},
        {"sample": 3, "call": "answer-2-3", "answer": "Fifty", "agrees": False},
        {"sample": 4, "call": "answer-2-4", "answer": "forty", "agrees": True},
    ]
    assert example.calls == ("qa-1-0", "answer-2-0", "answer-2-2", "answer-2-3", "answer-2-4")


async def test_an_outvoted_answer_gives_way_and_its_quote_too() -> None:
    example = await row(["Fifty.", "50", "40"])
    assert example.metadata["outvoted"] == "It employed forty people."
    (proof,) = example.metadata["evidence"]
    assert proof["quote"] == TEXT
    kept = await row(["40", "50", "40"])
    assert "outvoted" not in kept.metadata
    assert kept.metadata["evidence"][0]["quote"] == "employed forty people in 1880"


async def test_too_little_agreement_is_rejected_and_kept_to_look_at() -> None:
    rejected = await row(["40", "50", "60"], min_agreement=0.6)
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, rejected.detail) == (
        "no-agreement",
        "3 of 3 samples usable, agreement 0.33 < 0.6",
    )
    assert rejected.example is not None
    assert len(rejected.example.metadata["votes"]) == 3


async def test_a_question_without_answer_is_rejected() -> None:
    rejected = await row(["NO ANSWER", "no answer.", "40"])
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "abstained"


FAILED = [
    ([CUT, GONE, "40"], "no-quorum", '"failed":"time-out"'),
    ([CUT, GONE], "truncated", "Fort"),
]


@pytest.mark.parametrize(("answers", "error", "raw"), FAILED)
async def test_too_few_usable_samples_are_a_failure(answers: list[Reply], error: str, raw: str) -> None:
    failed = await row(answers)
    assert isinstance(failed, Failed)
    assert failed.error == error
    assert raw in failed.raw


async def test_one_pairs_failure_is_not_the_others() -> None:
    other = {"question": "What drives the wheel?", "answer": "Water.", "evidence": "driven by water"}
    pairs = [PAIR, {**other, "type": "factual"}]
    ask = ScriptedAsk(
        {
            "qa": {"pairs": pairs},
            "answer": lambda inputs, sample: CUT if "people" in inputs["question"] else "Water drives it.",
        }
    )
    step = Qa(model="w", samples=3, per_chunk=2)
    failed, example = await step.generate(CHUNK, DOCUMENT, ask)
    assert isinstance(failed, Failed)
    assert isinstance(example, Example)
    assert [asked.n for asked in ask.asked] == [1, 3, 3]
    assert step.calls_per_chunk() == {"w": 7}


async def test_without_samples_nothing_is_asked_again() -> None:
    ask = ScriptedAsk({"qa": {"pairs": [PAIR]}})
    (example,) = await Qa(model="w").generate(CHUNK, DOCUMENT, ask)
    assert isinstance(example, Example)
    assert "votes" not in example.metadata
    assert Qa(model="w").calls_per_chunk() == {"w": 1}


def test_arguments_without_a_vote_are_what_they_were() -> None:
    known = {"use", "version", "model", "per_chunk", "temperature", "top_p", "max_tokens", "seed", "types"}
    assert set(Qa(model="w").fingerprint()) == known
    assert set(Qa(model="w", samples=3, min_agreement=0.6).fingerprint()) == {
        *known,
        "samples",
        "min_agreement",
    }
    assert not {"judge_samples", "vote", "min_agreement"} & set(Preference(model="w").fingerprint())


RATINGS = {"good": [9, 3, 8], "bad": [2, 4, 1]}


def pairing(ratings: dict[str, list[Any]], **options: Any) -> tuple[Preference, ScriptedAsk]:
    def rate(inputs: Any, sample: int) -> Reply:
        rating = ratings[inputs["response"]][sample]
        return rating if isinstance(rating, Exception) else {"score": rating, "reason": f"worth {rating}"}

    texts = list(ratings)
    script = {"qa": {"pairs": [PAIR]}, "answer": lambda _, sample: texts[sample], "rate": rate}
    step = Preference(model="w", judge="j", strategy="candidates", judge_samples=3, **options)
    return step, ScriptedAsk(script)


async def test_preference_by_median_rating() -> None:
    step, ask = pairing(RATINGS)
    (example,) = await step.generate(CHUNK, DOCUMENT, ask)
    assert isinstance(example, Example)
    assert (example.chosen, example.rejected) == ("good", "bad")
    assert (example.metadata["ratings"], example.metadata["margin"]) == ([8, 2], 6)
    assert example.metadata["judge_reasons"] == ["worth 8", "worth 2"]
    assert example.metadata["agreement"] == pytest.approx(8 / 9, abs=1e-4)  # 3 against 4 is the other way
    assert [vote["rating"] for vote in example.metadata["votes"]] == [9, 3, 8, 2, 4, 1]
    assert len(example.calls) == 1 + 2 + 6
    assert step.calls_per_chunk() == {"w": 1 + 2, "j": 6}


NO_PAIR = [
    ({"min_agreement": 0.9}, RATINGS, Rejected, "no-agreement"),
    ({"vote": "mean", "margin": 5}, RATINGS, Rejected, "margin-too-small"),
    ({}, {"good": [9, CUT, 11], "bad": [1, 1, 1]}, Failed, "unratable"),
]


@pytest.mark.parametrize(("options", "ratings", "kind", "reason"), NO_PAIR)
async def test_preference_without_result(options: Any, ratings: Any, kind: type, reason: str) -> None:
    step, ask = pairing(ratings, **options)
    (result,) = await step.generate(CHUNK, DOCUMENT, ask)
    assert isinstance(result, kind)
    assert (getattr(result, "reason", None) or getattr(result, "error", None)) == reason


async def test_one_bad_rating_of_three_costs_nothing() -> None:
    step, ask = pairing({"good": [9, CUT, 9], "bad": [1, 11, 2]})
    (example,) = await step.generate(CHUNK, DOCUMENT, ask)
    assert isinstance(example, Example)
    failed = [vote["failed"] for vote in example.metadata["votes"] if "failed" in vote]
    assert failed == ["truncated", "rating-out-of-range"]
    assert example.metadata["ratings"] == [9, 1.5]


def test_a_strategy_without_judge_has_nothing_to_vote_on() -> None:
    with pytest.raises(ValueError, match="corruption asks no judge"):
        Preference(model="w", judge_samples=3)


async def test_a_failed_candidate_or_summary_costs_only_itself() -> None:
    script = {"qa": {"pairs": [PAIR]}, "answer": ["one", CUT, "two"]}
    ask = ScriptedAsk(
        {**script, "rate": lambda inputs, _: {"score": len(inputs["response"][:1]), "reason": ""}}
    )
    step = Preference(model="w", strategy="candidates", samples=3)
    (result,) = await step.generate(CHUNK, DOCUMENT, ask)
    assert isinstance(result, Rejected)
    assert result.reason == "margin-too-small"
    ask = ScriptedAsk({"summary": [{"summary": "one"}, CUT, {"summary": "two"}]})
    rows = await Summary(model="w", per_chunk=3).generate(CHUNK, DOCUMENT, ask)
    assert [type(row) for row in rows] == [Example, Failed, Example]
    assert Summary(model="w", per_chunk=3).calls_per_chunk() == {"w": 3}
