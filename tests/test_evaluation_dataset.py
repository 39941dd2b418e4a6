"""The rows that an evaluation is held beside: what training sees, and nothing is entered as exported."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from support.holdout_rows import Run, chunk, document, export, hold_out, reviewed, row
from support.store_rows import new_store, turns

from gristmill.errors import UsageError
from gristmill.pipeline.operations import call
from gristmill.records import Example, Origin

DOCUMENTS = [document(f"doc-{n}.md") for n in range(3)]
ROWS = [row(f"What of {one.uri}?", f"Answer {one.uri}.", one) for one in DOCUMENTS]
PAIR = Example.make(
    "preference",
    turns("Which is better?", "")[:1],
    generator=Origin("preference", "1"),
    chunk_ids=[chunk(DOCUMENTS[2]).id],
    chosen="This one.",
    rejected="That one.",
)


def test_rows_are_those_of_an_export_in_all_kinds_and_still_can_be_held_out(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        Run(DOCUMENTS, ROWS, pairs=[PAIR]).into(store)
        hold_out(store, "exam", uris=["doc-0.md"])
        reviewed(store, [ROWS[1]], "edit", messages=turns("What of it?", "Edited."))
        count = call(store.path, "training_rows", out=str(tmp_path / "rows.jsonl"))
        hold_out(store, "late", uris=["doc-1.md"])  # nothing has left
        assert export(store)[1] == {"doc-2.md"}
    rows = {row["id"]: row for row in map(orjson.loads, (tmp_path / "rows.jsonl").read_bytes().splitlines())}
    assert count == len(rows) == 3
    assert ROWS[0].id not in rows
    assert rows[ROWS[1].id]["messages"][-1]["content"] == "Edited."
    assert (rows[PAIR.id]["chosen"], rows[PAIR.id]["rejected"]) == ("This one.", "That one.")


def test_the_dataset_itself_is_not_written_over(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        Run(DOCUMENTS, ROWS).into(store)
        with pytest.raises(UsageError):
            call(store.path, "training_rows", out=str(store.path))
