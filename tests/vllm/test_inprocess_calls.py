"""One engine in this process, asked in every way that a component may ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.scripted_ask import item
from support.tiny_model import SENTENCES, passage

from gristmill.errors import GristmillError, ModelAnswerError, ModelConfigError
from gristmill.models import Door
from gristmill.models.spec import ModelSpec
from gristmill.records import Message
from gristmill.registry import Scored
from gristmill_scorers.rubric import RubricJudge
from gristmill_scorers.rubric_file import Rubric

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENGINE = {
    "max_model_len": 2048,
    "max_num_seqs": 16,
    "enforce_eager": True,
    "dtype": "float32",
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"answer": {"type": "string", "maxLength": 60}, "sure": {"type": "boolean"}},
    "required": ["answer", "sure"],
    "additionalProperties": False,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tiny: Path, adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    cache = tmp_path_factory.mktemp("calls") / "x.cache.sqlite"
    specs = {
        "plain": ModelSpec(model=f"vllm:{tiny}", engine=ENGINE),
        "adapted": ModelSpec(model=f"vllm:{tiny}", lora=str(adapter)),
        "template": ModelSpec(model=f"vllm:{tiny}", chat_template="{{ messages[0]['content'] }}"),
    }
    async with Door(specs, cache=cache) as opened:
        yield opened


def chat(number: int, words: str = "What does the passage say?") -> list[Message]:
    material = " ".join(passage(leaf) for leaf in range(8))  # longer than a block of the prefix cache
    return [{"role": "system", "content": material}, {"role": "user", "content": f"{words} ({number})"}]


async def text(door: Door, role: str, number: int, **params: Any) -> str:
    [answer] = await door.ask_for(role)(chat(number), **{"ignore_eos": True, "max_tokens": 30, **params})
    return answer.text


async def cut(door: Door, role: str, number: int, **params: Any) -> str:
    """What came of an answer that runs to its limit: a truncated one is kept with the error."""
    with pytest.raises(ModelAnswerError) as caught:
        await text(door, role, number, **params)
    assert caught.value.kind == "truncated"
    return caught.value.raw


async def test_structured_answers_come_from_calls_that_are_all_under_way_at_once(door: Door) -> None:
    ask = door.ask_for("plain")
    asked = (ask(chat(i), schema=SCHEMA, max_tokens=300, seed=i) for i in range(24))
    answers = [answer for [answer] in await asyncio.gather(*asked)]
    assert all(set(answer.data) == {"answer", "sure"} for answer in answers)
    assert len({answer.text for answer in answers}) > 4
    assert all(min(answer.usage.input_tokens, answer.usage.output_tokens) > 3 for answer in answers)
    [report] = door.engines.reports() if door.engines else []
    assert (report.starts, report.requests) == (1, 24)
    await ask(chat(0), schema=SCHEMA, max_tokens=300, seed=100)
    assert report.cached_tokens > 0  # the passage in front was computed before


async def test_samples_of_one_request_are_those_drawn_alone(door: Door) -> None:
    ask = door.ask_for("plain")
    before = door.engines.reports()[0].requests if door.engines else 0
    drawn = await ask(chat(1), schema=SCHEMA, n=4, seed=7, max_tokens=300)
    assert door.engines is not None
    assert door.engines.reports()[0].requests == before + 1
    assert len({answer.text for answer in drawn}) > 1
    assert [answer.usage.input_tokens > 0 for answer in drawn] == [True, False, False, False]
    alone = await ask(chat(1), schema=SCHEMA, seed=9, max_tokens=300)
    assert alone[0].text == drawn[2].text


async def test_a_seed_decides(door: Door) -> None:
    first = await cut(door, "plain", 2, seed=3, presence_penalty=0.0)
    assert first == await cut(door, "plain", 2, seed=3, frequency_penalty=0.0)
    assert first != await cut(door, "plain", 2, seed=4)


async def test_stop_strings_end_an_answer(door: Door) -> None:
    [answer] = await door.ask_for("plain")(chat(3), stop=["."], seed=1, temperature=1.0, max_tokens=400)
    assert answer.finish_reason == "stop"
    assert "." not in answer.text


async def test_log_probabilities_come_with_the_tokens_and_stay_in_the_cache(door: Door) -> None:
    ask = door.ask_for("plain")
    how: dict[str, Any] = {"logprobs": True, "top_logprobs": 3, "stop": ["."], "seed": 1, "max_tokens": 400}
    [answer] = await ask(chat(4), **how)
    assert answer.logprobs
    assert all(token.logprob <= 0 and len(token.top) == 3 for token in answer.logprobs)
    assert all(token.top[0][1] >= token.top[1][1] >= token.top[2][1] for token in answer.logprobs)
    [again] = await ask(chat(4), **how)
    assert again.cached
    assert again.logprobs == answer.logprobs
    [without] = await ask(chat(4), stop=["."], seed=1, max_tokens=400)
    assert without.logprobs is None


async def test_an_adapter_and_a_template_are_models_of_their_own_in_the_same_engine(door: Door) -> None:
    texts = [await cut(door, role, 5, seed=1) for role in ("plain", "adapted", "template")]
    assert len(set(texts)) == 3
    assert {"+lora:lora@" in name for name in door.counters.by_model} == {True, False}
    assert door.engines is not None
    assert len(door.engines.reports()) == 1


async def test_a_prompt_that_is_too_long_is_that_calls_own_failure(door: Door) -> None:
    with pytest.raises(ModelAnswerError, match="context 2048") as caught:
        await door.ask_for("plain")(chat(6, "x" * 9000))
    assert caught.value.kind == "too-long"
    assert (await text(door, "plain", 6, ignore_eos=False, stop=["."])) is not None


async def test_what_the_model_says_first_is_a_sentence(door: Door) -> None:
    [answer] = await door.ask_for("plain")(chat(7), temperature=0, max_tokens=60, stop=['"'])
    assert answer.text in SENTENCES


REFUSED = [
    ({"temperature": -1}, "temperature must be"),
    ({"temperatur": 0.5}, "did you mean 'temperature'"),
    ({"logprobs": True, "top_logprobs": 999}, "max allowed"),
]


@pytest.mark.parametrize(("params", "said"), REFUSED)
async def test_parameters_that_vllm_does_not_take_stop_the_model(
    tiny: Path, params: dict[str, Any], said: str, door: Door
) -> None:
    from gristmill.models.inprocess.backend import VllmBackend
    from gristmill.models.types import Request

    assert door.engines is not None
    backend = VllmBackend(ModelSpec(model=f"vllm:{tiny}"), door.engines)
    with pytest.raises(GristmillError, match=said) as caught:
        await backend.complete(Request(backend.name, tuple(chat(8)), params), timeout=60)
    assert caught.value.exit_code in {1, 2}
    assert isinstance(caught.value, ModelConfigError) or caught.value.exit_code == 2


async def test_a_judge_is_weighed_by_the_log_probabilities_of_its_verdicts(door: Door) -> None:
    judge = RubricJudge(rubric="", model="plain", logprobs=True, max_tokens=200, temperature=1.0)
    criteria = [{"id": "ok", "text": "It is true.", "points": 1}]
    judge._rubric = Rubric.model_validate({"name": "r", "criteria": criteria})
    ask, said = door.ask_for("plain"), SENTENCES[0]
    asked = (judge.score(item(said, passage=passage(leaf)), ask) for leaf in range(8))
    # of a model of 2 MB some verdicts are none
    scored = [result for result in await asyncio.gather(*asked) if isinstance(result, Scored)]
    rows = [row for result in scored for row in result.votes]
    assert {row["mode"] for row in rows} == {"logprobs"}
    assert all(0 < row["share"] < 1 and 0.9 < row["mass"] <= 1 for row in rows)
    assert all(result.value == pytest.approx(row["share"]) for result, row in zip(scored, rows, strict=True))
