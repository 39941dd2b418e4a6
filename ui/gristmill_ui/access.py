"""Who may come in, and how the app knows who they are: a name typed here, a sign-in, or a proxy."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from gristmill.errors import UsageError
from gristmill_data.store.owner import is_loopback
from gristmill_data.store.people import Role

Way = Literal["names", "oidc", "header"]
LOOPBACK = ("127.0.0.1", "::1", "localhost")
LOOPBACK_NETWORKS = ("127.0.0.0/8", "::1/128")
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_SPOKEN_FOR = ("host", "origin", "cookie", "authorization", "connection", "upgrade")


@dataclass(frozen=True, slots=True)
class Access:
    """How people say who they are.

    ``names``: they choose one, which is only good enough where nobody else can reach the app. ``oidc``: they
    sign in with a provider; ``secrets`` is the file that names it and ``claim`` what of its word becomes the
    author of decisions. ``header``: a proxy of ``proxies`` (networks) says it in the header of this name.
    ``url`` is where browsers reach the app, ``newcomers`` what strangers may do; None: they stay outside.
    """

    way: Way = "names"
    url: str = ""
    header: str = ""
    proxies: tuple[str, ...] = ()
    secrets: Path | None = None
    claim: str = "email"
    newcomers: Role | None = "reviewer"

    def hosts(self, host: str) -> list[str]:
        """Host names under which the app answers when it listens on ``host``."""
        wildcard = host in ("0.0.0.0", "::")  # noqa: S104 - compared, not listened on
        named = [urlsplit(self.url).hostname or ""] if self.url else []
        return list(dict.fromkeys([*LOOPBACK, *named, *([] if wildcard else [host])]))

    def trusts(self, peer: str) -> bool:
        """Whether ``peer``, the address a connection comes from, is that of the proxy."""
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in ipaddress.ip_network(network) for network in self.proxies)


def arranged(
    *,
    oidc: Path | None = None,
    header: str = "",
    proxies: Sequence[str] = (),
    url: str = "",
    newcomers: str = "",
) -> Access:
    """The access that the options of ``gristmill review`` ask for.

    Raises:
        UsageError: they contradict each other, or one of them is wrong.
    """
    if oidc and header:
        raise UsageError("a sign-in and a proxy's header at once", where="--oidc", cure="use one of them")
    if proxies and not header:
        cure = "add --trusted-header NAME"
        raise UsageError("a proxy, but no header of it", where="--trusted-proxy", cure=cure)
    if url and not header:
        cure = "leave it out: with --oidc it is the origin of redirect_uri, otherwise this machine"
        raise UsageError("an address for browsers needs a proxy's header", where="--url", cure=cure)
    if oidc:
        from gristmill_ui.oidc import provided

        return provided(oidc, _newcomers(newcomers or "nobody"))
    role = _newcomers(newcomers or "reviewer")
    if header:
        networks = tuple(map(_network, proxies)) or LOOPBACK_NETWORKS
        return Access("header", _origin(url), _header(header), networks, newcomers=role)
    return Access(newcomers=role)


def check_host(host: str, access: Access) -> None:
    """Without accounts only loopback addresses will do: whoever reaches the app may decide.

    Raises:
        UsageError: others can reach ``host``, and names are all there is.
    """
    if access.way == "names" and host not in LOOPBACK:
        raise UsageError(
            f"without a sign-in the review app listens on this machine only, not on {host!r}",
            where="--host",
            cure="add --oidc FILE or --trusted-header NAME (see docs/people.md), or use --host 127.0.0.1 and "
            "reach it from elsewhere through an SSH tunnel",
        )
    if access.way != "names" and not host:
        raise UsageError(
            "no address to listen on", where="--host", cure="use 0.0.0.0 for all of this machine"
        )


def origin_of(url: str) -> str:
    """``scheme://host[:port]`` as a browser writes it; empty for no URL, or plain http to elsewhere."""
    try:
        parts = urlsplit(url)
        default = {"http": 80, "https": 443}.get(parts.scheme)
        port = f":{parts.port}" if parts.port and parts.port != default else ""
    except ValueError:
        return ""
    host = parts.hostname or ""
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not host or not safe:
        return ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def _origin(url: str) -> str:
    found = origin_of(url)
    if found and urlsplit(url).path in ("", "/"):
        return found
    problem = f"not an address of browsers: {url!r}" if url else "where do browsers reach the app?"
    raise UsageError(
        problem, where="--url", cure="give the proxy's address, for example https://review.example.org"
    )


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        cure = "give an address or a network, for example 10.0.0.7 or 10.0.0.0/24"
        raise UsageError(f"not an address: {text!r}", where="--trusted-proxy", cure=cure) from error


def _header(name: str) -> str:
    if not _HEADER.fullmatch(name) or name.lower() in _SPOKEN_FOR:
        cure = "give the name of the header, for example X-Forwarded-User"
        raise UsageError(f"no header for names: {name!r}", where="--trusted-header", cure=cure)
    return name


def _newcomers(text: str) -> Role | None:
    allowed: dict[str, Role | None] = {"reviewer": "reviewer", "reader": "reader", "nobody": None}
    if text not in allowed:
        raise UsageError(f"no such role: {text!r}", where="--newcomers", cure=f"one of: {', '.join(allowed)}")
    return allowed[text]


_in_force: list[Access] = []


@contextlib.contextmanager
def enforced(access: Access) -> Iterator[None]:
    """Make ``access`` that of every session of this process, for as long as this lasts."""
    _in_force.append(access)
    try:
        yield
    finally:
        _in_force.remove(access)


def current() -> Access:
    """The access of this process; names, when nothing else was said."""
    return _in_force[-1] if _in_force else Access()
