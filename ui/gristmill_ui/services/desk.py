"""One reviewer at work: where they are in the queue, what is on their screen, what they decided.

A desk lives as long as a browser session and is used by one thread at a time. Every screen has a
*decision id*. A press of a button carries the id of the screen it was made on, and is ignored when that
screen is gone: that is what makes a double click save once. It is the event's id in the store too, which
refuses to save it twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

from gristmill.errors import StoreError
from gristmill.records import Action, Review
from gristmill_data.store import Filters, ItemView, Store
from gristmill_ui.services.edits import Draft

Mode = Literal["read", "edit", "reject"]
PAGE = 20


@dataclass(frozen=True, slots=True)
class Saved:
    """A decision of this session, in the order made; what undo takes back."""

    event_id: str
    example_id: str
    action: Action
    note: str = ""


@dataclass(slots=True)
class Desk:
    """The state of one reviewing session over ``store``."""

    store: Store
    reviewer: str
    filters: Filters
    show_scores: bool = False
    mode: Mode = "read"
    decision_id: str = ""
    message: str = ""
    last: Saved | None = None
    seen_revision: int = 0
    drafts: dict[str, Draft] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    _trail: list[str] = field(default_factory=list)
    _at: int = -1
    _cursor: str | None = None
    _undoable: list[Saved] = field(default_factory=list)

    @property
    def example_id(self) -> str | None:
        """What is on the screen; None when the queue has no more rows."""
        return self._trail[self._at] if 0 <= self._at < len(self._trail) else None

    @property
    def can_go_back(self) -> bool:
        """Whether there is a screen before this one."""
        return self._at > 0

    @property
    def can_undo(self) -> bool:
        """Whether this session has saved something that is still in force."""
        return bool(self._undoable)

    @property
    def narrowed(self) -> bool:
        """Whether filters other than the usual ones are set."""
        return self.filters != Filters(viewer=self.reviewer, order=self.filters.order)

    def start(self) -> None:
        """Begin at the top of the queue, unless the session is somewhere already."""
        if self._at < 0:
            self.forward()

    def refilter(self, filters: Filters) -> None:
        """Look at other rows, from the top."""
        if filters != self.filters:
            self.filters = filters
            self.restart()

    def restart(self) -> None:
        """Back to the top of the queue; rows skipped are met again."""
        self._trail, self._at, self._cursor = [], -1, None
        self.forward()

    def forward(self) -> None:
        """Show the next row, or nothing when the queue is at its end."""
        if self._at + 1 < len(self._trail):
            self._show(self._at + 1)
            return
        found = self._next_in_queue()
        if found is not None:
            self._trail.append(found)
        self._show(len(self._trail) - 1 if found is not None else len(self._trail))

    def more_waiting(self) -> bool:
        """Whether the queue goes on after its end was reached (a run delivered rows meanwhile)."""
        found = self._next_in_queue()
        self._cursor = None
        return found is not None

    def back(self) -> None:
        """Show the row before."""
        if self.can_go_back:
            self._show(self._at - 1)

    def open(self, example_id: str) -> bool:
        """Show one row whatever the filters say (a link, the table, undo); False when it does not exist."""
        if example_id == self.example_id:
            return True
        if self.find(example_id) is None:
            return False
        if example_id in self._trail:
            self._show(self._trail.index(example_id))
        else:
            self._trail.insert(max(self._at, 0), example_id)
            self._show(max(self._at, 0))
        return True

    def look(self) -> ItemView | None:
        """The row to draw, as the store has it now; a decision will be about the text returned here."""
        item = self.find(self.example_id) if self.example_id else None
        self.seen_revision = item.revision if item else 0
        return item

    def find(self, example_id: str) -> ItemView | None:
        """Any row; None when there is none of that id."""
        try:
            return self.store.item(example_id)
        except StoreError as error:
            self.message = error.message
            return None

    def switch(self, decision_id: str, mode: Mode) -> None:
        """Read, edit or give reasons for rejecting, if the screen asked about is still the one shown."""
        if decision_id == self.decision_id:
            self.mode, self.message = mode, ""
            self.reasons = []

    def toggle_reason(self, decision_id: str, reason: str) -> None:
        """Tick or untick a reason for rejecting."""
        if decision_id == self.decision_id:
            self.reasons = [r for r in self.reasons if r != reason] + [reason] * (reason not in self.reasons)

    def decide(self, decision_id: str, action: Action, payload: Mapping[str, Any], note: str = "") -> bool:
        """Save a decision on what is shown and go on; False when nothing was saved.

        That is so when the screen is gone (a second click), or when the row was changed by somebody else
        in the meantime: then it is shown again, with a message.
        """
        if decision_id != self.decision_id or self.example_id is None:
            return False
        example_id = self.example_id
        try:
            self.store.decide(self._event(decision_id, example_id, self.seen_revision, action, payload))
        except StoreError as error:
            self._show(self._at)
            self.message = f"Not saved: {error.message}. {error.cure}".strip()
            return False
        self.last = Saved(decision_id, example_id, action, note)
        self._undoable.append(self.last)
        self.drafts.pop(example_id, None)
        self.forward()
        return True

    def undo(self, decision_id: str) -> bool:
        """Take back the last decision of this session and show its row again."""
        if decision_id != self.decision_id or not self._undoable:
            return False
        saved, event_id = self._undoable.pop(), uuid4().hex
        try:
            self.store.decide(
                self._event(event_id, saved.example_id, 0, "undo", {"event_id": saved.event_id})
            )
        except StoreError as error:
            self._show(self._at)
            self.message = f"Not undone: {error.message}. {error.cure}".strip()
            return False
        self.open(saved.example_id)
        self.last = Saved(event_id, saved.example_id, "undo", saved.action)
        return True

    def _event(
        self, event_id: str, example_id: str, revision: int, action: Action, payload: Mapping[str, Any]
    ) -> Review:
        return Review(event_id, example_id, revision, self.reviewer, action, payload, datetime.now(UTC))

    def _show(self, position: int) -> None:
        self._at = position
        self.decision_id = uuid4().hex
        self.mode, self.message, self.reasons = "read", "", []

    def _next_in_queue(self) -> str | None:
        """The first row after the cursor that this session has not met, then the first from the top."""
        met = set(self._trail)
        found = self._scan(met)
        if found is None and self._cursor is not None:
            self._cursor = None
            found = self._scan(met)
        return found

    def _scan(self, met: set[str]) -> str | None:
        while page := self.store.queue_page(self.filters, self._cursor, PAGE):
            for row in page:
                self._cursor = row["cursor"]
                if row["example_id"] not in met:
                    return str(row["example_id"])
        return None
