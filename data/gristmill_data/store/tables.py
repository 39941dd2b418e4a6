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
    Lineage,
    Match,
    Message,
    Origin,
    Outcome,
    Review,
    Score,
    clean,
    constant_json,
)

Column = Literal["text", "json", "int", "float", "texts", "time"]
Values = tuple[Any, ...]
Record = Document | Chunk | Example | Lineage | Score | Match | Outcome | FileFailure | Call | Review


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
        " item_end:int item_text tier side"
    ),
    "outcomes": _columns("slot_id chunk_id task idx:int settings state reason detail raw example_id run_id"),
    "lineage": _columns("child_id parent_id reason run_id time:time"),
    "file_failures": _columns("run_id uri reason detail"),
    "run_documents": _columns("run_id document_id uri"),
    "runs": _columns(
        "run_id name recipe:json started:time finished:time status summary:json version settings:texts"
    ),
    "call_log": _columns(
        "run_id key role model sent:time seconds:float waited:float attempts:int samples:int input_tokens:int"
        " output_tokens:int cost:float finish_reason error retried_for"
    ),
    "call_hits": _columns("run_id role model calls:int"),
    "review_events": _columns("event_id example_id revision:int reviewer action payload:json time:time"),
}


def _places(table: str, *names: str) -> tuple[int, ...]:
    return tuple(list(TABLES[table]).index(name) for name in names)


# Where rows hold texts as long as a prompt or a document; by these a segment is kept to a size.
LONG: Mapping[str, tuple[int, ...]] = {
    "documents": _places("documents", "text"),
    "chunks": _places("chunks", "text"),
    "examples": _places("examples", "messages", "chosen", "rejected"),
    "calls": _places("calls", "messages", "response"),
    "outcomes": _places("outcomes", "raw"),
    "matches": _places("matches", "item_text"),
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


def conform(table: str, row: Mapping[str, Any]) -> Values:
    """``row`` as the values of every column of ``table`` in order, each in the form its column keeps.

    Raises:
        ValueError: no such column.
    """
    columns = TABLES[table]
    unknown = sorted(set(row) - set(columns))
    if unknown:
        raise ValueError(f"table {table} has no column {', '.join(unknown)}")
    return tuple(_value(kind, row.get(name)) for name, kind in columns.items())


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


# A run makes millions of these, so they are built in the order of TABLES and in the form the columns keep.
def _document(record: Document, run_id: str) -> Values:
    metadata = to_json(record.metadata)
    return (clean(record.id), clean(record.uri), clean(record.text), record.media_type, metadata)


def _chunk(record: Chunk, run_id: str) -> Values:
    path = [clean(part) for part in record.heading_path]
    return (record.id, record.document_id, clean(record.text), record.start, record.end, path)


def _example(record: Example, run_id: str) -> Values:
    origin = record.generator
    return (
        record.id,
        record.kind,
        to_json(record.messages),
        None if record.chosen is None else clean(record.chosen),
        None if record.rejected is None else clean(record.rejected),
        list(record.chunk_ids),
        clean(origin.name),
        clean(origin.version),
        constant_json(origin.args, orjson.OPT_NON_STR_KEYS),
        list(record.calls),
        to_json(record.metadata),
        run_id,
        now(),
    )


def _score(record: Score, run_id: str) -> Values:
    return (
        record.example_id,
        clean(record.scorer),
        clean(record.version),
        None if record.value is None else float(record.value),
        None if record.unscored_reason is None else clean(record.unscored_reason),
        clean(record.rationale),
        to_json(record.evidence),
        to_json(record.votes),
    )


def _match(record: Match, run_id: str) -> Values:
    return (
        record.example_id,
        clean(record.benchmark),
        clean(record.item_id),
        record.label,
        float(record.score),
        *record.example_span,
        *record.item_span,
        clean(record.item_text),
        record.tier,
        record.side,
    )


def _outcome(record: Outcome, run_id: str) -> Values:
    return (
        record.slot_id,
        record.chunk_id,
        clean(record.task),
        record.index,
        record.settings,
        record.state,
        clean(record.reason),
        clean(record.detail),
        clean(record.raw),
        record.example_id,
        run_id,
    )


def _lineage(record: Lineage, run_id: str) -> Values:
    return (record.child_id, record.parent_id, clean(record.reason), run_id, now())


def _failure(record: FileFailure, run_id: str) -> Values:
    return (run_id, clean(record.uri), clean(record.reason), clean(record.detail))


def _call(record: Call, run_id: str) -> Values:
    return (
        record.key,
        clean(record.model),
        to_json(record.messages),
        to_json(record.params),
        clean(record.response),
        record.usage.input_tokens,
        record.usage.output_tokens,
        record.cost,
    )


def _review(record: Review, run_id: str) -> Values:
    fields = ("event_id", "example_id", "revision", "reviewer", "action", "time")
    row = {name: getattr(record, name) for name in fields}
    return conform("review_events", {**row, "payload": dict(record.payload)})


_BUILDERS: Mapping[type, tuple[str, Callable[[Any, str], Values]]] = {
    Document: ("documents", _document),
    Chunk: ("chunks", _chunk),
    Example: ("examples", _example),
    Score: ("scores", _score),
    Match: ("matches", _match),
    Outcome: ("outcomes", _outcome),
    Lineage: ("lineage", _lineage),
    FileFailure: ("file_failures", _failure),
    Call: ("calls", _call),
    Review: ("review_events", _review),
}
ROWS = {kind: (table, build, LONG.get(table, ())) for kind, (table, build) in _BUILDERS.items()}
"""By type of record: its table, what makes its row there (values in order), the columns of long texts."""


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
