"""One server: started, found healthy, started again when it died, stopped."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shlex
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime

from gristmill.errors import GristmillError, ModelConfigError, copied
from gristmill.models.engine_log import likeliest_cause, log_since
from gristmill.models.serving import keeper
from gristmill.models.serving.command import HOST, Launch, launch_of
from gristmill.models.serving.health import answers
from gristmill.models.serving.settings import ServeSpec

log = logging.getLogger("gristmill.models.serving")
LOOK_SECONDS = 0.1
TAIL_LINES, MAX_CAUSE = 15, 600
PORT_TAKEN = "address already in use"
PORT_TRIES = 3
UNWELL_SECONDS = 30.0
"""How long a server may neither answer nor end before it is ended and started again."""
START_CURE = "run the command at the top of that log by hand, or check serve: (python, model, args, command)"


class Server:
    """The server of one model; roles with equal settings share it.

    ``generation`` counts its starts, so that whoever keeps connections knows when they lead nowhere.
    """

    def __init__(self, serve: ServeSpec, name: str) -> None:
        self.serve, self.name = serve, name
        self.log_file = serve.log_file(name)
        self.generation = 0
        self.launch: Launch | None = None
        self.users = 0
        self._key = secrets.token_urlsafe(24)
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._doubted = False
        self._turn = asyncio.Lock()
        self._failed: ModelConfigError | None = None

    @property
    def alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def up(self) -> bool:
        """Whether it runs, and nothing speaks against its health."""
        return self.launch is not None and not self._doubted and self.alive

    def doubt(self) -> None:
        """A call failed in a way that may be the server's end: look before the next one."""
        self._doubted = True

    async def ready(self) -> Launch:
        """Where it answers; starts it when it does not run.

        Raises:
            ModelConfigError: kind ``server``: it does not start, or died more often than ``restarts`` allows.
        """
        if self.launch is not None and self.up:
            return self.launch
        async with self._turn:
            if self._failed is not None:
                raise copied(self._failed)  # those who waited with the first do not try once more
            try:
                return await self._brought_up()
            except ModelConfigError as error:
                self._failed = error
                raise

    def last_words(self) -> str:
        """The last lines of its log since its start, without the key."""
        lines = [line.rstrip() for line in self._said().splitlines() if line.strip()]
        return "\n".join(lines[-TAIL_LINES:])

    def _said(self) -> str:
        return log_since(self.log_file, self._log_start).replace(self._key, "***")

    async def close(self) -> None:
        """End it and everything it started; returns when they are gone."""
        async with self._turn:  # a start that was cancelled is still cleaning up
            await self._stop()

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        await _ended(process, self.serve.stop_timeout + keeper.LINGER + 5)

    async def _brought_up(self) -> Launch:
        if self.launch is not None and not await self._recovers(self.launch):
            await self._note_end()
            self.launch = None
        if self.launch is None:
            self.launch = await self._start()
            self.generation += 1
        return self.launch

    async def _recovers(self, launch: Launch) -> bool:
        """Whether it runs and is healthy; one that is shutting down for its own reasons is waited for."""
        limit = time.monotonic() + UNWELL_SECONDS
        while self.alive:
            if not self._doubted or await answers(launch.health, launch.key):
                self._doubted = False
                return True
            if time.monotonic() > limit:
                break
            await asyncio.sleep(LOOK_SECONDS)
        self._doubted = False
        return False

    async def _note_end(self) -> None:
        """Say that it ended by itself; an error when that happened too often."""
        how = "it hangs"
        if self._process is not None and (code := self._process.poll()) is not None:
            how = _reason(code)
        await self._stop()
        said = f"the server of {self.name} ended by itself ({how})"
        if self.generation > self.serve.restarts:
            times = f", {self.generation} times in all" if self.generation > 1 else ""
            raise self._error(said + times, "answers so far are kept: mend the cause, then run again")
        log.warning("%s: it is started again; log: %s", said, self.log_file)

    async def _start(self) -> Launch:
        log.info("%s: starting its server; log: %s", self.name, self.log_file)
        started = time.monotonic()
        for tries_left in reversed(range(PORT_TRIES)):
            launch = launch_of(self.serve, self.name, _free_port(), self._key, os.environ)
            self._process = self._spawn(launch)
            try:
                await self._healthy(launch, started + self.serve.start_timeout)
            except BaseException as error:
                # Also when the wait is cancelled: nobody else would end a server that never became ours.
                taken = isinstance(error, ModelConfigError) and PORT_TAKEN in error.message.lower()
                await self._stop()
                if taken and tries_left:
                    continue
                raise
            log.info("%s: its server is up after %.0f s", self.name, time.monotonic() - started)
            return launch
        raise AssertionError("the last try returns or raises")

    def _spawn(self, launch: Launch) -> subprocess.Popen[bytes]:
        """The keeper with the server below it; their output goes to the log."""
        try:
            self.log_file.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(
                os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb"
            ) as file:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                file.write(f"\n--- {now} gristmill starts: {shlex.join(launch.argv)}\n".encode())
                file.flush()
                self._log_start = file.tell()
                watched = (sys.executable, "-I", "-S", keeper.__file__, str(self.serve.stop_timeout))
                return subprocess.Popen(  # noqa: S603 - the recipe's own command
                    [*watched, *launch.argv],
                    stdin=subprocess.PIPE,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    cwd=launch.folder,
                    env=launch.env,
                    start_new_session=True,  # Ctrl-C in the terminal is for us alone
                )
        except OSError as error:
            raise GristmillError(
                f"the server of {self.name} cannot be started: {error.strerror}",
                where=str(error.filename or self.log_file),
                cure="check serve: (cwd, log) and the rights",
            ) from error

    async def _healthy(self, launch: Launch, limit: float) -> None:
        while True:
            if not self.alive:
                code = self._process.returncode if self._process is not None else None
                raise self._error(f"the server of {self.name} did not start ({_reason(code)})", START_CURE)
            if await answers(launch.health, launch.key):
                return
            if time.monotonic() > limit:
                raise self._error(
                    f"the server of {self.name} did not answer {launch.health} within "
                    f"{self.serve.start_timeout:g} s",
                    "raise start_timeout if it was still loading, or check health: and the command",
                )
            await asyncio.sleep(LOOK_SECONDS)

    def _error(self, message: str, cure: str) -> ModelConfigError:
        words = self.last_words()
        said = "\n".join(f"    {line}" for line in words.splitlines())
        if (cause := likeliest_cause(self._said())) and cause not in words:
            message += f": {cause[:MAX_CAUSE]}"  # engines print pages after it
        return ModelConfigError(
            f"{message}; the end of its log:\n{said}" if said else f"{message}; its log is empty",
            kind="server",
            where=str(self.log_file),
            cure=cure,
        )


async def _ended(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Let the keeper end its server (its input ends), and see that it does."""
    if process.stdin is not None:
        process.stdin.close()
    limit = time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() > limit:
            process.kill()  # the kernel kills the server with its keeper
            process.wait()
            return
        await asyncio.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _reason(code: int | None) -> str:
    if code is None:
        return "nothing is known of it"
    number = code - 128 if code > 128 else -code
    return f"signal {number}" if number > 0 else f"exit code {code}"
