"""How far the review is: the reviewer's own share and everybody's."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from gristmill_ui.services.desk import Saved

DONE = {
    "accept": "accepted",
    "reject": "rejected",
    "edit": "edited and accepted",
    "skip": "skipped",
    "prefer": "preference saved",
}


def progress(counts: Mapping[str, int]) -> str:
    """A bar (accepted, rejected, to do) and the figures, as HTML."""
    total = counts["reviewed"] + counts["pending"]
    good, bad = (100 * counts[name] / total if total else 0 for name in ("accepted", "rejected"))
    parts = f'<i style="width:{good:.2f}%"></i><i class="bad" style="width:{bad:.2f}%"></i>'
    figures = (
        f"<b>{counts['reviewed']:,}</b> of {total:,} reviewed · <b>{counts['mine']:,}</b> by you"
        f" · {counts['pending']:,} to go"
    )
    skipped = f" · {counts['skipped']:,} skipped" if counts["skipped"] else ""
    return f'<div class="gm-progress"><div class="gm-bar">{parts}</div>{figures}{skipped}</div>'


def receipt(saved: Saved | None) -> str:
    """Proof that the last decision is stored, with the id of its event."""
    if saved is None:
        return ""
    what = f"Undone: {DONE[saved.note]}" if saved.action == "undo" else f"Saved: {DONE[saved.action]}"
    extra = f" · {escape(saved.note)}" if saved.note and saved.action != "undo" else ""
    event = escape(saved.event_id)
    return f'<div class="gm-receipt" title="event {event}">✓ {what}{extra} · <code>event {event}</code></div>'
