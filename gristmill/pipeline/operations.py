"""Store operations that need more than the store; importing this module makes them known to the owner."""

from __future__ import annotations

from typing import Any

from gristmill_data.store import Store, call, operation
from gristmill_data.store.places import target

__all__ = ["call"]


@operation("report")
def report(store: Store, *, out: str, title: str | None = None) -> dict[str, Any]:
    """Write the dataset report to ``out`` with its JSON and Markdown twins; returns their paths."""
    from gristmill_evals.report import write_report

    path = target(store, out)
    frames = store.frames()
    runs = frames["runs"]
    name = str(runs["name"].iloc[-1]) if len(runs) else "empty dataset"
    paths = write_report(frames, path, title or name)
    return {"html": str(paths[0]), "files": [str(path) for path in paths]}


@operation("call_keys")
def call_keys(store: Store, *, after: str = "", limit: int = 100_000) -> list[str]:
    """Keys of calls that any run of the dataset used, in order, from the first one after ``after`` on."""
    query = """
        SELECT key FROM (SELECT key FROM calls UNION SELECT unnest(calls) FROM examples)
        WHERE key > ? ORDER BY key LIMIT ?
    """
    return [key for (key,) in store.rows(query, [after, limit])]
