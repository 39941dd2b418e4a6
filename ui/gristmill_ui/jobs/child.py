"""The process of a job: ``python -m gristmill_ui.jobs.child FOLDER`` runs the command line it was given.

It notes its exit code beside the log, so that whoever looks later, another app perhaps, knows how it ended.
"""

from __future__ import annotations

import runpy
import signal
import sys
import time
import traceback
from pathlib import Path

import orjson

from gristmill_ui.jobs.files import announce, write


def main(folder: Path) -> int:
    """Run the job of ``folder``; its exit code."""
    announce(folder)
    # An app that was started in the background may have handed down that Ctrl-C is to be ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = 1
    try:
        code = _run([str(word) for word in orjson.loads((folder / "job.json").read_bytes())["arguments"]])
    except Exception:  # noqa: BLE001 - the end of the process: the log keeps what happened
        traceback.print_exc()
    finally:
        write(folder / "exit.json", {"code": code, "time": time.time()})
    return code


def _run(arguments: list[str]) -> int:
    """The command line of ``python -m gristmill``, in this process: its id is the run's."""
    sys.argv = ["gristmill", *arguments]
    try:
        runpy.run_module("gristmill", run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
