"""Asking the model that is evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gristmill.errors import ModelError
from gristmill.models.types import Answer, Task
from gristmill.records import Message
from gristmill_evals.evaluation.each import STOPS
from gristmill_evals.evaluation.items import Prompt
from gristmill_evals.evaluation.records import EvalContext

WITH_CONTEXT = "Answer from this text.\n\n{context}\n\n{question}"


class Asking(BaseModel):
    """How the model under test is asked; mixed into tasks. ``params`` are sampling parameters.

    ``prompt`` is the user's first turn, with ``{question}`` and ``{context}`` in it. Without one it is the
    question alone, or :data:`WITH_CONTEXT` where the item has a context.
    """

    model_config = ConfigDict(extra="forbid")
    prompt: str | None = Field(default=None, min_length=1)
    system: str | None = Field(default=None, min_length=1)
    params: dict[str, Any] = {}

    def opening(self, prompt: Prompt) -> list[Message]:
        """What stands before the first answer."""
        form = self.prompt or (WITH_CONTEXT if prompt.context else "{question}")
        # one after the other: a question may well hold "{context}"
        head, middle, tail = form.partition("{context}")
        parts = [part.replace("{question}", prompt.turns[0]) for part in (head, tail)]
        first = parts[0] + (prompt.context if middle else "") + parts[1]
        system: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, *prompt.said, {"role": "user", "content": first}]

    async def answer(
        self, context: EvalContext, prompt: Prompt, messages: Sequence[Message], turn: int = 0
    ) -> Answer:
        """The model's next turn. A model by rules is told what the question and the text are.

        Raises:
            ModelError: see :mod:`gristmill.errors`.
        """
        inputs: Mapping[str, Any] = {
            "question": prompt.turns[turn],
            "passage": prompt.context,
            "heading_path": [],
        }
        task = Task("answer", inputs) if prompt.context else None
        [answer] = await context.door.ask_for(context.model)(messages, task=task, **self.params)
        return answer


def reason(error: ModelError) -> str:
    """A model's failure as the error of a sample: a slug, and what happened."""
    if isinstance(error, STOPS):
        raise error
    return f"{error.kind}: {error.message}"
