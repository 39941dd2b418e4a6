"""The review app's server: one process that owns the dataset, shows it, and serves other commands."""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.errors import UsageError
from gristmill_ui import settings

if TYPE_CHECKING:
    import streamlit
    import uvicorn
    from starlette.routing import Route

ENTRY = Path(__file__).parent / "entry" / "main.py"
PORTS_TRIED = 20


def serve(db: Path, *, host: str = "127.0.0.1", port: int = 8501, open_browser: bool = False) -> None:
    """Show the dataset ``db`` at ``http://host:port`` until interrupted.

    The file is created when there is none. A taken port gives way to the next free one, 0 means any;
    the address is printed. While this runs, other commands reach the dataset through this process.

    Raises:
        UsageError: the host can be reached from other machines, or no port is free.
        StoreBusyError: another process keeps holding the file.
        StoreError: the file cannot be used.
    """
    check_host(host)
    import gristmill.pipeline.operations  # noqa: F401 - makes the report an operation of the owner
    from gristmill_data.store import owner_routes
    from gristmill_ui.owner import Ingester, attachment, open_patiently

    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        ending = stack.enter_context(terminable())
        listener = stack.enter_context(listen(host, port))
        store = stack.enter_context(open_patiently(db))
        bound = listener.getsockname()[1]
        url = f"http://{f'[{host}]' if ':' in host else host}:{bound}"
        token = secrets.token_urlsafe(32)
        app = build_app(owner_routes(store, token), host, bound)
        stack.enter_context(attachment(store))
        stack.enter_context(ownership(db, url, token))
        stack.enter_context(Ingester(store))
        print(f"Reviewing {db} at {url} (Ctrl+C stops)", file=sys.stderr, flush=True)
        if open_browser:
            threading.Timer(1.0, webbrowser.open, [url]).start()
        _run(app, listener, ending)


def check_host(host: str) -> None:
    """Only loopback addresses: the app knows no accounts, so anybody who reaches it may decide."""
    if host not in settings.LOOPBACK:
        raise UsageError(
            f"the review app listens on this machine only, not on {host!r}: it has no authentication yet",
            where="--host",
            cure="use --host 127.0.0.1 and reach it from elsewhere through an SSH tunnel",
        )


@contextlib.contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket on ``port`` or the next free one (0: any free one).

    Raises:
        UsageError: none of the ports tried is free.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(listener, host, port)
        listener.listen(128)
        yield listener


def _bind(listener: socket.socket, host: str, port: int) -> None:
    candidates = range(port, min(port + PORTS_TRIED, 65_536)) if port else (0,)
    for candidate in candidates:
        try:
            listener.bind((host, candidate))
        except OSError:
            continue
        if candidate != port:
            print(f"port {port} is taken, using {candidate}", file=sys.stderr)
        return
    last = max(candidates, default=port)
    raise UsageError(
        f"ports {port} to {last} of {host} are all taken", where="--port", cure="use 0 for any free port"
    )


@contextlib.contextmanager
def ownership(db: Path, url: str, token: str) -> Iterator[None]:
    """Tell other commands where the owner of ``db`` is, for as long as this lasts."""
    from gristmill_data.store import remove_owner_file, write_owner_file

    write_owner_file(db, url, token)
    try:
        yield
    finally:
        remove_owner_file(db)


def build_app(routes: Sequence[Route], host: str, port: int) -> streamlit.App:
    """The Streamlit application with the owner's routes beside it."""
    settings.apply(host, port)
    import streamlit as st

    return st.App(ENTRY, routes=routes)


def _run(app: streamlit.App, listener: socket.socket, ending: Ending) -> None:
    import uvicorn

    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    with ending.through(server):
        server.run(sockets=[listener])


class Ending:
    """What SIGTERM and Ctrl+C do: interrupt what is going on, or tell the server once there is one.

    An exception alone is not enough: raised where Python is in a destructor or a weak reference's callback,
    it is printed and forgotten, and the process would go on. So it is noted as well, and looked up before
    the server runs; the server itself is told and not interrupted.
    """

    def __init__(self) -> None:
        self._asked = False
        self._server: uvicorn.Server | None = None

    def leave(self, number: int, frame: object) -> None:
        """The handler of both signals."""
        self._asked = True
        if self._server is None:
            raise KeyboardInterrupt
        self._server.should_exit = True

    @contextlib.contextmanager
    def through(self, server: uvicorn.Server) -> Iterator[None]:
        """Within, the signals end ``server``."""
        self._server = server
        if self._asked:
            raise KeyboardInterrupt
        try:
            yield
        finally:
            self._server = None


@contextlib.contextmanager
def terminable() -> Iterator[Ending]:
    """Make SIGTERM end the process like Ctrl+C, so that the file is closed and the owner file removed.

    uvicorn raises the signals it caught once more after shutting down, which would otherwise kill us.
    """
    ending = Ending()
    wanted = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a job in the background ignores it
        wanted.append(signal.SIGINT)
    previous = {number: signal.signal(number, ending.leave) for number in wanted}
    try:
        yield ending
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
