"""Backups: a consistent, compact copy of a dataset that is in use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from gristmill.errors import StoreError

if TYPE_CHECKING:
    from gristmill_data.store.core import Store


def backup(store: Store, out: Path, *, overwrite: bool = False) -> Path:
    """Copy the dataset to ``out``: first under a temporary name beside it, then renamed.

    Segments that wait are ingested first. Reviewers can go on reading meanwhile; writes wait.

    Raises:
        StoreError: ``out`` exists (without ``overwrite``), is the dataset itself, or cannot be written.
    """
    out = out.absolute()
    if out == store.path or (out.exists() and out.samefile(store.path)):
        raise StoreError(
            "a backup cannot replace the dataset itself", where=str(out), cure="choose another name"
        )
    if out.exists() and not overwrite:
        raise StoreError(
            "the file exists already", where=str(out), cure="choose another name, or overwrite it"
        )
    if not out.parent.is_dir():
        raise StoreError("there is no such folder", where=str(out.parent), cure="create it first")
    store.ingest()
    temporary = out.with_name(f".{out.name}.{uuid4().hex[:8]}.tmp")
    try:
        _copy(store, temporary)
        os.replace(temporary, out)
    finally:
        for leftover in (temporary, temporary.with_name(temporary.name + ".wal")):
            leftover.unlink(missing_ok=True)
    return out


def _copy(store: Store, target: Path) -> None:
    # COPY FROM DATABASE, not a copy of the file: opening and closing our own file would drop its lock.
    name = f"backup_{uuid4().hex[:8]}"
    with store.ingesting, store.lock, store.cursor() as cursor:
        [(source,)] = cursor.execute("SELECT current_database()").fetchall()
        cursor.execute(f"ATTACH '{_quoted(target)}' AS {name}")
        try:
            cursor.execute(f'COPY FROM DATABASE "{source}" TO {name}')
        finally:
            cursor.execute(f"DETACH {name}")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
