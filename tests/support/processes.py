"""The command line in processes of its own, forked from one that has imported the program already.

What that saves is the second which the imports take; such a process has its own environment, streams,
folder, signals and end. Two zygotes take turns, because the order of a set differs between them as it would
between any two processes. Where the start itself is tested, use ``subprocess`` with ``python -m gristmill``.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from support import zygote as program

# As it was before any test changed it.
_ENVIRONMENT = dict(os.environ)
# Nothing may start a thread while it is imported.
_SINGLE = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
# What an interpreter reads when it starts.
_EARLY = ("PYTHON", "LC_", "LANG")
_turns = itertools.count()


class Zygote:
    """The process that forks; it ends with this one, and with it all that it forked."""

    def __init__(self, *more: str) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, str(program.__file__), str(theirs.fileno()), *more],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**_ENVIRONMENT, **_SINGLE},
            start_new_session=True,  # a Ctrl-C at the terminal is for pytest
        )
        theirs.close()
        atexit.register(self.end)

    def end(self) -> None:
        """Let it go."""
        self.control.close()
        self._process.wait(30)


@functools.cache
def _zygote(number: int) -> Zygote:
    return Zygote()


@functools.cache
def _with_the_app() -> Zygote:
    return Zygote("gristmill_ui.server", "gristmill_ui.shell", "streamlit.web.bootstrap", "uvicorn")


class Process:
    """``gristmill ARGS`` as a process: what is used of :class:`subprocess.Popen`, with streams of text.

    ``stdout`` and ``stderr`` are PIPE or DEVNULL, ``stderr`` also STDOUT. ``before`` is Python that the
    process executes first. ``app``: it is likely to need the review app.
    """

    def __init__(
        self,
        *args: object,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        before: str = "",
        start_new_session: bool = False,
        app: bool = False,
    ) -> None:
        assert not needs_a_start(env or os.environ), "start a process with subprocess"
        self.args = ["gristmill", *map(str, args)]
        self.returncode: int | None = None
        self.stdout, out = _stream(stdout)
        self.stderr, err = (None, out) if stderr == subprocess.STDOUT else _stream(stderr)
        self._reply, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = {
            "args": self.args[1:],
            "env": dict(env or os.environ),
            "cwd": str(cwd or Path.cwd()),
            "before": before,
            "session": start_new_session,
        }
        nothing = os.open(os.devnull, os.O_RDONLY)
        fds = [nothing, out, err, theirs.fileno()]
        zygote = _with_the_app() if app else _zygote(next(_turns) % 2)
        socket.send_fds(zygote.control, [json.dumps(command).encode()], fds)
        theirs.close()
        for fd in {nothing, out, err}:
            os.close(fd)
        self.pid = self._hear("pid")

    def _hear(self, word: str) -> int:
        said, _, number = self._reply.recv(64).decode().partition(" ")
        assert said == word, f"the zygote is gone: it said {said!r} instead of {word!r}"
        return int(number)

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, negative for a signal."""
        if self.returncode is None:
            self._reply.settimeout(timeout)
            try:
                self.returncode = self._hear("exit")
            except (BlockingIOError, TimeoutError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._reply.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """All that it still says on both streams, once it has ended."""
        said = ["", ""]

        def read(number: int, stream: IO[str]) -> None:
            said[number] = stream.read()

        streams = [(i, s) for i, s in enumerate((self.stdout, self.stderr)) if s is not None and not s.closed]
        readers = [threading.Thread(target=read, args=pair, daemon=True) for pair in streams]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join(10)
        self.close()
        return said[0], said[1]

    def send_signal(self, number: int) -> None:
        """A signal to the process, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """Close our ends of its streams."""
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        self.close()


def _stream(wanted: int) -> tuple[IO[str] | None, int]:
    """Our end and theirs."""
    if wanted == subprocess.DEVNULL:
        return None, os.open(os.devnull, os.O_WRONLY)
    assert wanted == subprocess.PIPE
    ours, theirs = os.pipe()
    return os.fdopen(ours, encoding="utf-8"), theirs


def needs_a_start(env: Mapping[str, str]) -> bool:
    """Whether a fork would come too late for something in this environment."""
    names = {name for name in {*env, *_ENVIRONMENT} if name.startswith(_EARLY)}
    return any(env.get(name) != _ENVIRONMENT.get(name) for name in names)


def small_files(limit: int) -> str:
    """Code after which a process cannot write files of more bytes: a full disk."""
    return f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
"""


def fresh(*args: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """``python -m gristmill ARGS`` as everybody starts it."""
    command = [sys.executable, "-m", "gristmill", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=150, **options)


def run(*args: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """:func:`fresh`, forked where that makes no difference; options as for :class:`Process`."""
    if needs_a_start(options.get("env") or os.environ):
        return fresh(*args, **options)
    process = Process(*args, **options)
    try:
        out, err = process.communicate(150)
    except BaseException:
        process.kill()
        raise
    return subprocess.CompletedProcess(process.args, process.wait(), out, err)
