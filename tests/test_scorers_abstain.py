"""A judge that may say "unsure": the example is unscored, never 0, and everything it said is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.judge_server import JudgeServer, judge, shown, verdict
from support.logprob_server import LogprobServer
from support.scripted_ask import ScriptedAsk, item

from gristmill.registry import Scored, Unscored
from gristmill_scorers.pairwise.prompt import PairStyle, pair_messages, pair_schema
from gristmill_scorers.pairwise.scorer import PairJudge
from gristmill_scorers.rubric import RubricJudge
from gristmill_scorers.rubric_file import Rubric

PASSAGE = "The ferry leaves at 6:40 from the north pier. It does not sail in a storm."
GOOD, BAD = "The ferry leaves at 6:40 from the north pier.", "It leaves at 7:40."
ITEM = item(GOOD, instruction="When and where does the ferry leave?", passage=PASSAGE)
PAIR = item(GOOD, instruction="When does the ferry leave?", passage=PASSAGE, rejected=BAD)
PLAIN = """name: ferry
criteria:
  - {id: true_, text: It is true., points: 3}
  - {id: full, text: It is complete., points: 1}
"""
GRADED = """name: ferry
criteria:
  - {id: exact, text: It is exact., points: 4, scale: {0: wrong, 4: exact}}
"""


def said(decisions: Mapping[str, bool | int | str]) -> str:
    """A verdict; a decision may be "unsure"."""
    plain = {id_: value for id_, value in decisions.items() if not isinstance(value, str)}
    rows = json.loads(verdict(plain, "leaves at 6:40"))["criteria"]
    graded = any(type(value) is int for value in plain.values()) or "exact" in decisions
    open_ = [
        {"id": id_, "grade" if graded else "met": value, "quote": "", "reason": "the source is silent"}
        for id_, value in decisions.items()
        if isinstance(value, str)
    ]
    return json.dumps({"criteria": [*rows, *open_]})


async def test_one_criterion_left_open_leaves_the_example_open(tmp_path: Path) -> None:
    with JudgeServer(lambda *_: said({"true_": True, "full": "unsure"})) as server:
        result = await server.score(judge(tmp_path, PLAIN, abstain=True), ITEM)
    assert isinstance(result, Unscored)
    assert (result.reason, result.raw) == ("abstained", "full: the source is silent")
    assert [(row["criterion"], row["met"]) for row in result.votes] == [("true_", True), ("full", None)]
    assert [row.get("abstained", False) for row in result.votes] == [False, True]
    assert '"unsure"' in server.bodies[0]["messages"][0]["content"]
    assert len(server.said) == 1


async def test_a_judge_that_decides_is_scored_as_ever(tmp_path: Path) -> None:
    with JudgeServer(lambda *_: said({"true_": True, "full": False})) as server:
        result = await server.score(judge(tmp_path, PLAIN, abstain=True), ITEM)
    assert isinstance(result, Scored)
    assert result.value == 0.75
    assert not any("abstained" in row for row in result.votes)


async def test_a_judge_that_may_not_abstain_is_asked_again(tmp_path: Path) -> None:
    answers = [said({"exact": "unsure"}), said({"exact": 2})]
    with JudgeServer(lambda _, number: answers[number]) as server:
        result = await server.score(judge(tmp_path, GRADED), ITEM)
    assert isinstance(result, Scored)
    assert (result.value, len(server.said)) == (0.5, 2)
    assert '"unsure"' not in server.bodies[0]["messages"][0]["content"]


SAMPLES = [
    ([4, 4, "unsure"], 1.0),
    ([4, "unsure", "unsure"], None),
    (["unsure"] * 3, None),
    ([4, 2, "unsure"], 0.75),
    ([4, 0, 2, "unsure", "unsure"], 0.5),
]


@pytest.mark.parametrize(("grades", "value"), SAMPLES)
async def test_an_abstention_among_samples_is_a_vote_for_nothing(
    tmp_path: Path, grades: list[int | str], value: float | None
) -> None:
    with JudgeServer(lambda _, number: said({"exact": grades[number]})) as server:
        scorer = judge(tmp_path, GRADED, abstain=True, samples=len(grades), temperature=1.0)
        result = await server.score(scorer, ITEM)
    votes = result.votes[0]["votes"]
    assert [vote.get("abstained", False) for vote in votes] == [grade == "unsure" for grade in grades]
    if value is None:
        assert isinstance(result, Unscored)
        assert result.reason == "abstained"
    else:
        assert isinstance(result, Scored)
        assert result.value == value


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0, 1, 2, 3, 4, "unsure", "no JSON"]), min_size=1, max_size=6), st.randoms())
async def test_neither_order_nor_silence_makes_a_number(grades: list[Any], chance: Any) -> None:
    async def result(given: list[Any]) -> Scored | Unscored:
        replies = [json.loads(said({"exact": g})) if g != "no JSON" else g for g in given]
        scorer = RubricJudge(rubric="", model="judge", abstain=True, samples=len(given))
        scorer._rubric = Rubric.model_validate(yaml.safe_load(GRADED))
        return await scorer.score(ITEM, ScriptedAsk({"rubric": replies}))

    one, other = await result(grades), await result(chance.sample(grades, len(grades)))
    decided = [grade for grade in grades if isinstance(grade, int)]
    assert type(one) is type(other)
    if isinstance(one, Scored) and isinstance(other, Scored):
        assert one.value == other.value
        assert min(decided) / 4 <= one.value <= max(decided) / 4
    elif not decided:
        assert isinstance(one, Unscored)
        assert one.reason in {"abstained", "malformed-verdict", "no-quorum"}


async def test_with_log_probabilities_an_abstention_is_one(tmp_path: Path) -> None:
    odds = [{" true": 0.7, " false": 0.1, ' "': 0.2}, {"unsure": 0.9}]
    answer = said({"true_": True, "full": "unsure"})
    with LogprobServer(lambda *_: answer, lambda *_: odds) as server:
        result = await server.score(judge(tmp_path, PLAIN, abstain=True, logprobs=True), ITEM)
    assert isinstance(result, Unscored)
    assert result.reason == "abstained"
    assert result.votes[0]["share"] == pytest.approx(0.875)
    assert "mode" not in result.votes[1]


PAIRS = [
    ("unsure", "unsure", "abstained"),
    ("A", "unsure", "abstained"),
    ("unsure", "B", "abstained"),
]


@pytest.mark.parametrize(("forward", "swapped", "reason"), PAIRS)
async def test_a_judge_of_pairs_may_abstain(forward: str, swapped: str, reason: str) -> None:
    def say(body: dict[str, Any], _: int) -> str:
        first = shown(body, "response_a") == GOOD
        return json.dumps({"explanation": "cannot be checked", "winner": forward if first else swapped})

    with JudgeServer(say) as server:
        result = await server.score(PairJudge(model="judge", abstain=True), PAIR)  # type: ignore[arg-type]
    assert isinstance(result, Unscored)
    assert result.reason == reason
    assert "cannot be checked" in result.raw
    (row,) = result.votes
    winners = {"A": "1", "B": "1", "unsure": None}
    assert [row["winner_forward"], row["winner_swapped"]] == [winners[forward], winners[swapped]]
    assert [order.get("abstained", False) for order in row["orders"]] == [
        place == "unsure" for place in (forward, swapped)
    ]


def test_only_a_judge_that_may_abstain_hears_of_it() -> None:
    material = {"QUESTION": "q", "RESPONSE_A": "a", "RESPONSE_B": "b"}
    for unsure in (False, True):
        style = PairStyle(unsure=unsure)
        assert ("unsure" in pair_schema(style)["properties"]["winner"]["enum"]) is unsure
        assert ("unsure" in pair_messages(style, material)[0]["content"]) is unsure
