"""Our models as lm-eval sees them: an ``LM`` whose requests all go through the door.

lm-eval's own cache is not used: the door keeps every answer under the model's name, the prompt and all
parameters. A request that fails is noted, and its place taken by :data:`FAILED`, which
:mod:`gristmill_evals.evaluation.lm.guard` keeps away from filters and metrics.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from lm_eval.api.model import LM

from gristmill.errors import ModelAnswerError, ModelError, ModelUnavailableError
from gristmill.models import Door, raw_prompt
from gristmill.records import Message
from gristmill_evals.evaluation.lm.params import Generation, cut, generation
from gristmill_evals.evaluation.lm.worker import Bridge, each

T = TypeVar("T")
Document = tuple[str, int]
"""A task's name and the number of one of its documents."""


class Failed(str):
    """What stands for an answer that never came."""

    __slots__ = ()


class Chat(str):
    """The turns of a chat as JSON: lm-eval wants contexts to be texts."""

    __slots__ = ()


FAILED = Failed()


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person who runs the task says of generations.

    ``params`` are their ``gen_kwargs``. ``think_end`` ends what a reasoning model says to itself in front of
    its answer. ``prefix`` stands before a text that has nothing before it.
    """

    params: dict[str, Any] = field(default_factory=dict)
    think_end: str = ""
    prefix: str = ""


@dataclass(slots=True)
class Notes:
    """What is known of documents beside their answers: errors, cut answers, settings no API knows."""

    failures: dict[Document, str] = field(default_factory=dict)
    truncated: set[Document] = field(default_factory=set)
    ignored: set[str] = field(default_factory=set)


class GristmillLM(LM):  # type: ignore[misc]
    """A role of a door. ``notes`` fill while lm-eval runs, in the thread of ``bridge``."""

    def __init__(self, door: Door, role: str, bridge: Bridge, wishes: Wishes | None = None) -> None:
        super().__init__()
        self._door, self._role, self._bridge = door, role, bridge
        self._wishes, self._spec = wishes or Wishes(), door.spec_of(role)
        self.notes = Notes()

    @property
    def tokenizer_name(self) -> str:
        """For lm-eval's cache of requests, which is not used."""
        return self._spec.model

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """The turns as JSON: the server, or the engine, has the template.

        Without ``add_generation_prompt`` the last turn is the beginning of the answer. Chat APIs begin a new
        turn after every other, so it goes to the end of the question.
        """
        turns = [{"role": turn["role"], "content": turn["content"]} for turn in chat_history]
        if not add_generation_prompt and len(turns) > 1 and turns[-1]["role"] == "assistant":
            begun = turns.pop()["content"]
            turns[-1] = {**turns[-1], "content": f"{turns[-1]['content']}\n\n{begun}"}
        return Chat(json.dumps(turns, ensure_ascii=False))

    def generate_until(self, requests: list[Any]) -> list[str]:
        """Answers, up to the first stop string; what failed is :data:`FAILED`."""
        seen: Counter[int] = Counter()
        numbered = []
        for request in requests:  # repeats are the same request several times
            numbered.append((request, seen[id(request)]))
            seen[id(request)] += 1
        return self._all(numbered, lambda pair: pair[0], self._generated, FAILED)

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        """Log-likelihoods of continuations, and whether each is what the model would write."""
        return self._all(requests, lambda request: request, self._scored, FAILED)

    def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
        """Log-likelihoods of whole texts."""
        return self._all(requests, lambda request: request, self._rolled, FAILED)

    def _all(
        self,
        items: Sequence[T],
        of: Callable[[T], Any],
        ask: Callable[[T], Coroutine[Any, Any, Any]],
        failed: Any,
    ) -> list[Any]:
        async def one(item: T) -> Any:
            try:
                return await ask(item)
            except (ModelAnswerError, ModelUnavailableError) as error:
                if error.kind == "stopped":
                    raise
                self.notes.failures.setdefault(document_of(of(item)), _said(error))
                return failed

        return self._bridge.call(lambda: each(items, one, self._spec.concurrency))

    async def _generated(self, pair: tuple[Any, int]) -> str:
        request, number = pair
        context, told = request.args[0], request.args[1]
        how = generation(told, self._spec.params, self._wishes.params, all_stops=self._spec.backend == "vllm")
        self.notes.ignored.update(how.ignored)
        params = dict(how.params)
        if self._wishes.think_end:
            params.pop("stop", None)  # it would end the thoughts
        ask = partial(self._door.ask_for(self._role, first=number), self._messages(context))
        try:
            [answer] = await ask(**params)
        except ModelAnswerError as error:
            return self._rescued(error, how, document_of(request))
        return self._ended(answer.text, how)[0]

    def _rescued(self, error: ModelAnswerError, how: Generation, document: Document) -> str:
        """An answer at its token limit is one, as in all of lm-eval; so is an empty text of a base model.

        Chat models that say nothing have failed: their servers give null, mostly because all tokens went
        into thoughts.
        """
        raw_text = self._spec.endpoint == "completions"
        if error.kind == "empty" and raw_text:
            return ""
        if error.kind != "truncated" or not (error.raw.strip() or raw_text):
            raise error
        text, ended = self._ended(error.raw, how)
        if self._wishes.think_end and self._wishes.think_end not in error.raw:
            raise error
        if not ended:
            self.notes.truncated.add(document)
        return text

    def _ended(self, text: str, how: Generation) -> tuple[str, bool]:
        if self._wishes.think_end and self._wishes.think_end in text:
            text = text.rpartition(self._wishes.think_end)[2].lstrip()
        return cut(text, how.stops)

    async def _scored(self, request: Any) -> tuple[float, bool]:
        context, continuation = request.args[0], request.args[1]
        if not isinstance(context, Chat):
            # As lm-eval does: a word and the space before it are one token.
            bare = context.rstrip()
            context, continuation = bare, context[len(bare) :] + continuation
        score = await self._door.score(self._role, self._before(context), continuation)
        return score.logprob, score.greedy

    async def _rolled(self, request: Any) -> float:
        score = await self._door.score(self._role, self._before(""), request.args[0])
        return score.logprob

    def _before(self, context: str) -> list[Message]:
        text = context or self._wishes.prefix
        return self._messages(context) if isinstance(context, Chat) else [raw_prompt(text)] if text else []

    def _messages(self, context: str) -> list[Message]:
        if isinstance(context, Chat):
            turns: list[Message] = json.loads(context)
            return turns
        if self._spec.endpoint == "completions":
            return [raw_prompt(context)]
        return [{"role": "user", "content": context}]


def document_of(request: Any) -> Document:
    """Which document a request is about."""
    return str(request.task_name), int(request.doc_id)


def _said(error: ModelError) -> str:
    return f"{error.kind}: {error.message}"
