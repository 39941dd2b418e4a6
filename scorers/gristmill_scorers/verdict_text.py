"""One verdict in a judge's text, no more: two that differ, or one member twice, are none.

The door forgives prose around JSON and takes the first object that fits. A judge that first repeats a
verdict written into the response, or copies a quotation mark out of it unescaped, must not be read so.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from gristmill_scorers.verdict import MalformedVerdictError

LONGEST = 400_000
_MOST_TRIES = 500
_THINKING = re.compile(r"^\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_MEMBER = re.compile(r"""["'](?:criteria|met|grade)["']\s*:""")
# a string that never closes runs to the end: tried again from each of its quotes it would take for ever
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*(?:"|\Z))|,(?=\s*[}\]])', re.DOTALL)


def check_sole(text: str, data: object) -> None:
    """Make sure that ``data``, which was read out of ``text``, is all the verdict there is.

    Raises:
        MalformedVerdictError: ``oversized-verdict``, ``duplicate-key``, ``several-verdicts`` or
            ``malformed-verdict``.
    """
    if len(text) > LONGEST:
        raise MalformedVerdictError("oversized-verdict", "the answer is far too long")
    body = _THINKING.sub("", text)
    found, rest = _verdicts(body)
    if not found:
        found, rest = _verdicts(_mended(body))
    if not found:
        found, rest = _literal(body)
    if not found:
        raise MalformedVerdictError("malformed-verdict", "the answer is not one JSON object")
    # members left over are those of a broken verdict that a copied one may have torn open
    if any(other != data for other in found) or _MEMBER.search(rest):
        raise MalformedVerdictError("several-verdicts", "the answer holds several verdicts; give one")


def _verdicts(text: str) -> tuple[list[Any], str]:
    """Every JSON object with the form of a verdict that is in no other one, and the text around them."""
    decoder = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_refuse, strict=False)
    found: list[Any] = []
    rest: list[str] = []
    kept, place = 0, text.find("{")
    for _ in range(_MOST_TRIES):
        if place < 0:
            return found, "".join([*rest, text[kept:]])
        try:
            value, end = decoder.raw_decode(text, place)
        except (json.JSONDecodeError, RecursionError):
            end = place + 1
        else:
            if isinstance(value, dict) and "criteria" in value:
                found.append(value)
                rest.append(text[kept:place])
                kept = end
        place = text.find("{", end)
    raise MalformedVerdictError("malformed-verdict", "the answer is not one JSON object")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise MalformedVerdictError("duplicate-key", "an object of the answer has the same member twice")
    return members


def _refuse(constant: str) -> Any:
    raise MalformedVerdictError("malformed-verdict", f"{constant} is not JSON")


def _mended(text: str) -> str:
    return _TRAILING_COMMA.sub(lambda match: match.group(1) or "", text)


def _literal(text: str) -> tuple[list[Any], str]:
    """The door takes Python's notation for JSON; there, too, the last of two members would win."""
    piece = text[text.find("{") : text.rfind("}") + 1]
    try:
        tree = ast.parse(piece, mode="eval")
        value = json.loads(json.dumps(ast.literal_eval(tree)))
    except (SyntaxError, ValueError, MemoryError, RecursionError, TypeError):
        return [], ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            _members([(ast.dump(key), None) for key in node.keys if key is not None])
    return [value], text.replace(piece, "")
