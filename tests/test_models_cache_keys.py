"""What a call is addressed by, and what it is not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support.openai_server import OpenAIServer

from gristmill.models import Door, ModelSpec
from gristmill.models.types import Answer
from gristmill.records import Message

MESSAGES: list[Message] = [{"role": "user", "content": "How deep is the well?"}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


async def answers(server: OpenAIServer, folder: Path, n: int = 1, **spec: Any) -> list[Answer]:
    schema, messages = spec.pop("schema", None), spec.pop("messages", MESSAGES)
    given = {"model": "openai:test-model", "base_url": server.url, **spec}
    async with Door({"writer": ModelSpec(**given)}, cache=folder / "c.sqlite") as door:
        return await door.ask_for("writer")(messages, n=n, schema=schema)


SAME: list[dict[str, Any]] = [
    {"timeout": 7},
    {"concurrency": 3},
    {"retries": 0},
    {"requests_per_minute": 600},
    {"tokens_per_minute": 10_000},
    {"transport": "official"},
    {"price": {"input": 1, "output": 2}},
    {"params": {"top_p": 0.5, "temperature": 0.5}},
    {"messages": [dict(reversed(list(MESSAGES[0].items())))]},
]
OTHER: list[dict[str, Any]] = [
    {"params": {"temperature": 0.5, "top_p": 0.5, "max_tokens": 50}},
    {"params": {"temperature": 0.4, "top_p": 0.5}},
    {"model": "openai:other-model"},
    {"schema": SCHEMA},
    {"messages": [{"role": "system", "content": "Be brief."}, *MESSAGES]},
]


@pytest.mark.parametrize("change", [*SAME, *OTHER], ids=str)
async def test_only_what_the_answer_depends_on_counts(tmp_path: Path, change: dict[str, Any]) -> None:
    params = {"params": {"temperature": 0.5, "top_p": 0.5}}
    with OpenAIServer(models=("test-model", "other-model")) as server:
        [first] = await answers(server, tmp_path, **params)
        [second] = await answers(server, tmp_path, **{**params, **change})
    assert (second.key == first.key) == (change in SAME)
    assert second.cached == (change in SAME)
    assert server.seen.total() == 2 - (change in SAME)


async def test_another_address_of_the_same_model_changes_nothing(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        [first] = await answers(server, tmp_path)
    with OpenAIServer() as other:
        [second] = await answers(other, tmp_path)
    assert (second.key, second.text, second.cached) == (first.key, first.text, True)
    assert other.seen.total() == 0


@pytest.mark.parametrize("choices", [128, 1])
@pytest.mark.parametrize("batches", [(3, 1, 2), (1, 3, 2), (1, 1, 3), (2, 3, 3)])
async def test_samples_are_the_same_however_many_are_asked_at_once(
    tmp_path: Path, choices: int, batches: tuple[int, ...]
) -> None:
    keys: dict[int, str] = {}
    sent = 0
    with OpenAIServer(max_choices=choices) as server:
        for n in batches:
            got = await answers(server, tmp_path, n)
            sent += sum(not answer.cached for answer in got)
            for sample, answer in enumerate(got):
                assert keys.setdefault(sample, answer.key) == answer.key
    assert sent == len(set(keys.values())) == max(batches)


async def test_order_and_company_do_not_matter(tmp_path: Path) -> None:
    questions: list[list[Message]] = [[{"role": "user", "content": f"number {i}"}] for i in range(30)]
    with OpenAIServer(latency=0.005, sigma=1.0) as server:
        spec = {"writer": ModelSpec(model="openai:test-model", base_url=server.url)}
        found = []
        for order in (range(30), range(29, -1, -1)):
            async with Door(spec, cache=tmp_path / "c.sqlite") as door:
                ask = door.ask_for("writer")
                got = await asyncio.gather(*(ask(questions[i]) for i in order))
                found.append(dict(zip(order, (answer.text for [answer] in got), strict=True)))
    assert found[0] == found[1]
    assert server.seen.total() == 30
