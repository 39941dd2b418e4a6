"""Chat completions by aiohttp alone: the same request and the same errors as the official client's.

Most of the official client's time goes into features that a batch of raw posts does not use (typed
options, middleware, a second set of headers, idempotency keys). ``benchmarks/engine.py`` measures both;
``tests/test_models_transports*.py`` compare them call by call. What of the environment only the official
client understands (proxies, extra headers) is left to it: see :func:`can_be_lean`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from gristmill import __version__
from gristmill.models.backends.openai_errors import (
    Endpoint,
    bad_response,
    read_json,
    refused,
    translate,
    unusable,
)
from gristmill.models.spec import ModelSpec
from gristmill.records import to_json

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

MAX_ANSWER = 256 * 2**20
MAX_REDIRECTS = 21
"""aiohttp counts the answers, the official client (20) the further requests."""
IDLE = 4.0
"""Seconds that an unused connection is kept: servers close it after 5 (uvicorn) or more."""
ACCOUNT_HEADERS = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}


class LeanTransport:
    """One keep-alive session to one endpoint. Answers of more than 256 MiB are refused."""

    def __init__(self, spec: ModelSpec, place: Endpoint, key: str) -> None:
        self._place, self._concurrency = place, spec.concurrency
        self._headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": f"gristmill/{__version__}",
            "Authorization": f"Bearer {key}",
            **account_headers(place),
        }
        self._session: aiohttp.ClientSession | None = None
        self._url: URL | None = None

    async def chat(self, body: Mapping[str, Any], seconds: float) -> object:
        """Post ``body`` to ``/chat/completions`` and return the parsed answer.

        Raises:
            ModelError: whatever went wrong, translated.
        """
        import aiohttp

        session = self._session or self._open()
        try:
            async with asyncio.timeout(seconds):
                sending = session.post(
                    self._url or "",
                    data=to_json(body),
                    headers=self._headers,
                    max_redirects=MAX_REDIRECTS,
                )
                async with sending as response:
                    content = await self._content(response)
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            failure = translate(error, self._place)
        except ValueError as error:
            failure = unusable(error, self._place)
        else:
            if response.status // 100 != 2:
                raise refused(response.status, _text(content, response), response.headers, self._place)
            return self._parsed(content, response)
        # Raised outside the handler: the original may hold the headers with the key and must not be chained.
        raise failure

    async def close(self) -> None:
        """Release connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _content(self, response: aiohttp.ClientResponse) -> bytes:
        size = response.content_length
        if size is not None and size <= MAX_ANSWER and "Content-Encoding" not in response.headers:
            return await response.read()
        parts, read = [], 0
        async for part in response.content.iter_any():
            read += len(part)
            if read > MAX_ANSWER:
                raise bad_response(f"it is longer than {MAX_ANSWER >> 20} MiB", self._place)
            parts.append(part)
        return b"".join(parts)

    def _parsed(self, content: bytes, response: aiohttp.ClientResponse) -> object:
        # As the official client reads it: what is not declared as JSON is text.
        if not response.headers.get("Content-Type", "*").partition(";")[0].endswith("json"):
            return _text(content, response)
        try:
            return read_json(content)
        except (ValueError, RecursionError) as error:
            failure = translate(error, self._place)
        raise failure

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        self._url = chat_url(self._place)
        connector = aiohttp.TCPConnector(
            limit=self._concurrency, ssl=_trust(self._place), ttl_dns_cache=300, keepalive_timeout=IDLE
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
        )
        return self._session


def chat_url(place: Endpoint) -> URL:
    """Where chat completions are posted.

    Raises:
        ModelConfigError: the base URL is no address.
    """
    from yarl import URL

    try:
        return URL(f"{place.url.removesuffix('/')}/chat/completions")
    except ValueError as error:
        failure = unusable(error, place)
    raise failure


def account_headers(place: Endpoint) -> dict[str, str]:
    """The headers that name the organisation and project of the environment.

    Raises:
        ModelConfigError: a header cannot hold what a variable holds.
    """
    found = {name: os.environ.get(name, "").strip() for name in ACCOUNT_HEADERS}
    for name, value in found.items():
        if not (value.isascii() and value.isprintable()):
            raise unusable(ValueError(f"{name} holds characters that no header has"), place)
    return {ACCOUNT_HEADERS[name]: value for name, value in found.items() if value}


def can_be_lean(url: str) -> bool:
    """False where a proxy or a setting is wanted that only the official client understands."""
    parts = urlsplit(url)
    if parts.query or parts.username or os.environ.get("OPENAI_CUSTOM_HEADERS"):
        return False
    proxies = getproxies()
    wanted = proxies.get(parts.scheme) or proxies.get("all")
    return not wanted or _direct(parts.hostname or "", proxies.get("no", ""))


def _direct(host: str, no_proxy: str) -> bool:
    """Whether ``NO_PROXY`` names a host in one of the ways on which all clients agree."""
    names = [name.strip().lower() for name in no_proxy.split(",") if name.strip()]
    return any(name in {"*", host} or host.endswith(f".{name.lstrip('.')}") for name in names)


def _text(content: bytes, response: aiohttp.ClientResponse) -> str:
    try:
        return content.decode(response.charset or "utf-8", "replace")
    except (LookupError, ValueError):  # no such encoding, or one that is not for text
        return content.decode("utf-8", "replace")


def _trust(place: Endpoint) -> Any:
    """The certificates that the official client trusts; none are read for plain HTTP."""
    if not place.url.lower().startswith("https"):
        return True
    import httpx2

    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        failure = unusable(error, place)
    raise failure
