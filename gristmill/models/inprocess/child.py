"""The way into an engine's process: it gets a session, a log and an end of its own, then Python goes on.

Run as a script in front of what :mod:`multiprocessing` starts. Ctrl-C in a terminal reaches the whole
foreground group: without a session of its own the engine would stop while answers are still being awaited.
The kernel ends it when the thread that started it is gone, however that came. Imports nothing of gristmill.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def _own_end(starter: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != starter:  # it was gone before
        raise SystemExit(1)


def main() -> None:
    """Set the process up and become Python."""
    if "--multiprocessing-fork" in sys.argv:  # not the resource tracker, which serves all of the program
        os.setsid()
        _own_end(int(os.environ["GRISTMILL_ENGINE_OWNER"]))
    log = os.open(os.environ["GRISTMILL_ENGINE_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])  # noqa: S606 - itself


if __name__ == "__main__":
    main()
