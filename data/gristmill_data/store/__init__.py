"""The store: one DuckDB file for documents, examples, scores, runs and reviews.

One process owns the file; a run hands in segments (:class:`SegmentWriter`), other commands ask through
:func:`call`. See ``docs/store.md``. The names below are loaded on first use, DuckDB with them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gristmill_data.store.access import (
        call,
        operation,
        owner_routes,
        read_owner_file,
        remove_owner_file,
        write_owner_file,
    )
    from gristmill_data.store.core import Store
    from gristmill_data.store.frames import Frames, frames_of
    from gristmill_data.store.item import ItemView, PassageSpan
    from gristmill_data.store.queue import Filters
    from gristmill_data.store.review import Receipt, StoreConflictError
    from gristmill_data.store.segments import SegmentWriter, segments_folder
    from gristmill_data.store.tables import example_from_json, example_to_json

_HOMES = {
    "Store": "core",
    "SegmentWriter": "segments",
    "segments_folder": "segments",
    "call": "access",
    "operation": "access",
    "owner_routes": "access",
    "read_owner_file": "access",
    "remove_owner_file": "access",
    "write_owner_file": "access",
    "Filters": "queue",
    "ItemView": "item",
    "PassageSpan": "item",
    "Receipt": "review",
    "StoreConflictError": "review",
    "Frames": "frames",
    "frames_of": "frames",
    "example_from_json": "tables",
    "example_to_json": "tables",
}

__all__ = [
    "Filters",
    "Frames",
    "ItemView",
    "PassageSpan",
    "Receipt",
    "SegmentWriter",
    "Store",
    "StoreConflictError",
    "call",
    "example_from_json",
    "example_to_json",
    "frames_of",
    "operation",
    "owner_routes",
    "read_owner_file",
    "remove_owner_file",
    "segments_folder",
    "write_owner_file",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
