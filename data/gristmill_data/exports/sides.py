"""The rows of a dataset on two sides: those of a benchmark's documents, and those for training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson

from gristmill.records import to_json
from gristmill.registry import ExportRow
from gristmill_data.exports.dataset import sourced_rows
from gristmill_data.exports.lines import whole_file
from gristmill_data.store.holdouts import held_out
from gristmill_data.store.places import target
from gristmill_data.store.tables import example_to_json

if TYPE_CHECKING:
    from gristmill_data.store.core import Store

TRAINING = ("reviewed", "accepted")


def write_sides(store: Store, out: str, documents: frozenset[str], chunks: bool) -> dict[str, int]:
    """See :func:`gristmill_data.store.holding.benchmark_rows`."""
    counts: Counter[str] = Counter()
    texts = _chunk_texts(store, documents) if chunks else {}
    with whole_file(target(store, out)) as stream:
        for row, sources, side in _sided(store, documents):
            counts[side] += 1
            stream.write(to_json(_line(row, sources, side, texts), orjson.OPT_APPEND_NEWLINE))
    return dict(counts)


def _sided(store: Store, documents: frozenset[str]) -> Iterator[tuple[ExportRow, tuple[str, ...], str]]:
    kept_back = documents | held_out(store).keys()
    for row, sources in sourced_rows(store, "all"):
        if not documents.isdisjoint(sources):
            yield row, sources, "held"
        elif row.status in TRAINING and kept_back.isdisjoint(sources):
            yield row, sources, "training"


def _line(row: ExportRow, documents: tuple[str, ...], side: str, texts: dict[str, str]) -> dict[str, Any]:
    example = row.example
    line = {"side": side, "status": row.status, "documents": documents, "sources": row.sources}
    passages = [texts[chunk] for chunk in example.chunk_ids if chunk in texts]
    return {**line, "example": example_to_json(example), "passages": passages}


def _chunk_texts(store: Store, documents: frozenset[str]) -> dict[str, str]:
    query = "SELECT id, text FROM chunks WHERE document_id IN (SELECT unnest($documents))"
    return dict(store.rows(query, {"documents": sorted(documents)}))
