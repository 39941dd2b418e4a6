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


_ITEM = """
    SELECT e.*, r.revision, r.uri, r.document_id, r.chunk_start, r.chunk_end, r.heading_path, r.stale, r.side,
        r.queue_status, coalesce(r.reason, '') AS reason, coalesce(r.detail, '') AS detail,
        r.messages AS messages_now, r.chosen AS chosen_now, r.rejected AS rejected_now,
        greatest(r.chunk_start - $context, 0) AS passage_start,
        substr(d.text, greatest(r.chunk_start - $context, 0) + 1,
            r.chunk_end + $context - greatest(r.chunk_start - $context, 0)) AS passage
    FROM examples e JOIN rows_ r ON r.example_id = e.id LEFT JOIN documents d ON d.id = r.document_id
    WHERE e.id = $id
"""

_MODELS = """
    SELECT DISTINCT c.model FROM (SELECT unnest(calls) AS key FROM examples WHERE id = $id)
    JOIN calls c USING (key) ORDER BY c.model
"""


def item(store: Store, example_id: str) -> ItemView:
    """All about one example.

    Raises:
        StoreError: it is not in the dataset.
    """
    found = store.dicts(_ITEM, {"id": example_id, "context": CONTEXT_CHARS})
    if not found:
        raise StoreError(
            "no such example in this dataset", where=f"example {example_id}", cure="reload the queue"
        )
    row = found[0]
    original = row_example(row)
    example = replace(
        original,
        messages=_messages(row["messages_now"]),
        chosen=row["chosen_now"],
        rejected=row["rejected_now"],
    )
    start, passage = row["passage_start"] or 0, row["passage"] or ""
    spans, others = _evidence(example.metadata.get("evidence") or (), start, passage)
    return ItemView(
        example=example,
        original=original,
        revision=row["revision"],
        passage=passage,
        chunk_start=(row["chunk_start"] or 0) - start,
        chunk_end=(row["chunk_end"] or 0) - start,
        evidence=spans,
        other_quotes=others,
        heading_path=tuple(row["heading_path"] or ()),
        uri=row["uri"] or "",
        document_id=row["document_id"] or "",
        scores=_scores(store, example_id),
        matches=_matches(store, example_id),
        history=tuple(history(store, example_id)),
        status=row["queue_status"],
        stale=row["stale"],
        side=row["side"],
        reason=row["reason"],
        detail=row["detail"],
        models=tuple(model for (model,) in store.rows(_MODELS, {"id": example_id})),
    )


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


def _scores(store: Store, example_id: str) -> tuple[Score, ...]:
    rows = store.dicts("SELECT * FROM scores WHERE example_id = ? ORDER BY scorer", [example_id])
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
