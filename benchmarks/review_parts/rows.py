"""A dataset of any size, made up: documents, rows with scores, votes, calls and matches, handed in as
segments."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gristmill.records import (
    Call,
    Chunk,
    Document,
    Example,
    Match,
    Message,
    Origin,
    Outcome,
    Score,
    Usage,
    content_id,
)
from gristmill_data.store import SegmentWriter, Store

ROWS_PER_CHUNK = 5
CHUNKS_PER_DOCUMENT = 20
MODELS = ("org/small-7b", "org/large-70b", "lab/tiny")
SETTINGS = "settings-1"
RECIPE = {"name": "load", "accept": "answer >= 0.7 and groundedness >= 0.5"}
SUBJECTS = (
    "kiln", "mill", "loom", "forge", "press", "lathe", "furnace", "boiler",
    "crane", "pump", "valve", "turbine", "belt", "gear", "hopper", "sieve",
)  # fmt: skip
VERBS = (
    "heats", "cools", "turns", "grinds", "lifts", "seals", "feeds",
    "drains", "balances", "cuts", "presses", "sorts", "dries", "mixes",
)  # fmt: skip
THINGS = (
    "clay", "flour", "wool", "iron", "paper", "oak", "glass", "steam",
    "stone", "water", "oil", "sand", "grain", "copper", "rope", "brick",
)  # fmt: skip
PLACES = (
    "north", "south", "upper", "lower", "old", "new", "inner", "outer",
    "first", "second", "third", "harbour", "valley", "river", "hill", "east",
)  # fmt: skip


def text(drawn: random.Random, words: int) -> str:
    """Sentences of about so many words."""
    said = []
    for _ in range(max(1, words // 9)):
        place, subject, verb, thing = map(drawn.choice, (PLACES, SUBJECTS, VERBS, THINGS))
        said.append(f"The {place} {subject} {verb} {drawn.randint(2, 90)} parts of {thing} an hour.")
    return " ".join(said)


def documents(rows: int, seed: int = 1) -> Iterator[tuple[Document, list[Chunk]]]:
    """As many documents, with their chunks, as ``rows`` rows are made of."""
    drawn = random.Random(seed)
    per_document = ROWS_PER_CHUNK * CHUNKS_PER_DOCUMENT
    for number in range(-(-rows // per_document)):
        parts = [text(drawn, 80) for _ in range(CHUNKS_PER_DOCUMENT)]
        document = Document.make(f"works/part-{seed}-{number:05d}.md", "\n\n".join(parts), "text/markdown")
        chunks, start = [], 0
        for part in parts:
            chunks.append(Chunk.make(document, start, start + len(part), [f"Part {number}"]))
            start += len(part) + 2
        yield document, chunks


def records(chunk: Chunk, drawn: random.Random) -> Iterator[Any]:
    """The rows of one chunk, and what is recorded about each."""
    model = drawn.choice(MODELS)
    asked = (Message(role="user", content=f"Write questions about this text.\n\n{chunk.text}"),)
    answer = Call(
        content_id("call", chunk.id),
        model,
        asked,
        {"temperature": 0.7},
        text(drawn, 60),
        Usage(300, 120),
        1e-4,
    )
    yield answer
    for index in range(ROWS_PER_CHUNK):
        example = _example(chunk, drawn, index, answer.key)
        state = drawn.choices(("accepted", "rejected", "failed"), (85, 12, 3))[0]
        reason = {"accepted": "", "rejected": "low-score", "failed": "broken-json"}[state]
        slot = content_id("slot", example.id)
        yield example
        yield Outcome(slot, chunk.id, "qa", index, SETTINGS, state, reason, example_id=example.id)  # type: ignore[arg-type]
        yield from _scores(example, drawn)
        if drawn.random() < 0.02:
            item, score = f"i{drawn.randint(1, 500)}", drawn.random()
            yield Match(example.id, "load-bench", item, "near", score, (0, 9), (0, 9),
                        text(drawn, 20))  # fmt: skip


def _example(chunk: Chunk, drawn: random.Random, index: int, call: str) -> Example:
    quote = chunk.text[:40]
    evidence = [{"chunk_id": chunk.id, "start": chunk.start, "end": chunk.start + 40, "quote": quote}]
    origin, kind, sides = Origin("qa", "1", {"per_chunk": ROWS_PER_CHUNK}), "instruction", (None, None)
    messages = [Message(role="user", content=f"What does {text(drawn, 9).lower()} {index}?")]
    if drawn.random() < 0.1:
        origin, kind, sides = Origin("preference", "1"), "preference", (text(drawn, 60), text(drawn, 60))
    else:
        messages.append(Message(role="assistant", content=text(drawn, 60)))
    return Example.make(
        kind, messages, generator=origin, chunk_ids=[chunk.id], calls=[call],
        chosen=sides[0], rejected=sides[1],
        metadata={"type": drawn.choice(("factual", "procedure", "why")), "evidence": evidence},
    )  # type: ignore[arg-type]  # fmt: skip


def _scores(example: Example, drawn: random.Random) -> Iterator[Score]:
    for scorer in ("answer", "groundedness"):
        values = [round(drawn.betavariate(5, 2), 2) for _ in range(3)]
        votes = tuple({"judge": f"judge-{n}", "value": value} for n, value in enumerate(values))
        yield Score(example.id, scorer, "1", sum(values) / 3, None, "Says what the source says.", (), votes)


def write(
    db: Path, rows: int, *, seed: int = 1, segment: int = 20_000, run_id: str = "load-1"
) -> Iterator[int]:
    """Hand in a whole run, segment by segment; yields the number of rows (examples) handed in so far."""
    writer, made, drawn = SegmentWriter(db, run_id), 0, random.Random(seed)
    run = {"run_id": run_id, "name": "load", "status": "running", "started": datetime.now(UTC)}
    writer.add_row("runs", {**run, "recipe": RECIPE, "settings": [SETTINGS]})
    for document, chunks in documents(rows, seed):
        writer.add_row("run_documents", {"document_id": document.id, "uri": document.uri})
        for record in (document, *chunks):
            writer.add(record)
        for chunk in chunks:
            for record in records(chunk, drawn):
                writer.add(record)
            made += ROWS_PER_CHUNK
            if writer.pending >= segment:
                writer.flush()
                yield made
    writer.flush()
    yield made


def build(db: Path, rows: int) -> int:
    """A dataset with that many rows at ``db``; the number of its rows."""
    with Store.open(db) as store:
        made = 0
        for handed_in in write(db, rows):
            made = handed_in
            store.ingest()
    return made
