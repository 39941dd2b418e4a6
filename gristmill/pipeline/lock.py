"""One run of a recipe at a time: two at once would both pay for the same calls."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from gristmill.errors import UsageError
from gristmill.records import content_id
from gristmill_data.store.segments import segments_folder


@contextlib.contextmanager
def only_run(db: Path, name: str) -> Iterator[None]:
    """Hold the right to run the recipe ``name`` into ``db``; the system takes it back when a process dies.

    Raises:
        UsageError: another process holds it.
        OSError: the folder of segments cannot be written.
    """
    folder = segments_folder(db)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{content_id(name)[:12]}.run").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"the recipe {name!r} is being run already", where=str(db), cure="wait until that run is done"
            ) from None
        yield
