"""Lines that cannot repeat any item, told from their bytes: what makes the exact tiers fast.

JSON's escapes are blanked out and the line is looked up as it is, keys and all: what is in no run with an
item there is in none once parsed. Every line is still seen to be a row. One thing is given up: a question of
fewer than eight words that begins in one field and ends in the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from gristmill_evals.contamination.index import ItemIndex
from gristmill_evals.contamination.index.keys import may_hold_options
from gristmill_evals.contamination.kernel.text import encode
from gristmill_evals.contamination.rows import FIELDS

_ESCAPES = (
    b"\\\\",
    b"\\n",
    b'\\"',
    b"\\t",
    b"\\r",
    b"\\/",
    b"\\b",
    b"\\f",
)  # an escaped backslash comes first
_IDS = (str, int, float, type(None))


def quiet(index: ItemIndex, lines: Sequence[bytes]) -> list[bool]:
    """For each line, whether it is a well-formed row that no exact tier can find anything in.

    False says nothing: such a line is to be read and checked.
    """
    texts = _looked_up(lines)
    known = [n for n, text in enumerate(texts) if text is not None]
    found = [False] * len(lines)
    for n, count in zip(known, index.repeats_in([texts[n] or b"" for n in known]), strict=True):
        found[n] = count == 0 and not _has_choices(index, texts[n] or b"") and _is_row(lines[n])
    return found


def _looked_up(lines: Sequence[bytes]) -> list[bytes | None]:
    """What the kernel reads of each line; None for one that is no JSON, or no UTF-8."""
    decoded = [_decoded(line) if b"\\u" in line else line for line in lines]
    # All at once, because a call costs more than a line: blanks are as long as what they stand for.
    joined = b"".join(line or b"" for line in decoded)
    for escape in _ESCAPES:
        if b"\\" not in joined:
            break
        joined = joined.replace(escape, b" \n" if escape == b"\\n" else b"  ")
    at, texts = 0, list[bytes | None]()
    for line in decoded:
        end = at + len(line or b"")
        texts.append(None if line is None else _folded(joined[at:end]))
        at = end
    return texts


def _decoded(line: bytes) -> bytes | None:
    """The line with its characters instead of their numbers."""
    try:
        return orjson.dumps(orjson.loads(line))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None


def _folded(line: bytes) -> bytes | None:
    if line.isascii():
        return line
    try:
        return encode(line.decode())
    except UnicodeDecodeError:
        return None


def _has_choices(index: ItemIndex, text: bytes) -> bool:
    return len(index.options) > 0 and may_hold_options(text.decode("utf-8", "replace"))


def _is_row(line: bytes) -> bool:
    """Whether it is plainly a row: an id or none, and nothing but texts in the fields that hold text."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(row, dict) or type(row.get("id")) not in _IDS:
        return False
    texts = [row[name] for name in FIELDS if row.get(name) is not None]
    return bool(texts) and all(isinstance(text, str) or _are_messages(text) for text in texts)


def _are_messages(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, Mapping) and isinstance(one.get("content"), str) for one in value
    )
