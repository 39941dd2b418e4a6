"""Runs a server as its child and ends with it all that it started. A script of its own: no other imports.

``python -I -S keeper.py GRACE COMMAND …``. It stops the server when its standard input ends (which it does
whatever way its parent dies, SIGKILL included) or at SIGTERM: by SIGTERM, and after GRACE seconds by SIGKILL
to all processes that descend from it. Its own exit code is the server's, or 128 and the number of the signal
that ended it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LOOK_SECONDS = 0.5
LINGER = 2.0
NOT_STARTED = 127
_proc = "/proc" if Path("/proc/self/stat").exists() else None
_prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


class _StopError(Exception):
    pass


def main() -> int:
    """Run the command of the arguments to its end; its exit code."""
    grace, command = float(sys.argv[1]), sys.argv[2:]
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    if _prctl is not None:
        _prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what a dead server leaves behind becomes ours
    try:
        server = subprocess.Popen(  # noqa: S603 - the recipe's own command
            command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_keeper
        )
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        return NOT_STARTED
    try:
        while server.poll() is None:
            ended, _, _ = select.select([0], [], [], LOOK_SECONDS)
            if ended or os.getppid() != parent:
                break
    except _StopError:
        pass
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _end(server, grace if server.poll() is None else LINGER)
    return server.returncode if server.returncode >= 0 else 128 - server.returncode


def _stop(number: int, frame: object) -> None:
    raise _StopError


def _die_with_keeper() -> None:
    """In the server before it runs: should the keeper be killed, the kernel kills the server."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _end(server: subprocess.Popen[bytes], grace: float) -> None:
    """SIGTERM to the server, then SIGKILL to whatever of it is left after ``grace`` seconds."""
    limit = time.monotonic() + grace
    if server.poll() is None:
        server.terminate()
    while (server.poll() is None or _below()) and time.monotonic() < limit:
        time.sleep(0.05)
    if server.poll() is None or _proc is None:
        _send(-server.pid)  # its group
    while left := _below():
        for process in left:
            _send(process)
        time.sleep(0.02)
    server.wait()


def _send(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _below() -> list[int]:
    """Processes that descend from us and live; without /proc none are seen."""
    children: dict[int, list[int]] = {}
    living: set[int] = set()
    for number in (entry.name for entry in os.scandir(_proc) if entry.name.isdigit()) if _proc else ():
        try:
            state, parent = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it has just ended
        if state not in "ZX":
            living.add(int(number))
        children.setdefault(int(parent), []).append(int(number))
    found, todo = [], [os.getpid()]
    while todo:  # also through the dead: their children may have been read before they were handed on
        todo += (new := children.get(todo.pop(), []))
        found += new
    return [process for process in found if process in living]


if __name__ == "__main__":
    sys.exit(main())
