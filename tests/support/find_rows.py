"""The mill's rows and three that ask the same, one of them rejected by the run."""

from __future__ import annotations

from pathlib import Path

from gristmill_data.store import Store
from gristmill_data.store.people import appoint
from support.review_rows import HARBOUR, MANUAL, chunks, document, fill, instruction, outcome, scores, write

GRAIN = "# Grain\n\n## Rye\n\nRye is dried for two days before it is ground.\n"
ASKED = "For how many days is rye dried before it is ground in {}?"


def fill_alike(db: Path) -> Path:
    """Make the dataset ``db``, with Ada to lead and Bo to review."""
    fill(db)
    source = document("grain.md", GRAIN)
    [chunk] = chunks(source)
    days = [instruction(chunk, ASKED.format(month), "For two days.") for month in ("June", "July", "August")]
    states = [("accepted", ""), ("accepted", ""), ("rejected", "low-score:answer")]
    outcomes = [outcome(row, n, *state) for n, (row, state) in enumerate(zip(days, states, strict=True))]
    every = [source, document("mill/dressing.md", MANUAL), document("harbour.md", HARBOUR)]
    write(db, [chunk, *days, *outcomes, *scores(days)], every, "run-0")
    with Store.open(db) as opened:
        opened.ingest()
        appoint(opened, "Ada", "lead")
        appoint(opened, "Bo", "reviewer")
    return db
