"""What passes through the model door: a request goes in, answers come out.

A backend sees only these types; a generator or scorer sees only :class:`Ask` and :class:`Answer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from gristmill.records import Message, Usage

if TYPE_CHECKING:
    from gristmill.models.spec import ModelSpec

FinishReason = Literal["stop", "length", "refusal", "content_filter", "tool_calls", "unknown"]
TaskName = Literal["qa", "summary", "rewrite", "answer", "corrupt", "rubric", "criteria", "rate", "pair"]


@dataclass(frozen=True, slots=True)
class Task:
    """What a request is about, in structured form, beside its messages.

    API backends ignore it (everything is in the messages); ``offline:extractive`` works from it alone.
    The inputs of each task are listed in :mod:`gristmill.models.extractive`.
    """

    name: str
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """One sample to be drawn from one model. ``params`` are sampling parameters in OpenAI's names."""

    model: str
    messages: tuple[Message, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None
    sample: int = 0
    task: Task | None = None


class TokenLogprob(NamedTuple):
    """One token of an answer: its natural log probability, and the likeliest tokens in its place."""

    token: str
    logprob: float
    top: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a backend brings back for one request: the raw text and how it ended.

    ``logprobs`` are those of its tokens, where the request's parameters ask for them.
    """

    text: str
    finish_reason: FinishReason = "stop"
    usage: Usage = field(default_factory=Usage)
    logprobs: Sequence[TokenLogprob] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as a generator or scorer sees it.

    ``data`` is the parsed and schema-checked JSON when a schema was asked for, else ``None``. ``key`` is
    the id of the call that gave it (for ``Example.calls``); ``cached`` tells that nothing was sent.
    ``error`` is a slug where a sample failed and ``partial`` was asked for; ``text`` is then what came.
    ``logprobs`` are there when they were asked for (``logprobs=True, top_logprobs=5``) and given.
    ``repaired`` tells that it is the answer to a repair request, after which there is no other.
    """

    text: str
    data: Any
    model: str
    key: str
    usage: Usage
    finish_reason: FinishReason = "stop"
    cached: bool = False
    error: str = ""
    logprobs: Sequence[TokenLogprob] | None = None
    repaired: bool = False


class Backend(Protocol):
    """Something that can answer one request. Raises only :class:`gristmill.errors.ModelError`."""

    name: str
    """Cache identity of the model: equal names mean interchangeable answers."""

    async def complete(self, request: Request, *, timeout: float) -> Reply:  # noqa: ASYNC109 - a protocol
        """Answer ``request`` within ``timeout`` seconds."""

    async def close(self) -> None:
        """Release connections."""


class PutsOff(Protocol):
    """What may have a call wait for later: for a provider's batch, or until its model is loaded."""

    def takes(self, spec: ModelSpec) -> bool:
        """Whether calls of this model wait now."""

    def put_off(
        self, spec: ModelSpec, role: str, calls: Sequence[tuple[str, Request, str]]
    ) -> Sequence[Exception]:
        """Note calls (key, request, ``replaces``); the error for each, mostly a DeferredError."""


class Ask(Protocol):
    """The only door to a model that a generator or scorer is given.

    ``model`` names a role of the recipe (``writer``, ``judge``); ``None`` is the component's own role.
    Returns ``n`` answers. With ``schema`` (JSON schema, an object at the top) every answer is parsed and
    checked: a lenient parse, then one repair request, then :class:`~gristmill.errors.ModelAnswerError`
    that keeps the raw text. A schema object must not be changed once it was used.
    Other keyword arguments are sampling parameters (``temperature``, ``max_tokens``, ``stop``, ``seed``
    …) that override the recipe's.

    With ``repair`` the messages are a repair request of the caller's own (:func:`structured.repair_turns`)
    for an answer that fits the schema and still cannot be used: it is counted as one, and not followed by
    another when its answer does not fit.

    One failed sample of several raises its error. With ``partial`` it stays in its place as an answer with
    ``error`` set, and only when every sample failed is the first error raised.

    Raises:
        ModelError: see :mod:`gristmill.errors`; the pipeline turns it into a failure row.
    """

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
    ) -> list[Answer]: ...
