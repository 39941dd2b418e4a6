"""Lines of a JSONL file as rows to check, or as rejects that say what is wrong: nothing is passed over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gristmill.errors import UsageError
from gristmill_evals.contamination.rows import Row, row_of_mapping

REASONS = {
    "not-utf8": "bytes that are not UTF-8",
    "lone-surrogate": "half a character (a lone surrogate), which no text can hold",
    "not-json": "not JSON",
    "not-an-object": "JSON, but not an object",
    "no-text": "none of the fields that hold text",
    "wrong-type": "a field of another type than it should have",
    "check-failed": "the check itself failed on this row",
}
"""Why a line was not checked: slug and explanation."""
_BOM = b"\xef\xbb\xbf"
_MOST_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that could not be checked; ``reason`` is a key of :data:`REASONS`."""

    line: int
    reason: str
    detail: str


def read_row(number: int, line: bytes, file: str) -> Row | Reject:
    """The row of one line; one without an id is called ``FILE:LINE``."""
    if number == 1:
        line = line.removeprefix(_BOM)
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return _unreadable(number, line, error)
    if not isinstance(value, dict):
        return Reject(number, "not-an-object", f"{_kind(value)} where an object should be")
    identity = value.get("id")
    if identity is None or identity == "":
        identity = f"{file}:{number}"
    elif isinstance(identity, bool) or not isinstance(identity, (str, int, float)):
        return Reject(number, "wrong-type", f"the id is neither text nor a number: {_kind(identity)}")
    try:
        return row_of_mapping({**_flat(value), "id": identity}, where=f"{file}:{number}")
    except UsageError as error:
        reason = "no-text" if error.message == "the row has no text" else "wrong-type"
        return Reject(number, reason, error.message)


def _unreadable(number: int, line: bytes, error: Exception) -> Reject:
    try:
        line.decode()
    except UnicodeDecodeError as wrong:
        return Reject(number, "not-utf8", f"byte {wrong.start} of the line: {wrong.reason}")
    reason = "lone-surrogate" if _has_lone_surrogate(line) else "not-json"
    return Reject(number, reason, str(error)[:_MOST_DETAIL])


def _has_lone_surrogate(line: bytes) -> bool:
    """Python's reader takes what orjson refuses, so the two kinds of mistake can be told apart."""
    if b"\\u" not in line:
        return False
    try:
        json.dumps(json.loads(line), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with messages whose content is a list of text parts joined to one text each.

    Raises:
        UsageError: a message without text; it would be left unchecked without a word.
    """
    return {name: _messages(name, value) if _is_messages(value) else value for name, value in row.items()}


def _is_messages(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) and "content" in one for one in value)


def _messages(name: str, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "content": _content(name, n, one["content"])} for n, one in enumerate(messages)]


def _content(name: str, number: int, content: Any) -> str | None:
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise UsageError(f"the content of {name}[{number}] is not text")
    return "\n".join(text for part in content if (text := _part(part, f"{name}[{number}]")) is not None)


def _part(part: Any, where: str) -> str | None:
    """The text of one part; None for an image or a sound, which have none."""
    text = part.get("text") if isinstance(part, dict) else part
    if isinstance(text, str):
        return text
    if isinstance(part, dict) and text is None and part.get("type", "text") != "text":
        return None
    raise UsageError(f"a part of the content of {where} is not text")


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
