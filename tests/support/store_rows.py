"""A small dataset to put into a store: two documents, a few examples, their outcomes and scores."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from gristmill.records import (
    Action,
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
    State,
)
from gristmill_data.store import SegmentWriter, Store

TEXT = (
    "# Ovens\n\nA deck oven holds its heat in stone. 🍞 Steam keeps the crust soft."
    "\n\n# Mixers\n\nA spiral mixer turns."
)
ORIGIN = Origin("qa", "1", {"per_chunk": 2})


def document(uri: str = "ovens.md", text: str = TEXT) -> Document:
    return Document.make(uri, text, "text/markdown", {"title": "Ovens"})


def chunk(doc: Document) -> Chunk:
    return Chunk.make(doc, 9, doc.text.index("\n\n# Mixers"), ["Ovens"])


def turns(question: str, answer: str | None = None) -> list[Message]:
    messages = [Message(role="user", content=question)]
    return messages if answer is None else [*messages, Message(role="assistant", content=answer)]


def instruction(source: Chunk, number: int = 0, **metadata: Any) -> Example:
    quote = "holds its heat in stone"
    start = source.start + source.text.index(quote)
    evidence = [{"chunk_id": source.id, "start": start, "end": start + len(quote), "quote": quote}]
    return Example.make(
        "instruction",
        turns(f"What does deck oven {number} do?", f"Oven {number} holds its heat in stone."),
        generator=ORIGIN,
        chunk_ids=[source.id],
        calls=["call-1"],
        metadata={"evidence": evidence, "type": "factual", **metadata},
    )


def preference(source: Chunk, number: int = 0) -> Example:
    return Example.make(
        "preference",
        turns(f"How does pair {number} work?"),
        generator=Origin("preference", "1"),
        chunk_ids=[source.id],
        chosen=f"good {number}",
        rejected=f"bad {number}",
    )


def outcome(example: Example, state: State = "accepted", reason: str = "", task: str = "qa") -> Outcome:
    slot = f"slot-{example.id}"
    return Outcome(slot, example.chunk_ids[0], task, 0, "settings-1", state, reason, example_id=example.id)


def review(
    example: Example, action: Action, *, by: str = "ann", revision: int = 0, event: str = "", **payload: Any
) -> Review:
    return Review(event or uuid4().hex, example.id, revision, by, action, payload, datetime.now(UTC))


@dataclass(frozen=True)
class Dataset:
    """What :func:`fill` put into a store."""

    document: Document
    chunk: Chunk
    examples: list[Example]
    pairs: list[Example]


def fill(store: Store, examples: int = 3, pairs: int = 1, run_id: str = "run-1") -> Dataset:
    """Ingest one run: instructions scored 0.0, 0.1, …, pairs, one rejected and one failed slot."""
    doc = document()
    source = chunk(doc)
    made = [instruction(source, n) for n in range(examples)]
    both = [preference(source, n) for n in range(pairs)]
    writer = SegmentWriter(store.path, run_id)
    for record in (doc, source, *made, *both, *map(outcome, [*made, *both])):
        writer.add(record)
    for n, example in enumerate(made):
        writer.add(Score(example.id, "answer", "1", n / 10, rationale="because"))
    writer.add(Outcome("slot-r", source.id, "qa", 1, "settings-1", "rejected", "too-short"))
    writer.add(Outcome("slot-f", source.id, "qa", 2, "settings-1", "failed", "broken-json", raw="{"))
    writer.add(FileFailure("locked.pdf", "encrypted"))
    writer.add_row("run_documents", {"document_id": doc.id, "uri": doc.uri})
    writer.add_row("runs", {"name": "bakery", "started": datetime.now(UTC), "status": "done", "summary": {}})
    writer.flush()
    store.ingest()
    return Dataset(doc, source, made, both)


def match(example: Example, item: str = "i1") -> Match:
    return Match(example.id, "bench", item, "near", 0.8, (0, 4), (0, 4), "What is it?")


@functools.cache
def _empty() -> bytes:
    """A dataset as it is when it has just been created, which takes four times as long as to open one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.duckdb")
        Store.open(path).close()
        return path.read_bytes()


def new_store(folder: Path) -> Store:
    """The dataset of ``folder``: a new one, or that which is there."""
    path = folder / "data.duckdb"
    if not path.exists():
        path.write_bytes(_empty())
    return Store.open(path)
