"""The test server with ``/v1/completions`` too: texts to go on from, and echoed prompts with their odds.

A token is a word with the space before it. Its log probability depends on the model's name, on the text
before it and on itself, and nothing else; words that a model likes are nearly certain.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import orjson
from aiohttp import web

from support.openai_faults import error
from support.openai_server import OpenAIServer

Say = Callable[[dict[str, Any]], str | None]
_PIECE = re.compile(r"\s*\w+|\s*[^\w\s]|\s+")
LIKED, BEST = -0.01, -0.5


class LmServer(OpenAIServer):
    """``say`` gives the text for a request's body (None: null), ``broken`` which requests get 500 for ever.

    ``likes`` are words by model. ``bos``: a special token stands before every prompt. ``echo`` False: a
    server that knows nothing of it. ``finish`` is how written answers end.
    """

    def __init__(
        self,
        say: Say | None = None,
        *,
        broken: Callable[[str], bool] = lambda _: False,
        likes: Mapping[str, Collection[str]] | None = None,
        bos: bool = False,
        echo: bool = True,
        finish: str = "stop",
        **behaviour: Any,
    ) -> None:
        super().__init__(**behaviour)
        self.say: Say = say or (lambda body: "yes")
        self.broken, self.likes = broken, likes or {}
        self.bos, self.echo, self.finish = bos, echo, finish

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/completions", self._chat)

    async def _reply(self, request: web.Request, body: dict[str, Any], key: str) -> web.StreamResponse:
        if self.broken(shown(body)):
            return error(500, "server-error", "The server had an error.")
        if "prompt" not in body:
            return await super()._reply(request, body, key)
        self.answered[key] += 1
        choice = self._echoed(body) if body.get("echo") and self.echo else self._written(body)
        counts = {"prompt_tokens": len(self.pieces(body["prompt"])), "completion_tokens": 1}
        made = {"object": "text_completion", "model": body["model"], "choices": [choice], "usage": counts}
        return web.Response(body=orjson.dumps(made), content_type="application/json")

    def _choice(self, body: dict[str, Any], index: int, rng: random.Random) -> dict[str, Any]:
        message = {"role": "assistant", "content": self.say(body), "refusal": None}
        return {"index": index, "message": message, "finish_reason": self.finish}

    def _written(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"index": 0, "text": self.say(body), "finish_reason": self.finish, "logprobs": None}

    def _echoed(self, body: dict[str, Any]) -> dict[str, Any]:
        tokens = [*self.pieces(body["prompt"]), " more"]
        texts = ["".join(tokens[:place]) for place in range(len(tokens))]
        logs = [
            None,
            *(self.logprob(body["model"], t, a) for a, t in zip(texts[1:], tokens[1:], strict=True)),
        ]
        tops = [
            None if log is None else {token: log, " other": max(log - 1, BEST)}
            for token, log in zip(tokens, logs, strict=True)
        ]
        given = {
            "tokens": tokens,
            "token_logprobs": logs,
            "top_logprobs": tops,
            "text_offset": [len(text) for text in texts],
        }
        return {"index": 0, "text": body["prompt"] + " more", "finish_reason": "length", "logprobs": given}

    def pieces(self, text: str) -> list[str]:
        """The tokens of a prompt; a letter beyond ASCII is two of them, of which the first has no text."""
        found: list[str] = ["<s>"] if self.bos else []
        for piece in _PIECE.findall(text):
            found += [piece] if piece.isascii() else [half for letter in piece for half in ("", letter)]
        return found

    def logprob(self, model: str, token: str, before: str) -> float:
        """How likely a token is after a text."""
        if token.strip() in self.likes.get(model, ()):
            return LIKED
        digest = hashlib.blake2b(f"{model}\0{before}\0{token}".encode(), digest_size=2).digest()
        return -1.0 - int.from_bytes(digest) / 2**14


def shown(body: Mapping[str, Any]) -> str:
    """The text a request shows: its prompt, or the content of all its turns."""
    return str(body.get("prompt") or "\n".join(turn["content"] for turn in body.get("messages", ())))


def sent(server: OpenAIServer) -> int:
    """Requests that came, repeated ones included."""
    return server.seen.total()
