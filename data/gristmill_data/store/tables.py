"""The tables a segment may carry: their columns, and how a record becomes a row of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, cast

import orjson

from gristmill import records
from gristmill.records import (
    Call,
    Chunk,
    Document,
    Example,
    FileFailure,
    Match,
    Message,
    Origin,
    Outcome,
    Review,
    Score,
    clean,
)

Column = Literal["text", "json", "int", "float", "texts", "time"]
Row = dict[str, Any]
Record = Document | Chunk | Example | Score | Match | Outcome | FileFailure | Call | Review


def _columns(spec: str) -> Mapping[str, Column]:
    pairs = (word.partition(":") for word in spec.split())
    return {name: cast("Column", kind or "text") for name, _, kind in pairs}


TABLES: Mapping[str, Mapping[str, Column]] = {
    "documents": _columns("id uri text media_type metadata:json"),
    "chunks": _columns("id document_id text start_:int end_:int heading_path:texts"),
    "examples": _columns(
        "id kind messages:json chosen rejected chunk_ids:texts generator generator_version"
        " generator_args:json calls:texts metadata:json run_id created:time"
    ),
    "calls": _columns(
        "key model messages:json params:json response input_tokens:int output_tokens:int cost:float"
    ),
    "scores": _columns(
        "example_id scorer version value:float unscored_reason rationale evidence:json votes:json"
    ),
    "matches": _columns(
        "example_id benchmark item_id label score:float example_start:int example_end:int item_start:int"
        " item_end:int item_text"
    ),
    "outcomes": _columns("slot_id chunk_id task idx:int settings state reason detail raw example_id run_id"),
    "file_failures": _columns("run_id uri reason detail"),
    "run_documents": _columns("run_id document_id uri"),
    "runs": _columns(
        "run_id name recipe:json started:time finished:time status summary:json version settings:texts"
    ),
    "review_events": _columns("event_id example_id revision:int reviewer action payload:json time:time"),
}


def to_json(value: object) -> str:
    """JSON text of ``value``, whatever it holds; see :func:`gristmill.records.to_json`."""
    return records.to_json(value, orjson.OPT_NON_STR_KEYS).decode()


def utc(value: datetime | str | None) -> datetime | None:
    """A point in time as the database keeps it: UTC without an offset. A naive time is taken as UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value is None or value.tzinfo is None:
        return value
    return value.astimezone(UTC).replace(tzinfo=None)


def now() -> datetime:
    """Now, in UTC without an offset."""
    return datetime.now(UTC).replace(tzinfo=None)


def conform(table: str, row: Mapping[str, Any]) -> Row:
    """``row`` with every column of ``table``, each value in the form its column keeps."""
    columns = TABLES[table]
    unknown = sorted(set(row) - set(columns))
    if unknown:
        raise ValueError(f"table {table} has no column {', '.join(unknown)}")
    return {name: _value(kind, row.get(name)) for name, kind in columns.items()}


def _value(kind: Column, value: Any) -> Any:
    if value is None:
        return None
    if kind == "json":
        return clean(value) if isinstance(value, str) else to_json(value)
    if kind == "text":
        return clean(str(value))
    if kind == "texts":
        return [clean(str(item)) for item in value]
    if kind == "time":
        return utc(value)
    return int(value) if kind == "int" else float(value)


def _document(record: Document, run_id: str) -> tuple[str, Row]:
    fields = {"id": record.id, "uri": record.uri, "text": record.text, "media_type": record.media_type}
    return "documents", {**fields, "metadata": dict(record.metadata)}


def _chunk(record: Chunk, run_id: str) -> tuple[str, Row]:
    fields = {"id": record.id, "document_id": record.document_id, "text": record.text}
    return "chunks", {
        **fields,
        "start_": record.start,
        "end_": record.end,
        "heading_path": record.heading_path,
    }


def _example(record: Example, run_id: str) -> tuple[str, Row]:
    return "examples", {
        **example_to_json(record),
        "generator": record.generator.name,
        "generator_version": record.generator.version,
        "generator_args": dict(record.generator.args),
        "run_id": run_id,
        "created": now(),
    }


def _score(record: Score, run_id: str) -> tuple[str, Row]:
    fields = ("example_id", "scorer", "version", "value", "unscored_reason", "rationale")
    row = {name: getattr(record, name) for name in fields}
    return "scores", {**row, "evidence": list(record.evidence), "votes": [dict(v) for v in record.votes]}


def _match(record: Match, run_id: str) -> tuple[str, Row]:
    fields = ("example_id", "benchmark", "item_id", "label", "score", "item_text")
    row = {name: getattr(record, name) for name in fields}
    row["example_start"], row["example_end"] = record.example_span
    row["item_start"], row["item_end"] = record.item_span
    return "matches", row


def _outcome(record: Outcome, run_id: str) -> tuple[str, Row]:
    fields = ("slot_id", "chunk_id", "task", "settings", "state", "reason", "detail", "raw", "example_id")
    row = {name: getattr(record, name) for name in fields}
    return "outcomes", {**row, "idx": record.index, "run_id": run_id}


def _failure(record: FileFailure, run_id: str) -> tuple[str, Row]:
    row = {"run_id": run_id, "uri": record.uri, "reason": record.reason, "detail": record.detail}
    return "file_failures", row


def _call(record: Call, run_id: str) -> tuple[str, Row]:
    fields = {"key": record.key, "model": record.model, "messages": list(record.messages)}
    usage = {"input_tokens": record.usage.input_tokens, "output_tokens": record.usage.output_tokens}
    rest = {"params": dict(record.params), "response": record.response, "cost": record.cost}
    return "calls", {**fields, **rest, **usage}


def _review(record: Review, run_id: str) -> tuple[str, Row]:
    fields = ("event_id", "example_id", "revision", "reviewer", "action", "time")
    row = {name: getattr(record, name) for name in fields}
    return "review_events", {**row, "payload": dict(record.payload)}


_ROWS: Mapping[type, Callable[[Any, str], tuple[str, Row]]] = {
    Document: _document,
    Chunk: _chunk,
    Example: _example,
    Score: _score,
    Match: _match,
    Outcome: _outcome,
    FileFailure: _failure,
    Call: _call,
    Review: _review,
}


def to_row(record: Record, run_id: str) -> tuple[str, Row]:
    """The table of ``record`` and its row there."""
    return _ROWS[type(record)](record, run_id)


def example_to_json(example: Example) -> dict[str, Any]:
    """``example`` as plain JSON-able data; :func:`example_from_json` is its inverse."""
    origin = example.generator
    return {
        "id": example.id,
        "kind": example.kind,
        "messages": [dict(message) for message in example.messages],
        "chosen": example.chosen,
        "rejected": example.rejected,
        "chunk_ids": list(example.chunk_ids),
        "generator": {"name": origin.name, "version": origin.version, "args": dict(origin.args)},
        "calls": list(example.calls),
        "metadata": dict(example.metadata),
    }


def example_from_json(data: Mapping[str, Any]) -> Example:
    """The example that :func:`example_to_json` wrote; keys it does not know are left aside."""
    origin = data["generator"]
    return Example(
        data["id"],
        data["kind"],
        tuple(Message(role=m["role"], content=m["content"]) for m in data["messages"]),
        data["chosen"],
        data["rejected"],
        tuple(data["chunk_ids"]),
        Origin(origin["name"], origin["version"], origin["args"]),
        tuple(data["calls"]),
        data["metadata"],
    )
