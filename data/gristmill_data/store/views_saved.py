"""Filters under a name, as links: appended, never changed; the last entry of a view counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from gristmill.errors import StoreError
from gristmill.records import clean
from gristmill_data.store.people import checked_name, require
from gristmill_data.store.tables import to_json, utc

if TYPE_CHECKING:
    from gristmill_data.store.core import Store

_LATEST = """
    SELECT view_id, arg_max(name, seq) AS name, arg_max(coalesce(payload, 'null'), seq) AS payload,
        arg_min(author, seq) AS author, max(time) AS time
    FROM saved_views GROUP BY view_id
"""


@dataclass(frozen=True, slots=True)
class SavedView:
    """Filters under a name. ``params`` are those of the address; ``author`` is who made the view first.

    A view that is not ``shared`` is listed for its author only; its link opens it for everybody.
    """

    view_id: str
    name: str
    params: Mapping[str, Any]
    shared: bool
    author: str
    time: datetime


def saved_views(store: Store, viewer: str) -> list[SavedView]:
    """The views of ``viewer`` and those that are shared, by name."""
    query = f"SELECT * FROM ({_LATEST}) ORDER BY lower(name), view_id"  # noqa: S608 - a constant of ours
    found = [view for row in store.rows(query) if (view := _view(row))]
    return [view for view in found if view.shared or view.author == viewer]


def saved_view(store: Store, view_id: str) -> SavedView | None:
    """One view by its id; None when there is none, or when it was removed."""
    query = f"SELECT * FROM ({_LATEST}) WHERE view_id = ?"  # noqa: S608 - a constant of ours
    found = store.rows(query, [view_id])
    return _view(found[0]) if found else None


def save_view(
    store: Store, name: str, params: Mapping[str, Any], author: str, *, shared: bool, view_id: str = ""
) -> SavedView:
    """Keep ``params`` under a name: a new view, or the new state of ``view_id``.

    Raises:
        StoreError: the name is empty.
        NotAllowedError: the view is somebody else's and the author no lead.
    """
    name = clean(name).strip()
    if not name:
        raise StoreError("a view needs a name", where="saved view", cure="write a name for it")
    view_id = view_id or uuid4().hex[:12]
    _append(store, view_id, name, {"params": dict(params), "shared": shared}, author)
    saved = saved_view(store, view_id)
    assert saved is not None
    return saved


def remove_view(store: Store, view_id: str, author: str) -> None:
    """Take a view off the list; its link opens nothing any more.

    Raises:
        NotAllowedError: the view is somebody else's and the author no lead.
        StoreError: there is no such view.
    """
    known = saved_view(store, view_id)
    if known is None:
        raise StoreError("there is no such view", where=f"view {view_id}", cure="reload the page")
    _append(store, view_id, known.name, None, author)


def _append(store: Store, view_id: str, name: str, payload: Mapping[str, Any] | None, author: str) -> None:
    insert = "INSERT INTO saved_views (view_id, name, payload, author, time) VALUES (?, ?, ?, ?, ?)"
    first = "SELECT arg_min(author, seq) FROM saved_views WHERE view_id = ?"
    author = checked_name(author)
    with store.write() as cursor:
        [(owner,)] = cursor.execute(first, [view_id]).fetchall()
        if owner not in (None, author):
            require(cursor, author, "lead", f"change a view of {owner}")
        values = [view_id, name, to_json(payload) if payload else None, author, utc(datetime.now(UTC))]
        cursor.execute(insert, values)


def _view(row: tuple[Any, ...]) -> SavedView | None:
    view_id, name, payload, author, time = row
    kept = orjson.loads(payload)
    return SavedView(view_id, name, kept["params"], kept["shared"], author, time) if kept else None
