"""Rows that count for a recipe's target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from gristmill_data.store.core import Store

# Rows of documents that the run read, decided under its settings; a reviewer's word outlives those.
_ROWS = """
SELECT r.example_id AS id, r.status = 'accepted' AS counted, r.review IS NOT NULL AS reviewed {values}
FROM rows_ r LEFT JOIN machine m USING (example_id) {joins}
WHERE r.document_id IN (SELECT document_id FROM run_documents WHERE run_id = $run)
  AND r.example_id > $after
  AND ((r.review IS NOT NULL AND r.run_name = $name)
    OR (r.judge_state = 'accepted' AND list_has_any(m.settings, $settings)))
ORDER BY r.example_id LIMIT $limit
"""
_VALUES = """, r.kind, r.generator, e.metadata, d.uri, d.media_type, d.metadata AS about"""
_JOINS = """JOIN examples e ON e.id = r.example_id JOIN documents d ON d.id = r.document_id"""


def target_page(
    store: Store, wanted: Mapping[str, Any], values: bool, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """One page of rows; ``wanted`` has run, name and settings."""
    query = _ROWS.format(values=_VALUES if values else "", joins=_JOINS if values else "")
    rows = store.dicts(query, {**wanted, "after": after or "", "limit": limit})
    return [_with_document(row) for row in rows] if values else rows


def _with_document(row: Mapping[str, Any]) -> dict[str, Any]:
    about = {"uri": row["uri"], "media_type": row["media_type"], "metadata": _json(row["about"])}
    kept = {name: row[name] for name in ("id", "counted", "reviewed", "kind", "generator")}
    return {**kept, "metadata": _json(row["metadata"]), "document": about}


def _json(text: str | None) -> Any:
    return orjson.loads(text) if text else {}
