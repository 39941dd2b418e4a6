"""An Ask that answers from a script: for tests of generators and scorers, without any model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gristmill.errors import ModelError
from gristmill.models.samples import keep_what_came
from gristmill.models.types import Answer, Task
from gristmill.records import Chunk, Document, Example, Item, Message, Origin, Usage

Reply = dict[str, Any] | str | Exception
Script = Reply | Callable[[Mapping[str, Any], int], Reply]


@dataclass
class Asked:
    """One request as it came in."""

    messages: list[Message]
    task: Task
    model: str | None
    schema: Mapping[str, Any] | None
    n: int
    params: dict[str, Any]
    repair: bool = False

    @property
    def prompt(self) -> str:
        return "\n\n".join(message["content"] for message in self.messages)


@dataclass
class ScriptedAsk:
    """``script`` says what to answer to each task: JSON, a text, an error, or a function of (inputs, sample).

    With a list the answers are given in turn. ``partial`` holds as for the door.
    """

    script: Mapping[str, Script | list[Reply]]
    asked: list[Asked] = field(default_factory=list)

    async def __call__(
        self,
        messages: Sequence[Message],
        *,
        task: Task | None = None,
        model: str | None = None,
        schema: Mapping[str, Any] | None = None,
        n: int = 1,
        partial: bool = False,
        repair: bool = False,
        **params: Any,
    ) -> list[Answer]:
        assert task is not None
        self.asked.append(Asked(list(messages), task, model, schema, n, params, repair))
        if not partial:
            return [self._answer(task, model or "own", sample) for sample in range(n)]
        return keep_what_came([self._tried(task, model or "own", sample) for sample in range(n)], "own")

    def _tried(self, task: Task, model: str, sample: int) -> Answer | BaseException:
        try:
            return self._answer(task, model, sample)
        except ModelError as error:
            error.key = f"{task.name}-{len(self.asked)}-{sample}"
            return error

    def _answer(self, task: Task, model: str, sample: int) -> Answer:
        script = self.script[task.name]
        if isinstance(script, list):
            reply = script.pop(0)
        else:
            reply = script(task.inputs, sample) if callable(script) else script
        if isinstance(reply, Exception):
            raise reply
        text = reply if isinstance(reply, str) else json.dumps(reply)
        data = None if isinstance(reply, str) else reply
        key = f"{task.name}-{len(self.asked)}-{sample}"
        return Answer(text, data, model, key, Usage(1, 1))

    def of(self, task: str) -> list[Asked]:
        """The requests of one task."""
        return [asked for asked in self.asked if asked.task.name == task]


def source(text: str, *headings: str, before: str = "", title: str = "") -> tuple[Chunk, Document]:
    """A document that holds ``before`` and then one chunk, ``text``."""
    document = Document.make("a.md", before + text, "text/markdown", {"title": title} if title else {})
    return Chunk.make(document, len(before), len(before) + len(text), headings), document


def item(
    response: str = "A fine answer.",
    *,
    instruction: str = "What is asked here, exactly?",
    passage: str = "A passage that has little to say about anything.",
    rejected: str | None = None,
) -> Item:
    """An instruction example, or a preference when ``rejected`` is given."""
    chunk, document = source(passage)
    user: Message = {"role": "user", "content": instruction}
    reply: Message = {"role": "assistant", "content": response}
    pair = rejected is not None
    example = Example.make(
        "preference" if pair else "instruction",
        [user] if pair else [user, reply],
        chosen=response if pair else None,
        rejected=rejected,
        generator=Origin("test", "1"),
        chunk_ids=[chunk.id],
    )
    return Item(example, chunk, document)
