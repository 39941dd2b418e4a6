"""Text without a chat, and the log-likelihood of a continuation: what base models and benchmarks are asked.

Both travel as messages with roles of their own, so that the cache, its files and its keys need to know
nothing of them: ``prompt`` holds raw text to go on from, ``continuation``, always the last one, the text
whose log-likelihood is wanted. Which models can do which is checked before anything is sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import orjson

from gristmill.errors import ModelAnswerError, UsageError
from gristmill.models.spec import ModelSpec
from gristmill.models.types import Answer, Reply, Request
from gristmill.records import Message, Usage, to_json

Form = Literal["chat", "text", "score"]
LOWEST = -9999.0
"""In place of a log probability of minus infinity, which JSON cannot hold (vLLM's server does the same)."""
_FORMS: dict[str, Form] = {"prompt": "text", "continuation": "score"}


@dataclass(frozen=True, slots=True)
class Score:
    """How likely a continuation is: the natural logarithm of its probability, summed over its tokens.

    ``greedy``: each of its tokens is the likeliest one in its place. ``tokens`` are those that were scored:
    the first token of a text has nothing before it, and then counts nowhere. ``key`` is the call's.
    """

    logprob: float
    greedy: bool
    tokens: int
    key: str = ""
    cached: bool = False


def raw_prompt(text: str) -> Message:
    """A text to go on from, as the only message of a call."""
    return cast("Message", {"role": "prompt", "content": text})


def score_request(model: str, context: Sequence[Message], continuation: str) -> Request:
    """The request for the log-likelihood of ``continuation`` after a raw prompt or the turns of a chat."""
    last = cast("Message", {"role": "continuation", "content": continuation})
    return Request(model, (*context, last), {"max_tokens": 1})


def form_of(messages: Sequence[Message]) -> Form:
    """What is asked for: the next turn of a chat, a text's continuation, or the score of a given one."""
    return _FORMS.get(messages[-1]["role"], "chat") if messages else "chat"


def texts_of(request: Request) -> tuple[str, str]:
    """Context and continuation of a request for a score, where the context is a raw prompt."""
    *before, last = request.messages
    return "".join(message["content"] for message in before), last["content"]


def can_score(spec: ModelSpec) -> bool:
    """Whether log-likelihoods can be had of a model."""
    return spec.backend == "vllm" or (spec.backend == "openai" and spec.endpoint == "completions")


def check_form(spec: ModelSpec, messages: Sequence[Message], schema: Mapping[str, Any] | None) -> None:
    """Make sure that a model's endpoint takes such messages.

    Raises:
        UsageError: it does not; the cure names the setting.
    """
    form = form_of(messages)
    if form == "chat" and spec.endpoint == "completions":
        raise UsageError(
            "a chat was asked of a completions endpoint, which goes on from a text",
            where=spec.model,
            cure="write endpoint: chat for this model, or give another one to what asks for chats",
        )
    if form == "text" and (spec.backend == "offline" or spec.endpoint == "chat"):
        cure = "write endpoint: completions for this model, if its server has /v1/completions"
        raise UsageError("a raw prompt was asked of a chat model", where=spec.model, cure=cure)
    if form == "score" and not can_score(spec):
        raise no_scores(spec)
    if form != "chat" and schema is not None:
        raise UsageError("a schema was asked of a raw prompt", where=spec.model, cure="ask it as a chat")


def no_scores(spec: ModelSpec, what: str = "log-likelihoods were asked of it") -> UsageError:
    """The error for a model that cannot give log-likelihoods; ``what`` says who wants them."""
    return UsageError(
        f"{what}, and {'a chat endpoint' if spec.backend == 'openai' else spec.model} gives none",
        where=spec.model,
        cure="write endpoint: completions where the server has /v1/completions with echo and logprobs "
        "(vLLM's has), run the model in this process (vllm:PATH), or take a generative variant of the task",
    )


def score_reply(
    logprobs: Sequence[float | None], best: Sequence[float | None], start: int, usage: Usage
) -> Reply:
    """The reply for a continuation that begins at token ``start``.

    ``logprobs`` are those of all tokens up to the end of the continuation (None: nothing stands before it),
    ``best`` those of the likeliest token in each place. Only the sum is kept: a benchmark asks thousands of
    prompts, each several times, and their tokens would fill the cache.
    """
    own = [max(value, LOWEST) for value in logprobs[start:] if value is not None]
    pairs = zip(logprobs[start:], best[start:], strict=True)
    greedy = all(value is None or top is None or value >= top for value, top in pairs)
    said = {"logprob": math.fsum(own), "greedy": greedy, "tokens": len(own)}
    return Reply(to_json(said).decode(), "stop", usage)


def read_score(answer: Answer) -> Score:
    """The score in an answer.

    Raises:
        ModelAnswerError: there is none: the continuation has no token that could be scored.
    """
    said = orjson.loads(answer.text)
    if not said["tokens"]:
        raise ModelAnswerError(
            "no token of the continuation could be scored: nothing stands before it",
            kind="nothing-scored",
            raw=answer.text,
            where=answer.model,
            key=answer.key,
        )
    return Score(float(said["logprob"]), bool(said["greedy"]), int(said["tokens"]), answer.key, answer.cached)
