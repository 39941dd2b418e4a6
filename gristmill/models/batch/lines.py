"""One line of a batch's output or error file, and what it means for the calls that travelled in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from gristmill.errors import ModelError, ModelUnavailableError
from gristmill.models.backends.chat import read_replies
from gristmill.models.backends.openai_errors import Endpoint as Place
from gristmill.models.backends.openai_errors import refused
from gristmill.models.batch.table import Stored
from gristmill.models.types import Reply
from gristmill.records import to_json

# What the provider says of requests that were taken out by hand.
CANCELLED = "batch_cancelled"


@dataclass(frozen=True, slots=True)
class Line:
    """A readable line: whose it is, and either the status and body of an answer or an error."""

    name: str
    status: int | None
    body: Any
    code: str
    message: str


def read_line(raw: bytes) -> Line | None:
    """A line of a file, None when it cannot be one."""
    try:
        row = orjson.loads(raw)
    except ValueError:
        return None
    if not isinstance(row, Mapping) or not isinstance(row.get("custom_id"), str):
        return None
    response, error = row.get("response"), row.get("error")
    if isinstance(response, Mapping) and isinstance(response.get("status_code"), int):
        return Line(row["custom_id"], response["status_code"], response.get("body"), "", "")
    if isinstance(error, Mapping):
        code, message = str(error.get("code") or ""), str(error.get("message") or "")
        return Line(row["custom_id"], None, None, code, message)
    return None


def replies(line: Line, rows: Sequence[Stored], place: Place) -> list[Reply]:
    """The answers to the calls of a line, fewer when the provider gave fewer choices.

    Raises:
        ModelError: the provider's error, as it would be raised online.
    """
    request = replace(rows[0].request, model=place.model)
    if line.status is None:
        raise _said(line, place)
    if line.status != 200:
        raise refused(line.status, to_json(line.body).decode(), {}, place)
    return read_replies(line.body, request, place)[: len(rows)]


def _said(line: Line, place: Place) -> ModelError:
    kind = line.code.replace("_", "-") or "batch-error"
    text = place.scrub(f"{line.message} ({line.code})" if line.code else line.message)
    return ModelUnavailableError(
        text or "the batch gave an error without words", kind=kind, where=place.model
    )
