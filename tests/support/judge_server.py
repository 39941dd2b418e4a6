"""A judge behind a real HTTP server: what it says is a function of the texts it was shown."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gristmill.models.door import Door
from gristmill.models.spec import ModelSpec
from gristmill.records import Example, Item, Message, Origin
from gristmill.registry import Scored, Unscored
from gristmill_scorers.rubric import RubricJudge
from support.openai_replies import blocks
from support.openai_server import OpenAIServer
from support.scripted_ask import source

Say = Callable[[dict[str, Any], int], str]
"""The request's body and how many came before it, to the text of the answer."""


class JudgeServer(OpenAIServer):
    """Answers what ``say`` makes of each request."""

    def __init__(self, say: Say) -> None:
        super().__init__()
        self.say = say
        self.said: list[str] = []

    def _choice(self, body: dict[str, Any], index: int, rng: random.Random) -> dict[str, Any]:
        text = self.say(body, len(self.said))
        self.said.append(text)
        return {
            "index": index,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "finish_reason": "stop",
        }

    async def score(self, judge: RubricJudge, item: Item) -> Scored | Unscored:
        """Judge one example over HTTP, through the door, without a cache."""
        spec = ModelSpec(model="openai:test-model", base_url=self.url, api_key_env=None)
        async with Door({"judge": spec}, cache=None) as door:
            return await judge.score(item, door.ask_for("judge"))


def verdict(decisions: dict[str, bool | int], quote: str) -> str:
    """A well-formed verdict: ``quote`` stands with everything that is met or graded above 0."""
    rows = [
        {
            "id": id_,
            "grade" if type(value) is int else "met": value,
            "quote": quote if value else "",
            "reason": "so",
        }
        for id_, value in decisions.items()
    ]
    return json.dumps({"criteria": rows})


def shown(body: dict[str, Any], name: str) -> str:
    """A block of the prompt, by its name in lower case."""
    return blocks(body["messages"][:2])[name]


def judge(folder: Path, rubric: str, **options: Any) -> RubricJudge:
    """A judge of a rubric given as YAML."""
    (folder / "own.yaml").write_text(rubric, encoding="utf-8")
    scorer = RubricJudge(rubric="own.yaml", model="judge", **options)
    scorer.prepare(folder)
    return scorer


def conversation(*turns: str, passage: str) -> Item:
    """A conversation that begins with the user."""
    roles = ("user", "assistant")
    messages: list[Message] = [{"role": roles[i % 2], "content": text} for i, text in enumerate(turns)]  # type: ignore[typeddict-item]
    chunk, document = source(passage)
    example = Example.make("conversation", messages, generator=Origin("test", "1"), chunk_ids=[chunk.id])
    return Item(example, chunk, document)
