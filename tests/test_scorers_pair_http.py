"""The judge of pairs over a real HTTP server and the door: repair, caching, judges with a known bias."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from support.judge_server import JudgeServer, Say, shown
from support.scripted_ask import item

from gristmill.models.door import Door
from gristmill.models.spec import ModelSpec
from gristmill.registry import Scored, Unscored
from gristmill_scorers.pairwise.scorer import PairJudge

GOOD, BAD = "It leaves at 6:40 from the north pier.", "It leaves at 7:40."
ITEM = item(GOOD, instruction="When does the ferry leave?", passage="It leaves at 6:40.", rejected=BAD)


def says(winner: str, **more: Any) -> str:
    return json.dumps({"explanation": "so", "winner": winner, **more})


def better(body: dict[str, Any]) -> str:
    """The place of the better response."""
    return "A" if shown(body, "response_a") == GOOD else "B"


async def judged(say: Say, *, cache: Path | None = None, **options: Any) -> tuple[Scored | Unscored, int]:
    with JudgeServer(say) as server:
        spec = ModelSpec(model="openai:test-model", base_url=server.url, api_key_env=None)
        async with Door({"judge": spec}, cache=cache) as door:
            result = await PairJudge(model="judge", **options).score(ITEM, door.ask_for("judge"))
            again = await PairJudge(model="judge", **options).score(ITEM, door.ask_for("judge"))
        assert again == result
        return result, len(server.said)


async def test_both_orders_are_two_calls_and_a_second_time_none(tmp_path: Path) -> None:
    result, calls = await judged(lambda body, number: says(better(body)), cache=tmp_path / "c.sqlite")
    assert isinstance(result, Scored)
    assert (result.value, calls) == (1.0, 2)
    assert "test-model" in result.votes[0]["judge"]


@pytest.mark.parametrize(
    ("broken", "options", "reason"),
    [
        ("The first is better.", {}, "invalid-json"),
        (says("C"), {}, "schema-mismatch"),
        (says("A", more=1), {}, "schema-mismatch"),
        (says("A") + " On second thought: " + says("B"), {}, "ambiguous-verdict"),
        ('{"explanation": "", "rating_a": 9, "rating_b": 2}', {"scale": 5}, "rating-out-of-range"),
        ('{"explanation": "", "rating_a": "5", "rating_b": 2}', {"scale": 5}, "schema-mismatch"),
    ],
)
async def test_one_request_to_mend_it_then_unscored(
    tmp_path: Path, broken: str, options: dict[str, Any], reason: str
) -> None:
    result, calls = await judged(lambda body, number: broken, cache=tmp_path / "c.sqlite", **options)
    assert isinstance(result, Unscored)
    assert (result.reason, result.raw, calls) == (reason, broken, 4)

    def mended(body: dict[str, Any], number: int) -> str:
        if len(body["messages"]) == 2:
            return broken
        fine = {"explanation": "", "rating_a": 3, "rating_b": 3} if options else json.loads(says("tie"))
        return json.dumps(fine)

    result, calls = await judged(mended, cache=tmp_path / "d.sqlite", **options)
    assert isinstance(result, Scored)
    assert (result.value, calls) == (0.5, 4)


@pytest.mark.parametrize(("place", "position"), [("A", "first"), ("B", "second")])
async def test_a_judge_that_looks_at_the_place_alone_always_ties(place: str, position: str) -> None:
    result, _ = await judged(lambda body, number: says(place))
    assert isinstance(result, Scored)
    assert (result.value, result.votes[0]["position"]) == (0.5, position)
    once, _ = await judged(lambda body, number: says(place), both_orders=False)
    assert isinstance(once, Scored)
    assert once.value == (1.0 if place == "A" else 0.0)
    assert "winner_swapped" not in once.votes[0]


async def test_length_bias_is_consistent_and_shows_in_the_record() -> None:
    def longer(body: dict[str, Any], number: int) -> str:
        first, second = (len(shown(body, name)) for name in ("response_a", "response_b"))
        return says("A" if first > second else "B")

    result, _ = await judged(longer)
    assert isinstance(result, Scored)
    row = result.votes[0]
    assert (result.value, row["agree"], row["chars"]) == (1.0, True, [len(GOOD), len(BAD)])


async def test_samples_of_a_noisy_judge_vote() -> None:
    chance = random.Random(3)

    def noisy(body: dict[str, Any], number: int) -> str:
        right = better(body)
        return says(right if chance.random() < 0.8 else {"A": "B", "B": "A"}[right])

    with JudgeServer(noisy) as server:
        spec = ModelSpec(model="openai:test-model", base_url=server.url, api_key_env=None)
        async with Door({"judge": spec}, cache=None) as door:
            judge = PairJudge(model="judge", samples=9, temperature=0.7)
            result = await judge.score(ITEM, door.ask_for("judge"))
    assert isinstance(result, Scored)
    assert result.value == 1.0
    assert len(server.said) == 18
    assert all(0.5 < order["agreement"] < 1 for order in result.votes[0]["orders"])
