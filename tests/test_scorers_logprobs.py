"""Verdicts weighed by log probabilities, over a real HTTP server: rubrics, pairs, what cannot be weighed."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support.judge_server import judge, shown, verdict
from support.logprob_server import LogprobServer, Odds
from support.scripted_ask import item

from gristmill.models.door import Door
from gristmill.models.spec import ModelSpec
from gristmill.registry import Scored, Scorer, Unscored
from gristmill_scorers.pairwise.scorer import PairJudge

PASSAGE = "The ferry leaves at 6:40 from the north pier. It does not sail in a storm."
GOOD, BAD = "The ferry leaves at 6:40 from the north pier.", "It leaves at 7:40."
ITEM = item(GOOD, instruction="When and where does the ferry leave?", passage=PASSAGE)
PAIR = item(GOOD, instruction="When does the ferry leave?", passage=PASSAGE, rejected=BAD)
QUOTE = "leaves at 6:40"
PLAIN = """name: ferry
criteria:
  - {id: true_, text: It is true., points: 3}
  - {id: full, text: It is complete., points: 1}
  - {id: wrong, text: It says something wrong., points: -4}
"""
GRADED = """name: ferry
criteria:
  - {id: exact, text: It is exact., points: 4, scale: {0: wrong, 10: exact}}
"""


async def scored(server: LogprobServer, scorer: Scorer, *, pair: bool = False) -> Scored | Unscored:
    with server:
        spec = ModelSpec(model="openai:test-model", base_url=server.url, api_key_env=None)
        async with Door({"judge": spec}, cache=None) as door:
            return await scorer.score(PAIR if pair else ITEM, door.ask_for("judge"))


def says(met: dict[str, bool | int], *odds: Odds, quote: str = QUOTE) -> LogprobServer:
    return LogprobServer(lambda *_: verdict(met, quote), lambda *_: odds)


async def test_each_criterion_earns_what_the_judge_could_have_said(tmp_path: Path) -> None:
    server = says(
        {"true_": True, "full": False, "wrong": False},
        {" true": 0.9, " false": 0.06, " maybe": 0.04},
        {" false": 0.5, "false": 0.1, " true": 0.2, "true": 0.2},
        {" false": 0.95, " true": 0.05},
    )
    result = await scored(server, judge(tmp_path, PLAIN, logprobs=True))
    assert isinstance(result, Scored)
    assert result.value == pytest.approx((3 * 0.9375 + 0.4 - 4 * 0.05) / 4)
    assert [row["mode"] for row in result.votes] == ["logprobs"] * 3
    assert [row["share"] for row in result.votes] == pytest.approx([0.9375, 0.4, 0.05])
    assert [row["mass"] for row in result.votes] == pytest.approx([0.96, 1, 1])
    assert "weighed by log probabilities: 3 of 3 criteria" in result.rationale
    assert server.bodies[0]["logprobs"] is True
    assert server.bodies[0]["top_logprobs"] == 20


async def test_a_void_verdict_stays_void_and_one_not_met_needs_no_quote(tmp_path: Path) -> None:
    odds = ({" true": 0.8, " false": 0.2}, {" false": 0.7, " true": 0.3}, {" false": 1.0})
    server = says({"true_": True, "full": False, "wrong": False}, *odds, quote="made up words")
    result = await scored(server, judge(tmp_path, PLAIN, logprobs=True))
    assert isinstance(result, Scored)
    assert result.value == pytest.approx(0.3 / 4)
    assert "void (quote not found): true_" in result.rationale


GRADES: list[tuple[int, Odds, float]] = [
    (8, {" 8": 0.5, " 7": 0.3, " 9": 0.2}, (4 + 2.1 + 1.8) / 10),
    (10, {" 10": 0.6, " 9": 0.2, " 1": 0.2}, (6 + 1.8 + 0.2) / 10),  # " 10" is a token: " 1" is whole
    (8, {" 8": 0.8, " 7": 0.19, " 0": 0.009}, (8 * 0.8 + 7 * 0.19) / 9.9),  # under one per cent
    (8, {" 8": 0.4, " eight": 0.5, " 11": 0.1}, 0.8),  # neither is a grade of the scale
]


@pytest.mark.parametrize(("grade", "odds", "share"), GRADES)
async def test_grades_are_averaged(tmp_path: Path, grade: int, odds: Odds, share: float) -> None:
    result = await scored(says({"exact": grade}, odds), judge(tmp_path, GRADED, logprobs=True))
    assert isinstance(result, Scored)
    assert result.value == pytest.approx(share)
    assert (result.votes[0]["mode"], result.votes[0]["grade"]) == ("logprobs", grade)


async def test_what_cannot_be_weighed_counts_as_it_is_and_says_why(tmp_path: Path) -> None:
    split = says({"exact": 8}, {" 8": 0.8, " 1": 0.2})  # 1, or the beginning of 10?
    result = await scored(split, judge(tmp_path, GRADED, logprobs=True))
    assert isinstance(result, Scored)
    assert (result.value, result.votes[0]["mode"], result.votes[0]["why"]) == (0.8, "verdict", "split-value")


async def test_a_model_without_log_probabilities_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scorer = judge(tmp_path, GRADED, logprobs=True)
    with caplog.at_level(logging.WARNING, "gristmill.scorers"):
        for _ in range(3):
            server = LogprobServer(lambda *_: verdict({"exact": 5}, QUOTE), None)
            result = await scored(server, scorer)
            assert isinstance(result, Scored)
            assert result.value == 0.5
            assert (result.votes[0]["mode"], result.votes[0]["why"]) == ("verdict", "no-logprobs")
    assert [record.message.partition(":")[0] for record in caplog.records] == ["logprobs"]
    assert "0 of 1 criteria" in result.rationale


async def test_one_call_for_each_criterion_and_several_samples(tmp_path: Path) -> None:
    def say(body: dict[str, Any], number: int) -> str:
        ids = body["response_format"]["json_schema"]["schema"]["properties"]["criteria"]["items"]
        return verdict(dict.fromkeys(ids["properties"]["id"]["enum"], number % 2 == 0), QUOTE)

    def likely(body: dict[str, Any], text: str) -> list[Odds]:
        said = json.loads(text)["criteria"][0]["met"]
        return [{" true": 0.6, " false": 0.4} if said else {" false": 0.8, " true": 0.2}]

    each = PLAIN.replace("criteria:", "calls: each\ncriteria:")
    scorer = judge(tmp_path, each, logprobs=True, samples=2, temperature=1.0)
    result = await scored(LogprobServer(say, likely), scorer)
    assert isinstance(result, Scored)
    assert [vote["share"] for vote in result.votes[0]["votes"]] == pytest.approx([0.6, 0.2])
    assert result.value == pytest.approx(0)  # 3 × .4 + .4 - 4 × .4
    assert "mean of 2/2 verdicts" in result.rationale


def winner(first_odds: Odds, swapped_odds: Odds) -> LogprobServer:
    def odds(body: dict[str, Any]) -> Odds:
        return first_odds if shown(body, "response_a") == GOOD else swapped_odds

    def say(body: dict[str, Any], _: int) -> str:
        likeliest = max(("A", "B", "tie"), key=lambda name: odds(body).get(name, 0))
        return json.dumps({"explanation": 'no "winner": "B"', "winner": likeliest})

    return LogprobServer(say, lambda body, _: [odds(body)])


PAIRS: list[tuple[Odds, Odds, float, float]] = [
    ({"A": 0.9, "B": 0.1}, {"B": 0.6, "A": 0.3, "tie": 0.1}, 1.0, 0.75),
    ({"A": 0.8, "B": 0.2}, {"A": 0.7, "tie": 0.3}, 0.5, 0.15),  # the first place twice: hardly a tie
    ({"tie": 0.5, "A": 0.5}, {"tie": 0.9, "B": 0.1}, 0.5, 0.7),
    ({"B": 0.4, "A": 0.1, "Neither": 0.5}, {"A": 0.9, "B": 0.1}, 0.0, 0.85),
]


@pytest.mark.parametrize(("first", "swapped", "value", "score"), PAIRS)
async def test_a_judge_of_pairs_says_how_sure_it_is(
    first: Odds, swapped: Odds, value: float, score: float
) -> None:
    result = await scored(winner(first, swapped), PairJudge(model="judge", logprobs=True), pair=True)
    assert isinstance(result, Scored)
    assert result.value == value
    (row,) = result.votes
    assert row["score"] == pytest.approx(score, abs=1e-5)
    assert [order["mode"] for order in row["orders"]] == ["logprobs"] * 2
    assert all(sum(order["chances"].values()) == pytest.approx(1) for order in row["orders"])


async def test_a_pair_without_log_probabilities_has_no_score() -> None:
    server = LogprobServer(lambda *_: json.dumps({"explanation": "", "winner": "tie"}), None)
    result = await scored(server, PairJudge(model="judge", logprobs=True), pair=True)
    assert isinstance(result, Scored)
    assert "score" not in result.votes[0]
    assert [order["why"] for order in result.votes[0]["orders"]] == ["no-logprobs"] * 2


def test_options_at_their_defaults_are_no_other_judge(tmp_path: Path) -> None:
    plain = judge(tmp_path, PLAIN).fingerprint()
    defaults: dict[str, Any] = {"logprobs": False, "repeat_near": None, "abstain": False}
    assert judge(tmp_path, PLAIN, **defaults).fingerprint() == plain
    assert judge(tmp_path, PLAIN, logprobs=True).fingerprint() != plain
    assert PairJudge(model="j", **defaults).fingerprint() == PairJudge(model="j").fingerprint()
    assert not {*defaults, "repeat_within"} & plain.keys()


@pytest.mark.parametrize("option", [{"logprobs": True}, {"abstain": True}])
def test_ratings_of_pairs_are_not_weighed(option: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="is about the winner"):
        PairJudge(model="judge", scale=10, **option)
