"""A process that has imported the program already and forks once for every command.

Started by :mod:`support.processes` with the number of a Unix socket (SEQPACKET), and the names of more
modules to import. A message on the socket is one command as JSON (``args``, ``env``, ``cwd``, ``before``,
``session``) with four descriptors: the standard streams and a socket for replies, ``pid N`` once it is
set up and ``exit N`` (as :attr:`subprocess.Popen.returncode`) at the end. When the socket closes, all that
was forked is killed. Linux only.

Unlike a fresh process, a fork may rest on an import that another module made, shares its order of sets with
its siblings, and ends without taking the interpreter apart: tests of those things start a real one.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import Any

# All modules of these packages are imported before anything is forked …
PACKAGES = (
    *("gristmill.cli", "gristmill.pipeline", "gristmill.models.batch", "gristmill.models.extractive"),
    *("gristmill_data", "gristmill_generators"),
)
# … and these, which a run imports only on use. More would slow the end of each process.
MODULES = (
    *("gristmill.models.backends.offline", "gristmill.models.backends.official"),
    *("gristmill.models.backends.openai_api", "gristmill.models.backends.lean", "gristmill_scorers.rubric"),
    *("gristmill_scorers.rubrics", "gristmill_scorers.rules", "gristmill_scorers.duplicates"),
    *("pandas", "pyarrow.pandas_compat", "pyarrow.parquet", "duckdb", "genai_prices.data", "markdown_it"),
    *("openai.resources.chat.completions", "openai.resources.batches", "openai.resources.files"),
    *("aiohttp", "httpcore2", "jsonschema", "jsonschema_rs", "orjson", "importlib.resources.readers"),
    *("concurrent.futures.thread", "rich.live", "rich.progress", "rich.table", "typer._adapters"),
    *(
        "typer._click.decorators",
        "typer._click._textwrap",
        "rich._emoji_codes",
        "encodings.ascii",
        "encodings.idna",
    ),
    *("uvloop", "gristmill.models.inprocess.memory", "gristmill.models.inprocess.weights"),
)
_exit_code = 0
Children = dict[int, tuple[int, socket.socket]]  # by pidfd: pid, where to report


def load(more: Sequence[str]) -> None:
    """Import everything, and leave no thread behind: a fork copies only the one that forks."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            importlib.import_module(module.name)
    for name in (*MODULES, *more):
        importlib.import_module(name)
    prepare()
    tasks = len(os.listdir("/proc/self/task"))
    if threading.active_count() != 1 or tasks != 1:
        raise SystemExit(f"cannot fork safely: {tasks} threads, {threading.enumerate()}")
    gc.collect()
    gc.freeze()  # a collection in a child would write to, and so copy, all memory


def prepare() -> None:
    """What each command works out before its own work, the same for all: a fifth of a small run's time."""
    import typer.main
    from jsonschema import Draft202012Validator

    from gristmill import cli, registry

    typer.main.get_command = functools.cache(typer.main.get_command)
    typer.main.get_command(cli.app)
    registry.names("gates")
    Draft202012Validator.check_schema({"type": "object", "properties": {"one": {"type": "string"}}})


def serve(control: socket.socket) -> tuple[dict[str, Any], socket.socket] | None:
    """Fork for every message. Returns the command and where to reply in the child, None at the end."""
    children: Children = {}
    ready = selectors.DefaultSelector()
    ready.register(control, selectors.EVENT_READ)
    while True:
        for key, _ in ready.select():
            if key.fileobj is not control:
                ready.unregister(key.fd)
                _reap(children, key.fd)
                continue
            message, fds, _, _ = socket.recv_fds(control, 1 << 20, 4)
            if not message:
                for pid, _ in children.values():
                    os.kill(pid, signal.SIGKILL)
                return None
            reply = socket.socket(fileno=fds[3])
            pid = os.fork()
            if pid == 0:
                _leave(control, ready, children, fds[:3])
                return json.loads(message), reply
            _adopt(pid, ready, children, reply, fds[:3])


def _adopt(
    pid: int, ready: selectors.BaseSelector, children: Children, reply: socket.socket, streams: list[int]
) -> None:
    watched = os.pidfd_open(pid)
    children[watched] = (pid, reply)
    ready.register(watched, selectors.EVENT_READ)
    for fd in streams:
        os.close(fd)


def _reap(children: Children, watched: int) -> None:
    pid, reply = children.pop(watched)
    _, status = os.waitpid(pid, 0)
    _tell(reply, f"exit {os.waitstatus_to_exitcode(status)}")
    reply.close()
    os.close(watched)


def _tell(reply: socket.socket, word: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody waits for this process any more
        reply.send(word.encode())


def _leave(
    control: socket.socket, ready: selectors.BaseSelector, children: Children, streams: list[int]
) -> None:
    """In the child: let go of all that is the parent's, and take the streams."""
    ready.close()
    control.close()
    for watched, (_, other) in children.items():
        other.close()
        os.close(watched)
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
    for fd in streams:
        os.close(fd)


def become(command: dict[str, Any], reply: socket.socket) -> None:
    """Go on as ``python -m gristmill`` with the command's arguments, environment and folder."""
    global _exit_code
    _exit_code = 1  # what an exception that nobody catches ends with
    os.chdir(command["cwd"])
    os.environ.clear()
    os.environ.update(command["env"])
    tempfile.tempdir = None  # an import may have asked for it
    if command["session"]:
        os.setsid()
    _tell(reply, f"pid {os.getpid()}")
    reply.close()
    sys.path[0] = command["cwd"]
    sys.argv = ["gristmill", *command["args"]]
    try:
        exec(command["before"], {})
        runpy.run_module("gristmill", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        _exit_code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise


def _last() -> None:
    """Leave as soon as threads and exit functions have had their turn.

    To take the interpreter apart would copy all memory of the parent, and takes as long as a small run.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_exit_code)


if __name__ == "__main__":
    atexit.register(_last)  # the first one registered is the last one called
    load(sys.argv[2:])
    given = serve(socket.socket(fileno=int(sys.argv[1])))
    if given is not None:
        become(*given)
