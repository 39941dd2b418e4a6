"""The one boundary where errors of the ``openai`` client become ours.

Every exception class of the installed client is named in ``HANDLED``; a test fails when one is not.
Secrets are removed from every message, and the originals, whose requests carry the key, are not chained.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import orjson

from gristmill.errors import ModelAnswerError, ModelConfigError, ModelError, ModelUnavailableError
from gristmill.records import clean

MAX_MESSAGE = 600
Handling = Literal["status", "connection", "bad-response", "truncated", "filtered", "config", "unavailable"]

HANDLED: dict[str, Handling] = {
    "APIStatusError": "status",
    "BadRequestError": "status",
    "AuthenticationError": "status",
    "OAuthError": "status",
    "PermissionDeniedError": "status",
    "NotFoundError": "status",
    "ConflictError": "status",
    "UnprocessableEntityError": "status",
    "RateLimitError": "status",
    "InternalServerError": "status",
    "APIConnectionError": "connection",
    "APITimeoutError": "connection",
    "APIResponseValidationError": "bad-response",
    "StreamAlreadyConsumed": "bad-response",
    "LengthFinishReasonError": "truncated",
    "ContentFilterFinishReasonError": "filtered",
    "WebSocketConnectionClosedError": "unavailable",
    "WebSocketQueueFullError": "unavailable",
    "APIError": "unavailable",
    "OpenAIError": "config",
    "SubjectTokenProviderError": "config",
    "MutuallyExclusiveAuthError": "config",
    "APIRemovedInV1": "config",
    "_AmbiguousModuleClientUsageError": "config",
}

_SECRET = re.compile(r"(?i)\bsk-[\w\-*]{4,}|\bbearer\s+[\w\-.=+/*]{4,}")
_TOO_LONG = re.compile(
    r"(?i)context[ _]length|maximum context|context window|too many tokens|prompt is too long"
)
_FILTERED = re.compile(r"(?i)content_filter|content_policy|content management policy")
_QUOTA = re.compile(r"(?i)insufficient_quota|billing_hard_limit|exceeded your current quota")

# Where aiohttp's own words say nothing, or hold half an answer.
_DETAILS = {
    "TooManyRedirects": "Exceeded maximum allowed redirects.",
    "ServerDisconnectedError": "Server disconnected",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Whom an error is about: the model, the variable its key comes from, and the key (never shown)."""

    model: str
    url: str
    variable: str | None
    secret: str = field(repr=False)

    def scrub(self, text: str) -> str:
        """``text`` without the key or anything that looks like one, at most 600 characters."""
        safe = text.replace(self.secret, "***") if len(self.secret) >= 4 else text
        return clean(_SECRET.sub("***", safe)[:MAX_MESSAGE])


def translate(error: BaseException, place: Endpoint) -> ModelError:
    """Our error for one that the client, its transport or the reading of a body raised."""
    handling = next((HANDLED[c.__name__] for c in type(error).__mro__ if c.__name__ in HANDLED), None)
    if handling == "status":
        return status_error(_status(error), _said(error), place, _retry_after(_headers(error)))
    unwritable = isinstance(error, UnicodeError) and not isinstance(error, UnicodeDecodeError)
    if handling == "config" or unwritable:  # a host or header that cannot be written down
        return unusable(error, place)
    if handling == "truncated":
        return ModelAnswerError("the answer was cut off", kind="truncated", where=place.model)
    if handling == "filtered":
        return ModelAnswerError("the answer was withheld", kind="content-filter", where=place.model)
    unreadable = isinstance(error, (json.JSONDecodeError, UnicodeDecodeError, RecursionError))
    if unreadable or type(error) is ValueError or handling == "bad-response":
        return bad_response(f"its body is not JSON ({place.scrub(str(error))})", place)
    return _connection_error(error, place)


def unusable(error: BaseException, place: Endpoint) -> ModelConfigError:
    """Our error for a client that cannot even be made, or whose request cannot be written."""
    return ModelConfigError(
        f"the client cannot be used: {place.scrub(str(error) or type(error).__name__)}",
        kind="client",
        where=place.model,
        cure=f"check base_url ({place.url}) and the environment (HTTPS_PROXY, SSL_CERT_FILE, OPENAI_…)",
    )


def bad_response(what: str, place: Endpoint, wanted: str = "chat completion") -> ModelUnavailableError:
    """A 200 that is not what was ``wanted``."""
    return ModelUnavailableError(
        f"{place.url} gave an answer that is no {wanted}: {what}",
        kind="bad-response",
        where=place.model,
    )


def refused(status: int, text: str, headers: Mapping[str, str], place: Endpoint) -> ModelError:
    """Our error for an HTTP status with a body, read as the official client reads it."""
    try:
        body = read_json(text.strip())
    except (ValueError, RecursionError):
        body = text.strip()
    if isinstance(body, Mapping):
        body = body.get("error", body)
    return status_error(status, _words(body) or f"Error code: {status}", place, _retry_after(headers))


def read_json(text: bytes | str) -> Any:
    """JSON as the official client reads it: orjson is quick, but refuses NaN, UTF-16, half an emoji."""
    try:
        return orjson.loads(text)
    except ValueError:
        return json.loads(text)


def status_error(status: int, said: str, place: Endpoint, retry_after: float | None = None) -> ModelError:
    """Our error for an HTTP status and what the provider said about it."""
    text = f"HTTP {status}: {place.scrub(said)}"
    if status == 429 and _QUOTA.search(said):
        owner = f" (the account of the key in {place.variable})" if place.variable else ""
        return _config(text, "quota", place, f"the account's credit is used up: no retry can help{owner}")
    if status in {408, 409, 425, 429} or status >= 500:
        kind = _unavailable_kind(status, said)
        return ModelUnavailableError(text, kind=kind, retry_after=retry_after, where=place.model)
    if status == 413 or (status in {400, 422} and _TOO_LONG.search(said)):
        return ModelAnswerError(text, kind="too-long", where=place.model, cure="make chunks smaller")
    if status in {400, 403, 422} and _FILTERED.search(said):
        return ModelAnswerError(text, kind="content-filter", where=place.model)
    if status in {401, 403}:
        return _config(text, "auth", place, _key_cure(place))
    if status == 404:
        cure = f"check the model's name, and base_url ({place.url}){_asked_with(place)}"
        return _config(text, "not-found", place, cure)
    return _config(text, "bad-request", place, f"check the model's params{_asked_with(place)}")


def _unavailable_kind(status: int, said: str) -> str:
    if status == 429:
        return "rate-limited"
    if status in {503, 529} or (status >= 500 and "overloaded" in said.lower()):
        return "overloaded"
    return "time-out" if status == 408 else "server-error"


def _config(text: str, kind: str, place: Endpoint, cure: str) -> ModelConfigError:
    return ModelConfigError(text, kind=kind, where=place.model, cure=cure)


def _asked_with(place: Endpoint) -> str:
    return f"; it was asked with the key in {place.variable}" if place.variable else ""


def _key_cure(place: Endpoint) -> str:
    if place.variable is None:
        return "this server wants a key: name its environment variable in api_key_env"
    return f"check the key in the environment variable {place.variable}"


def _connection_error(error: BaseException, place: Endpoint) -> ModelUnavailableError:
    # The aiohttp transport reports a refused connection as a time-out: only the causes tell them apart.
    causes = list(_causes(error))
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return ModelUnavailableError(
            f"{place.url} did not answer in time", kind="time-out", where=place.model
        )
    last = causes[-1]
    detail = _DETAILS.get(type(last).__name__) or place.scrub(str(last) or type(last).__name__)
    return ModelUnavailableError(
        f"no connection to {place.url}: {detail}", kind="connection", where=place.model
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _status(error: BaseException) -> int:
    return int(getattr(error, "status_code", 500))


def _headers(error: BaseException) -> Mapping[str, str]:
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", {})
    return headers


def _said(error: BaseException) -> str:
    """The provider's own words, with its error code where it gave one."""
    return _words(getattr(error, "body", None)) or str(error)


def _words(body: Any) -> str:
    if isinstance(body, Mapping):
        message = body.get("message") or body.get("detail") or body
        code = body.get("code")
        return f"{message} ({code})" if code else str(message)
    return str(body or "")


def _retry_after(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Seconds to wait from ``retry-after-ms`` or ``retry-after`` (seconds or an HTTP date)."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        text = headers.get(name)
        if not text:
            continue
        try:
            return max(0.0, float(text) * unit)
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - now())
        except ValueError:
            continue
    return None
