"""Several processes that need the same files build each of them once."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

LOCK = ".building"
log = logging.getLogger(__name__)


def build_together(folder: Path, parts: Mapping[str, Callable[[], object]]) -> None:
    """Call what builds each of ``parts``, but those that another process is building: these are waited for.

    What builds a part finds by itself that it is there already.

    What a process that died has left undone is not done here: whoever reads the part builds it then. Where
    no lock can be had (a folder that cannot be written to), every process builds for itself.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("wb")
    except OSError as error:
        log.debug("%s: the work is not shared: %s", folder, error)
        for build in parts.values():
            build()
        return
    with file:
        _build(file.fileno(), parts)


def _build(file: int, parts: Mapping[str, Callable[[], object]]) -> None:
    """Each part is a byte of the file, locked while it is being built; the system lets go of a dead one's."""
    elsewhere: list[int] = []
    for place, build in enumerate(parts.values()):
        if _locked(file, place, fcntl.LOCK_NB):
            build()
            fcntl.lockf(file, fcntl.LOCK_UN, 1, place)
        else:
            elsewhere.append(place)
    for place in elsewhere:
        _locked(file, place)
        fcntl.lockf(file, fcntl.LOCK_UN, 1, place)


def _locked(file: int, place: int, how: int = 0) -> bool:
    """Whether nobody else has the lock; where there are none (some network drives), nobody has."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | how, 1, place)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        log.debug("no locks here: %s", error)
    return True
