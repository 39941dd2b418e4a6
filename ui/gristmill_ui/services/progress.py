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
    "regenerate": "rejected, to be made again",
    "requeue": "put back into the queue",
    "adjudicate": "settled",
}


def progress(counts: Mapping[str, int], goal: str = "") -> str:
    """A bar (accepted, rejected, to do) and the figures, as HTML; ``goal`` is HTML to go with them."""
    disputed = counts.get("disputed", 0)
    total = counts["reviewed"] + counts["pending"] + disputed
    good, bad = (100 * counts[name] / total if total else 0 for name in ("accepted", "rejected"))
    parts = f'<i style="width:{good:.2f}%"></i><i class="bad" style="width:{bad:.2f}%"></i>'
    figures = (
        f"<b>{counts['reviewed']:,}</b> of {total:,} reviewed · <b>{counts['mine']:,}</b> by you"
        f" · {counts['pending']:,} to go"
    )
    told = ((counts["skipped"], "skipped"), (disputed, "in dispute"))
    more = "".join(f" · {number:,} {what}" for number, what in told if number)
    return f'<div class="gm-progress"><div class="gm-bar">{parts}</div>{figures}{more}{goal}</div>'


def receipt(saved: Saved | None) -> str:
    """Proof that the last decision is stored, with the id of its event."""
    if saved is None:
        return ""
    what = f"Undone: {DONE[saved.note]}" if saved.action == "undo" else f"Saved: {DONE[saved.action]}"
    extra = f" · {escape(saved.note)}" if saved.note and saved.action != "undo" else ""
    event = escape(saved.event_id)
    return f'<div class="gm-receipt" title="event {event}">✓ {what}{extra} · <code>event {event}</code></div>'
