"""Edits: what a reviewer typed, what it changes, and what is saved of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gristmill.records import Message
from gristmill_data.store import ItemView


@dataclass(frozen=True, slots=True)
class Draft:
    """The two texts of a row as they stand in the edit fields."""

    instruction: str
    response: str


def draft_of(item: ItemView) -> Draft:
    """The texts as they read now."""
    return Draft(item.example.instruction, item.example.response)


def _last(messages: tuple[Message, ...], role: str) -> int:
    return next((i for i in range(len(messages) - 1, -1, -1) if messages[i]["role"] == role), -1)


def edit_payload(item: ItemView, draft: Draft) -> dict[str, Any] | None:
    """The payload of an edit event: all messages, the last user and assistant turn replaced.

    None when nothing was changed, or when a text was emptied (such a row is to be rejected instead).
    """
    if draft == draft_of(item) or not draft.instruction.strip() or not draft.response.strip():
        return None
    messages = [dict(message) for message in item.example.messages]
    for role, text in (("user", draft.instruction), ("assistant", draft.response)):
        position = _last(item.example.messages, role)
        if position >= 0:
            messages[position]["content"] = text
    return {"messages": messages}
