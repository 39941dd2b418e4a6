"""The texts of a line as one reduced text (:mod:`.folding`), compiled."""

from __future__ import annotations

from typing import Any

from gristmill_evals.contamination.kernel.compiled import inlined
from gristmill_evals.contamination.kernel.cutting import code_point
from gristmill_evals.contamination.kernel.folding import ALONE, AS_IT_IS, IDENTITY, NOTHING, SPELT, UNUSUAL
from gristmill_evals.contamination.kernel.json_values import escaped
from gristmill_evals.contamination.kernel.jsonl import FIRST, SEEN


@inlined
def copied(text: Any, at: Any, end: Any, out: Any, n: Any) -> Any:
    """Append ``text[at:end]`` to ``out[:n]``; the new length."""
    for step in range(end - at):
        out[n + step] = text[at + step]
    return n + end - at


@inlined
def put(text: Any, at: Any, end: Any, tables: Any, out: Any, n: Any) -> Any:
    """Append the string ``text[at:end]``, reduced, to ``out[:n]``; the new length, or -1."""
    actions, spellings, json = tables
    while at < end:
        byte = text[at]
        if byte < 0x80 and byte != 92:
            out[n] = byte
            n, at = n + 1, at + 1
            continue
        start = at
        point, size = code_point(text, at) if byte >= 0x80 else escaped(text, at, end, json)
        at += size
        action = actions[point] if point >= 0x80 else AS_IT_IS
        if action == ALONE and n > 0 and out[n - 1] != 32:
            out[n] = 32
            n += 1
        if action >= SPELT:
            n = copied(spellings, action + 1, action + 1 + spellings[action], out, n)
        elif action == UNUSUAL:
            return -1
        elif byte == 92 and action != NOTHING:
            n = spelt_out(point, out, n)
        elif action != NOTHING:
            for place in range(start, at):  # inline: calls with arrays cost more than what they do
                out[n] = text[place]
                n += 1
        if action in (ALONE, NOTHING):
            out[n] = 32
            n += 1
    return n


@inlined
def spelt_out(point: Any, out: Any, n: Any) -> Any:
    """Append the UTF-8 of a code point; the new length."""
    if point < 0x80:
        out[n] = point
        return n + 1
    if point < 0x800:
        out[n] = 0xC0 | (point >> 6)
    else:
        if point < 0x10000:
            out[n] = 0xE0 | (point >> 12)
        else:
            out[n], out[n + 1] = 0xF0 | (point >> 18), 0x80 | ((point >> 12) & 0x3F)
            n += 1
        out[n + 1] = 0x80 | ((point >> 6) & 0x3F)
        n += 1
    out[n + 1] = 0x80 | (point & 0x3F)
    return n + 2


@inlined
def reduced_row(text: Any, count: Any, found: Any, tables: Any, out: Any) -> Any:
    """The texts of a row in the order of :data:`rows.FIELDS`, reduced, in ``out``; the length, or -1."""
    n = 0
    for name in range(IDENTITY):
        if not (found[SEEN] >> name) & 1:
            continue
        for place in range(FIRST, FIRST + 4 * count, 4):
            if found[place + 2] != name:
                continue
            at, end = found[place], found[place + 1]
            n = put(text, at, end, tables, out, n) if found[place + 3] else copied(text, at, end, out, n)
            if n < 0:
                return -1
            out[n] = out[n + 1] = 10
            n += 2
    for place in range(n, n + 8):
        out[place] = 0
    return n
