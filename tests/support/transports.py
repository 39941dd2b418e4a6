"""The same call over both transports, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gristmill.errors import ModelError
from gristmill.models.backends.lean import LeanTransport
from gristmill.models.backends.official import OfficialTransport
from gristmill.models.backends.openai_errors import Endpoint
from gristmill.models.spec import ModelSpec

KEY = "sk-test-0123456789abcdef"
BODY: Mapping[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
Transport = LeanTransport | OfficialTransport


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to: an answer, or an error."""

    answer: object = None
    error: type[ModelError] | None = None
    kind: str = ""
    message: str = ""
    retry_after: float | None = None


def transports(url: str, key: str = KEY, **spec: Any) -> tuple[LeanTransport, OfficialTransport]:
    """Both transports to one endpoint."""
    made = ModelSpec(model="openai:m", base_url=url, **spec)
    place = Endpoint(made.model, url, "MY_KEY", key)
    return LeanTransport(made, place, key), OfficialTransport(made, place, key)


async def both(url: str, body: Mapping[str, Any] = BODY, seconds: float = 10.0) -> tuple[Outcome, Outcome]:
    """One call each on fresh connections: lean first, then official."""
    lean, official = [await outcome(each, body, seconds) for each in transports(url)]
    return lean, official


async def outcome(transport: Transport, body: Mapping[str, Any] = BODY, seconds: float = 10.0) -> Outcome:
    """One call, after which the transport is closed."""
    try:
        return await attempt(transport, body, seconds)
    finally:
        await transport.close()


async def attempt(transport: Transport, body: Mapping[str, Any] = BODY, seconds: float = 10.0) -> Outcome:
    """One call over a transport that stays open; no error may lead to the key."""
    try:
        answer = await transport.chat(body, seconds)
    except ModelError as raised:
        error = raised
    else:
        return Outcome(answer)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert KEY not in f"{error!r}{error}{vars(error)}"
    wait = getattr(error, "retry_after", None)
    return Outcome(None, type(error), error.kind, error.message, None if wait is None else round(wait))
