"""Why a row is rejected: tags that can be counted, a note for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

REASONS: dict[str, str] = {
    "incorrect": "Wrong answer",
    "unsupported": "Not in the source",
    "incomplete": "Incomplete",
    "unclear-question": "Unclear question",
    "off-topic": "Off topic",
    "trivial": "Too trivial",
    "bad-form": "Badly written",
    "duplicate": "Duplicate",
}
"""Stable slug -> what the button says; the position is the key that ticks it."""


def reject_payload(reasons: Sequence[str], note: str) -> dict[str, Any] | None:
    """The payload of a rejection: ``reason`` (the first tag), all ``reasons``, ``note``.

    None when there is neither a tag nor a note: a rejection without a reason teaches nothing.
    """
    note = note.strip()
    if not reasons and not note:
        return None
    return {"reason": reasons[0] if reasons else "other", "reasons": list(reasons), "note": note}
