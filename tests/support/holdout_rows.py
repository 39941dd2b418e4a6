"""Datasets of several documents with a few rows each, for what is held out and what is exported."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from gristmill.records import Chunk, Document, Example, Origin, Outcome, Review
from gristmill_data.store import SegmentWriter, Store, call
from support.store_rows import turns

ORIGIN = Origin("qa", "1")


def prose(seed: object, words: int = 80) -> str:
    """Words that no other seed gives in this order."""
    source = random.Random(str(seed))
    return " ".join(f"{source.choice('bdfgklmnprst')}{source.randrange(10_000)}" for _ in range(words)) + "."


def document(uri: str, text: str = "") -> Document:
    return Document.make(uri, text or f"# {uri}\n\n{prose(uri)}", "text/markdown")


def chunk(source: Document) -> Chunk:
    return Chunk.make(source, 0, len(source.text), [])


def row(question: str, answer: str, *sources: Document, **metadata: Any) -> Example:
    """An instruction made from the whole of ``sources``."""
    ids = [chunk(source).id for source in sources]
    return Example.make(
        "instruction", turns(question, answer), generator=ORIGIN, chunk_ids=ids, metadata=metadata
    )


def accepted(example: Example) -> Outcome:
    slot = f"slot-{example.id}"
    return Outcome(slot, example.chunk_ids[0], "qa", 0, "settings-1", "accepted", example_id=example.id)


@dataclass
class Run:
    """One run that reads documents and makes rows; with all ``earlier`` documents nothing gets stale."""

    documents: Sequence[Document]
    rows: Sequence[Example] = ()
    name: str = "run-1"
    earlier: Sequence[Document] = ()
    pairs: Sequence[Example] = field(default_factory=tuple)

    def into(self, store: Store) -> None:
        writer = SegmentWriter(store.path, self.name)
        for record in (*self.documents, *map(chunk, self.documents)):
            writer.add(record)
        for example in (*self.rows, *self.pairs):
            writer.add(example)
            writer.add(accepted(example))
        for one in {one.id: one for one in (*self.earlier, *self.documents)}.values():
            writer.add_row("run_documents", {"document_id": one.id, "uri": one.uri})
        writer.add_row("runs", {"name": "library", "started": datetime.now(UTC), "status": "done"})
        writer.flush()
        store.ingest()


def reviewed(store: Store, rows: Iterable[Example], action: Any = "accept", **payload: Any) -> None:
    """Every row decided by a person."""
    for number, example in enumerate(rows):
        event = f"{action}-{example.id}-{number}"
        store.decide(Review(event, example.id, 0, "ann", action, payload, datetime.now(UTC)))


def export(store: Store, out: Path | None = None, **more: Any) -> tuple[dict[str, Any], set[str]]:
    """The result of a chat export of all rows in use, and the documents that its rows come from."""
    out = out or store.path.with_name("train.jsonl")
    made = call(store.path, "export", format="chat", out=str(out), **more)
    lines = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    return made, {uri for line in lines for uri in line["metadata"]["sources"]}


def hold_out(store: Store, name: str, **how: Any) -> Mapping[str, Any]:
    """Choose and enter, as the command does; what was chosen."""
    chosen: dict[str, Any] = call(store.path, "holdout_choice", name=name, **how)
    told = {key: chosen[key] for key in ("canary", "settings", "new", "since")}
    call(store.path, "hold_out", name=name, author="ann", **told)
    return chosen


@contextmanager
def owned(db: Path) -> Iterator[None]:
    """Another process owns the dataset and serves it."""
    command = [sys.executable, "-m", "support.store_owner", str(db), "secret"]
    folder = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("http")
            yield
        finally:
            process.terminate()
