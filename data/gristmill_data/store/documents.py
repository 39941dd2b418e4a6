"""The documents of a dataset, with what was made of them, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gristmill.errors import StoreError

if TYPE_CHECKING:
    from gristmill_data.store.core import Store

Show = Literal["all", "unused", "stale"]


@dataclass(frozen=True, slots=True)
class DocumentFilters:
    """Which documents. ``search`` is any part of the name, or of the text with ``in_text``, in either case.

    ``show``: ``unused`` keeps documents of which no row is accepted by a run, ``stale`` those that changed
    or went since a recipe read them.
    """

    search: str = ""
    in_text: bool = False
    show: Show = "all"


_STALE = "SELECT document_id FROM document_runs GROUP BY document_id HAVING bool_and(stale)"
_USED = """
    SELECT c.document_id FROM chunks c JOIN outcomes o ON o.chunk_id = c.id WHERE o.state = 'accepted'
"""
_SHOWS: Mapping[Show, str] = {
    "all": "true",
    "unused": f"d.id NOT IN ({_USED}) AND d.id NOT IN ({_STALE})",
    "stale": f"d.id IN ({_STALE})",
}
# A page is cut first; what was made of its documents is counted for these alone.
_PAGE = """
    WITH page AS (
        SELECT d.id, d.uri, d.media_type, length(d.text) AS chars,
            coalesce(d.metadata ->> 'title', '') AS title
        FROM documents d WHERE (d.uri, d.id) > ($uri, $after) AND {search} AND {show}
        ORDER BY d.uri, d.id LIMIT $limit
    ), pieces AS (
        SELECT c.id, c.document_id FROM chunks c SEMI JOIN page ON page.id = c.document_id
    ), asked AS (
        SELECT p.document_id, count(*) AS asked, count(*) FILTER (o.state = 'accepted') AS accepted,
            count(*) FILTER (o.state = 'rejected') AS rejected,
            count(*) FILTER (o.state = 'failed') AS failed,
            count(DISTINCT p.id) FILTER (o.state = 'accepted') AS used
        FROM outcomes o JOIN pieces p ON p.id = o.chunk_id GROUP BY p.document_id
    ), seen AS (
        SELECT document_id, count(*) FILTER (touched) AS reviewed,
            count(*) FILTER (review = 'accepted') AS kept, count(*) FILTER (review = 'rejected') AS dropped
        FROM gm_live.rows WHERE document_id IN (SELECT id FROM page) GROUP BY document_id
    )
    SELECT page.*, (SELECT count(*) FROM pieces WHERE document_id = page.id) AS chunks,
        coalesce(a.used, 0) AS used, coalesce(a.asked, 0) AS asked, coalesce(a.accepted, 0) AS accepted,
        coalesce(a.rejected, 0) AS rejected, coalesce(a.failed, 0) AS failed,
        coalesce(s.reviewed, 0) AS reviewed, coalesce(s.kept, 0) AS kept, coalesce(s.dropped, 0) AS dropped,
        page.id IN ({stale}) AS stale
    FROM page LEFT JOIN asked a ON a.document_id = page.id LEFT JOIN seen s ON s.document_id = page.id
    ORDER BY page.uri, page.id
"""


def document_page(
    store: Store, filters: DocumentFilters, after: tuple[str, str] = ("", ""), limit: int = 25
) -> list[dict[str, Any]]:
    """Documents by name, those after the (uri, id) ``after``.

    Keys: id, uri, title, media_type, chars, chunks, used (chunks with an accepted row), what runs decided of
    the rows asked for (asked, accepted, rejected, failed), what people did (reviewed, kept, dropped), stale.
    """
    query = _PAGE.format(search=_search(filters), show=_SHOWS[filters.show], stale=_STALE)
    values = {"uri": after[0], "after": after[1], "limit": limit, **_values(filters)}
    return _dicts(store, query, values)


def document_counts(store: Store, filters: DocumentFilters) -> dict[str, int]:
    """Documents that ``filters`` keep, and all there are: found, documents, chunks, stale."""
    kept = f"{_search(filters)} AND {_SHOWS[filters.show]}"
    query = f"""
        SELECT (SELECT count(*) FROM documents d WHERE {kept}) AS found,
            (SELECT count(*) FROM documents) AS documents, (SELECT count(*) FROM chunks) AS chunks,
            (SELECT count(*) FROM documents WHERE id IN ({_STALE})) AS stale
    """  # noqa: S608 - conditions of this module, values are bound
    return store.dicts(query, _values(filters))[0]


def document(store: Store, document_id: str) -> dict[str, Any]:
    """One document, as :func:`document_page` tells of it.

    Raises:
        StoreError: it is not in the dataset.
    """
    query = _PAGE.format(search="d.id = $id", show="true", stale=_STALE)
    found = _dicts(store, query, {"uri": "", "after": "", "limit": 1, "id": document_id})
    if not found:
        raise StoreError(
            "no such document in this dataset", where=f"document {document_id}", cure="go back to the list"
        )
    return found[0]


def document_chunks(store: Store, document_id: str, first: int = 0, limit: int = 10) -> list[dict[str, Any]]:
    """Chunks of a document in order, from number ``first`` (0: the first) on, with the rows asked of each.

    Keys: id, number (from 1), start, end, heading_path, text, ``before`` (text of the document between the
    chunk before and this one) and ``rows``: example_id (None: nothing came of it), task, idx, state, reason,
    kind, instruction (its beginning), queue_status and stale.
    """
    query = """
        WITH placed AS (
            SELECT c.*, row_number() OVER (ORDER BY c.start_, c.end_, c.id) AS number,
                max(c.end_) OVER (ORDER BY c.start_, c.end_, c.id
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS upto
            FROM chunks c WHERE c.document_id = $id
        )
        SELECT p.id, p.number, p.start_ AS start, p.end_ AS "end", p.heading_path, p.text,
            substr(d.text, coalesce(p.upto, 0) + 1, greatest(p.start_ - coalesce(p.upto, 0), 0)) AS before
        FROM placed p JOIN documents d ON d.id = p.document_id
        WHERE p.number > $first ORDER BY p.number LIMIT $limit
    """
    chunks = store.dicts(query, {"id": document_id, "first": first, "limit": limit})
    rows = _rows(store, [chunk["id"] for chunk in chunks])
    return [{**chunk, "rows": [row for row in rows if row["chunk_id"] == chunk["id"]]} for chunk in chunks]


def _rows(store: Store, chunk_ids: list[str]) -> list[dict[str, Any]]:
    query = """
        WITH asked AS (SELECT * FROM outcomes WHERE chunk_id IN (SELECT unnest($chunks)))
        SELECT o.chunk_id, o.example_id, o.task, o.idx, o.state, coalesce(o.reason, '') AS reason, e.kind,
            left(last_turn(e.messages, 'user'), 200) AS instruction, r.queue_status,
            coalesce(r.stale, false) AS stale
        FROM asked o LEFT JOIN examples e ON e.id = o.example_id
        LEFT JOIN gm_live.rows r ON r.example_id = o.example_id
        ORDER BY o.chunk_id, o.task, o.idx, o.slot_id
    """
    return _dicts(store, query, {"chunks": chunk_ids}) if chunk_ids else []


def _search(filters: DocumentFilters) -> str:
    if not filters.search.strip():
        return "true"
    place = "d.text" if filters.in_text else "concat_ws(' ', d.uri, d.metadata ->> 'title')"
    return f"contains(lower({place}), lower($search))"


def _values(filters: DocumentFilters) -> dict[str, Any]:
    return {"search": filters.search.strip()} if filters.search.strip() else {}


def _dicts(store: Store, query: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of a query that may look into the live table of row states."""
    with store.live().reading() as cursor:
        result = cursor.execute(query, values)
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
