"""Store operations that need more than the store; importing this module makes them known to the owner."""

from __future__ import annotations

import os
from typing import Any

from gristmill.records import Example, to_json
from gristmill_data.store import Store, call, operation
from gristmill_data.store.access import read_owner_file
from gristmill_data.store.places import target

__all__ = ["call"]


@operation("report")
def report(store: Store, *, out: str, title: str | None = None) -> dict[str, Any]:
    """Write the dataset report to ``out`` with its JSON and Markdown twins; returns their paths."""
    from gristmill_evals.report import write_report
    from gristmill_evals.report.apart import apart

    path = target(store, out)
    frames = store.frames()
    runs = frames["runs"]
    name = title or (str(runs["name"].iloc[-1]) if len(runs) else "empty dataset")
    # drawing it up takes half a minute for 100,000 rows: the review app must answer meanwhile
    write = apart if _serves(store) else write_report
    paths = write(frames, path, name)
    return {"html": str(paths[0]), "files": [str(path) for path in paths]}


def _serves(store: Store) -> bool:
    """Whether this process is the review app of the dataset."""
    owner = read_owner_file(store.path)
    return owner is not None and owner.pid == os.getpid()


@operation("call_keys")
def call_keys(store: Store, *, after: str = "", limit: int = 100_000) -> list[str]:
    """Keys of calls that any run of the dataset used, in order, from the first one after ``after`` on."""
    query = """
        SELECT key FROM (SELECT key FROM calls UNION SELECT unnest(calls) FROM examples)
        WHERE key > ? ORDER BY key LIMIT ?
    """
    return [key for (key,) in store.rows(query, [after, limit])]


@operation("training_rows")
def training_rows(store: Store, *, out: str) -> int:
    """Write what an export would hold to the JSONL file ``out``; how many rows. No export is entered.

    Rows of documents that are held out for a benchmark are left out, as an export does.
    """
    from gristmill_data.exports.dataset import sourced_rows
    from gristmill_data.store.holdouts import held_out

    held, count = held_out(store), 0
    with target(store, out).open("wb") as file:
        for row, documents in sourced_rows(store):
            if not any(document in held for document in documents):
                file.write(to_json(_training_row(row.example)) + b"\n")
                count += 1
    return count


def _training_row(example: Example) -> dict[str, Any]:
    if example.kind != "preference":
        return {"id": example.id, "messages": example.messages}
    sides = {"chosen": example.chosen, "rejected": example.rejected}
    return {"id": example.id, "prompt": example.messages, **sides}
