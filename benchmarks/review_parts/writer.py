"""A run that hands in rows while people review: ``python writer.py FILE ROWS_PER_SECOND SECONDS``."""

from __future__ import annotations

import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gristmill_data.store import SegmentWriter
from review_parts import rows as made_up


def main(db: Path, per_second: float, seconds: float) -> int:
    """Hand in a segment a second; the number of rows."""
    seed = int(time.time())
    writer, drawn, made = SegmentWriter(db, f"load-{seed}"), random.Random(seed), 0
    run = {"run_id": f"load-{seed}", "name": "beside", "status": "running", "started": datetime.now(UTC)}
    writer.add_row("runs", {**run, "recipe": made_up.RECIPE, "settings": [made_up.SETTINGS]})
    began, due = time.monotonic(), 0.0
    for document, chunks in made_up.documents(10**9, seed):
        writer.add_row("run_documents", {"document_id": document.id, "uri": document.uri})
        for record in (document, *chunks):
            writer.add(record)
        for chunk in chunks:
            for record in made_up.records(chunk, drawn):
                writer.add(record)
            made += made_up.ROWS_PER_CHUNK
            if made >= due + per_second:
                writer.flush()
                due = made
                time.sleep(max(0.0, began + made / per_second - time.monotonic()))
            if time.monotonic() - began >= seconds:
                writer.flush()
                return made
    return made


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])), flush=True)
