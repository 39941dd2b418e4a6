"""A small dataset for tests of the review app, written by ourselves: a manual of a watermill."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gristmill.records import (
    Chunk,
    Document,
    Evidence,
    Example,
    FileFailure,
    Match,
    Message,
    Origin,
    Outcome,
    Score,
    content_id,
    example_text,
)
from gristmill_data.store import SegmentWriter

MANUAL = """# Dressing the stones

## When to dress

A pair of French burr stones is dressed after about 100 hours of grinding. Dull stones heat the meal: \
when it leaves the spout warmer than 45 °C, stop and lift the runner.

## How deep the furrows are

The furrows are cut 6 mm deep at the back edge and run out to nothing at the front. The lands between \
them carry 4 to 6 cracks per centimetre.

| Grain | Gap at the eye | Gap at the skirt |
|-------|----------------|------------------|
| Wheat | 0.9 mm         | 0.2 mm           |
| Rye   | 1.1 mm         | 0.3 mm           |

## Logging the work

Every dressing is written to the log with the hours since the last one:

```python
log.append({"stone": "runner", "hours": 104, "depth_mm": 6.0})
```
"""
HARBOUR = """# Harbour notices

## Berths

Vessels up to 24 metres berth at the north quay; longer ones anchor in the roads and are served by launch. \
The quay has fresh water and 16 A shore power.

## Fees

The fee is 2.40 per metre and night. The sixth night of a stay is free.
"""
HOSTILE = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'> [go](javascript:pwned=3)"
QA = Origin("qa", "1", {"model": "writer", "per_chunk": 2})
PAIRS = Origin("preference", "1", {"model": "writer"})


def document(uri: str, text: str) -> Document:
    return Document.make(uri, text, "text/markdown", {"title": text.splitlines()[0].lstrip("# ")})


def chunks(source: Document) -> list[Chunk]:
    """One chunk for each second-level section."""
    starts = [i for i in range(len(source.text)) if source.text.startswith("## ", i)]
    title = source.text.splitlines()[0].lstrip("# ")
    ends = [*starts[1:], len(source.text)]
    return [
        Chunk.make(source, start, end, (title, source.text[start:].split("\n", 1)[0].lstrip("# ")))
        for start, end in zip(starts, ends, strict=True)
    ]


def evidence(source: Document, chunk: Chunk, quote: str) -> list[Evidence]:
    start = source.text.index(quote)
    return [Evidence(chunk_id=chunk.id, start=start, end=start + len(quote), quote=quote)]


def instruction(chunk: Chunk, question: str, answer: str, **metadata: Any) -> Example:
    messages = [Message(role="user", content=question), Message(role="assistant", content=answer)]
    return Example.make(
        "instruction", messages, generator=QA, chunk_ids=[chunk.id], metadata={"type": "factual", **metadata}
    )


def pair(chunk: Chunk, question: str, chosen: str, rejected: str, **metadata: Any) -> Example:
    return Example.make(
        "preference", [Message(role="user", content=question)], generator=PAIRS, chunk_ids=[chunk.id],
        chosen=chosen, rejected=rejected, metadata={"type": "procedure", "fault": "omission", **metadata},
    )  # fmt: skip


def examples(manual: Document, harbour: Document) -> list[Example]:
    """Four instruction rows, a pair, and a hostile row, in the order of their documents."""
    when, furrows, log = chunks(manual)
    berths, fees = chunks(harbour)
    quotes = {
        when: "dressed after about 100 hours of grinding",
        furrows: "cut 6 mm deep at the back edge",
        fees: "The fee is 2.40 per metre and night.",
    }
    marks = {chunk: {"evidence": evidence(manual if chunk is not fees else harbour, chunk, quote)}
             for chunk, quote in quotes.items()}  # fmt: skip
    return [
        instruction(when, "How often is a pair of French burr stones dressed?",
                    "After about **100 hours** of grinding.", **marks[when]),
        instruction(furrows, "How deep are the furrows cut?",
                    "They are 6 mm deep at the back edge and run out at the front.", **marks[furrows]),
        instruction(log, "How is a dressing logged in Python?",
                    'Append a record:\n\n```python\nlog.append({"stone": "runner", "hours": 104})\n```',
                    type="code"),
        instruction(fees, "What does a berth cost?", "2.40 per metre and night.", **marks[fees]),
        pair(berths, "Where does a vessel of 30 metres go?",
             "It anchors in the roads and is served by launch.", "It berths at the north quay."),
        instruction(berths, f"Is this safe? {HOSTILE}", f"{HOSTILE}\n\n![pixel](http://192.0.2.1/p.png)"),
    ]  # fmt: skip


def outcome(example: Example, index: int, state: str = "accepted", reason: str = "") -> Outcome:
    slot = content_id("slot", example.id)
    task = example.generator.name
    return Outcome(slot, example.chunk_ids[0], task, index, "s1", state, reason, example_id=example.id)  # type: ignore[arg-type]


def scores(rows: Sequence[Example]) -> list[Score]:
    return [
        Score(row.id, scorer, "1", value, rationale="Says what the source says.")
        for n, row in enumerate(rows)
        for scorer, value in (("answer", 0.55 + 0.07 * (n % 6)), ("groundedness", 0.9))
    ]


def match(example: Example) -> Match:
    item = "A mooring costs 2.40 per metre and night. How much do 10 metres cost for 5 nights?"
    ours = example_text(example).index("2.40 per metre")
    theirs = item.index("2.40 per metre")
    return Match(
        example.id, "harbour-math", "q17", "near", 0.82, (ours, ours + 24), (theirs, theirs + 24), item
    )


def write(db: Path, records: Iterable[Any], documents: Iterable[Document], run_id: str = "run-1") -> None:
    """Hand the records in as a finished run would: one segment."""
    writer = SegmentWriter(db, run_id)
    times = {"started": "2026-11-01T10:00:00+00:00", "finished": "2026-11-01T10:02:00+00:00"}
    writer.add_row("runs", {"run_id": run_id, "name": "mill", "status": "finished", "version": "0", **times})
    for record in documents:
        writer.add(record)
        writer.add_row("run_documents", {"document_id": record.id, "uri": record.uri})
    for record in records:
        writer.add(record)
    writer.flush()


PLATES = 10


def short_rows(manual: Document, number: int) -> list[Example]:
    """Rows in any number: ten plates, each found by its name (``plate 07``), then beams for whoever comes."""
    log = chunks(manual)[2]
    asked = ["What is stamped on plate" if n < PLATES else "What is carved into beam" for n in range(number)]
    return [
        instruction(log, f"{question} {n:02d}?", f"The number {n} and the year {1700 + n}.")
        for n, question in enumerate(asked)
    ]


def fill(db: Path, more: int = 0) -> list[Example]:
    """Write the whole dataset as a waiting segment of ``db`` and return its rows, ``more`` short ones."""
    manual, harbour = document("mill/dressing.md", MANUAL), document("harbour.md", HARBOUR)
    rows = [*examples(manual, harbour), *short_rows(manual, more)]
    records = [*chunks(manual), *chunks(harbour), *rows, *map(outcome, rows, range(len(rows)))]
    records += [*scores(rows), match(rows[3]), FileFailure("mill/plan.pdf", "scanned", "no text layer")]
    write(db, records, [manual, harbour])
    return rows
