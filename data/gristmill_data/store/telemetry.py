"""What the calls of a run took, counted in the store: latency, tokens, cost, retries, errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gristmill.errors import UsageError
from gristmill_data.store.access import operation
from gristmill_data.store.core import Store
from gristmill_data.store.lives import read_lives, remove_life
from gristmill_data.store.tables import utc

_RUN = """
    SELECT run_id, name, status, started, finished, version FROM runs
    WHERE run_id = ? OR (? = '' AND db_seq = (SELECT max(db_seq) FROM runs))
"""


@operation("run_calls")
def run_calls(store: Store, run: str = "") -> dict[str, Any]:
    """One run (the last one for ``""``) with its calls.

    ``{"run_id", "name", "status", "started", "finished", "version", "calls": [...], "errors": [...]}``.
    ``calls`` has an entry by role and model: calls ``answered``, ``failed`` and ``cached``, ``retries``,
    tokens, ``cost`` in US dollars (None when no price is known), seconds ``p50``, ``p95``, ``p99`` and
    ``slowest`` of the answered attempts, ``waited_p50`` and ``waited_p95`` before them, finish reasons.
    ``errors`` counts by kind the calls that ``failed`` of it and the requests ``retried`` for it.

    Raises:
        UsageError: there is no such run.
    """
    found = store.dicts(_RUN, [run, run])
    if not found:
        if not run:
            return {"calls": [], "errors": []}
        raise UsageError(f"no run {run!r}", where=str(store.path), cure="see the runs in `gristmill status`")
    told = shown(found[0], read_lives(store.path))
    return {**told, "calls": _calls(store, told["run_id"]), "errors": _errors(store, told["run_id"])}


def _calls(store: Store, run_id: str) -> list[dict[str, Any]]:
    rows = store.dicts("SELECT * FROM call_stats WHERE run_id = ? ORDER BY role, model", [run_id])
    reasons = store.rows(
        "SELECT role, model, finish_reason, count(*) FROM call_log WHERE run_id = ? AND error IS NULL"
        " GROUP BY ALL ORDER BY 4 DESC",
        [run_id],
    )
    for row in rows:
        del row["run_id"]
        row["finish_reasons"] = {
            reason: n for role, model, reason, n in reasons if (role, model) == (row["role"], row["model"])
        }
    return [{key: _plain(value) for key, value in row.items()} for row in rows]


def _errors(store: Store, run_id: str) -> list[dict[str, Any]]:
    query = """
        SELECT role, model, kind, failed, retried FROM call_errors
        WHERE run_id = ? ORDER BY failed DESC, retried DESC, kind
    """
    return store.dicts(query, [run_id])


@operation("runs")
def runs(store: Store, limit: int = 20) -> list[dict[str, Any]]:
    """The latest runs, the last one first: ``run_id, name, status, started, finished``."""
    query = "SELECT run_id, name, status, started, finished FROM runs ORDER BY db_seq DESC LIMIT ?"
    lives = read_lives(store.path)
    return [shown(row, lives) for row in store.dicts(query, [limit])]


@operation("close_runs", creates=True)
def close_runs(store: Store) -> list[str]:
    """Mark runs whose process is gone as interrupted, and clear their signs of life away; their ids."""
    rows = store.rows("SELECT run_id FROM runs WHERE status = 'running'")
    # Read after the rows: a run says that it lives before it hands in its own row.
    lives = {life["run"]: life for life in read_lives(store.path)}
    running = {run_id for run_id, life in lives.items() if life["state"] == "running"}
    dead = [run_id for (run_id,) in rows if run_id not in running]
    with store.write() as cursor:
        for run_id in dead:
            seen = lives.get(run_id, {}).get("updated")
            at = None if seen is None else utc(datetime.fromtimestamp(seen, UTC))
            cursor.execute(
                "UPDATE runs SET status = ?, finished = coalesce(finished, ?::TIMESTAMP) WHERE run_id = ?",
                [lives.get(run_id, {}).get("ended") or "interrupted", at, run_id],
            )
    for run_id in lives.keys() - running:
        remove_life(store.path, run_id)
    return dead


def shown(run: dict[str, Any], lives: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A ``runs`` row for people: plain values, and not ``running`` when nobody runs it any more."""
    told = {key: _plain(value) for key, value in run.items()}
    if told["status"] == "running":
        found = next((life["state"] for life in lives if life["run"] == told["run_id"]), "interrupted")
        told["status"] = "interrupted" if found == "killed" else found
    return told


def _plain(value: Any) -> Any:
    return f"{value.isoformat(timespec='milliseconds')}Z" if isinstance(value, datetime) else value
