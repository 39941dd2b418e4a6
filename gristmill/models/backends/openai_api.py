"""Any endpoint that speaks OpenAI's chat completions, or the older completions."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from gristmill.errors import ModelConfigError, ModelUnavailableError
from gristmill.models.backends import base_url, key_variable
from gristmill.models.backends.chat import Dialect, chat_body, read_replies, reseeded, wants_one_sample
from gristmill.models.backends.completions import echo_body, read_echo, read_texts, text_body
from gristmill.models.backends.lean import LeanTransport, can_be_lean
from gristmill.models.backends.official import OfficialTransport
from gristmill.models.backends.openai_errors import Endpoint
from gristmill.models.scoring import form_of, score_reply, texts_of
from gristmill.models.spec import ModelSpec
from gristmill.models.types import Reply, Request
from gristmill.records import Usage

log = logging.getLogger(__name__)
DEFAULT_URL = "https://api.openai.com/v1"
NO_KEY = "no-key-needed"
MAX_LENGTHS = 4096


class Transport(Protocol):
    """Posts requests to one endpoint."""

    async def chat(self, body: Mapping[str, Any], seconds: float) -> object:
        """The parsed answer to ``body``; raises only :class:`gristmill.errors.ModelError`."""

    async def close(self) -> None:
        """Release connections."""


class OpenAIBackend:
    """One model on one endpoint. What the server turned out not to do is remembered for its lifetime.

    ``many`` turns False when the server ignores ``n``; a rejected ``response_format`` steps down from
    JSON schema to JSON object to words in the prompt.
    """

    uses_task = False

    def __init__(self, spec: ModelSpec, environ: Mapping[str, str]) -> None:
        self.name = spec.model
        self.many = True
        place, key = endpoint_of(spec, environ)
        self._spec, self._place = spec, place
        self._official = OfficialTransport(spec, self._place, key)
        lean = spec.transport == "lean" and can_be_lean(self._place.url)
        self._transport: Transport = LeanTransport(spec, self._place, key) if lean else self._official
        self._dialect = Dialect()
        self._lengths: dict[str, int] = {}

    async def complete(self, request: Request, *, timeout: float) -> Reply:  # noqa: ASYNC109 - the contract
        """Answer one request; see :class:`gristmill.models.types.Backend`."""
        if form_of(request.messages) == "score":
            return await self._scored(request, timeout)
        return (await self._replies(reseeded(request), 1, timeout))[0]

    async def complete_many(self, requests: Sequence[Request], *, timeout: float) -> list[Reply]:  # noqa: ASYNC109
        """Draw several samples in one request; fewer replies when the server gives fewer choices."""
        try:
            replies = await self._replies(reseeded(requests[0]), len(requests), timeout)
        except (ModelConfigError, ModelUnavailableError) as error:
            if not wants_one_sample(error.message):
                raise
            replies = await self._replies(reseeded(requests[0]), 1, timeout)
        if len(replies) < len(requests) and self.many:
            log.warning(
                "%s gave %d of %d samples: they are asked one by one", self.name, len(replies), len(requests)
            )
            self.many = False
        return replies[: len(requests)]

    async def list_models(self, *, timeout: float) -> list[str] | None:  # noqa: ASYNC109
        """Names the server lists, None when it keeps no list."""
        try:
            official = self._official
            body = await official.call(official.client.get("/models", cast_to=object), timeout)
        except ModelConfigError as error:
            if error.kind == "not-found":
                return None
            raise
        rows = body.get("data") if isinstance(body, Mapping) else None
        return [str(row["id"]) for row in rows if "id" in row] if isinstance(rows, list) else None

    async def close(self) -> None:
        """Release connections."""
        await self._transport.close()
        await self._official.close()

    async def _scored(self, request: Request, seconds: float) -> Reply:
        """The log-likelihood of a continuation; where it begins is asked for when the tokens do not tell."""
        context, continuation = texts_of(request)
        body = echo_body(self._spec.name, context + continuation)
        echo = read_echo(await self._transport.chat(body, seconds), self._place)
        start, used = (echo.start_of(continuation) if context else 0), echo.usage
        if start is None:
            start, more = await self._tokens_of(context, seconds)
            used = Usage(used.input_tokens + more.input_tokens, used.output_tokens + more.output_tokens)
        return score_reply(echo.logprobs, echo.best, start, used)

    async def _tokens_of(self, context: str, seconds: float) -> tuple[int, Usage]:
        """Tokens of a text, and what it took to learn that; the choices of an item share their context."""
        if (known := self._lengths.get(context)) is not None:
            return known, Usage()
        body = echo_body(self._spec.name, context)
        echo = read_echo(await self._transport.chat(body, seconds), self._place)
        if len(self._lengths) >= MAX_LENGTHS:
            self._lengths.clear()
        self._lengths[context] = len(echo.tokens)
        return len(echo.tokens), echo.usage

    async def _replies(self, request: Request, n: int, seconds: float) -> list[Reply]:
        if form_of(request.messages) == "text":
            body = text_body(self._spec.name, request, n)
            return read_texts(await self._transport.chat(body, seconds), request, self._place)
        while True:
            dialect = self._dialect
            body = chat_body(self._spec.name, request, n, dialect)
            try:
                answer = await self._transport.chat(body, seconds)
            except ModelConfigError as error:
                if not self._adapted(error, dialect, schema=request.schema is not None):
                    raise
                continue
            return read_replies(answer, request, self._place)

    def _adapted(self, error: ModelConfigError, used: Dialect, *, schema: bool) -> bool:
        """Whether the request was changed so that it is worth sending again."""
        better = used.after(error.message, schema=schema) if error.kind == "bad-request" else None
        if better is None:
            return False
        # Requests sent together fail together: only the first moves on.
        if self._dialect == used:
            self._dialect = better
            if better.mode != used.mode:
                log.warning("%s does not take %s: going on with %s", self.name, used.mode, better.mode)
        return True


def endpoint_of(spec: ModelSpec, environ: Mapping[str, str]) -> tuple[Endpoint, str]:
    """Where a model is reached, and the key for it.

    Raises:
        ModelConfigError: there is no key, or it cannot be one.
    """
    variable = key_variable(spec, environ)
    key = environ.get(variable, "").strip() if variable else NO_KEY
    if not key or not (key.isascii() and key.isprintable()):
        raise ModelConfigError(
            "the API key holds characters that no key has" if key else "no API key",
            kind="no-key",
            where=spec.model,
            cure=f"set the environment variable {variable}, or name another one in api_key_env",
        )
    url = base_url(spec, environ) or DEFAULT_URL
    return Endpoint(spec.model, url, variable, key if variable else ""), key
