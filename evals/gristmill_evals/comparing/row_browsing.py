"""Rows of two datasets side by side: those whose slot changed first, drawn evenly, always the same."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Literal

import pandas as pd

from gristmill_evals.comparing.datasets import Dataset, DatasetComparison
from gristmill_evals.comparing.rows import ACCEPTED, LOST, SAME
from gristmill_evals.evaluation.report.drawing import drawn, within
from gristmill_evals.report.blocks import Section
from gristmill_evals.report.browse import Browse, BrowseItem
from gristmill_evals.report.frames import records, text

MOST = 200
TONES: dict[str, Literal["good", "bad", "plain"]] = {ACCEPTED: "good", LOST: "bad"}
NO_ROW = "(no row from this slot)"
Slot = tuple[str, dict[str, Any]]
"""The other dataset's label, and the slot."""


def rows_to_read(found: DatasetComparison) -> Iterator[Section]:
    """The rows of slots, unchanged ones only as far as there is room."""
    slots = [(one.other, slot) for one in found.changes for slot in _slots(one.slots)]
    chosen = drawn(slots, _stratum, _name, MOST)
    if not chosen:
        return
    sides = {side.label: side for side in found.sides}
    first = found.sides[0]
    texts = {label: _texts(side, chosen, "a" if side is first else "b") for label, side in sides.items()}
    scores = {label: _scores(side) for label, side in sides.items()}
    items = [_item(slot, first.label, texts, scores) for slot in chosen]
    intro = (
        f"{len(items):,} of {len(slots):,} slots, drawn evenly over tasks and kinds of change (not in their"
        " proportions), always the same ones."
    )
    filters = ("task", "change", "compared with")
    yield Section("browse", "Rows side by side", (Browse(filters, tuple(within(items)), "slots"),), intro)


def _slots(slots: pd.DataFrame) -> list[dict[str, Any]]:
    order = slots.assign(last=slots["change"] == SAME)
    return records(order.sort_values(["last", "change", "task"], kind="stable"))


def _stratum(entry: Slot) -> Hashable:
    other, slot = entry
    return (other, slot["task"], slot["change"])


def _name(entry: Slot) -> str:
    slot = entry[1]
    return f"{slot['chunk_id']} {slot['task']} {slot['place']}"


def _texts(side: Dataset, chosen: list[Slot], letter: str) -> Mapping[str, Mapping[str, Any]]:
    ids = [
        text(slot[f"example_id_{letter}"]) for other, slot in chosen if letter == "a" or other == side.label
    ]
    return side.texts(sorted(set(ids) - {""}))


def _scores(side: Dataset) -> dict[str, list[str]]:
    """By row, its scores as text."""
    found: dict[str, list[str]] = {}
    for score in records(side.frames["scores"]):
        value = score["value"]
        told = "unscored" if value is None or value != value else f"{value:.2f}"
        found.setdefault(str(score["example_id"]), []).append(f"{score['scorer']} {told}")
    return found


def _item(
    entry: Slot,
    first: str,
    texts: Mapping[str, Mapping[str, Mapping[str, Any]]],
    scores: Mapping[str, Mapping[str, list[str]]],
) -> BrowseItem:
    other, slot = entry
    sides = []
    lead = ""
    for label, letter in ((first, "a"), (other, "b")):
        row = text(slot[f"example_id_{letter}"])
        words = texts[label].get(row, {})
        lead = lead or text(words.get("instruction"))
        sides.append((_title(label, slot, letter, scores[label].get(row, [])), _written(words)))
    return BrowseItem(
        id=f"{slot['task']} {slot['place']} of chunk {str(slot['chunk_id'])[:12]}",
        badge=str(slot["change"]),
        lead=lead,
        facets=(str(slot["task"]), str(slot["change"]), other),
        parts=(),
        sides=tuple(sides),
        facts=(("Source", text(slot["uri"])),),
        tone=TONES.get(str(slot["change"]), "plain"),
    )


def _title(label: str, slot: Mapping[str, Any], letter: str, scores: list[str]) -> str:
    state, reason = text(slot[f"state_{letter}"]), text(slot[f"reason_{letter}"])
    told = ", ".join(
        part for part in (state or "not asked for", reason if state != "accepted" else "") if part
    )
    return " · ".join([f"{label}: {told}", *scores])


def _written(words: Mapping[str, Any]) -> str:
    if not words:
        return NO_ROW
    if text(words.get("chosen")):
        parts = [
            text(words["instruction"]),
            f"Chosen: {text(words['chosen'])}",
            f"Rejected: {text(words['rejected'])}",
        ]
    else:
        parts = [text(words["instruction"]), text(words["response"])]
    return "\n\n".join(part for part in parts if part)
