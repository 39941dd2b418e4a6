"""The events of a row as people read them: who did what when, what an edit changed, what can be undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from gristmill.records import Example
from gristmill_data.store import ItemView
from gristmill_ui.services.diff import diff_html
from gristmill_ui.services.edits import turn_labels
from gristmill_ui.services.markup import escape
from gristmill_ui.services.reasons import in_words

WORDS = {
    "accept": "accepted", "reject": "rejected", "edit": "edited and accepted", "skip": "skipped",
    "prefer": "compared", "undo": "took back a decision", "requeue": "put back into the queue",
    "adjudicate": "had the last word", "regenerate": "rejected, to be made again",
}  # fmt: skip
SIDES = {"chosen": "the recorded better one is better", "rejected": "the recorded worse one is better",
         "tie": "a tie", "both_bad": "both bad"}  # fmt: skip
Event = Mapping[str, Any]


def clock(time: datetime) -> str:
    """A point in time as it is shown everywhere."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def changed_meanwhile(history: Sequence[Event]) -> str:
    """Who changed the text of a row that somebody had open, and what to do."""
    texts = {event["event_id"] for event in history if event["action"] == "edit"}
    last = next((event for event in reversed(history) if changes_text(event, texts)), None)
    who = f"{last['reviewer']} changed this row at {clock(last['time'])}" if last else "This row was changed"
    return f"{who}, while you had it open. This is the new text: please read it again."


def decided_meanwhile(others: Sequence[Mapping[str, Any]]) -> str:
    """Who decided a row that somebody had open; not how, which is not to sway them."""
    said = " and ".join(f"{other['reviewer']} ({clock(other['time'])})" for other in others)
    return (
        f"Not saved yet: {said} decided this row while you had it open and your reservation had run out. "
        "What you typed is kept. Decide again to save yours as well, or go on with Next."
    )


def changes_text(event: Event, edits: set[str]) -> bool:
    """Whether the row reads otherwise after this event; ``edits`` are the ids of its edits."""
    return event["action"] == "edit" or (
        event["action"] == "undo" and event["payload"].get("event_id") in edits
    )


def undoable(event: Event, reviewer: str) -> bool:
    """Whether this reviewer can take the event back."""
    return event["reviewer"] == reviewer and not event["undone"] and event["action"] != "undo"


def line(event: Event) -> str:
    """One event as a line of HTML: time, author, what was done and why."""
    payload = event["payload"]
    told = [WORDS.get(event["action"]) or str(event["action"])]
    told += [SIDES[payload["side"]]] if payload.get("side") in SIDES else []
    told += [str(payload["verdict"])] if event["action"] == "adjudicate" and "verdict" in payload else []
    told += [in_words(payload)] if in_words(payload) else []
    told += [graded(payload["ratings"])] if payload.get("ratings") else []
    told += ["with many others"] if payload.get("bulk") else []
    words = escape(": ".join(told[:2]) + "".join(f" · {more}" for more in told[2:]))
    head = f"<time>{clock(event['time'])}</time> <b>{escape(event['reviewer'])}</b> "
    return head + (f"<del>{words}</del> (taken back)" if event["undone"] else words)


def graded(ratings: Mapping[str, Any]) -> str:
    """Grades in a few words; for pairs those of both sides."""
    if any(isinstance(part, Mapping) for part in ratings.values()):
        return "; ".join(f"{side}: {graded(part)}" for side, part in ratings.items() if part)
    return "grades " + ", ".join(f"{name.replace('_', ' ')} {grade}" for name, grade in ratings.items())


def with_edits(item: ItemView) -> Iterator[tuple[Event, str]]:
    """The events, oldest first, each with the changes it made as HTML (empty of one that is no edit)."""
    told: list[Event] = []
    before = _texts(item.original, told)
    for event in item.history:
        told.append(event)
        after = _texts(item.original, told)
        yield (
            event,
            "".join(
                f'<div class="gm-label">{escape(name)}</div>{diff_html(before.get(name, ""), text)}'
                for name, text in after.items()
                if text != before.get(name, "")
            ),
        )
        before = after


def _texts(original: Example, events: Sequence[Event]) -> dict[str, str]:
    """The texts by label after these events: the original with the edits that stand among them."""
    undone = {event["payload"].get("event_id") for event in events if event["action"] == "undo"}
    messages: Sequence[Mapping[str, Any]] = [dict(message) for message in original.messages]
    sides = {"chosen": original.chosen, "rejected": original.rejected}
    for event in events:
        if event["action"] in ("edit", "adjudicate") and event["event_id"] not in undone:
            messages = event["payload"].get("messages") or messages
            sides = {side: event["payload"].get(side) or text for side, text in sides.items()}
    labels = turn_labels([message["role"] for message in messages])
    texts = dict(zip(labels, (message["content"] for message in messages), strict=True))
    return {**texts, **{f"Response recorded as {s}": text for s, text in sides.items() if text is not None}}
