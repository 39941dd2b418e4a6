"""Review decisions: events are appended, never changed; the current state is a view over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from gristmill.errors import StoreError
from gristmill.records import Review, clean
from gristmill_data.store.drafts import dropped_with
from gristmill_data.store.hearing import Heard, heard
from gristmill_data.store.people import require
from gristmill_data.store.tables import to_json, utc

if TYPE_CHECKING:
    from gristmill_data.store.connect import Connection
    from gristmill_data.store.core import Store
    from gristmill_data.store.live_rows import LiveRows

# The table in memory is quicker, but a row taken in this very moment is in the file only.
SIDES = ("chosen", "rejected", "tie", "both_bad")
VERDICTS = ("accepted", "rejected")
TEXTS = ("messages", "chosen", "rejected")
ACTIONS = (
    "accept", "reject", "edit", "skip", "undo", "prefer", "requeue", "adjudicate", "regenerate",
)  # fmt: skip


class StoreConflictError(StoreError):
    """Somebody else changed the row meanwhile, or an event id is used for two decisions."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a decision is saved. ``seq`` orders all events of the dataset.

    ``status`` is that of the example after the event: pending, disputed, accepted, rejected,
    machine_rejected or failed. ``revision`` is what the next decision on this text must carry.
    """

    event_id: str
    seq: int
    status: str
    revision: int


def decide(store: Store, event: Review) -> Receipt:
    """Append ``event`` and return its receipt. The same event again gives the same receipt, and no row.

    ``event.revision`` is the revision of the text that the reviewer saw (:attr:`ItemView.revision`).
    Payloads: ``edit`` carries the new text in ``messages``, ``chosen`` and ``rejected`` (what is absent
    stays), and may name a ``side``; ``prefer`` carries ``side``: chosen, rejected, tie or both_bad, not
    as displayed but as stored; ``undo`` carries the ``event_id`` of any decision of the reviewer's own
    on this example; ``reject`` and ``regenerate`` may carry a ``reason``; ``adjudicate`` carries the
    ``verdict`` (accepted or rejected) and may carry texts and a side. After ``requeue`` what was decided on
    the row before counts no more; its text stays as it reads.

    Raises:
        StoreConflictError: the text was changed after the reviewer saw it (skip and undo are allowed
            then), the decision to undo is not the reviewer's or is undone, or the event id is taken.
        NotAllowedError: the reviewer's role does not allow it (see :mod:`gristmill_data.store.people`).
        StoreError: unknown example, or a payload that does not fit the action or the example.
    """
    with store.write() as cursor:
        known = _known(cursor, event)
        if known is not None:
            return known
        _check_role(cursor, event)
        kind, revision = _example(cursor, event, store.live_if_any())
        problem = _problem(event, kind)
        if problem:
            raise StoreError(problem, where=f"example {event.example_id}", cure="send a complete decision")
        if event.action == "undo":
            _check_undo(cursor, event)
        elif event.action not in ("skip", "requeue") and event.revision != revision:
            raise _outdated(cursor, event, revision)
        dropped_with(cursor, event.action, event.reviewer, event.example_id)
        return _append(cursor, event)


def _check_role(cursor: Connection, event: Review) -> None:
    """Readers decide nothing; the last word on a row, and putting back what others decided, is the leads'."""
    if event.action == "adjudicate":
        require(cursor, event.reviewer, "lead", "have the last word on a row")
    elif event.action == "requeue" and _others_decided(cursor, event):
        require(cursor, event.reviewer, "lead", "put a row back that others decided")
    else:
        require(cursor, event.reviewer, "reviewer", "decide rows")


def _others_decided(cursor: Connection, event: Review) -> bool:
    query = "SELECT 1 FROM decisions WHERE example_id = ? AND reviewer <> ? LIMIT 1"
    return bool(cursor.execute(query, [event.example_id, clean(event.reviewer)]).fetchall())


def history(store: Store, example_id: str) -> list[dict[str, Any]]:
    """All events of an example, oldest first.

    Keys: event_id, seq, example_id, revision (of the text after the event), reviewer, action, payload
    (parsed), time (UTC, no offset), status (after the event) and undone.
    """
    query = """
        SELECT *, event_id IN (SELECT (payload ->> 'event_id') FROM review_events
                               WHERE action = 'undo' AND example_id = $id) AS undone
        FROM review_events WHERE example_id = $id ORDER BY seq
    """
    events = store.dicts(query, {"id": example_id})
    return [{**event, "payload": orjson.loads(event["payload"] or "{}")} for event in events]


def _known(cursor: Connection, event: Review) -> Receipt | None:
    query = "SELECT seq, status, revision, example_id, action, reviewer FROM review_events WHERE event_id = ?"
    found = cursor.execute(query, [event.event_id]).fetchall()
    if not found:
        return None
    seq, status, revision, *identity = found[0]
    if identity != [event.example_id, event.action, event.reviewer]:
        raise StoreConflictError(
            f"event id {event.event_id} was already used for another decision",
            where=f"example {event.example_id}",
            cure="give every decision an id of its own",
        )
    if not status:  # an event that a segment brought
        status = _status(cursor, event.example_id, heard(cursor, event.example_id))
    return Receipt(event.event_id, seq, status, revision)


def _example(cursor: Connection, event: Review, live: LiveRows | None) -> tuple[str, int]:
    """Kind and current revision of the event's example."""
    found = None
    if live is not None and (place := live.place(cursor, event.example_id)) is not None:
        found = cursor.execute("SELECT kind FROM examples WHERE rowid = ?", [place]).fetchall()
    found = found or cursor.execute("SELECT kind FROM examples WHERE id = ?", [event.example_id]).fetchall()
    if not found:
        raise StoreError(
            "no such example in this dataset", where=f"example {event.example_id}", cure="reload the queue"
        )
    return found[0][0], heard(cursor, event.example_id).revision


def _problem(event: Review, kind: str) -> str:
    """What is wrong with the payload, or nothing."""
    payload = event.payload
    if event.action not in ACTIONS:
        return f"unknown action {event.action!r}; known: {', '.join(ACTIONS)}"
    if not event.event_id or not event.reviewer:
        return "a decision needs an event id and a reviewer"
    if "side" in payload and (kind != "preference" or payload["side"] not in SIDES):
        return f"side {payload['side']!r} does not fit: only for preferences, one of {', '.join(SIDES)}"
    if event.action == "prefer" and "side" not in payload:
        return "prefer needs a side"
    if event.action == "adjudicate":
        if payload.get("verdict") not in VERDICTS:
            return f"adjudicate needs a verdict, one of {', '.join(VERDICTS)}"
        return _edit_problem(payload, kind) if any(payload.get(text) is not None for text in TEXTS) else ""
    return _edit_problem(payload, kind) if event.action == "edit" else ""


def _edit_problem(payload: Mapping[str, Any], kind: str) -> str:
    texts = {key: payload[key] for key in TEXTS if key in payload}
    if not texts:
        return "an edit needs messages, chosen or rejected"
    for side in ("chosen", "rejected"):
        if side in texts and (kind != "preference" or not isinstance(texts[side], str) or not texts[side]):
            return f"{side} must be text, and only a preference has it"
    if "messages" not in texts:
        return ""
    messages = texts["messages"]
    if not isinstance(messages, (list, tuple)) or not messages or not all(map(_is_message, messages)):
        return "messages must be a list of {role, content}"
    last = "user" if kind == "preference" else "assistant"
    return "" if messages[-1]["role"] == last else f"the last message must be the {last}'s"


def _is_message(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and value.get("role") in ("system", "user", "assistant")
        and isinstance(value.get("content"), str)
    )


def _check_undo(cursor: Connection, event: Review) -> None:
    """Only one's own decisions are undone, each once."""
    query = """
        SELECT reviewer, action, EXISTS (FROM review_events u WHERE u.action = 'undo'
            AND u.example_id = $example AND (u.payload ->> 'event_id') = e.event_id)
        FROM review_events e WHERE event_id = $target AND example_id = $example
    """
    values = {"example": event.example_id, "target": str(event.payload.get("event_id", ""))}
    found = cursor.execute(query, values).fetchall()
    who, action, undone = found[0] if found else ("", "", False)
    problem = ""
    if not found or action == "undo":
        problem = "there is no such decision on this example"
    elif who != clean(event.reviewer):
        problem = f"that decision is {who}'s, and only they can undo it"
    elif undone:
        problem = "that decision is undone already"
    if problem:
        raise StoreConflictError(problem, where=f"example {event.example_id}", cure="reload the example")


def _outdated(cursor: Connection, event: Review, revision: int) -> StoreConflictError:
    query = """
        SELECT e.reviewer, e.time FROM review_events e
        LEFT JOIN review_events t ON t.event_id = (e.payload ->> 'event_id')
        WHERE e.example_id = ? AND (e.action = 'edit' OR (e.action = 'undo' AND t.action = 'edit'))
        ORDER BY e.seq DESC LIMIT 1
    """
    found = cursor.execute(query, [event.example_id]).fetchall()
    who = f"{found[0][0]} changed it at {found[0][1]:%Y-%m-%d %H:%M} UTC" if found else "it was never edited"
    return StoreConflictError(
        f"the text is at revision {revision}, the decision is about revision {event.revision}: {who}",
        where=f"example {event.example_id}",
        cure="reload the example, read the new text and decide again",
    )


def _append(cursor: Connection, event: Review) -> Receipt:
    insert = """
        INSERT INTO review_events (event_id, example_id, revision, reviewer, action, payload, time)
        VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING seq
    """
    values = [event.event_id, event.example_id, event.revision, clean(event.reviewer), event.action]
    [(seq,)] = cursor.execute(insert, [*values, to_json(dict(event.payload)), utc(event.time)]).fetchall()
    said = heard(cursor, event.example_id)
    revision, status = said.revision, _status(cursor, event.example_id, said)
    cursor.execute(
        "UPDATE review_events SET revision = ?, status = ? WHERE event_id = ?",
        [revision, status, event.event_id],
    )
    return Receipt(event.event_id, seq, status, revision)


def _status(cursor: Connection, example_id: str, said: Heard) -> str:
    """The queue status, as the view ``rows_`` has it: what people say, or else what the machine said."""
    if said.touched:
        return said.queue_status("")
    machine = cursor.execute("SELECT state FROM machine WHERE example_id = ?", [example_id]).fetchall()
    return said.queue_status(machine[0][0] if machine else "failed")
