"""Two versions of a row's texts: what an edit changes while it is typed, and what somebody else changed."""

from __future__ import annotations

from collections.abc import Sequence

from gristmill_data.store import ItemView
from gristmill_ui.services.diff import diff_html
from gristmill_ui.services.drafting import Draft
from gristmill_ui.services.edits import Field
from gristmill_ui.services.events import changes_text, clock
from gristmill_ui.services.markup import card, escape


def own_changes(fields: Sequence[Field], draft: Draft) -> str:
    """What saving the edit would change, word by word; ``fields`` are the texts as they read now."""
    shown = [
        card(f"{field.label}, your changes", diff_html(field.text, draft.texts[field.slot]))
        for field in fields
        if draft.texts.get(field.slot, field.text) != field.text
    ]
    return "".join(shown)


def others_changes(item: ItemView, fields: Sequence[Field], draft: Draft) -> str:
    """What somebody else changed since the edit was begun; empty when nobody did."""
    if not draft.outdated(item):
        return ""
    changed = [field for field in fields if draft.base.get(field.slot, field.text) != field.text]
    if not changed:
        return ""
    diffs = "".join(
        f'<div class="gm-label">{escape(field.label)}</div>{diff_html(draft.base[field.slot], field.text)}'
        for field in changed
    )
    both = [field.label for field in changed if draft.texts.get(field.slot, field.text) != field.text]
    what = (
        f"You changed {' and '.join(both)} too: below stands what saving your version would do to theirs."
        if both
        else "Your changes are in other texts: saving keeps both."
    )
    title = f"{_who(item)} changed this row while you were typing"
    return card(title, f"{diffs}<p>{escape(what)} Nothing is saved yet.</p>", "gm-warning")


def _who(item: ItemView) -> str:
    edits = {event["event_id"] for event in item.history if event["action"] == "edit"}
    last = next((event for event in reversed(item.history) if changes_text(event, edits)), None)
    return f"{last['reviewer']} ({clock(last['time'])})" if last else "Somebody"
