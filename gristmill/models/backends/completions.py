"""What is written to and read from ``/completions``: texts to go on from, and log-likelihoods.

For a log-likelihood the prompt is echoed with the log probability of each of its tokens. Where the
continuation begins is told by the tokens' texts, so that no tokenizer is needed: those at the end that make
up the continuation, and nothing else, are its tokens. Where they do not (a token that reaches over the
border, letters of several tokens), the tokens of the context alone are counted, which is lm-eval's rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gristmill.errors import ModelConfigError
from gristmill.models.backends.chat import FINISH, MAX_CHARS, hidden_error, token_count
from gristmill.models.backends.openai_errors import Endpoint, bad_response
from gristmill.models.cost import text_tokens
from gristmill.models.types import FinishReason, Reply, Request
from gristmill.records import Usage

WHAT = "completion"


def text_body(name: str, request: Request, n: int) -> dict[str, Any]:
    """The request body for ``n`` samples that go on from a raw prompt."""
    body = {"model": name, "prompt": request.messages[-1]["content"], **request.params}
    return {**body, "n": n} if n > 1 else body


def echo_body(name: str, text: str) -> dict[str, Any]:
    """The request body for the log probabilities of ``text``; some servers refuse to add no token at all."""
    return {"model": name, "prompt": text, "max_tokens": 1, "temperature": 0, "echo": True, "logprobs": 1}


def read_texts(answer: object, request: Request, place: Endpoint) -> list[Reply]:
    """The replies in a body that came with status 200; an empty text is an answer, a missing one is none.

    Raises:
        ModelError: it is no completion, or holds an error.
    """
    said = [_said(choice, place) for choice in _choices(answer, place)]
    usage = _usage(answer)
    prompt = token_count(usage.get("prompt_tokens"))
    total = token_count(usage.get("completion_tokens"))
    prompt = text_tokens(request.messages[-1]["content"]) if prompt is None else prompt
    chars = sum(len(text) for text, _ in said) or 1
    replies = []
    for index, (text, finish) in enumerate(said):
        output = text_tokens(text) if total is None else round(total * len(text) / chars)
        output = total if total is not None and len(said) == 1 else output
        replies.append(Reply(text, finish, Usage(0 if index else prompt, output)))
    return replies


@dataclass(frozen=True, slots=True)
class Echo:
    """The tokens of a prompt: their texts, log probabilities, and those of the likeliest in their places."""

    tokens: Sequence[str]
    logprobs: Sequence[float | None]
    best: Sequence[float | None]
    usage: Usage

    def start_of(self, continuation: str) -> int | None:
        """The first token of what the prompt ends with; None where the tokens' texts do not tell."""
        length = 0
        for place in range(len(self.tokens) - 1, -1, -1):
            length += len(self.tokens[place])
            if length >= len(continuation):
                # A token without a text is the beginning of a letter that the next one completes.
                cut = place > 0 and not self.tokens[place - 1]
                return None if cut or "".join(self.tokens[place:]) != continuation else place
        return None


def read_echo(answer: object, place: Endpoint) -> Echo:
    """The tokens of the prompt in an answer to :func:`echo_body`.

    Raises:
        ModelConfigError: the server echoes no log probabilities (``no-echo``).
        ModelError: the answer is no completion.
    """
    [choice, *_] = _choices(answer, place)
    found = choice.get("logprobs") if isinstance(choice, Mapping) else None
    tokens = found.get("tokens") if isinstance(found, Mapping) else None
    logs = found.get("token_logprobs") if isinstance(found, Mapping) else None
    usage = _usage(answer)
    written = token_count(usage.get("completion_tokens"))
    count = token_count(usage.get("prompt_tokens"))
    if not isinstance(tokens, list) or not isinstance(logs, list) or len(tokens) != len(logs):
        raise _no_echo(place)
    count = len(tokens) - (1 if written is None else written) if count is None else count
    if not 0 < count <= len(tokens) or any(value is None for value in logs[1:count]):
        raise _no_echo(place)
    tops = found.get("top_logprobs") if isinstance(found, Mapping) else None
    best = [_highest(top) for top in tops[:count]] if isinstance(tops, list) else [None] * count
    return Echo([str(token) for token in tokens[:count]], logs[:count], best, Usage(count, written or 0))


def _highest(top: Any) -> float | None:
    values = [value for value in top.values() if value is not None] if isinstance(top, Mapping) else []
    return max(values, default=None)


def _choices(answer: object, place: Endpoint) -> list[Any]:
    if not isinstance(answer, Mapping):
        raise bad_response(f"it begins {place.scrub(str(answer))[:80]!r}", place, WHAT)
    error, choices = answer.get("error"), answer.get("choices")
    if not choices and error:
        raise hidden_error(error, place)
    if not isinstance(choices, list) or not choices:
        raise bad_response("it has no choices", place, WHAT)
    return choices


def _said(choice: Any, place: Endpoint) -> tuple[str, FinishReason]:
    text = choice.get("text") if isinstance(choice, Mapping) else None
    if not isinstance(text, str):
        raise bad_response("a choice has no text", place, WHAT)
    if len(text) > MAX_CHARS:
        return text[:MAX_CHARS], "length"
    ended = choice.get("finish_reason")
    return text, FINISH.get(ended, "unknown") if isinstance(ended, str) else "unknown"


def _usage(answer: object) -> Mapping[str, Any]:
    usage = answer.get("usage") if isinstance(answer, Mapping) else None
    return usage if isinstance(usage, Mapping) else {}


def _no_echo(place: Endpoint) -> ModelConfigError:
    return ModelConfigError(
        "the server gives no log probabilities of the prompt (echo with logprobs)",
        kind="no-echo",
        where=place.model,
        cure="log-likelihoods need a server that has them, as vLLM's does; "
        "or take a generative variant of the task",
    )
