"""The whole source document of a row, a part at a time, with the row's chunk and evidence in it."""

from __future__ import annotations

from dataclasses import dataclass

from gristmill_data.store import ItemView, Store
from gristmill_data.store.passages import Window, chunk_place, document_window
from gristmill_ui.services import markup
from gristmill_ui.services.markup import escape

PART = 12_000
"""Characters shown at a time."""
BEFORE = 1_500
"""Characters of the document shown before the chunk."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the document, and where those before and after it begin (None: there is none)."""

    html: str
    title: str
    earlier: int | None
    later: int | None


def part(store: Store, item: ItemView, start: int | None = None) -> Part:
    """The part from ``start`` on; without one, that around the row's chunk.

    Raises:
        StoreError: the document is not in the dataset.
    """
    place = chunk_place(store, item.example.chunk_ids[0]) if item.example.chunk_ids else None
    chunk = place or (0, 0)
    begin = max(chunk[0] - BEFORE, 0) if start is None else start
    window = document_window(store, item.document_id, begin, PART)
    end = window.start + len(window.text)
    return Part(
        _html(item, window, chunk),
        f"{window.uri} · characters {window.start + 1:,} to {end:,} of {window.chars:,}",
        max(window.start - PART, 0) if window.start else None,
        end if end < window.chars else None,
    )


def _html(item: ItemView, window: Window, chunk: tuple[int, int]) -> str:
    size = len(window.text)
    first, last = (min(max(place - window.start, 0), size) for place in chunk)
    marks = item.example.metadata.get("evidence") or ()
    spans = [(mark["start"] - window.start, mark["end"] - window.start) for mark in marks]
    parts = []
    for start, end, css in ((0, first, "gm-context"), (first, last, ""), (last, size, "gm-context")):
        inner = markup.marked(window.text[start:end], [(s - start, e - start) for s, e in spans])
        parts.append(f'<span class="{css}">{inner}</span>' if css else inner)
    label = escape(f"Part of {window.uri}")
    return f'<div class="gm-passage gm-document" tabindex="0" aria-label="{label}">{"".join(parts)}</div>'
