"""Rows that were made again: what an earlier one was sent back for, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gristmill.records import Example
from gristmill_data.store import ItemView, Store
from gristmill_data.store.regenerate import children_of, parent_of
from gristmill_ui.services.diff import diff_html
from gristmill_ui.services.edits import turn_labels
from gristmill_ui.services.events import clock
from gristmill_ui.services.markup import card, escape
from gristmill_ui.services.reasons import in_words

NOTHING_NEW: Mapping[str, str] = {
    "same-as-before": "the model gave the same row again",
    "nothing-to-ask": "the model found nothing else to make of the passage",
    "duplicate-question": "the model only asked what other rows ask already",
}


def earlier(store: Store, item: ItemView, *, revealed: bool) -> str:
    """The row that this one was made in place of, as HTML with a word diff; empty for most rows.

    Of a pair nothing but that it exists is shown before the verdict: the rest may tell the sides apart.
    """
    if "revision_of" not in item.example.metadata:
        return ""
    parent = parent_of(store, item.example.id)
    if parent is None:
        return ""
    who = f"Sent back by {parent['reviewer']}" if parent["reviewer"] else "Sent back"
    if item.example.kind == "preference" and not revealed:
        said = f"{who}. What changed is shown once you have decided."
        return card("Replaces an earlier row", f'<div class="gm-meta">{escape(said)}</div>')
    why = in_words({"tags": [tag for tag in parent["reason"].split(", ") if tag], "note": parent["note"]})
    head = f'<div class="gm-meta">{escape(f"{who}: {why}" if why else who)}</div>'
    return card("Replaces an earlier row", head + _diff(parent["example"], item.example))


def later(store: Store, item: ItemView) -> list[tuple[str, str | None]]:
    """What became of the wish to have this row made again: lines of HTML, each with a row to open if any."""
    wishes = [event for event in item.history if event["action"] == "regenerate"]
    if not wishes:
        return []
    found = children_of(store, item.example.id)
    lines = [(_line(_became(child)), child["example_id"]) for child in found]
    standing = [wish for wish in wishes if not wish["undone"]] if item.status == "rejected" else []
    dealt_with = any(
        child["example_id"] or child["time"] > standing[-1]["time"] for child in found if standing
    )
    if standing and not dealt_with:
        lines.insert(0, (_line("To be made again by the next run that makes rows again."), None))
    return lines


def _became(child: Mapping[str, Any]) -> str:
    if child["example_id"]:
        return f"Made again at {clock(child['time'])}."
    why = NOTHING_NEW.get(child["reason"], child["reason"])
    return f"Asked again at {clock(child['time'])}, and nothing new came of it: {why}."


def _line(text: str) -> str:
    return f'<div class="gm-meta">{escape(text)}</div>'


def _diff(before: Example, after: Example) -> str:
    parts = []
    old, new = _texts(before), _texts(after)
    for label, text in new.items():
        if text != old.get(label, ""):
            parts.append(f'<div class="gm-label">{escape(label)}</div>{diff_html(old.get(label, ""), text)}')
    return "".join(parts)


def _texts(example: Example) -> dict[str, str]:
    labels = turn_labels([message["role"] for message in example.messages])
    texts = dict(zip(labels, (message["content"] for message in example.messages), strict=True))
    sides = {"chosen": example.chosen, "rejected": example.rejected}
    return {**texts, **{f"Response recorded as {s}": text for s, text in sides.items() if text is not None}}
