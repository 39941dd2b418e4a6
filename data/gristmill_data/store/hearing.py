"""What people say of one row, worked out from its events in Python: the view ``verdicts`` in a hundredth of
its time.

Planning the view takes longer than reading the events of a row. Both say the same; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from gristmill_data.store.settings import reviewers_wanted

if TYPE_CHECKING:
    from gristmill_data.store.connect import Connection

_EVENTS = """
SELECT seq, event_id, reviewer, action, payload, time FROM review_events WHERE example_id = ? ORDER BY seq
"""
_OVERLAP = "SELECT reviewers, share FROM overlap"
_TEXTS = ("messages", "chosen", "rejected")


@dataclass(frozen=True, slots=True)
class Heard:
    """The columns of the view ``verdicts``, with the revision; ``touched``: whether the view has the row at
    all."""

    touched: bool = False
    voices: int = 0
    review: str | None = None
    disputed: bool = False
    reviewer: str | None = None
    action: str | None = None
    review_reason: str | None = None
    reviewed: datetime | None = None
    side: str | None = None
    reviewers: Sequence[str] = ()
    tags: Sequence[str] = ()
    revision: int = 0

    def queue_status(self, judge_state: str) -> str:
        """As the view ``rows_`` has it."""
        if self.disputed:
            return "disputed"
        if self.review is not None:
            return self.review
        if self.touched or judge_state == "accepted":
            return "pending"
        return "machine_rejected" if judge_state == "rejected" else "failed"


@dataclass(frozen=True, slots=True)
class _Event:
    seq: int
    event_id: str
    reviewer: str
    action: str
    payload: Mapping[str, Any]
    time: datetime

    @property
    def verdict(self) -> str | None:
        if self.action == "adjudicate":
            return _text(self.payload.get("verdict"))
        lost = self.action == "prefer" and self.payload.get("side") in ("tie", "both_bad")
        return "rejected" if lost or self.action in ("reject", "regenerate") else "accepted"

    @property
    def side(self) -> str | None:
        side = _text(self.payload.get("side"))
        accepts = self.action == "accept" or (self.action == "adjudicate" and self.verdict == "accepted")
        return side or "chosen" if accepts else side

    @property
    def tags(self) -> list[str]:
        told = [*_list(self.payload.get("tags")), *_list(self.payload.get("reasons"))]
        return told + [reason for reason in [_text(self.payload.get("reason"))] if reason]

    @property
    def changes_text(self) -> bool:
        return self.action == "edit" or (
            self.action == "adjudicate" and any(t in self.payload for t in _TEXTS)
        )


def heard(cursor: Connection, example_id: str) -> Heard:
    """What people say of the row now, as ``cursor`` sees it."""
    events = [
        _Event(seq, event_id, reviewer, action, orjson.loads(payload or "{}"), time)
        for seq, event_id, reviewer, action, payload, time in cursor.execute(_EVENTS, [example_id]).fetchall()
    ]
    if not events:
        return Heard()
    [(reviewers, share)] = cursor.execute(_OVERLAP).fetchall()
    return _resolved(events, reviewers_wanted({"reviewers": reviewers, "share": share}, example_id))


def _resolved(events: Sequence[_Event], wanted: int) -> Heard:
    targets = {event.payload.get("event_id") for event in events if event.action == "undo"}
    standing = [e for e in events if e.action not in ("skip", "undo") and e.event_id not in targets]
    since = max((event.seq for event in standing if event.action == "requeue"), default=0)
    counted = [event for event in standing if event.action != "requeue" and event.seq > since]
    revision = _revision(events)
    if not counted:
        return Heard(touched=since > 0, revision=revision)
    return _judged(counted, wanted, revision)


def _revision(events: Sequence[_Event]) -> int:
    known = {event.event_id: event for event in events}
    undone = (known.get(str(event.payload.get("event_id"))) for event in events if event.action == "undo")
    changed = [event for event in events if event.changes_text]
    return len(changed) + sum(event.changes_text for event in undone if event is not None)


def _judged(counted: Sequence[_Event], wanted: int, revision: int) -> Heard:
    ranked = sorted(counted, key=lambda event: (event.action == "adjudicate", event.seq))
    last, final = ranked[-1], ranked[-1].action == "adjudicate"
    words: dict[str, list[_Event]] = {}
    for event in counted:
        if event.action != "adjudicate":
            words.setdefault(event.reviewer, []).append(event)
    different = {_opinion(said) for said in words.values()}
    enough, differ = len(words) >= wanted, len(different) > 1 and wanted > 1
    told, agreed = final or enough, final or (enough and not differ)
    return Heard(
        touched=True,
        voices=len(words),
        review=last.verdict if agreed else None,
        disputed=not final and enough and differ,
        reviewer=last.reviewer if told else None,
        action=last.action if told else None,
        review_reason=_text(last.payload.get("reason")) if told else None,
        reviewed=last.time if told else None,
        side=next((e.side for e in reversed(ranked) if e.side), None) if agreed else None,
        reviewers=sorted({event.reviewer for event in counted}),
        tags=sorted({tag for event in counted for tag in event.tags}),
        revision=revision,
    )


def _opinion(said: Sequence[_Event]) -> tuple[str, ...]:
    """The last word of one reviewer: nothing when rejected, or else the better side and the text as
    edited."""
    last = said[-1]
    if last.verdict == "rejected":
        return ()
    side = next((event.side for event in reversed(said) if event.side), None) or "chosen"
    texts = [_text(last.payload.get(name)) for name in _TEXTS] if last.action == "edit" else []
    return (side, *(text for text in texts if text is not None))


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


def _list(value: Any) -> list[str]:
    return [str(_text(item)) for item in value if item is not None] if isinstance(value, list) else []
