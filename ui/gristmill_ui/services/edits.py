"""Edits: which texts of a row can be changed, what a reviewer's typing changes, and what is saved of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gristmill_data.store import ItemView
from gristmill_ui.services.blind import Side

ROLES = {"user": "User", "assistant": "Assistant", "system": "System prompt"}


@dataclass(frozen=True, slots=True)
class Field:
    """One text of a row as it reads now.

    ``slot`` is what it is called in a draft (the number of its message, ``chosen``, ``rejected``), ``name``
    what the browser may know of that: sides of a pair go by the side they are shown on.
    """

    slot: str
    name: str
    label: str
    text: str


def fields_of(item: ItemView, order: tuple[Side, Side]) -> tuple[Field, ...]:
    """All texts of a row, in the order they are read. ``order`` is that of the sides shown."""
    example = item.example
    roles = [message["role"] for message in example.messages]
    turns = tuple(
        Field(str(place), f"turn{place}", label, message["content"])
        for place, (message, label) in enumerate(zip(example.messages, turn_labels(roles), strict=True))
    )
    if example.kind != "preference":
        return turns
    texts = {"chosen": example.chosen or "", "rejected": example.rejected or ""}
    left, right = order
    return (
        *turns,
        Field(left, "left", "Response A", texts[left]),
        Field(right, "right", "Response B", texts[right]),
    )


def turn_labels(roles: Sequence[str]) -> list[str]:
    """What each message is called: instruction and response of one exchange, numbered turns of a talk."""
    users = roles.count("user")
    if users <= 1 and roles.count("assistant") <= 1:
        return [{**ROLES, "user": "Instruction", "assistant": "Response"}[role] for role in roles]
    labels, turn = [], 0
    for role in roles:
        turn += role == "user"
        labels.append(ROLES[role] if role == "system" else f"{ROLES[role]} · turn {max(turn, 1)} of {users}")
    return labels


def base_texts(item: ItemView) -> dict[str, str]:
    """The texts as they read now, by slot."""
    return {field.slot: field.text for field in fields_of(item, ("chosen", "rejected"))}


def edit_payload(item: ItemView, texts: Mapping[str, str]) -> dict[str, Any] | None:
    """The payload of an edit event: what differs from the row as it reads now, by slot.

    All messages are given when one of them changed. None when nothing was changed, or when a text was emptied
    (such a row is to be rejected instead).
    """
    now = base_texts(item)
    changed = {slot: text for slot, text in texts.items() if slot in now and text != now[slot]}
    if not changed or emptied(changed):
        return None
    payload: dict[str, Any] = {side: changed[side] for side in ("chosen", "rejected") if side in changed}
    if any(slot.isdigit() for slot in changed):
        payload["messages"] = [
            {**message, "content": changed.get(str(place), message["content"])}
            for place, message in enumerate(item.example.messages)
        ]
    return payload


def emptied(texts: Mapping[str, str]) -> bool:
    """Whether a text has nothing left in it."""
    return any(not text.strip() for text in texts.values())
