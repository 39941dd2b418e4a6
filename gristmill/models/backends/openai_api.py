"""Any endpoint that speaks OpenAI's chat completions: the official client over its aiohttp transport."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from gristmill.errors import ModelConfigError, ModelError
from gristmill.models.backends import base_url, key_variable
from gristmill.models.backends.openai_errors import Endpoint, bad_response, status_error, translate
from gristmill.models.cost import prompt_tokens, text_tokens
from gristmill.models.spec import ModelSpec
from gristmill.models.types import FinishReason, Reply, Request
from gristmill.records import Message, Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

log = logging.getLogger(__name__)
T = TypeVar("T")
JsonMode = Literal["json_schema", "json_object", "prompt"]
NEXT_MODE: dict[JsonMode, JsonMode] = {"json_schema": "json_object", "json_object": "prompt"}
DEFAULT_URL = "https://api.openai.com/v1"
NO_KEY = "no-key-needed"

_FORMAT_WORDS = ("response_format", "json_schema", "json_object", "structured output", "guided")
_FINISH: dict[str | None, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}


class OpenAIBackend:
    """One model on one endpoint. What the server turned out not to do is remembered for its lifetime.

    ``many`` turns False when the server ignores ``n``; a rejected ``response_format`` steps down from
    JSON schema to JSON object to words in the prompt.
    """

    uses_task = False

    def __init__(self, spec: ModelSpec, environ: Mapping[str, str]) -> None:
        self.name = spec.model
        self.many = True
        variable = key_variable(spec, environ)
        key = environ.get(variable, "").strip() if variable else NO_KEY
        if not key or not (key.isascii() and key.isprintable()):
            raise ModelConfigError(
                "the API key holds characters that no key has" if key else "no API key",
                kind="no-key",
                where=spec.model,
                cure=f"set the environment variable {variable}, or name another one in api_key_env",
            )
        self._spec = spec
        self._place = Endpoint(
            spec.model, base_url(spec, environ) or DEFAULT_URL, variable, key if variable else ""
        )
        self._key = key
        self._mode: JsonMode = "json_schema"
        self._length_param = "max_tokens"
        self._client: AsyncOpenAI | None = None

    async def complete(self, request: Request, *, timeout: float) -> Reply:  # noqa: ASYNC109 - the contract
        """Answer one request; see :class:`gristmill.models.types.Backend`."""
        return (await self._replies(_reseeded(request), 1, timeout))[0]

    async def complete_many(self, requests: Sequence[Request], *, timeout: float) -> list[Reply]:  # noqa: ASYNC109
        """Draw several samples in one request; fewer replies when the server gives fewer choices."""
        replies = await self._replies(requests[0], len(requests), timeout)
        if len(replies) < len(requests) and self.many:
            log.warning(
                "%s gave %d of %d samples: they are asked one by one", self.name, len(replies), len(requests)
            )
            self.many = False
        return replies[: len(requests)]

    async def list_models(self, *, timeout: float) -> list[str] | None:  # noqa: ASYNC109
        """Names the server lists, None when it keeps no list."""
        try:
            body = await self._call(self._open().get("/models", cast_to=object), timeout)
        except ModelConfigError as error:
            if error.kind == "not-found":
                return None
            raise
        rows = body.get("data") if isinstance(body, Mapping) else None
        return [str(row["id"]) for row in rows if "id" in row] if isinstance(rows, list) else None

    async def close(self) -> None:
        """Release connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _replies(self, request: Request, n: int, seconds: float) -> list[Reply]:
        while True:
            mode, length_param = self._mode, self._length_param
            body = self._body(request, n)
            try:
                # Posted raw: building the client's typed objects would cost more than all the rest.
                answer = await self._call(
                    self._open().post("/chat/completions", cast_to=object, body=body), seconds
                )
            except ModelConfigError as error:
                if not self._adapted(error, mode if request.schema else None, length_param):
                    raise
                continue
            return self._read(answer, request)

    def _adapted(self, error: ModelConfigError, mode: JsonMode | None, length_param: str) -> bool:
        """Whether the request was changed so that it is worth sending again."""
        said = error.message.lower()
        if error.kind != "bad-request":
            return False
        if "max_completion_tokens" in said and length_param == "max_tokens":
            self._length_param = "max_completion_tokens"
            return True
        if mode in NEXT_MODE and any(word in said for word in _FORMAT_WORDS):
            # Requests sent together fail together: only the first moves the mode.
            if self._mode == mode:
                self._mode = NEXT_MODE[mode]
                log.warning("%s does not take %s: going on with %s", self.name, mode, self._mode)
            return True
        return False

    def _body(self, request: Request, n: int) -> dict[str, Any]:
        params = {self._length_param if k == "max_tokens" else k: v for k, v in request.params.items()}
        body = {"model": self._spec.name, "messages": list(request.messages), **params}
        if n > 1:
            body["n"] = n
        if request.schema is not None:
            if self._mode == "json_schema":
                body["response_format"] = _json_schema(request.schema)
            else:
                body["messages"] = _with_schema(request.messages, request.schema)
            if self._mode == "json_object":
                body["response_format"] = {"type": "json_object"}
        return body

    def _open(self) -> AsyncOpenAI:
        if self._client is None:
            import httpx2
            from openai import AsyncOpenAI, DefaultAioHttpClient

            room = httpx2.Limits(
                max_connections=self._spec.concurrency, max_keepalive_connections=self._spec.concurrency
            )
            self._client = AsyncOpenAI(
                api_key=self._key,
                base_url=self._place.url,
                max_retries=0,
                timeout=self._spec.timeout,
                http_client=DefaultAioHttpClient(limits=room),
            )
        return self._client

    async def _call(self, sending: Awaitable[T], seconds: float) -> T:
        import aiohttp
        import httpx2
        from openai import OpenAIError

        failure: ModelError
        try:
            # The client's own time-outs are per read; a server that trickles would outlive them.
            async with asyncio.timeout(seconds):
                return await sending
        except (
            OpenAIError,
            httpx2.HTTPError,
            aiohttp.ClientError,
            OSError,  # a TimeoutError is one
            json.JSONDecodeError,
            UnicodeDecodeError,
        ) as error:
            failure = translate(error, self._place)
        # Raised outside the handler: the original holds the request with the key and must not be chained.
        raise failure

    def _read(self, answer: object, request: Request) -> list[Reply]:
        if not isinstance(answer, Mapping):
            raise bad_response(f"it begins {self._place.scrub(str(answer))[:80]!r}", self._place)
        error, choices = answer.get("error"), answer.get("choices")
        if not choices and error:
            raise self._hidden_error(error)
        if not isinstance(choices, list) or not choices:
            raise bad_response("it has no choices", self._place)
        contents = [_content(choice) for choice in choices]
        return _with_usage(contents, answer.get("usage"), request)

    def _hidden_error(self, error: Any) -> ModelError:
        """Some gateways answer 200 and put the real status into the body."""
        code = error.get("code") if isinstance(error, Mapping) else None
        said = error.get("message", error) if isinstance(error, Mapping) else error
        return status_error(code if isinstance(code, int) else 500, str(said), self._place)


def _content(choice: Any) -> tuple[str, FinishReason]:
    message = choice.get("message") or {} if isinstance(choice, Mapping) else {}
    finish = _FINISH.get(choice.get("finish_reason"), "unknown") if isinstance(choice, Mapping) else "unknown"
    text = message.get("content")
    if message.get("refusal"):
        return str(message["refusal"]), "refusal"
    return (text if isinstance(text, str) else "" if text is None else json.dumps(text)), finish


def _with_usage(contents: Sequence[tuple[str, FinishReason]], usage: Any, request: Request) -> list[Reply]:
    """Replies with tokens: the prompt's on the first sample, the answers' shared by length."""
    counted = usage if isinstance(usage, Mapping) else {}
    prompt = counted.get("prompt_tokens")
    total = counted.get("completion_tokens")
    chars = sum(len(text) for text, _ in contents) or 1
    replies = []
    for index, (text, finish) in enumerate(contents):
        output = text_tokens(text) if total is None else round(total * len(text) / chars)
        if total is not None and len(contents) == 1:
            output = total
        first = prompt_tokens(request.messages) if prompt is None else prompt
        replies.append(Reply(text, finish, Usage(first if index == 0 else 0, output)))
    return replies


def _reseeded(request: Request) -> Request:
    """With a fixed seed, samples drawn one by one would all be the same."""
    seed = request.params.get("seed")
    if request.sample == 0 or not isinstance(seed, int):
        return request
    return replace(request, params={**request.params, "seed": seed + request.sample})


def _with_schema(messages: Sequence[Message], schema: Mapping[str, Any]) -> list[Message]:
    text = json.dumps(schema, ensure_ascii=False)
    words = f"Answer with one JSON object that fits this JSON schema, and nothing else:\n{text}"
    return [*messages[:-1], {**messages[-1], "content": f"{messages[-1]['content']}\n\n{words}"}]


def _json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    strict = _is_strict(schema)
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": dict(schema), "strict": strict},
    }


def _is_strict(schema: Any) -> bool:
    """Whether every object of a schema is closed and wants all its properties, as strict mode demands."""
    if isinstance(schema, list):
        return all(_is_strict(part) for part in schema)
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object":
        names = schema.get("properties", {}).keys()
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(names):
            return False
    return all(_is_strict(part) for part in schema.values())
