"""Aggregates for charts and the report: a fixed set of small DataFrames, all counted in SQL.

========== ==================================================================================
runs       run_id, name, started, finished, status, summary, recipe (both JSON text), version
outcomes   task, state, reason, n
rows       example_id, kind, generator, type, uri, document_id, status, stale,
           instruction_chars, response_chars, review, judge_state, chosen_chars, rejected_chars,
           margin (points of 10), contrast (a pair's fault, else its strategy)
scores     example_id, scorer, value, unscored_reason, generator, document_id
coverage   uri, media_type, chars, chunks, chunks_used, covered_chars, accepted, rejected, failed
failures   uri, reason, detail
matches    example_id, benchmark, item_id, label, score, example_text, item_text, example_start,
           example_end, item_start, item_end, status, tier, side
match_verdicts  benchmark, label, tier, score, right, reviewer: the reviewers' words on matches that stand
reviews    reviewer, action, reason, n
calls      model, n, input_tokens, output_tokens, cost
samples    example_id, kind, generator, type, status, reason, uri, heading_path, instruction,
           response, chosen, rejected, evidence, scores (both JSON text)
========== ==================================================================================

``status`` is accepted, rejected or failed: the reviewer's word before the machine's; ``review`` is the
reviewer's (accepted, rejected or None) and ``judge_state`` the machine's. ``coverage`` and ``failures``
speak of the latest run of each recipe; a character is covered when it lies in a chunk that an accepted row
was made from. Above 200,000 rows ``rows``, ``scores`` and ``matches`` hold every k-th example, chosen by a
hash of its id: then ``frame.attrs["sampled"]`` is ``{"of": rows, "every": k}``. ``samples`` holds at most
300 rows, as evenly as can be from each (kind, generator, status, reason), always the same ones.
"""

from __future__ import annotations

import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from gristmill_data.store.core import Store

    Frames = dict[str, pd.DataFrame]
else:
    Frames = dict

MAX_ROWS = 200_000
MAX_SAMPLES = 300
_SIZES = {
    "rows": "SELECT count(*) FROM examples",
    "scores": "SELECT count(*) FROM scores",
    "matches": "SELECT count(*) FROM matches",
}
NAMES = ("runs", "outcomes", *_SIZES, "coverage", "failures", "reviews", "calls", "samples", "match_verdicts")


def frames(store: Store, max_rows: int = MAX_ROWS) -> Frames:
    """All frames of an open dataset; each is one query of the folder ``queries``."""
    return {name: _frame(store, name, max_rows) for name in NAMES}


def _frame(store: Store, name: str, max_rows: int) -> pd.DataFrame:
    query = (files("gristmill_data.store") / "queries" / f"{name}.sql").read_text("utf-8")
    params: dict[str, int] = {"limit": MAX_SAMPLES} if name == "samples" else {}
    total, every = 0, 1
    if name in _SIZES:
        [(total,)] = store.rows(_SIZES[name])
        params["every"] = every = max(1, -(-total // max_rows))
    with store.cursor() as cursor:
        frame = cursor.execute(query, params).df()
    if every > 1:
        frame.attrs["sampled"] = {"of": total, "every": every}
    return frame


def frames_of(db: Path) -> Frames:
    """All frames of the dataset ``db``, whoever owns it.

    Raises:
        StoreError: as :func:`gristmill_data.store.call`.
    """
    import pandas as pd

    from gristmill_data.store.access import call

    with tempfile.TemporaryDirectory(prefix="gristmill-frames-") as folder:
        names = call(db, "frames", folder=folder)
        return {name: pd.read_parquet(Path(folder) / f"{name}.parquet") for name in names}
