"""The fields of an edit, and what goes on beside them while somebody types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from gristmill_data.store import ItemView
from gristmill_data.store.drafts import revision_of
from gristmill_ui.services import compare, verdicts
from gristmill_ui.services.desk import Desk
from gristmill_ui.services.edits import Field
from gristmill_ui.services.markup import escape
from gristmill_ui.services.reasons import REASONS

SCRIPT = Path(__file__).parent.parent / "static" / "drafts.js"


def css_key(desk: Desk, name: str) -> str:
    """The key of a field, and with ``st-key-`` the class of its container."""
    return f"gm_{name}_{desk.decision_id}"


def fields(desk: Desk, item: ItemView) -> None:
    """The edit fields, over what somebody else changed meanwhile. Drawn in the form of the verdict bar."""
    shown = verdicts.fields(desk, item)
    draft = desk.drafts.of(item.example.id)
    texts = draft.shown(item)
    st.html(compare.others_changes(item, shown, draft) or "<span></span>")
    sides = [field for field in shown if not field.slot.isdigit()]
    for field in shown:
        if field not in sides:
            _area(desk, field, texts[field.slot])
    for column, field in zip(st.columns(2, gap="small") if sides else (), sides, strict=True):
        with column:
            _area(desk, field, texts[field.slot])


def _area(desk: Desk, field: Field, text: str) -> None:
    st.text_area(field.label, text, height="content", key=css_key(desk, field.name))


def reasons(desk: Desk, item: ItemView) -> Iterator[tuple[str, str, Callable[[], Any], str]]:
    """Of each reason to reject: its label, its key, what ticks it, and how its button looks."""
    ticked = desk.drafts.of(item.example.id).reasons
    for number, (reason, label) in enumerate(REASONS.items(), 1):
        tick = partial(verdicts.toggle_reason, desk, desk.decision_id, reason)
        yield label, str(number), tick, "primary" if reason in ticked else "secondary"


def note(desk: Desk, item: ItemView) -> None:
    """The field for a reason in the reviewer's own words."""
    st.text_input(
        "Note", desk.drafts.of(item.example.id).note, key=css_key(desk, verdicts.NOTE),
        label_visibility="collapsed", placeholder="In your own words (optional)", max_chars=2000,
    )  # fmt: skip


def typed(desk: Desk, item: ItemView) -> dict[str, str]:
    """What the form sent along with the button pressed, by the names of the fields."""
    names = [*(field.name for field in verdicts.fields(desk, item)), verdicts.NOTE]
    found = {name: st.session_state.get(css_key(desk, name)) for name in names}
    return {name: text for name, text in found.items() if isinstance(text, str)}


def live(desk: Desk, item: ItemView) -> None:
    """Keep what is typed as it is typed, and show what it changes. Drawn outside of the form."""
    _live(desk, item, desk.decision_id)


@st.fragment
def _live(desk: Desk, item: ItemView, screen: str) -> None:
    if st.session_state.pop("gm_recovered", False):
        st.rerun()
    if screen != desk.decision_id:
        return
    component = st.components.v2.component("gristmill_drafts", js=SCRIPT.read_text())
    names = {"edit": [f.name for f in verdicts.fields(desk, item)], "reject": [verdicts.NOTE]}
    data: dict[str, Any] = {
        "who": desk.reviewer,
        "example": item.example.id,
        "screen": screen,
        "fields": {css_key(desk, name): name for name in names.get(desk.mode, ())},
        "ack": st.session_state.get("gm_ack", {}).get(screen, -1),
        "ended": desk.drafts.ended,
    }
    with st.container(key="gm_hidden_drafts"):
        component(key="gm_drafts", data=data, on_typed_change=partial(_take, desk, item))
    if desk.mode == "edit":
        _changes(desk, item)
    elif desk.mode == "reject":
        st.html(_kept(desk, item) or "<span></span>")


def _take(desk: Desk, item: ItemView) -> None:
    told = st.session_state["gm_drafts"].get("typed")
    st.session_state["gm_recovered"] = verdicts.take_typed(desk, item, told)
    if isinstance(told, dict) and isinstance(told.get("batch"), int):
        st.session_state["gm_ack"] = {desk.decision_id: told["batch"]}


def _changes(desk: Desk, item: ItemView) -> None:
    draft = desk.drafts.of(item.example.id)
    warnings = [f"{who} is changing this row too." for who in desk.drafts.others(item.example.id)]
    if revision_of(desk.store, item.example.id) != item.revision:
        warnings = ["Somebody saved a change of this row. Saving shows you both texts first; yours is kept."]
    told = "".join(f'<div class="gm-message" role="status">{escape(text)}</div>' for text in warnings)
    changes = compare.own_changes(verdicts.fields(desk, item), draft)
    hint = "" if changes else '<div class="gm-progress">Your changes are shown here word by word.</div>'
    st.html(f"{told}{_kept(desk, item)}{changes}{hint}")


def _kept(desk: Desk, item: ItemView) -> str:
    """When the draft was last kept."""
    time = desk.drafts.saved_at(item.example.id)
    if time is None:
        return ""
    ago = (datetime.now(UTC).replace(tzinfo=None) - time).total_seconds()
    when = "just now" if ago < 60 else f"at {time:%H:%M} UTC"
    return f'<div class="gm-draft" role="status">Draft kept {when}. It is not a decision yet.</div>'
