"""Lines of JSON, compiled: is it a row that is well-formed, and where are its texts?

Only what is certain is answered: deep nesting, names with escapes, names that come twice and every mistake
give -1, and the line is read in Python.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import inlined
from gristmill_evals.contamination.kernel.folding import CONTENT, IDENTITY, NAMES, VALUE, WIDTH
from gristmill_evals.contamination.kernel.json_values import (
    ARRAY,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    TRUTH,
    literal_stop,
    number_stop,
    past_blanks,
    string_end,
)

DEPTH, OBJECTS, NAME, PART, SEEN, TOLD, TEXTS, FIRST = range(8)
"""Places of the state: levels open, which of them are objects (bits), the row's and the message's current
name, names of the row seen (bits), whether the message has said what it says, how many texts are found, and
the first of these."""
DEEPEST = 40
MOST_TEXTS = 4096


@inlined
def name_of(text: Any, at: Any, end: Any, table: Any) -> Any:
    """Which of the names that matter stands there, or -1."""
    for number in range(VALUE + 1):
        place = NAMES + WIDTH * number
        if table[place] == end - at and table[place + 1] == text[at]:
            same = True
            for step in range(1, end - at):
                same = same and table[place + 1 + step] == text[at + step]
            if same:
                return number
    return -1


@inlined
def in_message(state: Any) -> Any:
    """Whether the innermost level is an object in a list that is a field of the row."""
    return state[DEPTH] == 3 and (state[OBJECTS] & 14) == 10


@inlined
def named(state: Any, name: Any, has: Any) -> Any:
    """Note the name of the value to come; False when it is not plain what counts."""
    if state[DEPTH] == 1:
        state[NAME] = name if name <= IDENTITY else -1
        bit = np.int64(1) << name if name >= 0 else np.int64(0)
        twice = (state[SEEN] & bit) != 0
        state[SEEN] |= bit
    elif in_message(state):
        state[PART] = name if name >= CONTENT else -1
        twice = name >= CONTENT and state[TOLD] != 0
        if name >= CONTENT:
            state[TOLD] = 1
    else:
        return True
    return not twice and has < 2


@inlined
def welcome(state: Any) -> Any:
    """Kinds of values that a row may have here."""
    depth, name = state[DEPTH], state[NAME]
    if depth == 0:
        return OBJECT
    if depth == 1 and name == IDENTITY:
        return STRING | NULL | NUMBER
    if depth == 1 and name >= 0:
        return STRING | NULL | ARRAY
    if depth == 2 and name >= 0:
        return OBJECT
    if in_message(state) and state[PART] == CONTENT:
        return STRING | NULL
    return STRING | NULL | NUMBER | TRUTH | OBJECT | ARRAY


@inlined
def is_text(state: Any) -> Any:
    """Whether a string here is a text of the row."""
    if state[NAME] < 0 or state[NAME] >= IDENTITY:
        return False
    return state[DEPTH] == 1 or (in_message(state) and state[PART] >= CONTENT)


@inlined
def value_stop(text: Any, at: Any, end: Any, table: Any, found: Any) -> Any:
    """First byte after the value at ``at``, or after the bracket that opens it; -1 for what may not be."""
    byte = text[at]
    kind = STRING
    if byte == 34:
        stop, has = string_end(text, at + 1, end, table)
        if stop >= 0 and is_text(found):
            if found[TEXTS] == MOST_TEXTS:
                return -1
            place = FIRST + 4 * found[TEXTS]
            found[place], found[place + 1], found[place + 2], found[place + 3] = (
                at + 1,
                stop,
                found[NAME],
                has,
            )
            found[TEXTS] += 1
        stop = stop + 1 if stop >= 0 else -1
    elif byte == 123 or byte == 91:
        kind, stop = OBJECT if byte == 123 else ARRAY, at + 1
    elif byte == 45 or 48 <= byte <= 57:
        kind, stop = NUMBER, number_stop(text, at, end)
    else:
        stop, kind = literal_stop(text, at, end)
    if not welcome(found) & kind:
        return -1
    if kind >= OBJECT:
        if found[DEPTH] == DEEPEST:
            return -1
        found[DEPTH] += 1
        bit = np.int64(1) << found[DEPTH]
        found[OBJECTS] = found[OBJECTS] | bit if kind == OBJECT else found[OBJECTS] & ~bit
        if in_message(found):
            found[TOLD], found[PART] = 0, -1
    return stop


@inlined
def name_stop(text: Any, at: Any, end: Any, table: Any, found: Any) -> Any:
    """First byte after the colon of the name at ``at``, or -1."""
    if text[at] != 34:
        return -1
    stop, has = string_end(text, at + 1, end, table)
    if stop < 0 or not named(found, name_of(text, at + 1, stop, table), has):
        return -1
    at = past_blanks(text, stop + 1, end)
    return at + 1 if at < end and text[at] == 58 else -1


@inlined
def texts_of(text: Any, at: Any, end: Any, table: Any, found: Any) -> Any:
    """How many texts the row ``text[at:end]`` has, or -1 for one that has to be read in Python.

    ``found``: an array for the state and then, from :data:`FIRST` on, of each text: first byte, end, name,
    what it has (:func:`string_end`); in the order of the line.
    """
    for place in range(FIRST):
        found[place] = 0
    at = past_blanks(text, at, end)
    closed = False
    while at < end:
        level = np.int64(1) << found[DEPTH]
        inside = found[OBJECTS] & level
        last = np.uint8(125) if inside else np.uint8(93)
        if found[DEPTH] > 0 and text[at] == last:
            found[DEPTH] -= 1
            closed, at = True, past_blanks(text, at + 1, end)
            if found[DEPTH] == 0:
                return found[TEXTS] if at == end else -1
            continue
        if closed:
            if text[at] != 44:
                return -1
            at = past_blanks(text, at + 1, end)
        if inside and at < end:
            at = name_stop(text, at, end, table, found)
            at = past_blanks(text, at, end) if at >= 0 else end
        if at >= end:
            return -1
        before = found[DEPTH]
        at = value_stop(text, at, end, table, found)
        if at < 0:
            return -1
        closed, at = found[DEPTH] == before, past_blanks(text, at, end)
    return -1
