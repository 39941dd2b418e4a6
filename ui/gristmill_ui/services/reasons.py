"""Why a row is rejected: tags that can be counted, a note for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """The payload of a rejection: ``reason`` (the first tag), all ``tags``, ``note``.

    None when there is neither a tag nor a note: a rejection without a reason teaches nothing.
    """
    note = note.strip()
    if not reasons and not note:
        return None
    return {"reason": reasons[0] if reasons else "other", "tags": list(reasons), "note": note}


def tags_of(payload: Mapping[str, Any]) -> list[str]:
    """The tags of an event; events of before schema 5 call them ``reasons``."""
    return list(payload.get("tags") or payload.get("reasons") or ())


def in_words(payload: Mapping[str, Any]) -> str:
    """Tags and note of an event as people read them."""
    words = [REASONS.get(tag, tag).lower() for tag in tags_of(payload)]
    note = str(payload.get("note") or "").strip()
    return ", ".join(words) + (f" — “{note}”" if note and words else f"“{note}”" if note else "")


def toggled(reasons: Sequence[str], reason: str) -> tuple[str, ...]:
    """The reasons with one more ticked, or unticked."""
    rest = tuple(one for one in reasons if one != reason)
    return rest if reason in reasons else (*rest, reason)
