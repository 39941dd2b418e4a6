"""What training may never see, and what it has seen: both are entered here and never taken back.

A holdout names documents, and holds for their whole family (:mod:`gristmill_data.store.families`): other
versions, copies, documents that share most of their text, also such as come later. Whoever writes an export
or holds documents out notes in advance what stood here (:func:`mark`); an entry by somebody else meanwhile
makes it fail, so one of the two always knows of the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from gristmill_data.store.families import Families, families
from gristmill_data.store.review import StoreConflictError
from gristmill_data.store.tables import now, to_json

if TYPE_CHECKING:
    from gristmill_data.store.connect import Connection
    from gristmill_data.store.core import Store

TABLES = ("exports", "holdouts")
_MOVED = {"exports": "rows were exported", "holdouts": "documents were held out"}


@dataclass(frozen=True, slots=True)
class Made:
    """A benchmark as it was made last. ``canary`` is that of the first time."""

    name: str
    canary: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """An export that is about to appear: what is entered of it."""

    format: str
    path: str
    statuses: str
    rows: int
    held_out_rows: int
    author: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """Who enters a benchmark and what for; ``since`` are the marks of both tables when it was begun."""

    author: str
    note: str
    since: Mapping[str, int]


def mark(store: Store, table: str) -> int:
    """How far one of :data:`TABLES` has come."""
    with store.cursor() as cursor:
        return _mark(cursor, table)


def held_out(store: Store, known: Families | None = None) -> dict[str, tuple[str, ...]]:
    """Every document that training may not see, with the benchmarks that it is held out for.

    Empty, and quick, when nothing is held out; else all texts are read to find the families.
    """
    names = _held(store)
    if not names:
        return {}
    known = known or families(store)
    found: defaultdict[str, set[str]] = defaultdict(set)
    for document, benchmarks in names.items():
        if document in known.key:
            found[known.key[document]] |= benchmarks
    by_key = {key: tuple(sorted(benchmarks)) for key, benchmarks in found.items()}
    return {document: by_key[key] for key in by_key for document in known.members[key]}


def held_for(store: Store, name: str) -> set[str]:
    """The documents entered for one benchmark."""
    query = "SELECT DISTINCT document_id FROM holdouts WHERE benchmark = ?"
    return {document for (document,) in store.rows(query, [name])}


def exported(store: Store) -> dict[str, str]:
    """Documents of which rows were exported, with the file that took them last."""
    query = """
        SELECT document_id, arg_max(path, seq) FROM export_documents JOIN exports USING (export_id)
        GROUP BY document_id
    """
    return dict(store.rows(query))


def made(store: Store, name: str) -> Made | None:
    """The benchmark ``name`` as it was made last; None when it never was."""
    query = """
        SELECT arg_min(canary, seq), arg_max(settings, seq) FROM benchmarks WHERE name = ? HAVING count(*) > 0
    """
    found = store.rows(query, [name])
    return Made(name, found[0][0], orjson.loads(found[0][1])) if found else None


def hold(store: Store, benchmark: Made, reasons: Mapping[str, tuple[str, str]], entry: Entry) -> None:
    """Enter that a benchmark is made, and that ``reasons`` (document: uri and why) are held out for it.

    Raises:
        StoreConflictError: rows were exported, or documents held out, meanwhile.
    """
    with store.write() as cursor:
        _refuse_if_moved(cursor, entry.since)
        author, time = entry.author, now()
        cursor.execute(
            "INSERT INTO benchmarks (name, canary, settings, note, author, time) VALUES (?, ?, ?, ?, ?, ?)",
            [benchmark.name, benchmark.canary, to_json(dict(benchmark.settings)), entry.note, author, time],
        )
        columns = list(reasons), [uri for uri, _ in reasons.values()], [why for _, why in reasons.values()]
        cursor.execute(
            "INSERT INTO holdouts (benchmark, document_id, uri, reason, author, time) "
            "SELECT ?, unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), ?, ?",
            [benchmark.name, *columns, author, time],
        )


def enter_export(store: Store, written: Written, documents: Iterable[str], since: int) -> None:
    """Enter an export and its documents before the file appears; ``since`` is the mark of ``holdouts``.

    Raises:
        StoreConflictError: documents were held out meanwhile.
    """
    with store.write() as cursor:
        _refuse_if_moved(cursor, {"holdouts": since})
        export = uuid4().hex
        values = [getattr(written, name) for name in Written.__slots__]
        cursor.execute(
            "INSERT INTO exports (export_id, format, path, statuses, rows, held_out_rows, author, time) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [export, *values, now()],
        )
        insert = "INSERT INTO export_documents SELECT ?, unnest(?::VARCHAR[])"
        cursor.execute(insert, [export, sorted(documents)])


def _held(store: Store) -> dict[str, set[str]]:
    query = "SELECT document_id, list(DISTINCT benchmark) FROM holdouts GROUP BY document_id"
    return {document: set(benchmarks) for document, benchmarks in store.rows(query)}


def _mark(cursor: Connection, table: str) -> int:
    query = f"SELECT coalesce(max(seq), 0) FROM {table}"  # noqa: S608 - one of two names
    [(last,)] = cursor.execute(query).fetchall()
    return int(last)


def _refuse_if_moved(cursor: Connection, since: Mapping[str, int]) -> None:
    for table, then in since.items():
        if _mark(cursor, table) != then:
            what = f"{_MOVED[table]} while this was being done: nothing was written"
            raise StoreConflictError(what, cure="run the command again")


def told(benchmarks: Sequence[str]) -> str:
    """Why a row stays out of an export."""
    names = f"benchmark {benchmarks[0]}" if len(benchmarks) == 1 else f"benchmarks {', '.join(benchmarks)}"
    return f"source document is held out for {names}"
