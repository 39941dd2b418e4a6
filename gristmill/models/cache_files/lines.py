"""A call as one line of JSON, and the way back: checked, with its key worked out anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gristmill.models.cache import now
from gristmill.models.cache_files.opening import in_utc
from gristmill.models.faults import fault
from gristmill.models.keys import call_key
from gristmill.models.types import FinishReason
from gristmill.records import to_json

COLUMNS = (
    "key",
    "model",
    "messages",
    "params",
    "json_schema",
    "sample",
    "response",
    "finish_reason",
    "input_tokens",
    "output_tokens",
    "cost",
    "seconds",
    "created",
)
OFFLINE = "offline:"
_COUNT = Field(default=0, ge=0, le=2**53)


class BadCallError(ValueError):
    """A call that cannot be taken over; the message says why."""


def _said(message: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(message.get("role"), str) or not isinstance(message.get("content"), str):
        raise ValueError("a message has a role and a content, both text")
    return message


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())
    key: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
    model: str = Field(min_length=1)
    messages: list[Annotated[dict[str, Any], AfterValidator(_said)]]
    params: dict[str, Any] = Field(default_factory=dict)
    json_schema: dict[str, Any] | None = Field(default=None, alias="schema")
    sample: int = _COUNT
    response: str
    finish_reason: FinishReason = "stop"
    input_tokens: int = _COUNT
    output_tokens: int = _COUNT
    cost: float | None = Field(default=None, ge=0)
    seconds: float = Field(default=0.0, ge=0)
    created: Annotated[str, AfterValidator(in_utc)] = Field(default_factory=now)


def to_line(row: Sequence[Any]) -> bytes:
    """A row of the cache (:data:`COLUMNS`) as JSON, with a line break at its end."""
    return orjson.dumps(_record(row), option=orjson.OPT_APPEND_NEWLINE)


def from_line(raw: bytes) -> tuple[tuple[Any, ...], bool]:
    """A row as the cache stores it, and whether its key had to be taken on trust.

    Raises:
        BadCallError: no JSON, something missing or of a wrong type, or a key that is not the content's.
    """
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadCallError(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise BadCallError("not an object")
    return _checked(record)


def from_row(row: Sequence[Any]) -> tuple[tuple[Any, ...], bool]:
    """As :func:`from_line`, from a row of another cache (:data:`COLUMNS`)."""
    try:
        return _checked(_record(row))
    except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
        raise BadCallError(f"not JSON: {error}") from error


def _record(row: Sequence[Any]) -> dict[str, Any]:
    key, model, messages, params, schema, *rest = row
    return {
        "key": key,
        "model": model,
        "messages": orjson.loads(messages),
        "params": orjson.loads(params),
        "schema": None if schema is None else orjson.loads(schema),
        **dict(zip(COLUMNS[5:], rest, strict=True)),
    }


def _checked(record: Mapping[str, Any]) -> tuple[tuple[Any, ...], bool]:
    try:
        line = _Line.model_validate(record)
    except ValidationError as error:
        raise BadCallError(_first(error)) from error
    key = call_key(line.model, line.messages, line.params, line.json_schema, line.sample)
    trusted = False
    if line.key is None and line.model.startswith(OFFLINE):
        raise BadCallError("an offline call needs its key: it depends on the task, which is not in the file")
    if line.key not in (None, key):
        trusted = line.model.startswith(OFFLINE)
        if not trusted:
            raise BadCallError(f"the key is not that of the content ({key}): the call was changed")
        key = line.key or key
    return _row(line, key), trusted


def _row(line: _Line, key: str) -> tuple[Any, ...]:
    schema = None if line.json_schema is None else to_json(line.json_schema).decode()
    return (
        key,
        line.model,
        to_json(line.messages).decode(),
        to_json(line.params).decode(),
        schema,
        line.sample,
        line.response,
        line.finish_reason,
        int(fault(line.response, line.finish_reason) is None),
        line.input_tokens,
        line.output_tokens,
        line.cost,
        line.seconds,
        line.created,
    )


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, found["loc"]))
    return f"{place}: {found['msg']}" if place else str(found["msg"])
