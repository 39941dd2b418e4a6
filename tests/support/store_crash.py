"""Processes for crash tests: ``python -m support.store_crash ROLE FILE [NUMBER]``.

``write`` flushes segments for ever and prints the number of each once it is confirmed; ``ingest`` takes
over what waits and prints ``ready`` before it starts; ``fill`` ingests ever more under a limit on the size
of files, prints each confirmed number, and the error that ends it.
"""

from __future__ import annotations

import resource
import signal
import sys
from itertools import count
from pathlib import Path

from gristmill.errors import StoreError
from gristmill.records import FileFailure
from gristmill_data.store import SegmentWriter, Store

ROWS = 200


def add_segment(writer: SegmentWriter, number: int, rows: int = ROWS, detail: str = "") -> None:
    """One segment of rows without a key, so that a row taken over twice would be seen."""
    for row in range(rows):
        writer.add(FileFailure(f"file-{number}-{row}", "empty", detail))
    writer.flush()


def write(db: Path) -> None:
    writer = SegmentWriter(db, "run")
    for number in count():
        add_segment(writer, number)
        print(number, flush=True)


def ingest(db: Path) -> None:
    with Store.open(db) as store:
        print("ready", flush=True)
        store.ingest()


def fill(db: Path, limit: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    writer = SegmentWriter(db, "run")
    store = Store.open(db)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        for number in count():
            add_segment(writer, number, detail=f"{number}".zfill(500))
            store.ingest()
            print(number, flush=True)
    except StoreError as error:
        print(f"StoreError {error}", flush=True)


if __name__ == "__main__":
    role, path = sys.argv[1], Path(sys.argv[2])
    if role == "fill":
        fill(path, int(sys.argv[3]))
    else:
        {"write": write, "ingest": ingest}[role](path)
