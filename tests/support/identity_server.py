"""Who people are, as a deployment knows it, on loopback: an OpenID provider, and a proxy that names people.

Both run in a thread of their own. The provider lets in whoever ``person`` is, without asking for a password.
"""

from __future__ import annotations

import base64
import hashlib
import json
import select
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

CLIENT, SECRET = "mill", "a secret between the app and its provider"


class Provider:
    """Discovery, authorize, token and jwks of OpenID Connect, with signed tokens, nonce, state and PKCE."""

    def __init__(self, person: dict[str, Any]) -> None:
        from joserfc.jwk import RSAKey

        self.person = person
        self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
        self.codes: dict[str, dict[str, str]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """End it."""
        self.server.shutdown()
        self.server.server_close()

    def metadata(self) -> dict[str, Any]:
        ends = {
            name: f"{self.url}/{name.split('_')[0]}" for name in ("authorization_endpoint", "token_endpoint")
        }
        return {
            **ends, "issuer": self.url, "jwks_uri": f"{self.url}/jwks", "response_types_supported": ["code"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }  # fmt: skip

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser goes next: back to the app with a code."""
        assert asked["client_id"] == CLIENT
        code = uuid4().hex
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any]:
        """The signed word about ``person``, for a code used for the first time and with its verifier."""
        from joserfc import jwt

        asked = self.codes.pop(form["code"])
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert given.split(":", 1)[0] == CLIENT
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        signed = jwt.encode({"alg": "RS256", "kid": "k1"}, claims | self.person, self.key)
        return {"access_token": uuid4().hex, "token_type": "Bearer", "expires_in": 300, "id_token": signed}


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/authorization":
                self.send_response(302)
                asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
                self.send_header("Location", provider.authorize(asked))
                self.end_headers()
            elif parts.path == "/jwks":
                self._json({"keys": [provider.key.as_dict(private=False)]})
            else:
                self._json(provider.metadata())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._json(provider.token(form, self.headers.get("Authorization", "")))

        def _json(self, value: dict[str, Any]) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


class Proxy:
    """Passes everything on to ``127.0.0.1:port`` from ``source``; ``header`` says who ``person`` is."""

    def __init__(self, header: str, person: str, source: str) -> None:
        self.header, self.person, self.source, self.port = header, person, source, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                browser, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(browser,), daemon=True).start()

    def _serve(self, browser: socket.socket) -> None:
        try:
            upstream = socket.create_connection(("127.0.0.1", self.port), source_address=(self.source, 0))
        except ConnectionRefusedError:  # the app has ended, and the browser tries again
            browser.close()
            return
        with browser, upstream:
            head = b""
            while b"\r\n\r\n" not in head:
                got = browser.recv(65_536)
                if not got:
                    return
                head += got
            upstream.sendall(self._named(head))
            _pump(browser, upstream)

    def _named(self, head: bytes) -> bytes:
        """One request a connection, so that its head is the only one; the browser's own word goes."""
        lines, _, rest = head.partition(b"\r\n\r\n")
        first, *headers = lines.split(b"\r\n")
        session = b"upgrade: websocket" in lines.lower()
        dropped = (self.header.lower().encode() + b":", *(() if session else (b"connection:",)))
        kept = [line for line in headers if not line.lower().startswith(dropped)]
        said = [f"{self.header}: {self.person}".encode(), *([] if session else [b"Connection: close"])]
        return b"\r\n".join([first, *kept, *said]) + b"\r\n\r\n" + rest


def _pump(left: socket.socket, right: socket.socket) -> None:
    while True:
        for ready in select.select([left, right], [], [])[0]:
            other = right if ready is left else left
            try:
                data = ready.recv(65_536)
                other.sendall(data)
            except OSError:
                return
            if not data:
                return
