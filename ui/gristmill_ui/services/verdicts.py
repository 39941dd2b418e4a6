"""From a press of a button to an event on the desk."""

from __future__ import annotations

from gristmill_data.store import ItemView
from gristmill_ui.services import blind
from gristmill_ui.services.desk import Desk
from gristmill_ui.services.edits import Draft, draft_of, edit_payload
from gristmill_ui.services.reasons import REASONS, reject_payload


def save_edit(desk: Desk, decision_id: str, item: ItemView, draft: Draft) -> bool:
    """Save the changed text, which accepts the row; an unchanged or emptied one is not saved."""
    payload = edit_payload(item, draft)
    if payload is None:
        empty = not (draft.instruction.strip() and draft.response.strip())
        desk.message = "A text cannot be empty: reject the row instead." if empty else "Nothing was changed."
        return False
    return desk.decide(decision_id, "edit", payload)


def reject(desk: Desk, decision_id: str, note: str) -> bool:
    """Reject for the reasons ticked and noted; without any, ask for one."""
    payload = reject_payload(desk.reasons, note)
    if payload is None:
        desk.message = "Choose at least one reason (1–8) or write one."
        return False
    said = ", ".join(REASONS[reason].lower() for reason in desk.reasons) or "see note"
    return desk.decide(decision_id, "reject", payload, said)


def prefer(desk: Desk, decision_id: str, choice: blind.Choice) -> bool:
    """Save which side of the pair on the screen is better, in terms of the recorded pair."""
    if desk.example_id is None:
        return False
    order = blind.sides(desk.reviewer, desk.example_id)
    side = blind.preferred(choice, order)
    agrees = {"chosen": ", as recorded", "rejected": ", against the record"}.get(side, "")
    payload = {"side": side, "left": order[0]}
    return desk.decide(decision_id, "prefer", payload, f"{blind.LETTERS[choice]}{agrees}")


def keep_draft(desk: Desk, item: ItemView, draft: Draft) -> None:
    """Remember what stands in the edit fields, so that leaving the row does not lose it."""
    if draft == draft_of(item):
        desk.drafts.pop(item.example.id, None)
    else:
        desk.drafts[item.example.id] = draft
