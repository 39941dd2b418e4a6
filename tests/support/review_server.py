"""The review app as its own process, for tests that talk to it over HTTP or with a browser."""

from __future__ import annotations

import os
import re
import select
import tempfile
import time
from pathlib import Path
from typing import Any

from gristmill_data.store import Store, call
from support.processes import Process

START = """
import sys
from pathlib import Path
from gristmill_ui.server import serve
serve(Path(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), open_browser=False)
sys.exit()
"""


class ReviewServer:
    """A running review app over ``db``; ``stop`` ends it as Ctrl+C or a supervisor would. Port 0: any."""

    def __init__(self, db: Path, port: int = 0) -> None:
        self.db = db
        self.process = Process(db, port, before=START, cwd=db.parent, app=True)
        self.url = self._address()

    def _address(self) -> str:
        assert self.process.stderr is not None
        said, limit = b"", time.monotonic() + 60
        while time.monotonic() < limit and self.process.poll() is None:
            if select.select([self.process.stderr], [], [], 0.2)[0]:
                said += os.read(self.process.stderr.fileno(), 4096)
            if found := re.search(rb"at (http://\S+)", said):
                return found[1].decode()
        raise AssertionError(f"the review app did not start: {said.decode()}")

    def stop(self) -> int:
        """End it and return its exit code."""
        self.process.terminate()
        code = self.process.wait(20)
        self.process.close()
        return code

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rsplit(":", 1)[1])

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        self.process.kill()
        self.process.wait(20)
        self.process.close()

    def events_of(self, reviewer: str) -> list[dict[str, Any]]:
        """What one reviewer did so far, oldest first, read from a backup while the app goes on."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "copy.duckdb"
            call(self.db, "backup", out=copy)
            with Store.open(copy) as store:
                return [event for event in _events(store) if event["reviewer"] == reviewer]

    def events(self) -> list[dict[str, Any]]:
        """Stop it and read every review event from the file, oldest first."""
        self.stop()
        with Store.open(self.db) as store:
            return _events(store)


def _events(store: Store) -> list[dict[str, Any]]:
    rows = store.rows("SELECT DISTINCT example_id FROM review_events")
    found = [event for (example_id,) in rows for event in store.history(example_id)]
    return sorted(found, key=lambda event: event["seq"])
