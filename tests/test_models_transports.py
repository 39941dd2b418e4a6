"""The lean transport against the official client: the same requests, answers and errors, call by call."""

from __future__ import annotations

import gzip
import json
import logging
import zlib
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from time import time
from typing import Any

import pytest
from openai import AsyncOpenAI
from support.transports import BODY, KEY, attempt, both, outcome, transports
from support.wire import GOOD, Answer, Asked, Wire, after, http, reset

from gristmill.errors import ModelAnswerError, ModelConfigError, ModelError, ModelUnavailableError
from gristmill.models.backends import lean as lean_module

COMPARED = ("authorization", "content-type", "accept", "openai-organization", "openai-project", "host")
PROXIES = [f"{name}_proxy" for name in ("http", "https", "all", "no")]
SETTINGS = ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SETTINGS, *PROXIES, *map(str.upper, PROXIES)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def no_key_in_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    assert KEY not in caplog.text


async def asked_by_both(
    body: Mapping[str, Any] = BODY, path: str = "/v1", key: str = KEY
) -> tuple[Asked, Asked]:
    async with Wire() as wire:
        for transport in transports(wire.origin + path, key):
            assert (await outcome(transport, body)).answer == GOOD
        lean, official = wire.asked
    return lean, official


def important(asked: Asked) -> dict[str, str | None]:
    return {name: asked.headers.get(name) for name in COMPARED}


BODIES: list[dict[str, Any]] = [
    {},
    {"temperature": 0.25, "seed": 2**40, "n": 3, "stop": ["\n", "</end>"], "logit_bias": {"50256": -100}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}},
    {"top_k": 4, "chat_template_kwargs": {"enable_thinking": False}, "stream": False, "user": None},
    {"messages": [{"role": "user", "content": 'Ünïcödé 中文 🙂 \u2028 \x00 \x7f "quoted" \\ </script>'}]},
    {"messages": [{"role": "user", "content": "long " * 400_000}]},
]


@pytest.mark.parametrize("more", BODIES)
async def test_the_same_request_is_sent_as_by_the_client_itself(more: dict[str, Any]) -> None:
    body = {**BODY, **more}
    lean, official = await asked_by_both(body)
    assert lean.json == official.json == body
    assert lean.line == official.line == "POST /v1/chat/completions HTTP/1.1"
    assert important(lean) == important(official)
    assert lean.headers["authorization"] == f"Bearer {KEY}"
    own = {name: body[name] for name in ("model", "messages")}
    async with Wire() as wire, AsyncOpenAI(api_key=KEY, base_url=wire.url) as client:
        await client.chat.completions.create(**own, extra_body=more)
        assert wire.asked[0].json == lean.json


ODD = [
    ("half an emoji \ud83d", "half an emoji ?"),
    (float("nan"), None),
    (float("inf"), None),
    ((1, 2), [1, 2]),
    (2**80, str(2**80)),
]


@pytest.mark.parametrize(("value", "sent"), ODD)
async def test_what_json_cannot_hold_is_sent_by_both_in_the_same_way(value: object, sent: object) -> None:
    lean, official = await asked_by_both({**BODY, "odd": value})
    assert lean.body == official.body
    assert lean.json["odd"] == sent


PATHS = ["", "/", "/v1/", "/some/prefix/v1", "/a%2Fb/v1", "/a b/v1", "/ü/v1", "/v1//"]


@pytest.mark.parametrize("path", PATHS)
async def test_the_same_place_is_asked(path: str) -> None:
    lean, official = await asked_by_both(path=path)
    assert lean.line == official.line
    assert lean.line.endswith("/chat/completions HTTP/1.1")


@pytest.mark.parametrize("key", ["a b", "k'\"\\{}%s", "~" * 4000, "Bearer x", "k:v@h/"])
async def test_odd_keys_travel_unchanged(key: str) -> None:
    lean, official = await asked_by_both(key=key)
    assert lean.headers["authorization"] == official.headers["authorization"] == f"Bearer {key}"


async def test_the_account_is_named_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", " org-1\n")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj_2")
    lean, official = await asked_by_both()
    assert important(lean) == important(official)
    assert (lean.headers["openai-organization"], lean.headers["openai-project"]) == ("org-1", "proj_2")


async def test_an_account_that_no_header_can_name_is_an_error_of_the_setup(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "a\r\nAuthorization: other")
    with pytest.raises(ModelConfigError, match="OPENAI_ORG_ID holds characters"):
        transports("http://127.0.0.1:9/v1")
    monkeypatch.delenv("OPENAI_ORG_ID")
    official = transports("http://127.0.0.1:9/v1")[1]
    monkeypatch.setenv("OPENAI_ORG_ID", "a\r\nAuthorization: other")
    with pytest.raises(ModelConfigError, match="OPENAI_ORG_ID holds characters"):
        await official.chat(BODY, 5)


JSON_TEXT = json.dumps(GOOD).encode()
GZIPPED = gzip.compress(JSON_TEXT)
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
BARE = b"200 OK\r\nContent-Type: application/json\r\n\r\n"
HUGE = {**GOOD, "padding": "x" * 20_000_000}
ANSWERS: dict[str, tuple[Answer, object]] = {
    "json": (http(GOOD), GOOD),
    "problem+json": (http(GOOD, kind="application/problem+json; charset=utf-8"), GOOD),
    "gzip": (http(gzip.compress(JSON_TEXT), headers={"Content-Encoding": "gzip"}), GOOD),
    "deflate, upper case": (http(gzip.compress(JSON_TEXT), headers={"Content-Encoding": "GZIP"}), GOOD),
    "deflate": (http(zlib.compress(JSON_TEXT), headers={"Content-Encoding": "deflate"}), GOOD),
    "bare deflate": (http(zlib.compress(JSON_TEXT)[2:-4], headers={"Content-Encoding": "deflate"}), GOOD),
    "zipped twice": (http(gzip.compress(GZIPPED), headers={"Content-Encoding": "gzip, gzip"}), GOOD),
    "bytes after gzip": (http(GZIPPED + b"\0\0", headers={"Content-Encoding": "gzip"}), GOOD),
    "line feeds alone": (http(GOOD).replace(b"\r\n", b"\n"), GOOD),
    "headers in two lines or empty": (http(GOOD, headers={"X": "a\r\n b", "Y": ""}), GOOD),
    "more than was asked": (http(GOOD) + http({"a": 1}), GOOD),
    "trailers": (CHUNKED + b"2\r\n{}\r\n0\r\nContent-Type: text/plain\r\n\r\n", {}),
    "unknown encoding": (http(GOOD, headers={"Content-Encoding": "wow"}), GOOD),
    "chunked": (CHUNKED + b'5\r\n{"a":\r\n2;x=y\r\n1}\r\n0\r\n\r\n', {"a": 1}),
    "until the connection ends": (after(b"HTTP/1.1 " + BARE + b'{"a":', b"1}"), {"a": 1}),
    "HTTP/1.0": (after(b"HTTP/1.0 " + BARE + b'{"a":1}'), {"a": 1}),
    "after 100 Continue": (b"HTTP/1.1 100 Continue\r\n\r\n" + http(GOOD), GOOD),
    "after 103 Early Hints": (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + http(GOOD), GOOD),
    "byte order mark": (http(b"\xef\xbb\xbf" + JSON_TEXT), GOOD),
    "UTF-16": (http(json.dumps(GOOD).encode("utf-16")), GOOD),
    "half an emoji": (http(b'{"a":"\\ud83d"}'), {"a": "\ud83d"}),
    "infinity": (http(b'{"a":[-Infinity,1e999]}'), {"a": [float("-inf"), float("inf")]}),
    "nested in itself": (http(b"[" * 900 + b"]" * 900), json.loads("[" * 900 + "]" * 900)),
    "20 MB": (http(HUGE), HUGE),
    "201": (http(GOOD, status=201), GOOD),
    "an error inside": (http({"error": {"code": 429}}), {"error": {"code": 429}}),
    "a list": (http([1, "two"]), [1, "two"]),
    "null": (http(None), None),
    "text": (http(b"Good day.", kind="text/plain"), "Good day."),
    "JSON labelled as text": (http(JSON_TEXT, kind="text/plain"), JSON_TEXT.decode()),
    "JSON without a label": (http(JSON_TEXT, kind=None), JSON_TEXT.decode()),
    "latin-1": (http("café".encode("latin-1"), kind="text/html; charset=ISO-8859-1"), "café"),
    "an unknown charset": (http("café".encode(), kind="text/html; charset=wow"), "café"),
    "bytes that are no text": (http(b"\xff\xfe!", kind="text/html"), "\ufffd\ufffd!"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", ""),
    "nothing": (http(b"", kind=None), ""),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_the_same_answer_is_read(name: str) -> None:
    answer, wanted = ANSWERS[name]
    async with Wire(answer) as wire:
        lean, official = await both(wire.url)
    assert lean == official
    assert lean.error is None
    assert lean.answer == wanted


CONFIG, AWAY, ANSWER = ModelConfigError, ModelUnavailableError, ModelAnswerError


def said(words: object, status: int = 400, headers: Mapping[str, str] | None = None, **more: object) -> bytes:
    return http({"error": {"message": words, **more}}, status, headers)


STATUSES: list[tuple[bytes, type[ModelError], str]] = [
    (said("no such parameter"), CONFIG, "bad-request"),
    (said("no such parameter", param="top_q", code="unknown_parameter"), CONFIG, "bad-request"),
    (said("'response_format' of type 'json_schema' is not supported"), CONFIG, "bad-request"),
    (said("This model's maximum context length is 8192 tokens"), ANSWER, "too-long"),
    (said("x", code="context_length_exceeded"), ANSWER, "too-long"),
    (said("The response was filtered", code="content_filter"), ANSWER, "content-filter"),
    (said(f"Incorrect API key provided: {KEY}.", 401), CONFIG, "auth"),
    (said("not for you", 403), CONFIG, "auth"),
    (said("no such model", 404, code="model_not_found"), CONFIG, "not-found"),
    (http({"detail": "Not Found"}, 404), CONFIG, "not-found"),
    (said("late", 408), AWAY, "time-out"),
    (said("conflict", 409), AWAY, "server-error"),
    (said("too large", 413), ANSWER, "too-long"),
    (http({"detail": [{"loc": ["body", "x"], "msg": "extra"}]}, 422), CONFIG, "bad-request"),
    (said("too early", 425), AWAY, "server-error"),
    (said("slow down", 429), AWAY, "rate-limited"),
    (said("You exceeded your current quota", 429, code="insufficient_quota"), CONFIG, "quota"),
    (said("oops", 500), AWAY, "server-error"),
    (said("overloaded_error", 500), AWAY, "overloaded"),
    (http(b"<html>\n<h1>502 Bad Gateway</h1>\n</html>\n", 502, kind="text/html"), AWAY, "server-error"),
    (said("busy", 503), AWAY, "overloaded"),
    (http(b"upstream timed out", 504, kind="text/plain"), AWAY, "server-error"),
    (said("overloaded", 529), AWAY, "overloaded"),
    (http(b"", 500, kind=None), AWAY, "server-error"),
    (http({}, 400), CONFIG, "bad-request"),
    (http([1], 400), CONFIG, "bad-request"),
    (http({"error": None}, 400), CONFIG, "bad-request"),
    (http({"error": "words"}, 400), CONFIG, "bad-request"),
    (http({"object": "error", "message": "words", "code": 40303}, 400), CONFIG, "bad-request"),
    (said({"nested": 1}), CONFIG, "bad-request"),
    (http(b'{"error":{"message":"half \\ud83d"}}', 400), CONFIG, "bad-request"),
    (http(b'{"error":{"message":"\xff\xfe x","n":NaN}}', 400), CONFIG, "bad-request"),
    (http("café".encode("latin-1"), 400, kind="text/plain; charset=latin-1"), CONFIG, "bad-request"),
    (http(b'{"error":', 400), CONFIG, "bad-request"),
    (http(b"[" * 100_000, 500), AWAY, "server-error"),
    (http(gzip.compress(b'{"error":"zipped"}'), 400, {"Content-Encoding": "gzip"}), CONFIG, "bad-request"),
    (b"HTTP/1.1 304 Not Modified\r\n\r\n", CONFIG, "bad-request"),
    (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", CONFIG, "bad-request"),
]


@pytest.mark.parametrize(("answer", "error", "kind"), STATUSES)
async def test_a_status_becomes_the_same_error(answer: bytes, error: type[ModelError], kind: str) -> None:
    async with Wire(answer) as wire:
        lean, official = await both(wire.url)
    assert lean == official
    assert (lean.error, lean.kind) == (error, kind)
    lean.message.encode()


async def test_every_status_becomes_the_same_error() -> None:
    statuses = [status for status in range(300, 600) if status != 304]
    for words in ("", "maximum context length, content_filter, insufficient_quota, overloaded"):
        answers = [said(words, status) for status in statuses for _ in range(2)]
        async with Wire(*answers) as wire:
            lean, official = transports(wire.url)
            for _ in statuses:
                assert await attempt(lean) == await attempt(official)
            assert wire.opened == 2
            await lean.close()
            await official.close()


WAITS: list[tuple[dict[str, str], float | None]] = [
    ({"Retry-After": "3"}, 3),
    ({"retry-after": " 2.6 "}, 3),
    ({"retry-after-ms": "2500", "Retry-After": "9"}, 2),
    ({"Retry-After-Ms": "soon", "Retry-After": "9"}, 9),
    ({"Retry-After": "-5"}, 0),
    ({"Retry-After": "soon"}, None),
    ({"Retry-After": formatdate(time() - 3600, usegmt=True)}, 0),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), WAITS)
@pytest.mark.parametrize("status", [429, 503])
async def test_the_same_wait_is_read(status: int, headers: dict[str, str], seconds: float | None) -> None:
    async with Wire(said("wait", status, headers)) as wire:
        lean, official = await both(wire.url)
    assert lean == official
    assert lean.retry_after == seconds


async def test_the_same_date_to_wait_for_is_read() -> None:
    date = formatdate(time() + 3600, usegmt=True)
    async with Wire(said("wait", 429, {"Retry-After": date})) as wire:
        waits = [result.retry_after for result in await both(wire.url)]
    assert all(wait is not None and 3500 < wait <= 3600 for wait in waits)


BROKEN: dict[str, tuple[Answer, str]] = {
    "empty": (http(b""), "bad-response"),
    "cut JSON": (http(JSON_TEXT[:-5]), "bad-response"),
    "HTML labelled as JSON": (http(b"<html></html>"), "bad-response"),
    "not UTF-8": (http(b'{"a":"\xff"}'), "bad-response"),
    "nested without end": (http(b"[" * 200_000), "bad-response"),
    "an endless number": (http(b'{"a":' + b"1" * 5000 + b"}"), "bad-response"),
    "cut gzip": (http(GZIPPED[:-12], headers={"Content-Encoding": "gzip"}), "bad-response"),
    "no gzip": (http(b"plain" * 20, headers={"Content-Encoding": "gzip"}), "connection"),
    "wrong chunks": (CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", "connection"),
    "cut chunks": (after(CHUNKED + b'5\r\n{"a":\r\n2'), "connection"),
    "cut before anything": (after(), "connection"),
    "reset": (reset(), "connection"),
    "cut inside the headers": (after(b"HTTP/1.1 200 OK\r\nContent-Ty"), "connection"),
    "cut inside the body": (after(http(GOOD)[:-20]), "connection"),
    "length too long": (after(http(GOOD, headers={"Content-Length": "9999"})), "connection"),
    "length too short": (after(http(GOOD, headers={"Content-Length": "9"})), "connection"),
    "negative length": (after(http(GOOD, headers={"Content-Length": "-1"})), "connection"),
    "no length": (after(http(GOOD, headers={"Content-Length": "many"})), "connection"),
    "length and chunks": (after(http(GOOD, headers={"Transfer-Encoding": "chunked"})), "connection"),
    "not HTTP": (after(b"SSH-2.0-OpenSSH_9.6\r\n"), "connection"),
    "a huge header": (after(http(GOOD, headers={"X": "y" * 40_000})), "connection"),
}
OWN_WORDS = {
    "wrong chunks": "the answer is broken HTTP (Invalid character in chunk size)",
    "cut chunks": "the answer was cut off after 5 bytes",
    "cut inside the body": "the answer was cut off (received 194 of 214 bytes)",
    "length too long": "the answer was cut off (received 214 of 9999 bytes)",
    "length too short": "the answer is broken HTTP (Expected HTTP/",
    "negative length": "the answer is broken HTTP (Invalid character in Content-Length)",
    "no length": "the answer is broken HTTP (Invalid character in Content-Length)",
    "length and chunks": "the answer is broken HTTP (Transfer-Encoding can't be present with Content-Length)",
    "not HTTP": "the answer is broken HTTP (Expected HTTP/",
    "a huge header": "the answer's headers are too long",
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_cannot_be_read_becomes_the_same_error(name: str) -> None:
    answer, kind = BROKEN[name]
    async with Wire(answer) as wire:
        lean, official = await both(wire.url)
    assert (lean.error, lean.kind) == (official.error, official.kind) == (ModelUnavailableError, kind)
    if name in OWN_WORDS:
        assert OWN_WORDS[name] in lean.message
    elif kind == "connection":  # the words for broken JSON are those of two parsers
        assert lean.message == official.message


@pytest.mark.parametrize("zipped", [False, True])
async def test_an_answer_beyond_all_measure_is_refused(monkeypatch: pytest.MonkeyPatch, zipped: bool) -> None:
    monkeypatch.setattr(lean_module, "MAX_ANSWER", 2**20)
    content = b'"' + b"x" * 2**22 + b'"'
    headers = {"Content-Encoding": "gzip"} if zipped else {}
    async with Wire(http(gzip.compress(content) if zipped else content, headers=headers)) as wire:
        result = await outcome(transports(wire.url)[0])
    assert (result.error, result.kind) == (ModelUnavailableError, "bad-response")
    assert "longer than 1 MiB" in result.message


def test_the_key_is_shown_nowhere() -> None:
    for transport in transports("http://127.0.0.1:9/v1"):
        assert KEY not in f"{transport!r}{transport}{transport._place!r}"
