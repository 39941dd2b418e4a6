"""Where the lean transport's requests go: to its endpoint, and to where that redirects them."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gristmill.models.backends.openai_errors import Endpoint, unusable
from gristmill.models.backends.pool import Pool
from gristmill.models.backends.wire import Answer, AnswerTooLong

if TYPE_CHECKING:
    from yarl import URL

MAX_REDIRECTS = 20
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Roads:
    """Posts to ``url`` with ``headers``, over at most ``width`` connections to a host."""

    def __init__(self, url: URL, headers: Mapping[str, str], place: Endpoint, width: int, most: int) -> None:
        self._place, self._width, self._most = place, width, most
        self._loop = asyncio.get_running_loop()
        self._pools: dict[str, Pool] = {}
        self._post = Request("POST", url, headers)
        self._prefix = self._post.prefix()
        self._home: Pool | None = None

    async def post(self, body: bytes, seconds: float) -> Answer:
        """The answer to ``body``, decompressed, at the end of redirects.

        Raises:
            AnswerTooLong: it has more than ``most`` bytes.
            ModelConfigError: the trusted certificates cannot be read.
            OSError: no connection, it was lost, it speaks no HTTP, or the time is up (``TimeoutError``).
            ValueError: the request cannot be written down.
        """
        deadline = self._loop.time() + seconds
        home = self._home or self._at_home()
        head = b"%bContent-Length: %d\r\n\r\n" % (self._prefix, len(body))
        answer = await home.post(head, body, deadline)
        if answer.status in REDIRECTS and b"location" in answer.headers:
            answer = await self._followed(answer, body, deadline)
        if b"content-encoding" in answer.headers:
            answer.body = decompressed(answer, self._most)
        return answer

    def close(self) -> None:
        """Drop all connections."""
        for pool in self._pools.values():
            pool.close()

    async def _followed(self, answer: Answer, body: bytes, deadline: float) -> Answer:
        request = self._post
        for _ in range(MAX_REDIRECTS):
            request = request.redirected(answer)
            if request.method == "GET":
                head, body = request.prefix() + b"\r\n", b""
            else:
                head = b"%bContent-Length: %d\r\n\r\n" % (request.prefix(), len(body))
            answer = await self._pool(request.url).post(head, body, deadline)
            if answer.status not in REDIRECTS or b"location" not in answer.headers:
                return answer
        raise ConnectionError("Exceeded maximum allowed redirects.")

    def _at_home(self) -> Pool:
        self._home = self._pool(self._post.url)
        return self._home

    def _pool(self, url: URL) -> Pool:
        origin, host, port = str(url.origin()), url.raw_host, url.port
        if url.scheme not in {"http", "https"} or not host or not port:
            raise ConnectionError(f"{url} is not an address of HTTP")
        if origin not in self._pools:
            trust = trusted(self._place) if url.scheme == "https" else None
            self._pools[origin] = Pool(host, port, trust, self._width, self._most)
        return self._pools[origin]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of whom, but for the body."""

    method: str
    url: URL
    headers: Mapping[str, str]

    def prefix(self) -> bytes:
        """The request's head without what depends on the body.

        Raises:
            ValueError: a header holds what no header can.
        """
        lines = {"Host": self.url.host_port_subcomponent or "", **self.headers}
        if any(sign in value for value in lines.values() for sign in "\r\n\0"):
            raise ValueError("a header holds a line break or a zero byte")
        fields = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{self.method} {self.url.raw_path_qs} HTTP/1.1\r\n{fields}".encode()

    def redirected(self, answer: Answer) -> Request:
        """The request that ``answer`` asks for. The key stays at its origin.

        Raises:
            ConnectionError: it leads nowhere.
        """
        from yarl import URL

        location = answer.header(b"location")
        try:
            to = URL(location)
            url = to if to.scheme else self.url.join(to)
            elsewhere = url.origin() != self.url.origin()
        except ValueError as error:
            failure = ConnectionError(f"it redirects to {location!r} ({error})")
        else:
            headers = dict(self.headers)
            if elsewhere:
                headers.pop("Authorization", None)
            return Request(self.method if answer.status in {307, 308} else "GET", url, headers)
        raise failure


def trusted(place: Endpoint) -> ssl.SSLContext:
    """The certificates that the official client trusts.

    Raises:
        ModelConfigError: they cannot be read.
    """
    import httpx2

    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        failure = unusable(error, place)
    raise failure


def decompressed(answer: Answer, most: int) -> bytes:
    """An answer's body without its ``Content-Encoding``; one that was not asked for is left as it is.

    Raises:
        AnswerTooLong: it becomes longer than ``most`` bytes.
        ConnectionError: it is not compressed as it says.
    """
    body = answer.body
    for encoding in reversed(answer.header(b"content-encoding").lower().split(",")):
        if encoding.strip() in {"gzip", "deflate"} and body:
            # some servers leave out the header of zlib
            raw = "deflate" in encoding and body[0] & 0xF != zlib.DEFLATED
            body = _inflated(body, -zlib.MAX_WBITS if raw else zlib.MAX_WBITS | 32, most)
    return body


def _inflated(body: bytes, form: int, most: int) -> bytes:
    try:
        inflated = zlib.decompressobj(form).decompress(body, most + 1)
    except zlib.error as error:
        raise ConnectionError(str(error)) from None
    if len(inflated) > most:
        raise AnswerTooLong
    return inflated
