"""Where each value of a JSON answer stands in its text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

Key = tuple[str | int, ...]
"""The way to a value: member names and list places from the top, such as ``("criteria", 0, "met")``."""
Span = tuple[int, int]
"""Start and end in the text, in characters; of a string without its quotes."""

_MOST_TRIES = 500
_LEXEME = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


def value_spans(text: str, data: object) -> Mapping[Key, Span]:
    """The place of every string, number and literal of the last JSON object in ``text`` that is ``data``.

    Empty when it does not stand there as JSON: the door reads more than JSON (comments in front, trailing
    commas, Python's notation), and of a text that was mended no place is certain.
    """
    start = _start(text, data)
    spans: dict[Key, Span] = {}
    if start is not None:
        lexemes = _LEXEME.finditer(text, start)
        _walk(next(lexemes), lexemes, (), spans)
    return spans


def _start(text: str, data: object) -> int | None:
    """Where the last object equal to ``data`` begins; objects inside others are passed over."""
    decoder = json.JSONDecoder(strict=False)
    found, place = None, text.find("{")
    for _ in range(_MOST_TRIES):
        if place < 0:
            break
        try:
            value, end = decoder.raw_decode(text, place)
        except (json.JSONDecodeError, RecursionError):
            end = place + 1
        else:
            found = place if value == data else found
        place = text.find("{", end)
    return found


def _walk(first: re.Match[str], rest: Iterator[re.Match[str]], key: Key, spans: dict[Key, Span]) -> None:
    """Note the places in one value; the text is known to be JSON."""
    opened = first.group()
    if opened == "{":
        while (name := next(rest)).group() != "}":
            if name.group() != ",":
                next(rest)  # the colon
                _walk(next(rest), rest, (*key, json.loads(name.group(), strict=False)), spans)
    elif opened == "[":
        place = 0
        while (value := next(rest)).group() != "]":
            if value.group() != ",":
                _walk(value, rest, (*key, place), spans)
                place += 1
    else:
        quoted = opened.startswith('"')
        spans[key] = (first.start() + quoted, first.end() - quoted)
