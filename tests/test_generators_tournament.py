"""Preference pairs out of a knockout: few comparisons, and the pair that is made was compared both ways."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support.judge_server import JudgeServer
from support.projects import make_project, run_json
from support.scripted_ask import Reply, ScriptedAsk, source

from gristmill.errors import ModelAnswerError
from gristmill.models.door import Door
from gristmill.models.spec import ModelSpec
from gristmill.records import Example
from gristmill.registry import Failed, Rejected
from gristmill_data.store import Store
from gristmill_generators.preference import Preference

CHUNK, DOCUMENT = source("The mill grinds 40 sacks an hour. The wheel needs two men.", title="Mills")
QUESTION = {"question": "What does the mill do?", "answer": "It grinds 40 sacks an hour."}
PAIRS = {"pairs": [{**QUESTION, "evidence": "grinds 40 sacks an hour", "type": "factual"}]}
Judge = Callable[[str, str], Reply]


def by_length(first: str, second: str) -> Reply:
    """A judge that prefers the longer response, whatever the order."""
    winner = "tie" if len(first) == len(second) else "A" if len(first) > len(second) else "B"
    return {"explanation": f"{max(len(first), len(second))} letters", "winner": winner}


def compared(texts: list[str], judge: Judge = by_length) -> ScriptedAsk:
    def pair(inputs: Mapping[str, Any], _: int) -> Reply:
        return judge(inputs["first"], inputs["second"])

    return ScriptedAsk({"qa": PAIRS, "answer": lambda _, sample: texts[sample], "pair": pair})


async def made(ask: ScriptedAsk, samples: int) -> Example | Rejected | Failed:
    step = Preference(
        model="writer", strategy="candidates", judge="judge", samples=samples, select="tournament"
    )
    (row,) = await step.generate(CHUNK, DOCUMENT, ask)
    calls = step.calls_per_chunk()
    assert len(ask.of("pair")) <= calls["judge"], "no more calls than the dry run says"
    assert {asked.model for asked in ask.of("pair")} <= {"judge"}
    return row


@pytest.mark.parametrize("count", [2, 3, 5, 8])
async def test_the_best_of_n_takes_n_minus_one_comparisons(count: int) -> None:
    texts = ["x" * (1 + number) for number in range(count)]
    ask = compared(texts[1:] + texts[:1])
    row = await made(ask, count)
    assert isinstance(row, Example)
    assert row.chosen == texts[-1]
    assert len(row.rejected or "") < count
    assert len(ask.of("pair")) == 2 * (count - 1), "each comparison in both orders"
    told = row.metadata
    assert (told["candidates"], told["undecided"], told["unread"], told["orders_won"]) == (count, 0, 0, 2)
    assert len(told["duels"]) == count - 1
    assert len(row.calls) == 1 + count + 2 * (count - 1)
    assert (
        math.ceil(math.log2(count))
        >= sum(duel["winner"] == told["duels"][-1]["winner"] for duel in told["duels"])
        > 0
    )


async def test_the_pair_that_is_made_was_compared_in_both_orders() -> None:
    texts = ["aa", "aaaa", "a", "aaa"]
    row = await made(compared(texts), 4)
    assert isinstance(row, Example)
    (duel,) = [
        held
        for held in row.metadata["duels"]
        if (texts[held["winner"]], texts[held["loser"]]) == (row.chosen, row.rejected)
    ]
    orders = [(verdict["shown"], verdict["better"]) for verdict in duel["verdicts"]]
    assert [shown for shown, _ in orders] in ([[a, b], [b, a]] for a in range(4) for b in range(4))
    assert {better for _, better in orders} == {texts.index("aaaa")}
    assert row.metadata["judge_reasons"] == ["4 letters", "4 letters"]
    assert {verdict["call"] for verdict in duel["verdicts"]} <= set(row.calls)


async def test_a_clear_victory_goes_before_an_earlier_one() -> None:
    def hesitant(first: str, second: str) -> Reply:
        if {len(first), len(second)} == {4, 1} and len(first) == 1:
            return {"explanation": "", "winner": "tie"}
        return by_length(first, second)

    for texts in (["a", "aaaa", "aa", "aaa"], ["aaaa", "aaa", "aa", "a"]):
        row = await made(compared(texts, hesitant), 4)
        assert isinstance(row, Example)
        assert (row.chosen, row.rejected != "a", row.metadata["orders_won"]) == ("aaaa", True, 2)


async def test_pairs_are_more_often_right_than_the_judge_that_makes_them() -> None:
    chance, right = random.Random(1), []
    for _ in range(150):
        texts = ["x" * size for size in chance.sample(range(1, 50), 8)]
        row = await made(compared(texts, lambda *shown: noisy(chance, *shown)), 8)
        if isinstance(row, Example):
            right.append(len(row.chosen or "") > len(row.rejected or ""))
    assert len(right) > 135
    # each verdict is right with .85: both orders of one comparison, where they agree, with .97
    assert sum(right) / len(right) > 0.94


def noisy(chance: random.Random, first: str, second: str) -> Reply:
    said = by_length(first, second)
    assert isinstance(said, dict)
    return said if chance.random() < 0.85 else {**said, "winner": {"A": "B", "B": "A"}[said["winner"]]}


def half_read(first: str, second: str) -> Reply:
    """A judge that looks at the place alone, and is read in one order only."""
    if len(first) > len(second):
        return {"explanation": "", "winner": "A"}
    return ModelAnswerError("no JSON", kind="invalid-json", raw="A, I think.")


UNDECIDED: list[tuple[Judge, type, str]] = [
    (half_read, Rejected, "no-winner"),
    (lambda *_: {"explanation": "", "winner": "A"}, Rejected, "no-winner"),  # looks at the place alone
    (lambda *_: {"explanation": "", "winner": "tie"}, Rejected, "no-winner"),
    (lambda *_: ModelAnswerError("no JSON", kind="invalid-json", raw="Both."), Failed, "unreadable-verdicts"),
    (lambda *_: {"explanation": 'not "winner": "B"', "winner": "A"}, Rejected, "no-winner"),
]


@pytest.mark.parametrize(("judge", "kind", "reason"), UNDECIDED)
async def test_luck_makes_no_pair(judge: Judge, kind: type, reason: str) -> None:
    row = await made(compared(["a", "aa", "aaa"], judge), 3)
    assert isinstance(row, kind)
    assert isinstance(row, (Rejected, Failed))
    assert (row.reason if isinstance(row, Rejected) else row.error) == reason
    assert not isinstance(row, Failed) or row.raw == "Both."


async def test_an_answer_that_says_both_decides_nothing() -> None:
    def say(body: dict[str, Any], earlier: int) -> str:
        prompt = body["messages"][0]["content"]
        if "RESPONSE_A" in prompt:
            return "".join(json.dumps({"explanation": "", "winner": winner}) for winner in "AB")
        return json.dumps(PAIRS) if "question-and-answer" in prompt else f"It grinds {earlier} sacks."

    with JudgeServer(say) as server:
        spec = ModelSpec(model="openai:test-model", base_url=server.url, api_key_env=None)
        async with Door({"writer": spec, "judge": spec}, cache=None) as door:
            step = Preference(model="writer", strategy="candidates", judge="judge", select="tournament")
            (row,) = await step.generate(CHUNK, DOCUMENT, door.ask_for("writer"))
    assert isinstance(row, Failed)
    assert (row.error, row.raw.count("winner"), len(server.said)) == ("unreadable-verdicts", 2, 1 + 2 + 2)


BAD = [
    ({"strategy": "corruption", "select": "tournament"}, "select"),
    ({"strategy": "candidates", "select": "tournament", "margin": 3}, "margin"),
    ({"strategy": "candidates", "select": "tournament", "judge_samples": 3}, "judge_samples"),
    ({"strategy": "candidates", "select": "tournament", "samples": 1}, "one candidate"),
]


@pytest.mark.parametrize(("args", "named"), BAD)
def test_options_that_contradict_each_other_are_refused(args: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        Preference(model="writer", **args)


def test_rows_made_before_keep_their_identity() -> None:
    assert "select" not in Preference(model="writer", strategy="candidates").fingerprint()


def test_a_recipe_runs_with_it(tmp_path: Path) -> None:
    recipe = make_project(tmp_path)
    step = "{use: preference, model: writer, strategy: candidates, samples: 4, select: tournament}"
    text = recipe.read_text(encoding="utf-8").replace("{use: qa, model: writer, per_chunk: 2}", step)
    recipe.write_text(text, encoding="utf-8")
    summary = run_json(recipe)
    assert summary["balanced"]
    assert not summary["failed"]
    with Store.open(tmp_path / "gristmill.duckdb") as store:
        rows = store.rows("SELECT chosen, rejected, metadata FROM examples")
    assert len(rows) == summary["accepted"] > 0
    for chosen, rejected, metadata in rows:
        told = json.loads(metadata)
        assert chosen != rejected
        assert len(told["duels"]) == told["candidates"] - 1
