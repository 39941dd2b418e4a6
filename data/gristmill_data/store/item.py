"""One example as a reviewer sees it: its text, the source around it, and all that is known about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from gristmill.errors import StoreError
from gristmill.records import Example, Match, Message, Origin, Score
from gristmill_data.store.review import history

if TYPE_CHECKING:
    from gristmill_data.store.connect import Connection
    from gristmill_data.store.core import Store

CONTEXT_CHARS = 600


@dataclass(frozen=True, slots=True)
class PassageSpan:
    """A quote in the passage: ``passage[start:end] == quote``. ``criterion`` may be empty."""

    start: int
    end: int
    quote: str
    criterion: str = ""


@dataclass(frozen=True, slots=True)
class ItemView:
    """One example for review.

    ``example`` holds the current text, edits of reviewers applied (its id stays that of ``original``, the
    row as generated). ``passage`` is the first source chunk with up to 600 characters of its document
    before and after it; ``passage[chunk_start:chunk_end]`` is the chunk, ``evidence`` are spans of the
    passage, and ``other_quotes`` is evidence from elsewhere in the document. ``status`` is the queue status,
    ``side`` the preferred side as stored, ``reason`` and ``detail`` are the machine's. ``models`` are those
    whose answers it was made of. ``history`` is as in :func:`gristmill_data.store.review.history`.
    """

    example: Example
    original: Example
    revision: int
    passage: str
    chunk_start: int
    chunk_end: int
    evidence: tuple[PassageSpan, ...]
    other_quotes: tuple[str, ...]
    heading_path: tuple[str, ...]
    uri: str
    document_id: str
    scores: tuple[Score, ...]
    matches: tuple[Match, ...]
    history: tuple[Mapping[str, Any], ...]
    status: str
    stale: bool
    side: str | None
    reason: str
    detail: str
    models: tuple[str, ...] = ()


# Places are row numbers of tables that are only appended to: looked up, not searched for.
_STATE = """
SELECT place, chunk_place, document_place, revision, coalesce(uri, '') AS uri, coalesce(document_id, '') AS
    document_id,
    stale, side, queue_status, coalesce(reason, '') AS reason, models, labels
FROM gm_live.rows WHERE place = ?
"""
_CHUNK = "SELECT start_, end_, heading_path FROM chunks WHERE rowid = ?"
_EDITED = "SELECT messages, chosen, rejected FROM edited WHERE example_id = ?"
_SCORES = "SELECT * FROM scores WHERE {places} example_id = ? ORDER BY scorer"
_DETAIL = "SELECT coalesce(max(detail), '') FROM machine WHERE example_id = ?"


def item(store: Store, example_id: str) -> ItemView:
    """All about one example.

    Raises:
        StoreError: it is not in the dataset.
    """
    live = store.live()
    with live.reading() as cursor:
        place = live.place(cursor, example_id)
        if place is None:
            raise StoreError(
                "no such example in this dataset", where=f"example {example_id}", cure="reload the queue"
            )
        [state] = _dicts(cursor, _STATE, [place])
        original = row_example(_dicts(cursor, "SELECT * FROM examples WHERE rowid = ?", [state["place"]])[0])
        example = _as_edited(cursor, original) if state["revision"] else original
        span = _one(cursor, _CHUNK, [state["chunk_place"]]) or (0, 0, ())
        start, passage = _passage(store, cursor, state["document_place"], span)
        scores = _scores(cursor, state["place"], example_id)
        detail = _one(cursor, _DETAIL, [example_id]) if state["reason"] else None
    spans, others = _evidence(example.metadata.get("evidence") or (), start, passage)
    return ItemView(
        example=example,
        original=original,
        revision=state["revision"],
        passage=passage,
        chunk_start=span[0] - start,
        chunk_end=span[1] - start,
        evidence=spans,
        other_quotes=others,
        heading_path=tuple(span[2] or ()),
        uri=state["uri"],
        document_id=state["document_id"],
        scores=scores,
        matches=_matches(store, example_id) if state["labels"] else (),
        history=tuple(history(store, example_id)),
        status=state["queue_status"],
        stale=state["stale"],
        side=state["side"],
        reason=state["reason"],
        detail=detail[0] if detail else "",
        models=tuple(state["models"]),
    )


def _as_edited(cursor: Connection, original: Example) -> Example:
    messages, chosen, rejected = _one(cursor, _EDITED, [original.id]) or (None, None, None)
    return replace(
        original,
        messages=_messages(messages) if messages else original.messages,
        chosen=chosen or original.chosen,
        rejected=rejected or original.rejected,
    )


def _passage(store: Store, cursor: Connection, place: int | None, span: tuple[Any, ...]) -> tuple[int, str]:
    """Where the passage around a chunk starts in its document, and its text."""
    start = max(span[0] - CONTEXT_CHARS, 0)
    return start, store.live().document(cursor, place)[start : span[1] + CONTEXT_CHARS]


def _one(cursor: Connection, query: str, values: Any) -> tuple[Any, ...] | None:
    rows = cursor.execute(query, values).fetchall()
    return rows[0] if rows else None


def _dicts(cursor: Connection, query: str, values: Any) -> list[dict[str, Any]]:
    result = cursor.execute(query, values)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def row_example(row: Mapping[str, Any]) -> Example:
    """The example in a row of the table ``examples`` (by column name)."""
    origin = Origin(row["generator"], row["generator_version"], orjson.loads(row["generator_args"] or "{}"))
    return Example(
        row["id"],
        row["kind"],
        _messages(row["messages"]),
        row["chosen"],
        row["rejected"],
        tuple(row["chunk_ids"]),
        origin,
        tuple(row["calls"] or ()),
        orjson.loads(row["metadata"] or "{}"),
    )


def _messages(text: str) -> tuple[Message, ...]:
    return tuple(Message(role=m["role"], content=m["content"]) for m in orjson.loads(text))


def _evidence(
    evidence: Sequence[Mapping[str, Any]], start: int, passage: str
) -> tuple[tuple[PassageSpan, ...], tuple[str, ...]]:
    """Spans of document offsets as spans of the passage, and the quotes that lie outside of it."""
    spans, others = [], []
    for mark in evidence:
        left, right = mark["start"] - start, mark["end"] - start
        if 0 <= left < right <= len(passage):
            spans.append(PassageSpan(left, right, passage[left:right], mark.get("criterion", "")))
        else:
            others.append(str(mark["quote"]))
    return tuple(spans), tuple(others)


def _scores(cursor: Connection, place: int, example_id: str) -> tuple[Score, ...]:
    """Scores are replaced, so their places may have moved: then they are searched for."""
    found = cursor.execute("SELECT score_place FROM gm_live.marks WHERE place = ?", [place]).fetchall()
    rows: list[dict[str, Any]] = []
    if found:
        places = ", ".join(str(at) for (at,) in found)
        rows = _dicts(cursor, _SCORES.format(places=f"rowid IN ({places}) AND"), [example_id])
    if len(rows) != len(found):
        rows = _dicts(cursor, _SCORES.format(places=""), [example_id])
    return tuple(
        Score(
            example_id,
            row["scorer"],
            row["version"],
            row["value"],
            row["unscored_reason"],
            row["rationale"] or "",
            tuple(orjson.loads(row["evidence"] or "[]")),
            tuple(orjson.loads(row["votes"] or "[]")),
        )
        for row in rows
    )


def _matches(store: Store, example_id: str) -> tuple[Match, ...]:
    query = "SELECT * FROM matches WHERE example_id = ? ORDER BY score DESC, benchmark, item_id"
    return tuple(
        Match(
            example_id,
            row["benchmark"],
            row["item_id"],
            row["label"],
            row["score"],
            (row["example_start"], row["example_end"]),
            (row["item_start"], row["item_end"]),
            row["item_text"] or "",
            row["tier"] or "",
            row["side"] or "question",
        )
        for row in store.dicts(query, [example_id])
    )
