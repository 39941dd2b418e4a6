"""One run, or the whole dataset, as small frames to be laid beside another.

======== =========================================================================================
runs     run_id, name, started, finished, status, recipe, summary (both JSON text), version
slots    chunk_id, document_id, uri, task, place (0, 1 …: rows of one task and chunk), state, reason,
         example_id
rows     example_id, document_id, uri, kind, generator, type, status, review, instruction_chars,
         response_chars, instruction (its first 1,000 characters), text (MD5 of all texts)
scores   example_id, document_id, scorer, version, value, unscored_reason
matches  example_id, benchmark, label, score
spent    run_id, cost, calls, cached, unpriced, input_tokens, output_tokens
======== =========================================================================================

A run's rows are those decided under its settings, of documents it read: what a later run decided again is
gone from the file, and only its last outcome is there. ``status`` is the people's word before the machine's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gristmill.errors import UsageError
from gristmill_data.store.access import operation

if TYPE_CHECKING:
    from gristmill_data.store.connect import Connection
    from gristmill_data.store.core import Store

MOST_TEXTS = 2000

_PREPARE = """
CREATE OR REPLACE TEMP TABLE chosen AS SELECT * FROM runs WHERE run_id IN (SELECT unnest($runs));
CREATE OR REPLACE TEMP TABLE slots AS
SELECT o.chunk_id, c.document_id, d.uri, o.task, row_number() OVER (
        PARTITION BY o.chunk_id, o.task ORDER BY o.idx, o.slot_id) - 1 AS place,
    o.state, coalesce(o.reason, '') AS reason, o.example_id
FROM outcomes o JOIN chunks c ON c.id = o.chunk_id JOIN documents d ON d.id = c.document_id
WHERE c.document_id IN (
        SELECT document_id FROM run_documents WHERE run_id IN (SELECT run_id FROM chosen))
    AND (o.settings IN (SELECT unnest(settings) FROM chosen) OR o.run_id IN (SELECT run_id FROM chosen))
    AND hash(c.document_id) % $every = 0;
"""
_QUERIES = {
    "runs": """
        SELECT run_id, name, started, finished, status, recipe::VARCHAR AS recipe,
            summary::VARCHAR AS summary, version
        FROM chosen ORDER BY db_seq""",
    "slots": "SELECT * FROM slots ORDER BY uri, chunk_id, task, place",
    "rows": """
        SELECT example_id, document_id, uri, kind, generator, type, status, review,
            length(last_turn(messages, 'user')) AS instruction_chars,
            length(coalesce(chosen, last_turn(messages, 'assistant'))) AS response_chars,
            left(last_turn(messages, 'user'), 1000) AS instruction,
            md5(all_text(messages, chosen, rejected)) AS text
        FROM rows_ WHERE example_id IN (SELECT example_id FROM slots) ORDER BY example_id""",
    "scores": """
        SELECT s.example_id, any_value(o.document_id) AS document_id, s.scorer,
            any_value(s.version) AS version, any_value(s.value) AS value,
            any_value(s.unscored_reason) AS unscored_reason
        FROM scores s JOIN slots o ON o.example_id = s.example_id
        GROUP BY s.example_id, s.scorer ORDER BY s.scorer, s.example_id""",
    "matches": """
        SELECT example_id, benchmark, label, score FROM matches
        WHERE example_id IN (SELECT example_id FROM slots) ORDER BY example_id""",
    "spent": """
        SELECT run_id, sum(cost) AS cost, sum(answered + failed)::BIGINT AS calls,
            sum(cached)::BIGINT AS cached, sum(unpriced)::BIGINT AS unpriced,
            sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens
        FROM call_stats WHERE run_id IN (SELECT unnest($paid)) GROUP BY run_id ORDER BY run_id""",
}
_TEXTS = """
SELECT r.example_id, r.uri, r.chosen, r.rejected, last_turn(r.messages, 'user') AS instruction,
    last_turn(r.messages, 'assistant') AS response
FROM rows_ r WHERE r.example_id IN (SELECT unnest(?))
"""


@operation("compared_size")
def compared_size(store: Store, run: str | None = None) -> int:
    """Rows asked for, of one run or of the dataset.

    Raises:
        UsageError: no such run, or no run at all.
    """
    runs, _ = _runs(store, run)
    query = """
        SELECT count(*) FROM outcomes WHERE run_id IN (SELECT unnest($1))
            OR settings IN (SELECT unnest(settings) FROM runs WHERE run_id IN (SELECT unnest($1)))
    """
    [(count,)] = store.rows(query, [runs])
    return int(count)


@operation("compared")
def compared(store: Store, folder: str, run: str | None = None, every: int = 1) -> list[str]:
    """Write each frame as ``NAME.parquet`` into the absolute path ``folder``; their names.

    ``run`` is the id of a run, or a recipe's name (its latest run); without it the latest run of every
    recipe. Of ``every`` documents one is looked at, the same in every dataset.

    Raises:
        UsageError: no such run, or no run at all.
    """
    runs, paid = _runs(store, run)
    with _prepared(store, runs, every) as cursor:
        for name, query in _QUERIES.items():
            params = {"paid": paid} if name == "spent" else None
            frame = cursor.execute(query, params).df()
            frame.to_parquet(Path(folder) / f"{name}.parquet")
    return sorted(_QUERIES)


@operation("compared_texts")
def compared_texts(store: Store, ids: Sequence[str]) -> list[dict[str, Any]]:
    """``example_id, uri, instruction, response, chosen, rejected`` of those rows, as people edited them.

    Raises:
        UsageError: more than 2,000 ids.
    """
    if len(ids) > MOST_TEXTS:
        raise UsageError(f"{len(ids):,} texts at once", cure=f"ask for at most {MOST_TEXTS:,}")
    return store.dicts(_TEXTS, [list(ids)])


@contextmanager
def _prepared(store: Store, runs: list[str], every: int) -> Iterator[Connection]:
    with store.cursor() as cursor:
        for statement in filter(str.strip, _PREPARE.split(";\n")):
            given = {"runs": runs} if "$runs" in statement else {"every": every}
            cursor.execute(statement, given)
        yield cursor


def _runs(store: Store, run: str | None) -> tuple[list[str], list[str]]:
    """Ids of the runs whose rows count, and of those that were paid for."""
    known = store.rows("SELECT run_id, name FROM runs ORDER BY db_seq")
    if not known:
        where = str(store.path)
        raise UsageError("no run is recorded in this dataset", where=where, cure="run a recipe first")
    if run is None:
        return list({name: run_id for run_id, name in known}.values()), [run_id for run_id, _ in known]
    found = [run_id for run_id, name in known if run in (run_id, name)]
    if not found:
        names = ", ".join(f"{run_id} ({name})" for run_id, name in known)
        raise UsageError(f"no run {run!r} in this dataset", where=str(store.path), cure=f"there are: {names}")
    return found[-1:], found[-1:]
