"""Which texts may hold a list of choices, compiled (see :func:`index.keys.may_hold_options`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import compiled


@compiled
def gap(text: Any, at: Any, end: Any) -> Any:
    """Whether the field ends there, or a blank may begin or end."""
    if at >= end:
        return True
    byte = text[at]
    return byte == 32 or 9 <= byte <= 13 or 28 <= byte <= 31 or byte >= 0x80


@compiled
def may_list(text: Any, fields: Any, rows: Any) -> Any:
    """For each row, whether a first letter or number stands there like a mark, or two bullets do."""
    found = np.zeros(len(rows), dtype=np.uint8)
    field, start = 0, np.int64(0)
    for row in range(len(rows)):
        bullets, marks = 0, False
        while field < rows[row]:
            end = fields[field]
            for at in range(start, end):
                byte = text[at]
                if byte == 45 or byte == 42:  # - *
                    bullets += gap(text, at + 1, end)
                elif byte == 0xE2 and at + 2 < end:  # the first byte of a bullet
                    bullets += text[at + 1] == 0x80 and text[at + 2] == 0xA2 and gap(text, at + 3, end)
                elif (byte == 65 or byte == 97 or byte == 49) and at + 1 < end:  # A a 1
                    after = text[at + 1]
                    if (after == 41 or after == 46 or after == 58) and gap(text, at + 2, end):
                        marks |= at == start or gap(text, at - 1, end) or text[at - 1] == 40
            start = end
            field += 1
        found[row] = marks or bullets > 1
    return found
