"""The text of a row as it read when its present round of review began.

Where a row gets several reviewers, each of them is to judge the same text without knowing of the others'
word, so their edits are kept apart until all have decided. A round begins with the row, or with a requeue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gristmill.records import Example
from gristmill_data.store import ItemView

TEXTS = ("messages", "chosen", "rejected")


def began(item: ItemView) -> int:
    """The ``seq`` of the event that began this round; 0 in the first."""
    return max((e["seq"] for e in item.history if e["action"] == "requeue" and not e["undone"]), default=0)


def at_the_start(item: ItemView) -> ItemView:
    """The row with the text, and the revision, that it had before this round of review."""
    first = began(item)
    earlier = [event["payload"] for event in item.history if event["seq"] < first and _changes(event)]
    return replace(item, example=edited(item.original, earlier), revision=len(earlier))


def edited(example: Example, payloads: Iterable[Mapping[str, Any]]) -> Example:
    """The example with these changes made one after the other."""
    for payload in payloads:
        given = {name: payload[name] for name in TEXTS if payload.get(name) is not None}
        if "messages" in given:
            given["messages"] = tuple(given["messages"])
        example = replace(example, **given)
    return example


def texts(example: Example) -> dict[str, Any]:
    """The texts of an example as an event carries them."""
    sides = {side: text for side in TEXTS[1:] if (text := getattr(example, side)) is not None}
    return {"messages": [dict(message) for message in example.messages], **sides}


def _changes(event: Mapping[str, Any]) -> bool:
    return event["action"] in ("edit", "adjudicate") and not event["undone"]
