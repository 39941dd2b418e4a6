"""JSON out of a model's text: a lenient parse, the schema check, and the words of the repair request."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

from gristmill.errors import UsageError
from gristmill.records import Message

MAX_PROBLEM = 600
MAX_CANDIDATES = 20
MAX_LITERAL = 100_000
MAX_SHOWN = 20_000

_FENCE = re.compile(r"```[ \t]*[\w-]*[ \t]*\n(.*?)```", re.DOTALL)
_THINKING = re.compile(r"^\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
# A comma before a closing bracket; the alternative in front steps over whole strings. One that never closes
# runs to the end: tried again from each escaped quote in it, it would take the square of its length.
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*(?:"|\Z))|,(?=\s*[}\]])', re.DOTALL)


class NotParsedError(ValueError):
    """Why a text is not the JSON asked for; ``kind`` is ``invalid-json`` or ``schema-mismatch``."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def parse(text: str, schema: Mapping[str, Any]) -> Any:
    """The JSON value in ``text`` that fits ``schema``.

    Forgiven: code fences, prose around, reasoning in front, trailing commas, line breaks inside strings,
    Python literals. Never completed: text that was cut off.

    Raises:
        NotParsedError: no JSON, or none that fits.
    """
    validator = _validator(schema)
    misfit: str | None = None
    for whole, candidate in _candidates(text):
        try:
            value = _loads(candidate)
        except ValueError:
            continue
        problem = validator.problem(value)
        if problem is None:
            return value
        misfit = misfit or problem
        # The answer is JSON, only not the right one: a part of it that fits would be a chance hit.
        if whole:
            break
    if misfit is not None:
        raise NotParsedError("schema-mismatch", f"the JSON does not fit the schema: {misfit}")
    raise NotParsedError("invalid-json", f"the answer is not JSON: {_json_error(text)}")


def check_schema(schema: Mapping[str, Any]) -> None:
    """Make sure that ``schema`` is a JSON schema of an object.

    Raises:
        UsageError: it is not.
    """
    if schema.get("type") != "object":
        raise UsageError("a schema asked for must describe an object", cure='set "type": "object" at its top')
    _validator(schema)


def repair_turns(broken: str, problem: str) -> tuple[Message, Message]:
    """The two turns that ask a model to mend its answer."""
    return (
        {"role": "assistant", "content": broken[:MAX_SHOWN]},
        {
            "role": "user",
            "content": f"That answer cannot be used: {problem}\nAnswer again, completely, with one JSON "
            "object that fits the schema and nothing else: no code fence, no comment.",
        },
    )


def without_thinking(text: str) -> str:
    """What a model says after the reasoning that some write in front, in ``<think>`` tags."""
    return _THINKING.sub("", text)


def _candidates(text: str) -> Iterator[tuple[bool, str]]:
    """Pieces of text that may be the answer, the likeliest first, and whether each is all of it."""
    body = without_thinking(text).strip().lstrip("\ufeff")
    yield True, body
    for match in _FENCE.finditer(body):
        yield False, match.group(1).strip()
    for piece in _objects(body):
        yield False, piece


def _objects(text: str) -> Iterator[str]:
    """Balanced ``{…}`` pieces, from the left; braces inside strings do not count.

    One that never closes ends the search: what lies inside is part of an answer that was cut off.
    """
    position = text.find("{")
    for _ in range(MAX_CANDIDATES):
        end = _closing(text, position) if position >= 0 else None
        if end is None:
            return
        yield text[position:end]
        position = text.find("{", end)


def _closing(text: str, start: int) -> int | None:
    depth, inside, escaped = 0, False, False
    for index in range(start, len(text)):
        char = text[index]
        if inside:
            inside, escaped = (char != '"' or escaped), (char == "\\" and not escaped)
        elif char == '"':
            inside = True
        elif char in "{[":
            depth += 1
        elif char in "}]":
            depth -= 1
            if depth == 0:
                return index + 1
    return None


def _loads(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    mended = _TRAILING_COMMA.sub(lambda match: match.group(1) or "", text)
    try:
        return json.loads(mended, strict=False, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except ValueError:
        return _literal(mended)


def _literal(text: str) -> Any:
    if len(text) > MAX_LITERAL or not text.startswith("{"):
        raise ValueError("not a literal")
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError, TypeError) as error:
        raise ValueError("not a literal") from error
    # Sets, bytes and the like have no JSON form; a round trip turns tuples into lists.
    try:
        return orjson.loads(orjson.dumps(value))
    except TypeError as error:
        raise ValueError("not JSON") from error


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _json_error(text: str) -> str:
    try:
        json.loads(text.strip())
    except (ValueError, RecursionError) as error:
        return f"{error}"[:MAX_PROBLEM]
    return "no object found"


class _Validator:
    """One schema, twice: in Rust for the answers that fit, in Python to say what is wrong with the others."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import SchemaError

        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            raise UsageError(f"the JSON schema asked for is broken: {error.message}") from error
        self._slow = Draft202012Validator(schema)
        self._fits = _fast_check(schema)

    def problem(self, value: Any) -> str | None:
        """What is wrong with ``value``, None when it fits."""
        if self._fits is not None and self._fits(value):
            return None
        found = sorted(self._slow.iter_errors(value), key=lambda error: error.json_path)
        if not found:
            return None
        return "; ".join(f"{error.json_path}: {error.message[:200]}" for error in found[:5])[:MAX_PROBLEM]


def _fast_check(schema: Mapping[str, Any]) -> Callable[[Any], bool] | None:
    import jsonschema_rs

    try:
        return jsonschema_rs.Draft202012Validator(dict(schema)).is_valid
    except (jsonschema_rs.ValidationError, ValueError):
        return None  # a pattern in Python's dialect, say: the other validator decides alone


_KNOWN: dict[int, tuple[Mapping[str, Any], _Validator]] = {}
MAX_KNOWN = 256


def _validator(schema: Mapping[str, Any]) -> _Validator:
    """The validator of a schema; a component's schema is one object for all its calls."""
    known = _KNOWN.get(id(schema))
    if known is not None and known[0] is schema:
        return known[1]
    made = _compiled(orjson.dumps(dict(schema), option=orjson.OPT_SORT_KEYS))
    if len(_KNOWN) >= MAX_KNOWN:
        _KNOWN.clear()
    # Holding the schema keeps its id from being given to another object.
    _KNOWN[id(schema)] = (schema, made)
    return made


@lru_cache(maxsize=256)
def _compiled(schema: bytes) -> _Validator:
    return _Validator(orjson.loads(schema))
