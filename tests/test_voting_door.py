"""Several samples through the door: one that fails costs no other, and none is drawn twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.openai_server import OpenAIServer, Scripted, completion
from support.samples import CUT, samples

from gristmill.errors import ModelAnswerError, ModelConfigError, ModelUnavailableError
from gristmill.models import Door, ModelSpec, RetryPolicy
from gristmill.records import Message

SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}
ASKED: list[Message] = [{"role": "user", "content": "is it so?"}]
YES, NO = {"ok": True}, {"ok": False}


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def open_door(server: OpenAIServer, cache: Path | None = None, **more: Any) -> Door:
    spec = ModelSpec(model="openai:test-model", base_url=server.url, **more)
    return Door({"writer": spec}, cache=cache, retry=RetryPolicy(base=0.001, longest=0.01))


async def test_a_failed_sample_stays_in_its_place(server: OpenAIServer) -> None:
    server.script.append(samples(YES, CUT, None, NO))
    async with open_door(server) as door:
        answers = await door.ask_for("writer")(ASKED, schema=SCHEMA, n=4, partial=True)
    assert [answer.error for answer in answers] == ["", "truncated", "empty", ""]
    assert [answer.data for answer in answers] == [YES, None, None, NO]
    assert answers[1].text == '{"cut": "o'
    assert len({answer.key for answer in answers} - {""}) == 4
    assert server.seen.total() == 1


async def test_a_broken_sample_gets_its_repair(server: OpenAIServer) -> None:
    server.script += [samples(YES, "so it is", "who knows"), completion('{"ok": true}'), completion("well")]
    async with open_door(server, concurrency=1) as door:
        answers = await door.ask_for("writer")(ASKED, schema=SCHEMA, n=3, partial=True)
    assert sorted(answer.error for answer in answers) == ["", "", "invalid-json"]
    assert [answer.data for answer in answers if not answer.error] == [YES, YES]


async def test_the_first_error_is_raised_when_every_sample_failed(server: OpenAIServer) -> None:
    server.script.append(samples(CUT, None))
    async with open_door(server) as door:
        with pytest.raises(ModelAnswerError) as caught:
            await door.ask_for("writer")(ASKED, n=2, partial=True)
    assert caught.value.kind == "truncated"


async def test_without_partial_one_failure_is_raised(server: OpenAIServer) -> None:
    server.script.append(samples(YES, CUT))
    async with open_door(server) as door:
        with pytest.raises(ModelAnswerError):
            await door.ask_for("writer")(ASKED, schema=SCHEMA, n=2)


async def test_an_error_of_the_run_is_no_failed_sample(server: OpenAIServer) -> None:
    server.script.append(Scripted({"error": {"message": "no such model"}}, 404))
    async with open_door(server) as door:
        with pytest.raises(ModelConfigError):
            await door.ask_for("writer")(ASKED, n=3, partial=True)
    with pytest.raises(ModelUnavailableError) as caught:
        await door.ask_for("writer")(ASKED, n=3, partial=True)
    assert caught.value.kind == "stopped"


async def test_one_unreachable_sample_of_several(server: OpenAIServer, tmp_path: Path) -> None:
    server.behaviour.max_choices = 1
    # one choice came for three: the others are asked one by one, and one of them never succeeds
    server.script += [samples("first"), completion("second"), Scripted({"error": {}}, 500)]
    async with open_door(server, tmp_path / "c.sqlite", retries=0, concurrency=1) as door:
        answers = await door.ask_for("writer")(ASKED, n=3, partial=True)
    assert sorted(bool(answer.error) for answer in answers) == [False, False, True]


async def test_more_samples_later_draw_only_what_is_missing(server: OpenAIServer, tmp_path: Path) -> None:
    server.script += [samples("a", CUT, "c"), samples("d", "e")]
    async with open_door(server, tmp_path / "c.sqlite", params={"seed": 7}) as door:
        ask = door.ask_for("writer")
        three = await ask(ASKED, n=3, partial=True)
        five = await ask(ASKED, n=5, partial=True)
    assert [answer.key for answer in five[:3]] == [answer.key for answer in three]
    assert [answer.text for answer in five if not answer.error] == ["a", "c", "d", "e"]
    assert [answer.cached for answer in five] == [True, False, True, False, False]
    assert [(body["n"], body["seed"]) for body in server.bodies] == [(3, 7), (2, 10)]
