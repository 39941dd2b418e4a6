"""The compiled contamination check, made by one process for all: to compile takes a minute in each that does.

``python kernel.py`` compiles what is not in numba's cache yet; of several at a time one does, and the others
wait for it.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import json
import os
import subprocess
import sys
from pathlib import Path

PARTS = ("kernel", "verify", "looks", "skim")
QUESTION = "How many sacks of rye does a miller with nine stones and two wheels grind in a month of 26 days?"
REWORDED = "A miller owns nine stones and two wheels: in 26 days, how much rye in sacks can he grind a month?"


@functools.cache
def begin() -> subprocess.Popen[bytes] | None:
    """Start to compile beside tests that do not need it; None when there is nothing to do."""
    if os.environ.get("GRISTMILL_NO_NUMBA") or _all_there():
        return None
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([sys.executable, __file__], stdin=quiet, stdout=quiet, stderr=quiet)
    atexit.register(process.kill)
    return process


@functools.cache
def wait() -> None:
    """Until all is compiled; on a machine that takes too long, tests go on and compile what they need."""
    process = begin()
    if process is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(120)


def _all_there() -> bool:
    from gristmill_evals.contamination.kernel import ready

    return all(map(ready.is_there, PARTS))


def _compile() -> None:
    from gristmill_evals.contamination import Benchmark, BenchmarkItem
    from gristmill_evals.contamination.kernel import backend
    from gristmill_evals.contamination.scan import ScanJob

    backend()
    bench = Benchmark.make("sacks", [BenchmarkItem("rye", QUESTION, "234", ("a sack", "two sacks"))])
    lines = [json.dumps({"text": text}).encode() for text in (QUESTION, REWORDED, "Nothing.", f"{REWORDED}.")]
    for exact in (True, False):
        ScanJob((bench,), exact=exact).open()(list(enumerate(lines, 1)))


def _main() -> None:
    folder = os.open(Path(__file__).parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)  # until this process ends
    if not _all_there():
        _compile()


if __name__ == "__main__":
    _main()
