"""Chat completions through the official client: every feature of it, at several times the CPU of ``lean``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from gristmill.errors import ModelError
from gristmill.models.backends.lean import account_headers, endpoint_url, path_of
from gristmill.models.backends.openai_errors import Endpoint, translate, unusable
from gristmill.models.spec import ModelSpec
from gristmill.records import to_json

if TYPE_CHECKING:
    from openai import AsyncOpenAI

T = TypeVar("T")


class OfficialTransport:
    """``openai.AsyncOpenAI`` over its aiohttp transport; its own retries are off."""

    def __init__(self, spec: ModelSpec, place: Endpoint, key: str) -> None:
        self._spec, self._place, self._key = spec, place, key
        self._client: AsyncOpenAI | None = None

    async def chat(self, body: Mapping[str, Any], seconds: float) -> object:
        """Post ``body`` to the model's endpoint and return the parsed answer.

        Raises:
            ModelError: whatever went wrong, translated.
        """
        # Posted raw: building the client's typed objects would cost more than all the rest, and its own
        # JSON knows neither NaN nor half an emoji.
        sending = self.client.post(path_of(self._spec), cast_to=object, content=to_json(body))
        return await self.call(sending, seconds)

    @property
    def client(self) -> AsyncOpenAI:
        """The client, made on first use; await its calls through :meth:`call`.

        Raises:
            ModelConfigError: the address or the environment (proxies, certificates) makes none possible.
        """
        if self._client is None:
            self._client = self._made()
        return self._client

    async def call(self, sending: Awaitable[T], seconds: float) -> T:
        """The result of a call of the client within ``seconds``, its errors translated."""
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
            ValueError,
            RecursionError,
        ) as error:
            failure = translate(error, self._place)
        # Raised outside the handler: the original holds the request with the key and must not be chained.
        raise failure

    def _made(self) -> AsyncOpenAI:
        import httpx2
        from openai import AsyncOpenAI, DefaultAioHttpClient, OpenAIError

        endpoint_url(self._place, path_of(self._spec))
        width, account = self._spec.concurrency, account_headers(self._place)
        room = httpx2.Limits(max_connections=width, max_keepalive_connections=width)
        try:
            return AsyncOpenAI(
                api_key=self._key,
                base_url=self._place.url,
                organization=account.get("OpenAI-Organization"),
                project=account.get("OpenAI-Project"),
                max_retries=0,
                timeout=self._spec.timeout,
                http_client=DefaultAioHttpClient(limits=room),
            )
        except (OpenAIError, httpx2.InvalidURL, OSError, ValueError) as error:
            failure = unusable(error, self._place)
        raise failure

    async def close(self) -> None:
        """Release connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None
