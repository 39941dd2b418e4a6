"""The built-in operations: what a run, the command line and other processes may ask of a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gristmill.errors import UsageError
from gristmill_data.store.access import operation
from gristmill_data.store.compared import compared as compared
from gristmill_data.store.core import Store
from gristmill_data.store.holding import benchmark_canary as benchmark_canary
from gristmill_data.store.holding import benchmark_rows as benchmark_rows
from gristmill_data.store.holding import hold_out as hold_out
from gristmill_data.store.holding import holdout_choice as holdout_choice
from gristmill_data.store.item import row_example
from gristmill_data.store.judged import judged_rows as judged_rows
from gristmill_data.store.lives import read_lives
from gristmill_data.store.matches import match_verdicts as match_verdicts
from gristmill_data.store.places import target
from gristmill_data.store.queue import counts
from gristmill_data.store.regenerate import regeneration_texts as regeneration_texts
from gristmill_data.store.regenerate import regenerations as regenerations
from gristmill_data.store.segments import SET_ASIDE, segments_folder, waiting
from gristmill_data.store.tables import TABLES, example_to_json
from gristmill_data.store.targets import target_page
from gristmill_data.store.telemetry import shown
from gristmill_data.store.votes import pair_votes as pair_votes

_SIZE = "SELECT '{0}', count(*) FROM {0}"
_HELD = "SELECT benchmark, count(DISTINCT uri) FROM holdouts GROUP BY benchmark ORDER BY benchmark"


@operation("ingest", creates=True, light=True)
def ingest(store: Store) -> int:
    """Take over waiting segments; the number of rows."""
    return store.ingest()


@operation("decided", creates=True, light=True)
def decided(store: Store, slot_ids: Sequence[str]) -> dict[str, list[str | None]]:
    """``{slot_id: [settings, state, reason, example_id]}`` of those slots that have an outcome."""
    query = """
        SELECT slot_id, settings, state, coalesce(reason, ''), example_id
        FROM outcomes WHERE slot_id IN (SELECT unnest(?))
    """
    return {slot: list(rest) for slot, *rest in store.rows(query, [list(slot_ids)])}


@operation("any_decided", creates=True, light=True)
def any_decided(store: Store, settings: Sequence[str]) -> bool:
    """Whether any row was decided under one of these settings."""
    query = "SELECT 1 FROM outcomes WHERE settings IN (SELECT unnest(?)) LIMIT 1"
    return bool(store.rows(query, [list(settings)]))


@operation("target_rows", creates=True)
def target_rows(
    store: Store,
    run_id: str,
    name: str,
    settings: Sequence[str],
    values: bool,
    after: str | None = None,
    limit: int = 5000,
) -> list[dict[str, Any]]:
    """Rows that count for the target of a recipe whose run ``run_id`` has handed in its documents.

    ``counted`` rows are accepted now; the others were accepted by the recipe and rejected by a reviewer.
    With ``values``: kind, generator, metadata and document as well. In the order of their ids.
    """
    return target_page(store, {"run": run_id, "name": name, "settings": list(settings)}, values, after, limit)


@operation("accepted", creates=True)
def accepted(store: Store, after: str | None = None, limit: int = 5000) -> list[dict[str, Any]]:
    """Accepted examples as generated, in the order of their ids, from the first id after ``after`` on.

    Rows that a reviewer rejected and rows of changed or removed documents are left out. Each is as
    :func:`gristmill_data.store.example_from_json` reads it, with its ``document_id`` beside.
    """
    query = """
        SELECT e.*, r.document_id FROM rows_ r JOIN examples e ON e.id = r.example_id
        WHERE r.status = 'accepted' AND NOT r.stale AND r.example_id > ? ORDER BY r.example_id LIMIT ?
    """
    rows = store.dicts(query, [after or "", limit])
    return [{**example_to_json(row_example(row)), "document_id": row["document_id"]} for row in rows]


@operation("run_totals", creates=True)
def run_totals(store: Store, run_id: str) -> dict[str, Any]:
    """What one run decided: rows by state, reject reasons, failure errors, files failed, documents."""

    def tally(query: str) -> dict[str, int]:
        return dict(store.rows(query, [run_id]))

    reasons = (
        "SELECT coalesce(reason, ''), count(*) FROM outcomes WHERE run_id = ? AND state = '{}' GROUP BY 1"
    )
    [(documents,)] = store.rows("SELECT count(*) FROM run_documents WHERE run_id = ?", [run_id])
    return {
        "states": tally("SELECT state, count(*) FROM outcomes WHERE run_id = ? GROUP BY 1"),
        "rejected": tally(reasons.format("rejected")),
        "failed": tally(reasons.format("failed")),
        "files_failed": tally("SELECT reason, count(*) FROM file_failures WHERE run_id = ? GROUP BY 1"),
        "documents": documents,
    }


@operation("status")
def status(store: Store) -> dict[str, Any]:
    """What the dataset holds, what waits to be ingested and what was set aside."""
    folder = segments_folder(store.path)
    last = store.dicts(
        "SELECT run_id, name, status, started, finished FROM runs ORDER BY db_seq DESC LIMIT 1"
    )
    [(schema,)] = store.rows("SELECT max(version) FROM schema_version")
    aside = folder / SET_ASIDE
    return {
        "file": str(store.path),
        "schema": schema,
        "bytes": store.path.stat().st_size,
        "tables": dict(store.rows(" UNION ALL ".join(map(_SIZE.format, TABLES)))),
        "rows": counts(store),
        "file_failures": _last_failures(store),
        "last_run": shown(last[0], read_lives(store.path)) if last else {},
        "held_out": dict(store.rows(_HELD)),
        "exports": store.rows("SELECT count(*) FROM exports")[0][0],
        "segments_waiting": len(waiting(folder)),
        "segments_set_aside": len(list(aside.iterdir())) if aside.is_dir() else 0,
    }


def _last_failures(store: Store) -> dict[str, int]:
    query = """
        SELECT reason, count(*) FROM file_failures
        WHERE run_id IN (SELECT run_id FROM latest_runs) GROUP BY 1 ORDER BY 2 DESC
    """
    return dict(store.rows(query))


@operation("backup")
def backup(store: Store, out: str, overwrite: bool = False) -> str:
    """Copy the dataset to the absolute path ``out``; the path."""
    return str(store.backup(absolute(out), overwrite=overwrite))


@operation("export")
def export(
    store: Store,
    format: str,  # noqa: A002 - the name users type
    out: str,
    statuses: str = "accepted",
    kinds: Sequence[str] = (),
    args: Mapping[str, Any] | None = None,
    include_held_out: bool = False,
    author: str = "",
) -> dict[str, Any]:
    """Write rows in a registered format; see :func:`gristmill_data.exports.export_store` for the result."""
    from gristmill_data.exports import export_store

    return export_store(
        store,
        format,
        target(store, out),
        statuses=statuses,
        kinds=kinds,
        args=args or {},
        include_held_out=include_held_out,
        author=author,
    )


@operation("frames")
def frames(store: Store, folder: str) -> list[str]:
    """Write each frame (see :meth:`Store.frames`) as ``NAME.parquet`` into the folder; the names."""
    made = store.frames()
    for name, frame in made.items():
        frame.to_parquet(absolute(folder) / f"{name}.parquet")
    return sorted(made)


def absolute(path: str) -> Path:
    """``path``, which must be absolute: the process that runs the operation is another one."""
    if not Path(path).is_absolute():
        raise UsageError("the path must be absolute", where=path, cure="resolve it before the call")
    return Path(path)
