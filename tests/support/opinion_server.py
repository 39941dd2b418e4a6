"""An OpenAI-compatible server for second opinions: embeddings that know two languages, a judge by rules."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections import Counter
from typing import Any

import orjson
from aiohttp import web

from support.openai_faults import WIRE, on_the_wire, pick
from support.openai_server import OpenAIServer, body_hash

WIDTH = 256
CHINESE = {
    "磨坊主": " miller ",
    "风车": " windmill ",
    "面包师": " baker ",
    "买": " buys ",
    "卖": " sells ",
    "每天": " every day ",
    "多少": " how many ",
    "袋": " sacks ",
    "面粉": " flour ",
    "小麦": " wheat ",
    "面包": " loaves ",
    "造纸厂": " paper mill ",
    "水井": " well ",
    "是什么": " what is a ",
    "河流": " river ",
    "长": " long ",
}
_BLOCK = "<<<{0} [0-9a-f]+>>>\n(.*?)\n<<<END {0} "


def embedding(text: str, width: int = WIDTH) -> list[float]:
    """A bag of hashed words; Chinese ones count as their English counterparts."""
    for word in sorted(CHINESE, key=len, reverse=True):
        text = text.replace(word, CHINESE[word])
    vector = [0.0] * width
    for word, count in Counter(re.findall(r"\w+", text.casefold())).items():
        digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
        vector[int.from_bytes(digest[:4], "big") % width] += count * (1 if digest[4] % 2 else -1)
    return vector


def shown(body: dict[str, Any], name: str) -> str:
    """A block of a judge's prompt: ``ITEM`` or ``ROW``."""
    found = re.search(_BLOCK.format(name), body["messages"][-1]["content"], re.DOTALL)
    assert found, f"no {name} in the prompt"
    return found[1]


def verdict(word: str, item: str, row: str, reason: str = "as the rule says") -> str:
    """An answer of a judge that quotes the beginnings of both texts."""
    quotes = {"item_quote": item[:40], "row_quote": row[:40]}
    return json.dumps({**quotes, "reason": reason, "verdict": word})


class OpinionServer(OpenAIServer):
    """``judge`` maps (item, row) to the text of an answer; by default the texts must share a rare word."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.embedded: list[str] = []
        self.requests = 0
        self.context = 10**9

    def judge(self, item: str, row: str) -> str:
        """What is answered; tests replace it."""
        rare = set(re.findall(r"\w{7,}", item.casefold()))
        return verdict("same" if rare & set(re.findall(r"\w+", row.casefold())) else "different", item, row)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/embeddings", self._embeddings)

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        if (refused := self._unauthorised(request)) is not None:
            return refused
        body = orjson.loads(await request.read())
        self.requests += 1
        key = body_hash(body)
        self.seen[key] += 1
        if self.script:
            return await self._scripted(self.script.popleft(), key)
        if body["model"] not in self.behaviour.models:
            return self._error(404, "model", f"The model '{body['model']}' does not exist.")
        if max(map(len, body["input"])) > self.context:
            return self._error(400, "context", "This model's maximum context length is 512 tokens.")
        rng = random.Random(f"{self.behaviour.seed}:{key}:{self.seen[key]}")
        rows = [
            {"object": "embedding", "index": n, "embedding": embedding(text)}
            for n, text in enumerate(body["input"])
        ]
        rng.shuffle(rows)
        answer = orjson.dumps({"object": "list", "data": rows, "model": body["model"]})
        fault = pick(self.behaviour, WIRE, rng)
        if fault is not None:
            self.faults[fault] += 1
            return await on_the_wire(fault, request, answer, self.behaviour, rng)
        self.embedded += body["input"]
        return web.Response(body=answer, content_type="application/json")

    def _choice(self, body: dict[str, Any], index: int, rng: random.Random) -> dict[str, Any]:
        content = self.judge(shown(body, "ITEM"), shown(body, "ROW"))
        message = {"role": "assistant", "content": content, "refusal": None}
        return {"index": index, "message": message, "finish_reason": "stop"}
