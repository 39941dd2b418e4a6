"""Repeats only near the threshold: the first verdict decides elsewhere, and is the same call in both."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.judge_server import JudgeServer, judge, shown, verdict
from support.scripted_ask import item

from gristmill.models.door import Door
from gristmill.models.spec import ModelSpec
from gristmill.registry import Scored, Scorer, Unscored
from gristmill_scorers.pairwise.scorer import PairJudge
from gristmill_scorers.rubric import RubricJudge

PASSAGE = "The ferry leaves at 6:40 from the north pier. It does not sail in a storm."
GOOD, BAD = "The ferry leaves at 6:40 from the north pier.", "It leaves at 7:40."
ITEM = item(GOOD, instruction="When and where does the ferry leave?", passage=PASSAGE)
PAIR = item(GOOD, instruction="When does the ferry leave?", passage=PASSAGE, rejected=BAD)
GRADED = """name: ferry
criteria:
  - {id: exact, text: It is exact., points: 4, scale: {0: wrong, 10: exact}}
"""
NEAR = {"samples": 5, "temperature": 1.0, "repeat_near": 0.7}


async def scored(
    server: JudgeServer, scorer: Scorer, cache: Path, *, pair: bool = False
) -> tuple[Scored | Unscored, int]:
    """The score, and the calls sent."""
    spec = ModelSpec(model="openai:test-model", base_url=server.url, api_key_env=None)
    async with Door({"judge": spec}, cache=cache) as door:
        result = await scorer.score(PAIR if pair else ITEM, door.ask_for("judge"))
        return result, door.counters.total.sent


def grades(*given: int | str) -> JudgeServer:
    """Sample by sample; a text is an answer that holds no verdict."""
    said = iter(given)

    def say(*_: object) -> str:
        grade = next(said)
        return grade if isinstance(grade, str) else verdict({"exact": grade}, "leaves at 6:40")

    return JudgeServer(say)


FIRST = [
    ([9], 0.9, 1),
    ([5], 0.5, 1),
    ([8, 6, 6, 6, 9], 0.6, 5),
    ([6, 8, 9, 9, 9], 0.9, 5),
    ([7, 7, 7, 7, 7], 0.7, 5),
    (["no verdict", "no verdict", 9, 9, 9, 9], 0.9, 5),  # nothing is known yet: the others decide
]


@pytest.mark.parametrize(("given", "value", "drawn"), FIRST)
async def test_only_what_is_near_is_repeated(
    tmp_path: Path, given: list[int | str], value: float, drawn: int
) -> None:
    with grades(*given) as server:
        result, sent = await scored(server, judge(tmp_path, GRADED, **NEAR), tmp_path / "c.sqlite")
    assert isinstance(result, Scored)
    assert result.value == pytest.approx(value)
    assert sent == len(given)
    (row,) = result.votes
    assert row["drawn"] == drawn
    assert len(row.get("votes", [row])) == drawn


async def test_the_first_sample_is_the_same_call_with_and_without(tmp_path: Path) -> None:
    cache, rest = tmp_path / "c.sqlite", {"samples": 5, "temperature": 1.0}
    with grades(7, 8, 6, 6, 6) as server:
        near, sent = await scored(server, judge(tmp_path, GRADED, **NEAR), cache)
        whole, more = await scored(server, judge(tmp_path, GRADED, **rest), cache)
        first, none = await scored(server, judge(tmp_path, GRADED, temperature=1.0), cache)
    calls = [vote["call"] for vote in near.votes[0]["votes"]]
    assert (sent, more, none) == (5, 0, 0)
    assert [vote["call"] for vote in whole.votes[0]["votes"]] == calls
    assert first.votes[0]["call"] == calls[0]
    assert "drawn" not in whole.votes[0]


async def test_each_criterion_is_drawn_again(tmp_path: Path) -> None:
    each = GRADED.replace("criteria:", "calls: each\ncriteria:") + "  - {id: full, text: It is complete.}\n"

    def say(body: dict[str, Any], _: int) -> str:
        items = body["response_format"]["json_schema"]["schema"]["properties"]["criteria"]["items"]
        (id_,) = items["properties"]["id"]["enum"]
        return verdict({id_: {"exact": 6, "full": True}[id_]}, "leaves at 6:40")

    with JudgeServer(say) as server:
        result, sent = await scored(server, judge(tmp_path, each, **NEAR), tmp_path / "c.sqlite")
    assert sent == 10
    assert [row["drawn"] for row in result.votes] == [5, 5]


@pytest.mark.parametrize(("places", "sent", "value"), [("AB", 2, 1.0), ("AA", 6, 0.5), ("BA", 2, 0.0)])
async def test_pairs_are_repeated_where_they_are_level(
    tmp_path: Path, places: str, sent: int, value: float
) -> None:
    def say(body: dict[str, Any], _: int) -> str:
        return json.dumps({"explanation": "", "winner": places[shown(body, "response_a") != GOOD]})

    near = PairJudge(model="judge", samples=3, temperature=1.0, repeat_near=0.5)
    with JudgeServer(say) as server:
        result, calls = await scored(server, near, tmp_path / "c.sqlite", pair=True)
    assert isinstance(result, Scored)
    assert (result.value, calls, result.votes[0]["drawn"]) == (value, sent, sent // 2)


EXPECTED = [(0.7, 0.1, 1.8), (0.95, 0.1, 1.6), (0.5, 0.5, 5), (0.0, 0.0, 1.0)]


@pytest.mark.parametrize(("near", "within", "calls"), EXPECTED)
def test_the_dry_run_counts_what_is_expected(near: float, within: float, calls: float) -> None:
    scorer = RubricJudge(model="j", samples=5, repeat_near=near, repeat_within=within)
    assert scorer.calls_per_example() == {"j": pytest.approx(calls)}
    pairs = PairJudge(model="j", samples=4, repeat_near=near, repeat_within=within)
    level = sum(abs(value - near) <= within for value in (0, 0.5, 1)) / 3
    assert pairs.calls_per_example() == {"j": pytest.approx(2 * (1 + 3 * level))}


async def test_the_expectation_holds_for_scores_spread_evenly() -> None:
    chance = random.Random(7)
    judge_ = RubricJudge(model="j", samples=5, repeat_near=0.7)
    drawn = [1 if judge_.settled(Scored(chance.random())) else 5 for _ in range(20_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(judge_.calls_per_example()["j"], rel=0.02)


@given(value=st.floats(0, 1), near=st.floats(0, 1), within=st.floats(0, 1))
def test_settled_is_the_distance_alone(value: float, near: float, within: float) -> None:
    judge_ = RubricJudge(model="j", samples=3, repeat_near=near, repeat_within=within)
    if abs(abs(value - near) - within) > 1e-6:
        assert judge_.settled(Scored(value)) is (abs(value - near) > within)
    assert not judge_.settled(Unscored("refused"))
    assert 1 <= judge_.expected_draws() <= 3


WRONG = [
    ({"repeat_near": 0.7}, "samples is 1"),
    ({"samples": 3, "repeat_within": 0.2}, "repeat_near .near what. is not given"),
    ({"samples": 3, "repeat_near": 1.5}, "less than or equal to 1"),
]


@pytest.mark.parametrize(("options", "said"), WRONG)
def test_options_that_make_no_sense_together(options: dict[str, Any], said: str) -> None:
    for kind in (RubricJudge, PairJudge):
        with pytest.raises(ValidationError, match=said):
            kind(model="judge", **options)
