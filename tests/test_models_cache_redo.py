"""Redo: stored answers that could not be used are asked again, once a run, and nothing else is."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.openai_server import OpenAIServer, Scripted, completion

from gristmill.errors import ModelAnswerError, ModelUnavailableError, UsageError
from gristmill.models import Door, ModelSpec, RetryPolicy
from gristmill.models.redo import redo_kinds
from gristmill.models.types import Ask
from gristmill.records import Message

SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
GOOD = '{"ok": true}'
MESSAGES: list[Message] = [{"role": "user", "content": "Is it?"}]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def door(server: OpenAIServer, folder: Path, *redo: str) -> Door:
    spec = ModelSpec(model="openai:test-model", base_url=server.url, retries=0)
    quick = RetryPolicy(base=0.001, longest=0.01)
    return Door({"writer": spec}, cache=folder / "c.sqlite", retry=quick, redo=redo_kinds(redo))


async def kind_of(ask: Ask) -> str:
    try:
        [answer] = await ask(MESSAGES, schema=SCHEMA)
    except ModelAnswerError as error:
        return error.kind
    return answer.text


def script(server: OpenAIServer, *texts: str) -> None:
    server.script.extend(completion(text) for text in texts)


CUT = completion('{"ok": tr', finish="length")
REFUSED = completion(None, refusal="I will not.")
FILTERED = completion(None, finish="content_filter")
ASKED_AGAIN = [
    ([CUT], "truncated", True),
    ([CUT], "refused", False),
    ([CUT], "failed", True),
    ([REFUSED], "refused", True),
    ([FILTERED], "refused", True),
    ([REFUSED], "truncated", False),
    ([completion(None)], "failed", True),
    ([completion(None)], "refused", False),
    ([completion("no json"), completion("still none")], "failed", True),
    ([completion("no json"), completion('{"ok": 1}')], "failed", True),
    ([completion("no json"), completion("still none")], "truncated", False),
    ([completion("no json"), CUT], "truncated", True),
]


@pytest.mark.parametrize(("first", "redo", "again"), ASKED_AGAIN)
async def test_what_is_asked_again(
    server: OpenAIServer, tmp_path: Path, first: list[Scripted], redo: str, again: bool
) -> None:
    server.script.extend(first)
    async with door(server, tmp_path) as one:
        kind = await kind_of(one.ask_for("writer"))
    assert kind != GOOD
    script(server, GOOD)
    async with door(server, tmp_path, redo) as two:
        assert await kind_of(two.ask_for("writer")) == (GOOD if again else kind)
    assert server.seen.total() == len(first) + again
    async with door(server, tmp_path) as three:
        assert await kind_of(three.ask_for("writer")) == (GOOD if again else kind)


async def test_a_call_is_redone_once_a_run_however_often_it_is_asked(
    server: OpenAIServer, tmp_path: Path
) -> None:
    script(server, "broken", "broken too")
    async with door(server, tmp_path) as one:
        await kind_of(one.ask_for("writer"))
    script(server, "broken again", "hopeless")
    async with door(server, tmp_path, "failed") as two:
        ask = two.ask_for("writer")
        at_once = await asyncio.gather(*(kind_of(ask) for _ in range(5)))
        later = [await kind_of(ask) for _ in range(3)]
    assert {*at_once, *later} == {"invalid-json"}
    assert server.seen.total() == 4


async def test_an_answer_that_breaks_in_this_run_is_not_redone_in_it(
    server: OpenAIServer, tmp_path: Path
) -> None:
    script(server, "broken", "broken too")
    async with door(server, tmp_path, "failed") as one:
        ask = one.ask_for("writer")
        kinds = await asyncio.gather(*(kind_of(ask) for _ in range(4)))
        kinds.append(await kind_of(ask))
    assert set(kinds) == {"invalid-json"}
    assert server.seen.total() == 2


async def test_usable_answers_are_left_alone(server: OpenAIServer, tmp_path: Path) -> None:
    script(server, GOOD)
    for redo in ((), ("failed", "truncated", "refused")):
        async with door(server, tmp_path, *redo) as one:
            assert await kind_of(one.ask_for("writer")) == GOOD
    assert server.seen.total() == 1


async def test_the_old_answer_stays_when_the_new_call_fails(server: OpenAIServer, tmp_path: Path) -> None:
    script(server, "broken", "broken too")
    async with door(server, tmp_path) as one:
        await kind_of(one.ask_for("writer"))
    before = sqlite3.connect(tmp_path / "c.sqlite").execute("SELECT * FROM calls").fetchall()
    server.script.append(Scripted({"error": {"message": "down"}}, status=503))
    async with door(server, tmp_path, "failed") as two:
        with pytest.raises(ModelUnavailableError):
            await two.ask_for("writer")(MESSAGES, schema=SCHEMA)
    assert sqlite3.connect(tmp_path / "c.sqlite").execute("SELECT * FROM calls").fetchall() == before


async def test_every_sample_is_redone_for_itself(server: OpenAIServer, tmp_path: Path) -> None:
    server.behaviour.max_choices = 1
    server.script.extend([completion(GOOD), CUT, completion(GOOD)])
    async with door(server, tmp_path) as one:
        with pytest.raises(ModelAnswerError, match="cut off"):
            await one.ask_for("writer")(MESSAGES, schema=SCHEMA, n=3)
    script(server, GOOD)
    async with door(server, tmp_path, "truncated") as two:
        answers = await two.ask_for("writer")(MESSAGES, schema=SCHEMA, n=3)
    assert [answer.cached for answer in answers] == [True, False, True]
    assert server.seen.total() == 4


def test_kinds_can_be_listed_and_repeated() -> None:
    assert redo_kinds(["truncated, refused", "failed"]) == {"truncated", "refused", "failed"}
    with pytest.raises(UsageError, match="no such kind"):
        redo_kinds(["broken"])
