"""The review app's server: one process that owns the dataset, shows it, and serves other commands."""

from __future__ import annotations

import contextlib
import gc
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
from gristmill_ui.access import Access, check_host, enforced

if TYPE_CHECKING:
    import streamlit
    import uvicorn
    from starlette.routing import Route

ENTRY = Path(__file__).parent / "entry" / "main.py"
PORTS_TRIED = 20
SWITCH = 0.0005
"""Seconds after which a session lets another go on (Python's default: 0.005). A page asks the dataset some
forty times, and after each answer it would wait so long for those that are drawing."""


def serve(
    db: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8501,
    open_browser: bool = False,
    access: Access | None = None,
    leads: Sequence[str] = (),
) -> None:
    """Show the dataset ``db`` at ``http://host:port`` until interrupted; ``leads`` are made its leads.

    The file is created when there is none. A taken port gives way to the next free one, 0 means any;
    the address is printed. While this runs, other commands reach the dataset through this process.

    Raises:
        UsageError: others can reach the host and ``access`` does not tell who they are, or no port is free.
        StoreBusyError: another process keeps holding the file.
        StoreError: the file cannot be used.
    """
    access = access or Access()
    check_host(host, access)
    import gristmill.pipeline.operations  # noqa: F401 - makes the report an operation of the owner
    from gristmill_data.store import owner_routes
    from gristmill_data.store.people import appoint
    from gristmill_ui.owner import Ingester, attachment, open_patiently
    from gristmill_ui.services.values import values

    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        ending = stack.enter_context(terminable())
        listeners = [stack.enter_context(listen(host, port))]
        if access.way != "names":  # commands are not to be reached from where people come in
            listeners.append(stack.enter_context(listen("127.0.0.1", 0)))
        store = stack.enter_context(open_patiently(db))
        store.live()  # a second for 500,000 rows: now, and not while the first reviewer waits
        values(store)
        for lead in leads:
            appoint(store, lead, "lead")
        token = secrets.token_urlsafe(32)
        app = build_app(owner_routes(store, token), access, host, listeners)
        stack.enter_context(attachment(store))
        stack.enter_context(enforced(access))
        stack.enter_context(ownership(db, _url(*_bound(listeners[-1])), token))
        stack.enter_context(Ingester(store))
        shown = access.url or _url(host, _bound(listeners[0])[1])
        print(f"Reviewing {db} at {shown} (Ctrl+C stops)", file=sys.stderr, flush=True)
        if open_browser:
            threading.Timer(1.0, webbrowser.open, [shown]).start()
        _run(app, listeners, ending)


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _bound(listener: socket.socket) -> tuple[str, int]:
    address = listener.getsockname()
    return address[0], address[1]


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


def build_app(
    routes: Sequence[Route], access: Access, host: str, listeners: Sequence[socket.socket]
) -> streamlit.App:
    """The Streamlit application with the owner's routes beside it, and the gate before both."""
    settings.apply(host, _bound(listeners[0])[1], access)
    import streamlit as st
    from starlette.middleware import Middleware

    from gristmill_ui.gate import Gate

    commands = _bound(listeners[1]) if len(listeners) > 1 else None
    gate = Middleware(Gate, access=access, hosts=access.hosts(host), commands=commands)
    app = st.App(ENTRY, routes=routes, middleware=[gate])
    _make_ready()
    return app


def _make_ready() -> None:
    """Load what every session needs before the first one waits for it, and leave it out of collections."""
    import gristmill_ui.shell  # noqa: F401 - all pages

    sys.setswitchinterval(SWITCH)
    gc.collect()
    gc.freeze()


def _run(app: streamlit.App, listeners: Sequence[socket.socket], ending: Ending) -> None:
    import uvicorn

    # Where a connection comes from is what the gate goes by: no header may say otherwise.
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=2, proxy_headers=False
    )
    server = uvicorn.Server(config)
    with ending.through(server):
        server.run(sockets=list(listeners))


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
