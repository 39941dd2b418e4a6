"""Judges with several samples: criteria by majority, ratings by median, every vote kept with its call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.scripted_ask import Reply, ScriptedAsk, item

from gristmill.errors import ModelAnswerError
from gristmill.registry import Scored, Unscored
from gristmill_scorers.distilabel.prometheus import Prometheus
from gristmill_scorers.distilabel.ultrafeedback import UltraFeedback
from gristmill_scorers.rubric import RubricJudge

PASSAGE = "The ferry leaves at 6:40 from the north pier. It does not sail in a storm."
ITEM = item(
    "The ferry leaves at 6:40 from the north pier.",
    instruction="When and where does the ferry leave?",
    passage=PASSAGE,
)
RUBRIC = """name: ferry
criteria:
  - {id: true_, text: It is true., points: 3}
  - {id: full, text: It is complete., points: 1}
  - {id: wrong, text: It says something wrong., points: -4}
"""
CUT = ModelAnswerError("cut off", kind="truncated", raw='{"crit')


def judge(tmp_path: Path, **options: Any) -> RubricJudge:
    (tmp_path / "ferry.yaml").write_text(RUBRIC, encoding="utf-8")
    scorer = RubricJudge(rubric="ferry.yaml", model="judge", **options)
    scorer.prepare(tmp_path)
    return scorer


def verdict(met: str, quote: str = "leaves at 6:40") -> dict[str, Any]:
    """``t`` true_, ``f`` full, ``w`` wrong: those that are met."""
    rows = [("true_", "t"), ("full", "f"), ("wrong", "w")]
    return {
        "criteria": [
            {"id": id_, "met": mark in met, "quote": quote if mark in met else "", "reason": f"{id_} {met}"}
            for id_, mark in rows
        ]
    }


VALUES = [
    ("majority", [verdict("tf"), verdict("t"), verdict("tf")], 1.0),
    ("majority", [verdict("tf"), verdict("t"), verdict("f")], 1.0),  # each criterion for itself
    ("majority", [verdict("tf"), verdict("t")], 0.75),  # a tie does not count
    ("majority", [verdict("tf"), verdict("tfw")], 1.0),  # nor does a fault
    ("majority", [verdict("tf", "made up"), verdict("t"), verdict("t", "north pier")], 0.75),
    ("majority", [verdict("tf"), CUT, "no JSON", verdict("tf")], 1.0),  # half of the samples are enough
    ("median", [verdict("tf"), verdict("t"), verdict("f")], 0.75),
    ("median", [verdict("tf"), verdict("t")], 0.875),
    ("mean", [verdict("tf"), verdict("t"), verdict("f"), verdict("")], 0.5),
]


@pytest.mark.parametrize(("rule", "replies", "value"), VALUES)
async def test_rubric_votes(tmp_path: Path, rule: str, replies: list[Reply], value: float) -> None:
    scorer = judge(tmp_path, samples=len(replies), vote=rule)
    ask = ScriptedAsk({"rubric": list(replies)})
    result = await scorer.score(ITEM, ask)
    assert isinstance(result, Scored)
    assert result.value == value
    assert [asked.n for asked in ask.asked] == [len(replies)]
    assert scorer.calls_per_example() == {"judge": len(replies)}


async def test_rubric_keeps_every_vote_with_its_call(tmp_path: Path) -> None:
    ask = ScriptedAsk({"rubric": [verdict("f"), CUT, verdict("tf"), verdict("t")]})
    result = await judge(tmp_path, samples=4).score(ITEM, ask)
    assert isinstance(result, Scored)
    assert [row["criterion"] for row in result.votes] == ["true_", "full", "wrong"]
    first = result.votes[0]
    assert (first["counted"], first["reason"], first["agreement"]) == (True, "true_ tf", 2 / 3)
    assert [vote["call"] for vote in first["votes"]] == [f"rubric-1-{i}" for i in range(4)]
    assert [vote.get("counted") for vote in first["votes"]] == [False, None, True, True]
    assert first["votes"][1] == {"sample": 1, "call": "rubric-1-1", "failed": "truncated", "agrees": False}
    assert "majority of 3/4 verdicts, least agreement 0.67" in result.rationale
    assert {proof["criterion"] for proof in result.evidence} == {"true_", "full"}


async def test_one_sample_is_scored_as_before_with_its_call(tmp_path: Path) -> None:
    result = await judge(tmp_path).score(ITEM, ScriptedAsk({"rubric": verdict("tf")}))
    assert isinstance(result, Scored)
    assert [(row["counted"], row["call"]) for row in result.votes] == [
        (True, "rubric-1-0"),
        (True, "rubric-1-0"),
        (False, "rubric-1-0"),
    ]
    assert "agreement" not in result.votes[0]


NO_RESULT: list[tuple[list[Reply], str, str]] = [
    (
        [verdict("tf"), verdict("t"), verdict("t"), verdict("tf"), verdict("t")],
        "no-agreement",
        "full: 0.60 < 0.8",
    ),
    ([verdict("tf"), CUT, "no JSON"], "no-quorum", '{"crit'),
    (["no JSON", CUT], "malformed-verdict", "no JSON"),
    ([CUT, CUT], "truncated", '{"crit'),
]


@pytest.mark.parametrize(("replies", "reason", "raw"), NO_RESULT)
async def test_rubric_without_result_is_unscored(
    tmp_path: Path, replies: list[Reply], reason: str, raw: str
) -> None:
    scorer = judge(tmp_path, samples=len(replies), min_agreement=0.8)
    result = await scorer.score(ITEM, ScriptedAsk({"rubric": list(replies)}))
    assert isinstance(result, Unscored)
    assert (result.reason, result.raw) == (reason, raw)


async def test_the_votes_of_an_unscored_example_are_kept(tmp_path: Path) -> None:
    ask = ScriptedAsk({"rubric": [verdict("tf"), CUT, "no JSON"]})
    result = await judge(tmp_path, samples=3).score(ITEM, ask)
    assert isinstance(result, Unscored)
    assert [vote.get("failed") for vote in result.votes] == [None, "truncated", "malformed-verdict"]
    assert [row["met"] for row in result.votes[0]["verdict"]] == [True, True, False]


def feedback(rating: object) -> str:
    return f"#### Output for Text 1\nRating: {rating}\nRationale: It deserves {rating}."


def grade(rating: object) -> str:
    return f"Feedback: It deserves {rating}. [RESULT] {rating}"


RATINGS = [
    ({}, [4, 5, 2], 0.75, 1 / 3, "It deserves 4."),
    ({}, [2, 5, 4, 3], 0.625, 0.5, "It deserves 4."),  # 3.5: the first of the nearest speaks
    ({"vote": "majority"}, [5, 2, 2], 0.25, 2 / 3, "It deserves 2."),
    ({"vote": "mean"}, [1, 2, 3, 4], 0.375, 0.5, "It deserves 2."),
    ({}, [4, "4.5", 4], 0.75, 1.0, "It deserves 4."),
]


@pytest.mark.parametrize(("options", "given", "value", "agreement", "rationale"), RATINGS)
async def test_ratings_vote(
    options: dict[str, Any], given: list[Any], value: float, agreement: float, rationale: str
) -> None:
    for judge_, say in ((UltraFeedback, feedback), (Prometheus, grade)):
        scorer = judge_(model="judge", samples=len(given), **options)
        ask = ScriptedAsk({scorer.tasks[0]: [say(rating) for rating in given]})
        result = await scorer.score(ITEM, ask)
        assert isinstance(result, Scored)
        assert (result.value, result.rationale) == (value, rationale)
        (row,) = result.votes
        assert (row["agreement"], row["scale"]) == (pytest.approx(agreement), "1-5")
        assert [vote["call"] for vote in row["votes"]] == [
            f"{scorer.tasks[0]}-1-{i}" for i in range(len(given))
        ]
        assert [vote.get("rating") for vote in row["votes"]] == [
            r if isinstance(r, int) else None for r in given
        ]
        assert len(ask.asked) == 1


async def test_a_truncated_rating_does_not_shift_the_others() -> None:
    ask = ScriptedAsk({"ultrafeedback": [feedback(2), CUT, feedback(5), feedback(5)]})
    result = await UltraFeedback(model="judge", samples=4).score(ITEM, ask)
    assert isinstance(result, Scored)
    votes = result.votes[0]["votes"]
    assert [vote.get("rating", vote.get("failed")) for vote in votes] == [2, "truncated", 5, 5]
    assert votes[0]["rationale"] == "It deserves 2."


RATELESS = [
    ({}, [feedback("N/A"), feedback("N/A"), feedback(3)], "no-quorum"),
    ({"min_agreement": 0.6}, [feedback(1), feedback(3), feedback(5)], "no-agreement"),
]


@pytest.mark.parametrize(("options", "replies", "reason"), RATELESS)
async def test_ratings_without_result_are_unscored(
    options: dict[str, Any], replies: list[Reply], reason: str
) -> None:
    scorer = UltraFeedback(model="judge", samples=3, **options)
    result = await scorer.score(ITEM, ScriptedAsk({"ultrafeedback": list(replies)}))
    assert isinstance(result, Unscored)
    assert result.reason == reason
    assert len(result.votes) == 3
