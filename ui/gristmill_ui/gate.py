"""What stands before the app: a connection from the wrong place goes no further.

Streamlit lets pages of any port of this machine open a session, and looks at host names for sessions only.
Here every request is looked at: its host name (a name of others may be pointed at this machine), the origin
of the page that sends it, and where a proxy says who somebody is, whether it comes from that one. Commands of
the owner (``/api/op/…``) have a listener of their own on this machine as soon as others can reach the app.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from gristmill_data.store.owner import is_loopback
from gristmill_ui.access import LOOPBACK, Access

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COMMANDS = "/api/op/"
HEALTH = "/_stcore/health"
_CLOSED = ("/_stcore/metrics", "/_stcore/agent/")
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via")
_HEADERS = (
    (b"content-security-policy", b"frame-ancestors 'self'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)


@dataclass
class Gate:
    """ASGI middleware: answers 403 with the reason, or lets a request through.

    ``hosts`` are the names of the app, ``commands`` is the (address, port) that serves the owner's operations
    when that is not the one browsers use.
    """

    app: App
    access: Access
    hosts: list[str]
    commands: tuple[str, int] | None = None
    _told: set[str] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        problem = self.refusal(scope)
        if not problem:
            await self.app(scope, receive, self._hardened(send))
            return
        self._tell(scope, problem)
        await _refuse(scope, send, problem)

    def refusal(self, scope: Scope) -> str:
        """Why this request goes no further; empty when it does."""
        host = _host(_values(scope, b"host"))
        if scope["path"].startswith(COMMANDS):
            return self._command(scope, host)
        if self.commands and tuple(scope.get("server") or ()) == self.commands:
            return "this address answers commands only"
        if host not in self.hosts:
            return f"the app is not known as {host!r}: the proxy must pass on the Host header"
        return self._foreign_origin(scope) or self._untrusted(scope)

    def _command(self, scope: Scope, host: str) -> str:
        if self.commands and tuple(scope.get("server") or ()) != self.commands:
            return "commands are answered on this machine only"
        if host not in LOOPBACK or any(_values(scope, name) for name in _FORWARDED):
            return "commands do not come through a proxy or under another name"
        return "commands do not come from a browser" if _values(scope, b"origin") else ""

    def _foreign_origin(self, scope: Scope) -> str:
        harmless = scope["type"] == "http" and scope["method"] in ("GET", "HEAD", "OPTIONS")
        foreign = [origin for origin in _values(scope, b"origin") if not self._own(scope, origin)]
        return f"a page of {foreign[0]} may not use this app" if foreign and not harmless else ""

    def _own(self, scope: Scope, origin: str) -> bool:
        """Whether a page is the app's own; a tunnel may give it any port of this machine."""
        if self.access.url:
            return origin == self.access.url
        return origin in [f"http://{host}" for host in _values(scope, b"host")]

    def _untrusted(self, scope: Scope) -> str:
        peer = (scope.get("client") or ("", 0))[0]
        if self.access.way == "names":
            return "" if is_loopback(peer) else "the app answers on this machine only"
        if scope["path"].startswith(_CLOSED):
            return "not served to others"
        if self.access.way == "oidc":
            return ""
        if not self.access.trusts(peer):
            return f"{peer} is not the trusted proxy: open {self.access.url}"
        said = _values(scope, self.access.header.lower().encode())
        if scope["path"] == HEALTH or (len(said) == 1 and said[0].strip()):
            return ""
        header = f"the header {self.access.header}"
        return f"the proxy must say once in {header} who is there, and did {len(said)} times"

    def _tell(self, scope: Scope, problem: str) -> None:
        peer = (scope.get("client") or ("", 0))[0]
        if (
            problem not in self._told and len(self._told) < 100
        ):  # one who knocks all day is not to fill the log
            self._told.add(problem)
            log.warning("refused %s from %s: %s", scope["path"], peer, problem)

    def _hardened(self, send: Send) -> Send:
        """``send`` that adds headers against framing, and keeps cookies to https where the app is there."""
        secure = b"; Secure" if self.access.url.startswith("https:") else b""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [_secured(name, value, secure) for name, value in message.get("headers", ())]
                known = {name.lower() for name, _ in kept}
                message["headers"] = [*kept, *(header for header in _HEADERS if header[0] not in known)]
            await send(message)

        return sending


def _secured(name: bytes, value: bytes, secure: bytes) -> tuple[bytes, bytes]:
    wanting = name.lower() == b"set-cookie" and b"secure" not in value.lower().split(b";", 1)[-1]
    return name, value + secure if wanting else value


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _host(values: list[str]) -> str:
    """The host name asked for; empty when it is said twice, or not properly."""
    if len(values) != 1 or "@" in values[0]:
        return ""
    try:
        parts = urlsplit(f"//{values[0]}")
    except ValueError:
        return ""
    return (parts.hostname or "").rstrip(".") if parts.netloc == values[0] else ""


async def _refuse(scope: Scope, send: Send, problem: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    body = f"Refused: {problem}.\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
