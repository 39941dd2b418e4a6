"""The OpenAI-compatible backend against a real server on loopback."""

from __future__ import annotations

import email.utils
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import openai
import openai.lib.azure
import pytest
from support.openai_server import OpenAIServer, Scripted, completion

from gristmill.errors import ModelAnswerError, ModelConfigError, ModelError, ModelUnavailableError
from gristmill.models.backends import create_backend
from gristmill.models.backends.openai_api import OpenAIBackend
from gristmill.models.backends.openai_errors import HANDLED, Endpoint, status_error, translate
from gristmill.models.spec import ModelSpec
from gristmill.models.types import Request
from gristmill.records import Usage

SECRET = "sk-test-0123456789abcdef"
SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def spec_for(server: OpenAIServer, **more: Any) -> ModelSpec:
    return ModelSpec(model="openai:test-model", base_url=server.url, **more)


@pytest.fixture
async def backend(server: OpenAIServer) -> AsyncIterator[OpenAIBackend]:
    made = OpenAIBackend(spec_for(server), {})
    yield made
    await made.close()


def ask(text: str = "Hello", schema: Mapping[str, Any] | None = None, **params: Any) -> Request:
    return Request("openai:test-model", ({"role": "user", "content": text},), params, schema)


async def test_sends_what_was_asked_and_reads_what_came(server: OpenAIServer, backend: OpenAIBackend) -> None:
    server.script.append(completion("Good day."))
    reply = await backend.complete(ask("Hello", temperature=0.2, stop=["\n"]), timeout=10)
    assert (reply.text, reply.finish_reason, reply.usage) == ("Good day.", "stop", Usage(7, 3))
    assert server.bodies[0] == {
        "model": "test-model",
        "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0.2,
        "stop": ["\n"],
    }


async def test_a_schema_is_sent_strict_when_it_allows_that(
    server: OpenAIServer, backend: OpenAIBackend
) -> None:
    await backend.complete(ask(schema=SCHEMA), timeout=10)
    await backend.complete(ask(schema={**SCHEMA, "required": []}), timeout=10)
    formats = [body["response_format"] for body in server.bodies]
    assert [f["type"] for f in formats] == ["json_schema", "json_schema"]
    assert [f["json_schema"]["strict"] for f in formats] == [True, False]
    assert formats[0]["json_schema"]["schema"] == SCHEMA


@pytest.mark.parametrize(
    ("formats", "requests"), [(("json_schema", "json_object"), 2), (("json_object",), 3), ((), 4)]
)
async def test_a_server_without_json_schema_is_asked_in_a_simpler_way_and_remembered(
    formats: tuple[str, ...], requests: int, caplog: pytest.LogCaptureFixture
) -> None:
    with OpenAIServer(formats=formats) as server, caplog.at_level(logging.WARNING):
        backend = OpenAIBackend(spec_for(server), {})
        replies = [await backend.complete(ask(text, SCHEMA), timeout=10) for text in ("one", "two")]
        await backend.close()
        assert [reply.text for reply in replies] == ['{"ok": true}'] * 2
        assert server.seen.total() == requests
    assert len([r for r in caplog.records if "does not take" in r.message]) == requests - 2


async def test_max_tokens_is_renamed_where_the_server_wants_that(
    server: OpenAIServer, backend: OpenAIBackend
) -> None:
    said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    server.script.append(Scripted({"error": {"message": said}}, 400))
    await backend.complete(ask(max_tokens=5), timeout=10)
    assert server.bodies[1]["max_completion_tokens"] == 5
    assert "max_tokens" not in server.bodies[1]


ENDINGS = [
    (completion(None), "", "stop"),
    (completion(""), "", "stop"),
    (completion("cut o", finish="length"), "cut o", "length"),
    (completion(None, finish="content_filter"), "", "content_filter"),
    (completion(None, refusal="I cannot."), "I cannot.", "refusal"),
    (completion(None, finish="tool_calls"), "", "tool_calls"),
    (completion("fine", finish=None), "fine", "unknown"),
    (completion("fine", finish="eos"), "fine", "unknown"),
]


@pytest.mark.parametrize(("scripted", "text", "finish"), ENDINGS)
async def test_how_an_answer_ended(
    server: OpenAIServer, backend: OpenAIBackend, scripted: Scripted, text: str, finish: str
) -> None:
    server.script.append(scripted)
    reply = await backend.complete(ask(), timeout=10)
    assert (reply.text, reply.finish_reason) == (text, finish)


async def test_samples_come_in_one_request_and_share_its_tokens(
    server: OpenAIServer, backend: OpenAIBackend
) -> None:
    replies = await backend.complete_many([ask(), ask(), ask()], timeout=10)
    assert len(replies) == 3
    assert server.bodies[0]["n"] == 3
    assert [reply.usage.input_tokens > 0 for reply in replies] == [True, False, False]
    assert backend.many


async def test_fewer_choices_than_asked_are_noticed() -> None:
    with OpenAIServer(max_choices=1) as server:
        backend = OpenAIBackend(spec_for(server), {})
        assert len(await backend.complete_many([ask(), ask()], timeout=10)) == 1
        assert not backend.many
        await backend.close()


async def test_single_samples_get_seeds_of_their_own(server: OpenAIServer, backend: OpenAIBackend) -> None:
    for sample in (0, 2):
        request = Request("m", ({"role": "user", "content": "x"},), {"seed": 40}, sample=sample)
        await backend.complete(request, timeout=10)
    assert [body["seed"] for body in server.bodies] == [40, 42]


async def test_tokens_are_estimated_when_the_server_counts_none() -> None:
    with OpenAIServer(usage=False) as server:
        backend = OpenAIBackend(spec_for(server), {})
        reply = await backend.complete(ask("x" * 40), timeout=10)
        await backend.close()
    assert reply.usage == Usage(14, -(-len(reply.text) // 4))


STATUSES: list[tuple[Scripted, type[ModelError], str]] = [
    (Scripted({"error": {"message": "no such parameter"}}, 400), ModelConfigError, "bad-request"),
    (Scripted({"error": {"message": "who are you"}}, 401), ModelConfigError, "auth"),
    (Scripted({"error": {"message": "not for you"}}, 403), ModelConfigError, "auth"),
    (Scripted({"error": {"message": "no such model"}}, 404), ModelConfigError, "not-found"),
    (Scripted({"detail": "unprocessable"}, 422), ModelConfigError, "bad-request"),
    (Scripted({"error": {"message": "pay", "code": "insufficient_quota"}}, 429), ModelConfigError, "quota"),
    (Scripted({"error": {"message": "slow down"}}, 429), ModelUnavailableError, "rate-limited"),
    (Scripted({"error": {"message": "late"}}, 408), ModelUnavailableError, "time-out"),
    (Scripted({"error": {"message": "conflict"}}, 409), ModelUnavailableError, "server-error"),
    (Scripted("<html>bad gateway</html>", 502), ModelUnavailableError, "server-error"),
    (Scripted({"error": {"message": "overloaded"}}, 529), ModelUnavailableError, "overloaded"),
    (Scripted({"error": {"message": "maximum context length is 8192"}}, 400), ModelAnswerError, "too-long"),
    (
        Scripted({"error": {"message": "x", "code": "content_filter"}}, 400),
        ModelAnswerError,
        "content-filter",
    ),
    (
        Scripted({"error": {"message": "upstream is busy", "code": 429}}),
        ModelUnavailableError,
        "rate-limited",
    ),
    (Scripted({"choices": []}), ModelUnavailableError, "bad-response"),
    (Scripted("<html>welcome</html>"), ModelUnavailableError, "bad-response"),
    (
        Scripted('{"choices": [', headers={"Content-Type": "application/json"}),
        ModelUnavailableError,
        "bad-response",
    ),
]


@pytest.mark.parametrize(("scripted", "wanted", "kind"), STATUSES)
async def test_what_went_wrong_is_told_apart(
    server: OpenAIServer, backend: OpenAIBackend, scripted: Scripted, wanted: type[ModelError], kind: str
) -> None:
    server.script.append(scripted)
    with pytest.raises(wanted) as caught:
        await backend.complete(ask(), timeout=10)
    assert (type(caught.value), caught.value.kind) == (wanted, kind)
    assert caught.value.where == "openai:test-model"


async def test_a_slow_server_is_a_time_out(server: OpenAIServer, backend: OpenAIBackend) -> None:
    server.script.append(Scripted({}, latency=30))
    with pytest.raises(ModelUnavailableError) as caught:
        await backend.complete(ask(), timeout=0.05)
    assert caught.value.kind == "time-out"


async def test_nobody_there_is_a_connection_error_and_not_a_time_out() -> None:
    with OpenAIServer() as server:
        spec = spec_for(server)
    backend = OpenAIBackend(spec, {})
    with pytest.raises(ModelUnavailableError, match="no connection to http://127") as caught:
        await backend.complete(ask(), timeout=10)
    assert caught.value.kind == "connection"
    await backend.close()


WAITS = [
    ({"Retry-After": "3"}, 3.0),
    ({"Retry-After": "0.5"}, 0.5),
    ({"retry-after-ms": "250", "Retry-After": "9"}, 0.25),
    ({"Retry-After": "soon"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), WAITS)
async def test_the_wait_a_server_asks_for(
    server: OpenAIServer, backend: OpenAIBackend, headers: dict[str, str], seconds: float | None
) -> None:
    server.script.append(Scripted({"error": {"message": "wait"}}, 429, headers))
    with pytest.raises(ModelUnavailableError) as caught:
        await backend.complete(ask(), timeout=10)
    assert caught.value.retry_after == seconds


async def test_the_wait_may_be_a_date(server: OpenAIServer, backend: OpenAIBackend) -> None:
    date = email.utils.format_datetime(email.utils.localtime() + email.utils.datetime.timedelta(hours=1))
    server.script.append(Scripted({"error": {"message": "wait"}}, 503, {"Retry-After": date}))
    with pytest.raises(ModelUnavailableError) as caught:
        await backend.complete(ask(), timeout=10)
    assert caught.value.retry_after is not None
    assert 3500 < caught.value.retry_after <= 3600


async def test_a_wrong_key_is_named_by_its_variable_and_never_shown() -> None:
    with OpenAIServer(key="sk-another-key") as server:
        spec = spec_for(server, api_key_env="MY_KEY")
        backend = OpenAIBackend(spec, {"MY_KEY": SECRET})
        with pytest.raises(ModelConfigError, match="MY_KEY") as caught:
            await backend.complete(ask(), timeout=10)
        await backend.close()
    assert "Incorrect API key provided: ***" in str(caught.value)
    # Neither the message nor an error chained to it may lead to the key.
    assert SECRET not in f"{caught.value!r}{caught.value}{vars(caught.value)}"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "said", [SECRET, f"Bearer {SECRET}", "key sk-proj-abc123_X", f"{{'Authorization': '{SECRET}'}}"]
)
def test_secrets_are_scrubbed(said: str) -> None:
    place = Endpoint("openai:m", "http://h/v1", "MY_KEY", SECRET)
    error = status_error(400, f"you sent {said}", place)
    assert "sk-" not in str(error)
    assert "***" in str(error)


@pytest.mark.parametrize(
    ("value", "problem"), [("", "no API key"), ("  ", "no API key"), ("sk-\x00é", "characters")]
)
def test_a_missing_or_impossible_key_is_told_before_anything_is_sent(value: str, problem: str) -> None:
    with pytest.raises(ModelConfigError, match=problem) as caught:
        create_backend(ModelSpec(model="openai:m"), {"OPENAI_API_KEY": value})
    assert caught.value.kind == "no-key"
    assert "OPENAI_API_KEY" in str(caught.value)


def error_classes(root: type[BaseException]) -> set[str]:
    found = {root.__name__}
    for child in root.__subclasses__():
        found |= error_classes(child)
    return found


def test_every_error_class_of_the_client_is_handled() -> None:
    unhandled = {name for name in error_classes(openai.OpenAIError) if name not in HANDLED}
    assert unhandled == set()


@pytest.mark.parametrize("name", sorted(HANDLED))
def test_every_handled_class_exists_and_becomes_ours(name: str) -> None:
    kinds = {kind.__name__: kind for kind in all_classes(openai.OpenAIError)}
    error = kinds[name].__new__(kinds[name])
    place = Endpoint("openai:m", "http://h/v1", None, "")
    assert isinstance(translate(error, place), ModelError)


def all_classes(root: type[BaseException]) -> list[type[BaseException]]:
    return [root, *(kind for child in root.__subclasses__() for kind in all_classes(child))]
