"""Many rows at once: what is asked before, and what is said after. Leads only; the store refuses others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from gristmill.errors import GristmillError
from gristmill_data.store import Filters, Store
from gristmill_data.store.bulk import Bulk, BulkAction, Selection, apply, bulk_actions, select, undo
from gristmill_ui.services.reasons import in_words, reject_payload

PREVIEW = 20
ACTIONS: dict[BulkAction, str] = {
    "reject": "Reject",
    "accept": "Accept",
    "requeue": "Put back in the queue",
    "regenerate": "Make again",
}
EXPLAINED: dict[BulkAction, str] = {
    "reject": "They leave the dataset: exports leave them out.",
    "accept": "They count as reviewed by you.",
    "requeue": "They are to be reviewed again; what was decided on them before no longer counts.",
    "regenerate": "They are rejected, and the next run with --regenerate writes new rows in their place.",
}
DONE = {
    "reject": "Rejected",
    "accept": "Accepted",
    "requeue": "Put back in the queue",
    "regenerate": "To be made again:",
}
BUTTONS = {
    "reject": "Reject {}",
    "accept": "Accept {}",
    "requeue": "Put {} back",
    "regenerate": "Make {} again",
}
WITH_REASON = ("reject", "regenerate")


@dataclass(slots=True)
class BulkDesk:
    """What one lead is asked about, and what they did last. ``bulk_id`` is that of the action asked about."""

    store: Store
    reviewer: str
    selection: Selection | None = None
    bulk_id: str = ""
    last: Bulk | None = None
    message: str = ""

    def ask(self, filters: Filters, action: BulkAction) -> Selection:
        """The rows that are counted for this; they stay the same until something else is asked."""
        known = self.selection
        if known is None or (known.filters, known.action) != (filters, action):
            known = self.selection = select(self.store, filters, action)
            self.bulk_id, self.message = uuid4().hex, ""
        return known

    def forget(self) -> None:
        """Count anew the next time."""
        self.selection, self.message = None, ""

    def preview(self) -> list[dict[str, Any]]:
        """Twenty of the rows counted, as :meth:`Store.queue_page` gives them."""
        if self.selection is None or not self.selection.rows:
            return []
        ids = self.selection.first(PREVIEW)
        return self.store.queue_page(Filters(status=(), ids=ids, stale=True), None, PREVIEW)

    def confirm(self, bulk_id: str, reasons: Sequence[str], note: str) -> bool:
        """Do what was asked; False when that is gone (a second click), lacks a reason or was refused."""
        asked = self.selection
        if asked is None or bulk_id != self.bulk_id:
            return False
        payload = reject_payload(reasons, note) if asked.action in WITH_REASON else {}
        if payload is None:
            self.message = "Choose at least one reason or write one."
            return False
        try:
            self.last = apply(self.store, asked, payload, self.reviewer, bulk_id)
        except GristmillError as error:
            self.message = f"Nothing was changed: {error.message}. {error.cure}".strip()
            return False
        self.forget()
        return True

    def take_back(self, bulk_id: str) -> bool:
        """Undo one action as a whole; False when that was refused."""
        try:
            self.last = undo(self.store, bulk_id, self.reviewer, uuid4().hex)
        except GristmillError as error:
            self.message = f"Not undone: {error.message}. {error.cure}".strip()
            return False
        self.message = ""
        return True

    def earlier(self, limit: int = 8) -> list[Bulk]:
        """What was done on many rows in this dataset, last first."""
        return bulk_actions(self.store, limit)


def question(asked: Selection) -> str:
    """What the confirmation says above the preview."""
    rows = f"{asked.rows:,} {_rows(asked.rows)} would change."
    same = f" {asked.same:,} {'is' if asked.same == 1 else 'are'} so already." if asked.same else ""
    return f"{rows}{same} {EXPLAINED[asked.action]}" if asked.rows else f"No row would change.{same}"


def button(asked: Selection) -> str:
    """The words on the button, with the number."""
    number = f"{asked.rows:,} {_rows(asked.rows)}"
    return BUTTONS[asked.action].format(number)


def told(done: Bulk) -> str:
    """What was done, in one line."""
    number = f"{done.rows:,} {_rows(done.rows)}"
    if done.action == "undo":
        kept = f" · {done.left_out:,} keep what was decided on them since" if done.left_out else ""
        return f"Undone: {number}{kept}"
    left = f" · {done.left_out:,} left out: decided by somebody meanwhile" if done.left_out else ""
    return f"{DONE[done.action]} {number}{left}"


def line(done: Bulk) -> str:
    """One action in the list of earlier ones."""
    why = in_words(done.payload)
    return f"{done.time:%Y-%m-%d %H:%M} {done.author}: {told(done).lower()}" + (f" ({why})" if why else "")


def _rows(number: int) -> str:
    return "row" if number == 1 else "rows"
