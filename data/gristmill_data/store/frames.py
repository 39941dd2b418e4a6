"""Aggregates for charts and the report: a fixed set of small DataFrames, all counted in SQL.

========== ==================================================================================
runs       run_id, name, started, finished, status, summary, recipe (both JSON text), version
outcomes   task, state, reason, n
rows       example_id, kind, generator, type, uri, document_id, status, stale,
           instruction_chars, response_chars, review, judge_state, chosen_chars, rejected_chars,
           margin (points of 10), contrast (a pair's fault, else its strategy), total_chars, turns
scores     example_id, scorer, value, unscored_reason, generator, document_id
coverage   uri, media_type, chars, chunks, chunks_used, covered_chars, accepted, rejected, failed (slots),
           rows, reviewed (by people), kept (accepted by people)
failures   uri, reason, detail
matches    example_id, benchmark, item_id, label, score, example_text, item_text, example_start,
           example_end, item_start, item_end, status, tier, side
match_verdicts  benchmark, label, tier, score, right, reviewer: the reviewers' words on matches that stand
reviews    reviewer, action, reason, n
calls      model, n, input_tokens, output_tokens, cost
samples    example_id, kind, generator, type, status, reason, uri, heading_path, instruction,
           response, chosen, rejected, evidence, scores (both JSON text)
states     kind, judge_state, review, queue_status, n: rows that are not stale, always all of them
pairings   of_ (rows or pairs), one, other (reviewers), said_one, said_other, n: rows both decided
ballots    of_, votes (JSON: [{said, votes}]), n: rows that two or more reviewers decided
judged     window_, first, last (times), judge, people (both accepted or rejected), n: the run's decision
           beside the first word of anybody on the row, in windows of equally many rows
pace       reviewer, day, n, timed, quarter, median, three_quarters: seconds from a decision to the next
reasons    reviewer, reason (a tag), bulk, n: rows rejected, one row may have several
matched    benchmark, label, n
spent      run_id, name, started, cost, calls, unpriced, asked, accepted, kept (accepted now) of each run
texts      example_id, kind, generator, type, document_id, system, instruction, response, rejected, passage,
           spans (of evidence), spans_found (where they say they are): accepted rows, texts cut
prompts    generator, text, n: system turns of the calls behind some accepted rows
copies     of_ (row or instruction), rows, repeated, groups, largest: exact copies among accepted rows
verdicts   example_id, scorer, generator, document_id, value, forward, swapped (1, 2, tie or None), both
           (orders asked), position, chosen_chars, rejected_chars: judges of pairs
criteria   scorer, criterion, points, document_id, n, met, void_, voted, agreement (sum over those voted on)
seats      example_id, scorer, document_id, judge, value: members of juries
makers     generator, rows, accepted, calls, input_tokens, output_tokens, cost, unpriced
speed      run_id, role, model, answered, failed, cached, retries, p50, p95, waited_p95 (seconds),
           output_tokens_per_second
counted    model, n, chars, tokens, cc, ct, tt: prompts as servers counted them, sums of squares and products
========== ==================================================================================

``pairings``, ``ballots`` and ``judged`` go by the first word of each reviewer on a row that stands, without
leads' last words and without what was decided for many rows at once; of pairs people say ``as recorded``,
``the other way round`` or ``neither``.

``status`` is accepted, rejected, failed or disputed: the people's word before the machine's; ``review`` is
the reviewer's (accepted, rejected or None) and ``judge_state`` the machine's. ``coverage`` and ``failures``
speak of the latest run of each recipe; a character is covered when it lies in a chunk that an accepted row
was made from. Above 200,000 rows ``rows``, ``scores`` and ``matches`` hold about 100,000: every k-th example,
chosen by a hash of its id; then ``frame.attrs["sampled"]`` is ``{"of": rows, "every": k}``. ``texts`` holds
about 20,000 rows at most, ``verdicts``, ``criteria`` and ``seats`` are of about as many scores. ``samples``
holds at most 300 rows, as evenly as can be from each (kind, generator, status, reason), always the same ones.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill_data.store.teamwork import PAUSE_SECONDS

if TYPE_CHECKING:
    import pandas as pd

    from gristmill_data.store.connect import Connection
    from gristmill_data.store.core import Store

    Frames = dict[str, pd.DataFrame]
else:
    Frames = dict

MAX_ROWS = 200_000
MAX_SAMPLES = 300
MAX_TEXTS = 20_000
LONGEST_TEXT = 6_000
"""Characters of a text of the frame ``texts``."""
_SIZES = {
    "rows": "SELECT count(*) FROM examples",
    "scores": "SELECT count(*) FROM scores",
    "matches": "SELECT count(*) FROM matches",
}
_FEW = {
    "texts": "SELECT count(*) FROM states WHERE status = 'accepted' AND NOT stale",
    **dict.fromkeys(("verdicts", "criteria", "seats"), "SELECT count(*) FROM scores WHERE votes IS NOT NULL"),
}
NAMES = (
    "runs", "outcomes", *_SIZES, "coverage", "failures", "reviews", "calls", "samples", "match_verdicts",
    "states", "pairings", "ballots", "judged", "pace", "reasons", "spent", "matched", *_FEW,
    "prompts", "copies", "makers", "speed", "counted",
)  # fmt: skip

_GIVEN = {
    "samples": {"limit": MAX_SAMPLES},
    "pace": {"pause": PAUSE_SECONDS},
    "texts": {"longest": LONGEST_TEXT},
    "prompts": {"rows": 50, "longest": LONGEST_TEXT, "limit": 20},
    "counted": {"rows": 2_000},
}

_STATES = """
    CREATE OR REPLACE TEMP {kind} states AS
    SELECT example_id, kind, generator, type, uri, document_id, chunk_id, run_id, status, queue_status, stale,
        review, voices, judge_state, reason, review_reason
    FROM {rows}
"""


def frames(store: Store, max_rows: int = MAX_ROWS, names: Collection[str] = NAMES) -> Frames:
    """The frames of an open dataset, all or those of ``names``; each is a query of the folder ``queries``."""
    with _prepared(store) as cursor:
        return {name: _frame(cursor, name, max_rows) for name in NAMES if name in names}


@contextmanager
def _prepared(store: Store) -> Iterator[Connection]:
    """A cursor to whom ``states`` is the state of every row without its text, ``said`` what people said."""
    live = store.live_if_any()
    if live is not None:
        live.catch_up()
    known = {"kind": "TABLE", "rows": "rows_"} if live is None else {"kind": "VIEW", "rows": "gm_live.rows"}
    with store.cursor() as cursor:
        cursor.execute(_STATES.format(**known))
        cursor.execute(_query("prepare_said"))
        yield cursor


def _query(name: str) -> str:
    return (files("gristmill_data.store") / "queries" / f"{name}.sql").read_text("utf-8")


def _frame(cursor: Connection, name: str, max_rows: int) -> pd.DataFrame:
    params: dict[str, int] = dict(_GIVEN.get(name, {}))
    total, every = 0, 1
    if name in _FEW:
        [(total,)] = cursor.execute(_FEW[name]).fetchall()
        params["every"] = every = max(1, -(-total // MAX_TEXTS))
    if name in _SIZES:
        [(total,)] = cursor.execute(_SIZES[name]).fetchall()
        # Of more rows than fit, half as many: so that the largest datasets take no longer than smaller ones.
        params["every"] = every = 1 if total <= max_rows else -(-2 * total // max_rows)
    frame = cursor.execute(_query(name), params).df()
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
