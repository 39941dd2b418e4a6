"""What is written to and read from ``/chat/completions``, whether a call or a line of a batch carries it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from gristmill.errors import ModelError
from gristmill.models.backends.openai_errors import Endpoint, bad_response, status_error
from gristmill.models.cost import prompt_tokens, text_tokens
from gristmill.models.types import FinishReason, Reply, Request, TokenLogprob
from gristmill.records import Message, Usage

JsonMode = Literal["json_schema", "json_object", "prompt"]
MAX_CHARS = 1_000_000
"""Longer answers are cut there and count as truncated; no model's output limit is as high."""
MAX_TOKENS = 2**40
NEXT_MODE: dict[JsonMode, JsonMode] = {"json_schema": "json_object", "json_object": "prompt"}

_FORMAT_WORDS = ("response_format", "json_schema", "json_object", "structured output", "guided")
_ONE_SAMPLE = re.compile(r"(?i)completion choice|\bn_cmpl\b|['\"`]n['\"`]|\bn (must|should|>|is not|greater)")
FINISH: dict[str | None, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}

MAX_FORMATS = 256
_FORMATS: dict[int, tuple[Mapping[str, Any], dict[str, Any]]] = {}


class Dialect(NamedTuple):
    """How one server wants to be asked: for JSON, and for the longest answer."""

    mode: JsonMode = "json_schema"
    length_param: str = "max_tokens"

    def after(self, said: str, *, schema: bool) -> Dialect | None:
        """What to try once a 400 said this about a request; None when no other wording can help."""
        said = said.lower()
        if "max_completion_tokens" in said and self.length_param == "max_tokens":
            return self._replace(length_param="max_completion_tokens")
        if schema and self.mode in NEXT_MODE and any(word in said for word in _FORMAT_WORDS):
            return self._replace(mode=NEXT_MODE[self.mode])
        return None


def chat_body(name: str, request: Request, n: int, dialect: Dialect) -> dict[str, Any]:
    """The request body for ``n`` samples of the model called ``name``."""
    params = {dialect.length_param if k == "max_tokens" else k: v for k, v in request.params.items()}
    body = {"model": name, "messages": list(request.messages), **params}
    if n > 1:
        body["n"] = n
    if request.schema is not None:
        if dialect.mode == "json_schema":
            body["response_format"] = _json_schema(request.schema)
        else:
            body["messages"] = _with_schema(request.messages, request.schema)
        if dialect.mode == "json_object":
            body["response_format"] = {"type": "json_object"}
    return body


def reseeded(request: Request) -> Request:
    """With a fixed seed, samples drawn one by one would all be the same."""
    seed = request.params.get("seed")
    if request.sample == 0 or not isinstance(seed, int):
        return request
    return replace(request, params={**request.params, "seed": seed + request.sample})


def wants_one_sample(said: str) -> bool:
    """Whether a server refused a request because of ``n`` (llama.cpp does, older ones with status 500)."""
    return _ONE_SAMPLE.search(said) is not None


def read_replies(answer: object, request: Request, place: Endpoint) -> list[Reply]:
    """The replies in a body that came with status 200.

    Raises:
        ModelError: it is no chat completion, or holds an error.
    """
    if not isinstance(answer, Mapping):
        raise bad_response(f"it begins {place.scrub(str(answer))[:80]!r}", place)
    error, choices = answer.get("error"), answer.get("choices")
    if not choices and error:
        raise hidden_error(error, place)
    if not isinstance(choices, list) or not choices:
        raise bad_response("it has no choices", place)
    contents = [_content(choice, place) for choice in choices]
    replies = _with_usage(contents, answer.get("usage"), request)
    if request.params.get("logprobs"):
        pairs = zip(replies, choices, strict=True)
        return [replace(reply, logprobs=_logprobs(choice)) for reply, choice in pairs]
    return replies


def hidden_error(error: Any, place: Endpoint) -> ModelError:
    """Our error for one in a body: some gateways answer 200 and put the real status there."""
    code = error.get("code") if isinstance(error, Mapping) else None
    said = error.get("message", error) if isinstance(error, Mapping) else error
    return status_error(code if isinstance(code, int) and 400 <= code < 600 else 500, str(said), place)


def _content(choice: Any, place: Endpoint) -> tuple[str, FinishReason]:
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(message, Mapping):
        raise bad_response("a choice has no message", place)
    if message.get("refusal"):
        return str(message["refusal"]), "refusal"
    text, ended = message.get("content"), choice.get("finish_reason")
    if not isinstance(text, str):
        text = "" if text is None else json.dumps(text)
    if len(text) > MAX_CHARS:  # a model that did not stop: parsing or mending this would hold up all others
        return text[:MAX_CHARS], "length"
    return text, FINISH.get(ended, "unknown") if isinstance(ended, str) else "unknown"


def _logprobs(choice: Mapping[str, Any]) -> list[TokenLogprob] | None:
    """Log probabilities of a choice's tokens; None where the server gave none, or something else."""
    found = choice.get("logprobs")
    tokens = found.get("content") if isinstance(found, Mapping) else None
    if not isinstance(tokens, list):
        return None
    try:
        return [
            TokenLogprob(
                str(token["token"]),
                float(token["logprob"]),
                [(str(other["token"]), float(other["logprob"])) for other in token.get("top_logprobs") or ()],
            )
            for token in tokens
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _with_usage(contents: Sequence[tuple[str, FinishReason]], usage: Any, request: Request) -> list[Reply]:
    """Replies with tokens: the prompt's on the first sample, the answers' shared by length."""
    counted = usage if isinstance(usage, Mapping) else {}
    prompt, total = token_count(counted.get("prompt_tokens")), token_count(counted.get("completion_tokens"))
    chars = sum(len(text) for text, _ in contents) or 1
    replies = []
    for index, (text, finish) in enumerate(contents):
        output = text_tokens(text) if total is None else round(total * len(text) / chars)
        if total is not None and len(contents) == 1:
            output = total
        first = prompt_tokens(request.messages) if prompt is None else prompt
        replies.append(Reply(text, finish, Usage(first if index == 0 else 0, output)))
    return replies


def token_count(value: Any) -> int | None:
    """A number of tokens as a server gave it, None where it cannot be one."""
    return int(value) if isinstance(value, (int, float)) and 0 <= value < MAX_TOKENS else None


def _with_schema(messages: Sequence[Message], schema: Mapping[str, Any]) -> list[Message]:
    text = json.dumps(schema, ensure_ascii=False)
    words = f"Answer with one JSON object that fits this JSON schema, and nothing else:\n{text}"
    return [*messages[:-1], {**messages[-1], "content": f"{messages[-1]['content']}\n\n{words}"}]


def _json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The ``response_format`` of a schema; a component's schema is one object for all its calls."""
    known = _FORMATS.get(id(schema))
    if known is not None and known[0] is schema:
        return known[1]
    wanted = {"name": "answer", "schema": dict(schema), "strict": _is_strict(schema)}
    made = {"type": "json_schema", "json_schema": wanted}
    if len(_FORMATS) >= MAX_FORMATS:
        _FORMATS.clear()
    # Holding the schema keeps its id from being given to another object.
    _FORMATS[id(schema)] = (schema, made)
    return made


def _is_strict(schema: Any) -> bool:
    """Whether every object of a schema is closed and wants all its properties, as strict mode demands."""
    if isinstance(schema, list):
        return all(_is_strict(part) for part in schema)
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object":
        names = schema.get("properties", {}).keys()
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(names):
            return False
    return all(_is_strict(part) for part in schema.values())
