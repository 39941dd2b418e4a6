"""From the store to an export: which rows leave, in which text, and what is counted as left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError

from gristmill.errors import UsageError
from gristmill.records import Message
from gristmill.registry import Export, ExportRow, load
from gristmill_data.exports.leaving import Leaving
from gristmill_data.store.holdouts import Written
from gristmill_data.store.item import row_example

if TYPE_CHECKING:
    from gristmill_data.store import Store

STATUSES: Mapping[str, str] = {
    "accepted": "r.status = 'accepted' AND NOT r.stale",
    "reviewed": "r.review = 'accepted' AND NOT r.stale",
    "all": "true",
}

_ROWS = """
    WITH marks AS (
        SELECT example_id, list({{'scorer': scorer, 'value': value}}) AS scores
        FROM scores WHERE value IS NOT NULL GROUP BY example_id
    ), sources AS (
        SELECT p.id, list(DISTINCT d.uri ORDER BY d.uri) AS uris,
            list(DISTINCT d.id ORDER BY d.id) AS documents
        FROM (SELECT id, unnest(chunk_ids) AS chunk_id FROM examples) p
        JOIN chunks c ON c.id = p.chunk_id JOIN documents d ON d.id = c.document_id GROUP BY p.id
    ), models AS (
        SELECT k.id, list(DISTINCT c.model ORDER BY c.model) AS names
        FROM (SELECT id, unnest(calls) AS key FROM examples) k JOIN calls c USING (key) GROUP BY k.id
    )
    SELECT e.*, r.messages AS messages_now, r.chosen AS chosen_now, r.rejected AS rejected_now, r.side,
        coalesce(m.scores, []) AS scores, coalesce(s.uris, []) AS uris,
        coalesce(s.documents, []) AS documents, coalesce(o.names, []) AS models,
        CASE WHEN r.stale THEN 'stale' WHEN r.review = 'accepted' THEN 'reviewed' ELSE r.status END AS status
    FROM rows_ r JOIN examples e ON e.id = r.example_id
    LEFT JOIN marks m ON m.example_id = e.id LEFT JOIN sources s ON s.id = e.id
    LEFT JOIN models o ON o.id = e.id
    WHERE {which} AND (len($kinds) = 0 OR list_contains($kinds, e.kind))
    ORDER BY r.uri, r.chunk_start, e.id
"""


def export_rows(store: Store, statuses: str = "accepted", kinds: Sequence[str] = ()) -> Iterator[ExportRow]:
    """Rows on their way out, in the order of their sources: edits applied, sides as the reviewers prefer.

    ``statuses``: ``accepted`` (by the machine, and not rejected by a reviewer), ``reviewed`` (accepted by
    a person) or ``all`` (rejected, disputed, failed and stale rows too). ``ExportRow.status`` is reviewed,
    accepted, rejected, disputed, failed or stale.

    Raises:
        UsageError: unknown ``statuses``.
    """
    return (row for row, _ in sourced_rows(store, statuses, kinds))


def sourced_rows(
    store: Store, statuses: str = "accepted", kinds: Sequence[str] = ()
) -> Iterator[tuple[ExportRow, tuple[str, ...]]]:
    """:func:`export_rows` with the ids of all documents that each row comes from.

    Raises:
        UsageError: unknown ``statuses``.
    """
    query = _ROWS.format(which=_condition(statuses))
    for batch in store.batches(query, {"kinds": list(kinds)}):
        yield from ((_export_row(row), tuple(row["documents"])) for row in batch)


def _condition(statuses: str) -> str:
    if statuses not in STATUSES:
        raise UsageError(f"unknown rows {statuses!r}", cure=f"known: {', '.join(STATUSES)}")
    return STATUSES[statuses]


def _export_row(row: Mapping[str, Any]) -> ExportRow:
    chosen, rejected = row["chosen_now"], row["rejected_now"]
    if row["side"] == "rejected":
        chosen, rejected = rejected, chosen
    messages = tuple(Message(role=m["role"], content=m["content"]) for m in orjson.loads(row["messages_now"]))
    example = replace(row_example(row), messages=messages, chosen=chosen, rejected=rejected)
    scores = {mark["scorer"]: mark["value"] for mark in row["scores"]}
    return ExportRow(example, scores, tuple(row["uris"]), row["status"], tuple(row["models"]))


def export_store(
    store: Store,
    name: str,
    out: Path,
    *,
    statuses: str = "accepted",
    kinds: Sequence[str] = (),
    args: Mapping[str, Any] | None = None,
    include_held_out: bool = False,
    author: str = "",
) -> dict[str, Any]:
    """Write rows of ``store`` in the registered format ``name`` to ``out``.

    Rows of documents that are held out for a benchmark stay out, unless ``include_held_out``. Which
    documents leave is entered before the file appears: a benchmark takes none of them any more.

    Returns ``{"written": n, "skipped": {reason: n}, "path": str}``; rows of the wanted status that the
    format cannot hold, and those that are left out as stale or held out, are counted in ``skipped``. With
    ``include_held_out`` also ``held_out``: rows of held-out documents that were handed to the format.

    Raises:
        UsageError: unknown format, status or argument.
        StoreError: ``out`` cannot be written.
        StoreConflictError: documents were held out meanwhile.
    """
    exporter = _exporter(name, args or {})
    _condition(statuses)
    leaving = Leaving(store, Written(name, str(out), statuses, 0, 0, author), include_held_out)
    written = exporter.write(leaving.rows(sourced_rows(store, statuses, kinds), exporter.kinds), out)
    leaving.enter()
    skipped = leaving.skipped
    own = Counter[str](getattr(exporter, "skipped", {}))
    own["left out by the format"] = leaving.taken - written - own.total()
    skipped.update(own)
    skipped["stale"] = _stale(store, statuses, kinds)
    told = {k: n for k, n in sorted(skipped.items()) if n}
    more = {"held_out": leaving.held_out} if include_held_out else {}
    return {"written": written, "skipped": told, "path": str(out), **more}


def _exporter(name: str, args: Mapping[str, Any]) -> Export:
    kind: type[Export] = load("exports", name)
    try:
        return kind(**args)
    except ValidationError as error:
        first = error.errors()[0]
        where = f"export {name}, argument {'.'.join(map(str, first['loc']))}"
        known = ", ".join(kind.model_fields) or "none"
        raise UsageError(first["msg"], where=where, cure=f"known arguments: {known}") from error


def _stale(store: Store, statuses: str, kinds: Sequence[str]) -> int:
    """Rows that would have been exported had their source not changed."""
    if statuses == "all":
        return 0
    query = """
        SELECT count(*) FROM rows_ r
        WHERE r.stale AND 'accepted' = CASE $statuses WHEN 'reviewed' THEN r.review ELSE r.status END
            AND (len($kinds) = 0 OR list_contains($kinds, r.kind))
    """
    return int(store.rows(query, {"kinds": list(kinds), "statuses": statuses})[0][0])
