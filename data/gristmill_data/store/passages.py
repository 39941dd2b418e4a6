"""Texts behind a row that are only read on demand: a window of its document, the recipe of its run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from gristmill.errors import StoreError

if TYPE_CHECKING:
    from gristmill_data.store.core import Store


@dataclass(frozen=True, slots=True)
class Window:
    """``text`` is ``document.text[start:start + len(text)]`` of a document of ``chars`` characters."""

    uri: str
    chars: int
    start: int
    text: str


def document_window(store: Store, document_id: str, start: int, length: int) -> Window:
    """A part of a document, from ``start`` on.

    Raises:
        StoreError: it is not in the dataset.
    """
    start = max(start, 0)
    query = "SELECT uri, length(text), substr(text, ?, ?) FROM documents WHERE id = ?"
    found = store.rows(query, [start + 1, max(length, 0), document_id])
    if not found:
        raise StoreError(
            "no such document in this dataset", where=f"document {document_id}", cure="reload the row"
        )
    uri, chars, text = found[0]
    return Window(uri, chars, start, text or "")


def score_steps(store: Store, example_id: str) -> list[dict[str, Any]]:
    """The ``score`` steps of the recipe whose run made this example, as written; none if unknown."""
    query = """
        SELECT (r.recipe -> 'score')::VARCHAR FROM gm_live.rows e JOIN runs r ON r.run_id = e.run_id
        WHERE e.place = ?
    """
    live = store.live()
    with live.reading() as cursor:
        found = cursor.execute(query, [live.place(cursor, example_id)]).fetchall()
    steps = orjson.loads(found[0][0]) if found and found[0][0] else None
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []


def chunk_place(store: Store, chunk_id: str) -> tuple[int, int] | None:
    """Where a chunk stands in its document; None for an unknown one."""
    found = store.rows("SELECT start_, end_ FROM chunks WHERE id = ?", [chunk_id])
    return (found[0][0], found[0][1]) if found else None
