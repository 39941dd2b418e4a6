"""Chat completions over connections of our own: the same request and errors as the official client's.

Most of the official client's time goes into features that a batch of raw posts does not use (typed
options, middleware, a second set of headers, idempotency keys), and most of aiohttp's into sessions,
tracing, typed headers and streams (``docs/performance.md``). ``tests/test_models_transports*.py`` compare
this transport with the official client call by call. What of the environment only the official client
understands (proxies, extra headers) is left to it: see :func:`can_be_lean`.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from gristmill import __version__
from gristmill.errors import ModelError
from gristmill.models.backends.openai_errors import (
    Endpoint,
    bad_response,
    read_json,
    refused,
    translate,
    unusable,
)
from gristmill.models.backends.roads import Roads
from gristmill.models.backends.wire import Answer, AnswerTooLong
from gristmill.models.spec import ModelSpec
from gristmill.records import to_json

if TYPE_CHECKING:
    from yarl import URL

MAX_ANSWER = 256 * 2**20
ACCOUNT_HEADERS = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}
_CHARSET = re.compile(r"(?i);\s*charset\s*=\s*[\"']?([^\s\"';]+)")


class LeanTransport:
    """Keep-alive connections to one endpoint. Answers of more than 256 MiB are refused."""

    def __init__(self, spec: ModelSpec, place: Endpoint, key: str) -> None:
        self._place, self._concurrency = place, spec.concurrency
        self._path = path_of(spec)
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "Content-Type": "application/json",
            "User-Agent": f"gristmill/{__version__}",
            "Authorization": f"Bearer {key}",
            **account_headers(place),
        }
        self._roads: Roads | None = None

    async def chat(self, body: Mapping[str, Any], seconds: float) -> object:
        """Post ``body`` to the model's endpoint and return the parsed answer.

        Raises:
            ModelError: whatever went wrong, translated.
        """
        failure: ModelError
        try:
            roads = self._roads or self._open()
            answer = await roads.post(to_json(body), seconds)
        except AnswerTooLong:
            failure = bad_response(f"it is longer than {MAX_ANSWER >> 20} MiB", self._place)
        except OSError as error:  # a TimeoutError is one
            failure = translate(error, self._place)
        except ValueError as error:
            failure = unusable(error, self._place)
        else:
            if answer.status // 100 != 2:
                raise refused(answer.status, _text(answer), answer.texts(), self._place)
            return self._parsed(answer)
        # Raised outside the handler: the original may hold the headers with the key and must not be chained.
        raise failure

    async def close(self) -> None:
        """Release connections."""
        if self._roads is not None:
            self._roads.close()
            self._roads = None
            await asyncio.sleep(0)  # the loop closes their sockets

    def _parsed(self, answer: Answer) -> object:
        # As the official client reads it: what is not declared as JSON is text.
        if not answer.headers.get(b"content-type", b"*").strip().partition(b";")[0].endswith(b"json"):
            return _text(answer)
        try:
            return read_json(answer.body)
        except (ValueError, RecursionError) as error:
            failure = translate(error, self._place)
        raise failure

    def _open(self) -> Roads:
        url = endpoint_url(self._place, self._path)
        self._roads = Roads(url, self._headers, self._place, self._concurrency, MAX_ANSWER)
        return self._roads


def path_of(spec: ModelSpec) -> str:
    """Where below the base URL a model is asked."""
    return "/completions" if spec.endpoint == "completions" else "/chat/completions"


def endpoint_url(place: Endpoint, path: str) -> URL:
    """Where requests are posted.

    Raises:
        ModelConfigError: the base URL is no address.
    """
    from yarl import URL

    try:
        return URL(f"{place.url.removesuffix('/')}{path}")
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


def _text(answer: Answer) -> str:
    charset = _CHARSET.search(answer.header(b"content-type"))
    try:
        return answer.body.decode(charset[1] if charset else "utf-8", "replace")
    except (LookupError, ValueError):  # no such encoding, or one that is not for text
        return answer.body.decode("utf-8", "replace")
