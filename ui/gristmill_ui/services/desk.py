"""One reviewer at work: where they are in the queue, what is on their screen, what they decided.

A desk lives as long as a browser session and is used by one thread at a time. Every screen has a
*decision id*. A press of a button carries the id of the screen it was made on, and is ignored when that
screen is gone: that is what makes a double click save once. It is the event's id in the store too, which
refuses to save it twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import RLock
from typing import Any, Literal
from uuid import uuid4

from gristmill.errors import StoreError
from gristmill.records import Action, Review
from gristmill_data.store import Filters, ItemView, Store
from gristmill_data.store.journal import decisions_by
from gristmill_data.store.settings import setting
from gristmill_ui.services.ahead import Ahead
from gristmill_ui.services.drafting import DraftBook
from gristmill_ui.services.events import changed_meanwhile, decided_meanwhile
from gristmill_ui.services.place import Place
from gristmill_ui.services.rounds import at_the_start

Mode = Literal["read", "edit", "choose", "reject", "grade"]


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
    question: int = 0
    """The position of what is graded now, in mode ``grade``."""
    _seen: str = ""
    _apart: bool = False
    drafts: DraftBook = field(init=False)
    place: Place = field(init=False)
    _ahead: Ahead = field(init=False)
    _trail: list[str] = field(default_factory=list)
    _at: int = -1
    _undoable: list[Saved] = field(default_factory=list)
    _pressing: RLock = field(default_factory=RLock)

    def __post_init__(self) -> None:
        self.drafts = DraftBook(self.store, self.reviewer)
        self.show_scores = self.show_scores or not setting(self.store, "hide_scores")
        self.place, self._ahead = Place(self.store, self.reviewer), Ahead(self.store)

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
        """Whether this reviewer has saved something lately that is still in force."""
        return bool(self._undoable)

    @property
    def narrowed(self) -> bool:
        """Whether filters other than the usual ones are set."""
        return self.filters != Filters(viewer=self.reviewer, order=self.filters.order)

    @contextmanager
    def pressed(self, decision_id: str, mode: Mode) -> Iterator[bool]:
        """Whether a button counts that was drawn on this screen in this mode.

        Who types faster than the server answers presses buttons of the screen that was: a digit after the key
        that asks for reasons would be a verdict. Streamlit begins with the second press while it is still at
        the first, so they take turns here. Of two that reach a stalled server together it tells us the later
        only.
        """
        with self._pressing:
            yield decision_id == self.decision_id and mode == self.mode

    def start(self) -> None:
        """Begin at the top of the queue, unless the session is somewhere already."""
        if self._at < 0:
            self._undoable = [
                Saved(event["event_id"], event["example_id"], event["action"])
                for event in reversed(decisions_by(self.store, self.reviewer))
                if not event["undone"]
            ]
            self.forward()

    def refilter(self, filters: Filters) -> None:
        """Look at other rows, from the top."""
        if filters != self.filters:
            self.filters = filters
            self.restart()

    def restart(self) -> None:
        """Back to the top of the queue; rows skipped are met again."""
        self._trail, self._at = [], -1
        self._ahead.rewind()
        self.forward()

    def forward(self) -> None:
        """Show the next row that nobody else has on their screen, or nothing when the queue is at its end."""
        for position in range(self._at + 1, len(self._trail)):
            if self.place.at(self._trail[position]):
                self._show(position)
                return
        found = self._ahead.next_free(self.filters, set(self._trail), self.place)
        if found is not None:
            self._trail.append(found)
        else:
            self.place.leave()
        self._show(len(self._trail) - 1 if found is not None else len(self._trail))

    def more_waiting(self) -> bool:
        """Whether the queue goes on after its end was reached (a run delivered rows meanwhile)."""
        found = self._ahead.next_free(self.filters, set(self._trail), self.place)
        self._ahead.rewind()
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
        if item is not None:
            self.place.at(item.example.id)  # again, when another page was looked at
        self._apart = item is not None and self.place.apart(item)
        if item and self._apart:
            item = at_the_start(item)
        revision = item.revision if item else 0
        if item and self._seen == self.decision_id and revision != self.seen_revision:
            self.message = changed_meanwhile(item.history)
        self._seen, self.seen_revision = self.decision_id, revision
        return item

    def find(self, example_id: str) -> ItemView | None:
        """Any row; None when there is none of that id."""
        try:
            return self.store.item(example_id)
        except StoreError as error:
            self.message = error.message
            return None

    def afresh(self, decision_id: str) -> None:
        """Show the same row on a new screen: what was pressed or typed on the old one counts no more."""
        if decision_id == self.decision_id:
            self._show(self._at)

    def switch(self, decision_id: str, mode: Mode) -> None:
        """Read, edit, grade or give reasons, if the screen asked about is still the one shown."""
        if decision_id == self.decision_id and self.example_id is not None:
            self.mode, self.message = mode, ""
            self.place.act()
            self.drafts.note_mode(self.example_id, mode)

    def decide(self, decision_id: str, action: Action, payload: Mapping[str, Any], note: str = "") -> bool:
        """Save a decision on what is shown and go on; False when nothing was saved.

        That is so when the screen is gone (a second click), or when somebody else changed or decided the row
        in the meantime: then it is shown again, with a message.
        """
        if decision_id != self.decision_id or self.example_id is None:
            return False
        example_id = self.example_id
        event = self._event(decision_id, example_id, self.seen_revision, action, payload)
        try:
            with self.store.lock:  # nobody decides between the question and the answer
                if self._apart:  # what others changed meanwhile was not to be seen
                    event = replace(event, revision=self.store.item(example_id).revision)
                if action != "skip" and (others := self.place.meanwhile(example_id)):
                    self._show(self._at)
                    self.message = decided_meanwhile(others)
                    return False
                self.store.decide(event)
        except StoreError as error:
            self._show(self._at)
            self.message = f"Not saved: {error.message}. {error.cure}".strip()
            return False
        self.last = Saved(decision_id, example_id, action, note)
        self._undoable.append(self.last)
        self.forward()
        return True

    def undo(self, decision_id: str) -> bool:
        """Take back the last decision of this session and show its row again."""
        if not self._undoable:
            return False
        return self.take_back(decision_id, self._undoable[-1])

    def take_back(self, decision_id: str, saved: Saved) -> bool:
        """Take back any decision of this reviewer that stands, whenever made, and show its row again."""
        if decision_id != self.decision_id:
            return False
        self._undoable = [one for one in self._undoable if one.event_id != saved.event_id]
        event_id = uuid4().hex
        try:
            self.store.decide(
                self._event(event_id, saved.example_id, 0, "undo", {"event_id": saved.event_id})
            )
        except StoreError as error:
            self._show(self._at)
            self.message = f"Not undone: {error.message}. {error.cure}".strip()
            return False
        if saved.example_id == self.example_id:
            self._show(self._at)
        else:
            self.open(saved.example_id)
        self.last = Saved(event_id, saved.example_id, "undo", saved.action)
        return True

    def requeue(self, decision_id: str) -> bool:
        """Put the row on the screen back into the queue, as if nobody had decided it; it stays in sight."""
        if decision_id != self.decision_id or self.example_id is None:
            return False
        example_id = self.example_id
        try:
            self.store.decide(self._event(decision_id, example_id, self.seen_revision, "requeue", {}))
        except StoreError as error:
            self.message = f"Not put back: {error.message}. {error.cure}".strip()
            return False
        self._show(self._at)
        self.last = Saved(decision_id, example_id, "requeue")
        self._undoable.append(self.last)
        return True

    def _event(
        self, event_id: str, example_id: str, revision: int, action: Action, payload: Mapping[str, Any]
    ) -> Review:
        return Review(event_id, example_id, revision, self.reviewer, action, payload, datetime.now(UTC))

    def _show(self, position: int) -> None:
        self._at = position
        self.decision_id = uuid4().hex
        self.message = ""
        shown = self.example_id
        self.mode = self.drafts.mode(shown) if shown else "read"
        if shown:
            self.place.at(shown)
            self.place.seen(shown)
