"""Whether the compiled kernel is in numba's cache: a small file that is written once everything was compiled.

Looking it up costs nothing, while numba takes a second to load.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from gristmill_evals.contamination.normalise import MASK
from gristmill_evals.contamination.rows import GRAM


@lru_cache(maxsize=1)
def sources() -> str:
    """Hash of the kernel's source and of the constants it takes from elsewhere."""
    digest = blake2b(repr((GRAM, MASK)).encode(), digest_size=12)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_there(part: str = "kernel") -> bool:
    """Whether this code was compiled by this Python and numba on this kind of machine."""
    return any(path.is_file() for path in _places(part))


def note(folder: Path | None, part: str = "kernel") -> None:
    """Remember that all of ``part`` is compiled and kept in ``folder`` (None: it is not kept)."""
    if folder is None or is_there(part):
        return
    for path in _places(part):
        if path.parent == folder or folder.is_relative_to(path.parent):
            try:
                path.touch()
            except OSError:  # it will only be compiled, or loaded, once more
                continue
            return


@lru_cache(maxsize=8)
def _places(part: str) -> tuple[Path, ...]:
    """Where numba may keep its cache: beside the source, in the folder it is told, or in the user's."""
    name = f"gristmill-{part}-{_stamp()}.ready"
    told = os.environ.get("NUMBA_CACHE_DIR")
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "numba"
    folders = [Path(told)] if told else [Path(__file__).parent / "__pycache__", user]
    return tuple(folder / name for folder in folders)


def _stamp() -> str:
    try:
        version = importlib.metadata.version("numba")
    except importlib.metadata.PackageNotFoundError:
        version = "none"
    parts = (sources(), version, sys.version, platform.machine(), _processor())
    return blake2b(repr(parts).encode(), digest_size=8).hexdigest()


def _processor() -> str:
    """The processor's name and abilities, which the compiled code is made for."""
    try:
        lines = (
            Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split("\n\n")[0].split("\n")
        )
    except OSError:
        return platform.processor()
    return "".join(line for line in lines if line.startswith(("model name", "flags", "Features")))
