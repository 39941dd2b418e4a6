"""Drafts: what a reviewer typed, ticked and graded on a row and did not save, kept as it grows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from gristmill_data.store import ItemView, Store
from gristmill_data.store.drafts import Kept, draft, drafts_of, drop_draft, others_drafting, save_draft
from gristmill_ui.services.edits import base_texts

if TYPE_CHECKING:
    from gristmill_ui.services.desk import Mode

RESUMED = ("edit", "choose", "reject")
"""Modes in which a row is shown again when its draft was left in them."""
AT_WORK = timedelta(minutes=2)
"""How lately a draft of somebody else must have grown to say that they are at it now."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Unsaved work on one row. ``texts`` and ``base`` go by slot (:mod:`gristmill_ui.services.edits`).

    ``texts`` holds those the reviewer changed, ``base`` all of them as they read when typing began, at
    ``revision``. ``ratings`` are as in an event: by criterion, for pairs by ``chosen`` and ``rejected``,
    never as displayed.
    """

    revision: int = 0
    base: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    note: str = ""
    ratings: Mapping[str, Any] = field(default_factory=dict)
    mode: str = "read"

    @property
    def empty(self) -> bool:
        """Whether there is nothing to keep."""
        return not (self.texts or self.reasons or self.note.strip() or self.ratings)

    def outdated(self, item: ItemView) -> bool:
        """Whether somebody changed the row since typing began."""
        return bool(self.texts) and self.revision != item.revision

    def shown(self, item: ItemView) -> dict[str, str]:
        """What stands in the edit fields: own changes over the row as it reads now."""
        return {**base_texts(item), **self.texts}

    def typed(self, item: ItemView, texts: Mapping[str, str]) -> Draft:
        """With what stands in the edit fields; ``item`` is the row they were drawn of.

        A text nobody touched is not held on to, so that it cannot overwrite what somebody else makes of it.
        """
        base = self if self.texts else replace(self, revision=item.revision, base=base_texts(item))
        now = base_texts(item)
        mine = {slot: text for slot, text in texts.items() if slot in now and text != now[slot]}
        return replace(base, texts=mine)


class DraftBook:
    """One reviewer's drafts in the store."""

    def __init__(self, store: Store, reviewer: str) -> None:
        self._store, self._reviewer = store, reviewer
        self._read: tuple[tuple[str, int], Kept | None] | None = None
        self.ended: dict[str, str] = {}
        """For rows that were left or decided, the screen on which: what was typed there is here already."""

    def end(self, example_id: str, screen: str) -> None:
        """Note that a screen is gone; of the last rows only, the browser needs it once."""
        self.ended = {**dict(list(self.ended.items())[-20:]), example_id: screen}

    def of(self, example_id: str) -> Draft:
        """The draft of this row; an empty one if there is none."""
        kept = self._kept(example_id)
        return _read(kept) if kept else Draft()

    def saved_at(self, example_id: str) -> datetime | None:
        """When the draft of this row was last kept (UTC)."""
        kept = self._kept(example_id)
        return kept.time if kept else None

    def keep(self, example_id: str, now: Draft) -> None:
        """Keep ``now``; one with nothing in it is forgotten."""
        kept = self._kept(example_id)
        if now.empty:
            if kept:
                drop_draft(self._store, self._reviewer, example_id)
        elif kept is None or _read(kept) != now:
            payload = {name: value for name, value in asdict(now).items() if name != "revision"}
            save_draft(self._store, self._reviewer, example_id, now.revision, payload)

    def mode(self, example_id: str) -> Mode:
        """How to show this row: as its draft was left."""
        mode = self.of(example_id).mode
        return cast("Mode", mode) if mode in RESUMED else "read"

    def note_mode(self, example_id: str, mode: Mode) -> None:
        """Remember in which mode the row was left, if there is a draft of it."""
        self.keep(example_id, replace(self.of(example_id), mode=mode))

    def _kept(self, example_id: str) -> Kept | None:
        """The draft as stored. A screen asks several times: it is read again when anything was written."""
        of = example_id, self._store.writes
        if self._read is None or self._read[0] != of:
            self._read = of, draft(self._store, self._reviewer, example_id)
        return self._read[1]

    def drop(self, example_id: str) -> None:
        """Forget the draft of this row."""
        drop_draft(self._store, self._reviewer, example_id)

    def open(self) -> list[str]:
        """Rows with unsaved work, the latest first."""
        return [kept.example_id for kept in drafts_of(self._store, self._reviewer)]

    def others(self, example_id: str) -> list[str]:
        """Who else is changing the text of this row right now."""
        since = datetime.now(UTC) - AT_WORK
        found = others_drafting(self._store, self._reviewer, example_id, since)
        return [kept.reviewer for kept in found if _read(kept).texts]


def _read(kept: Kept) -> Draft:
    """What is stored, in the types of a draft; fields of other versions are left out."""
    told = {name: value for name, value in kept.payload.items() if name in Draft.__dataclass_fields__}
    told["reasons"] = tuple(told.get("reasons") or ())
    return Draft(**{**told, "revision": kept.revision})
