"""The few types that flow through everything, and the ids they are addressed by.

Every record is a slotted, frozen dataclass. Ids are content addresses (:func:`content_id`): the same
content always gets the same id, which is what makes a run resumable by simply running it again.
Character offsets are Python string indices, half-open: ``text[start:end]``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

import orjson

Kind = Literal["instruction", "conversation", "preference"]
Action = Literal["accept", "reject", "edit", "skip", "undo", "prefer", "requeue", "adjudicate", "regenerate"]
State = Literal["accepted", "rejected", "failed"]
MatchLabel = Literal[
    "verbatim", "near", "number-perturbed", "option-reordered", "template", "paraphrase", "translated"
]
Span = tuple[int, int]


class Message(TypedDict):
    """One OpenAI chat message."""

    role: Literal["system", "user", "assistant"]
    content: str


class Evidence(TypedDict):
    """A passage that supports a row: ``document.text[start:end] == quote``."""

    chunk_id: str
    start: int
    end: int
    quote: str
    criterion: NotRequired[str]


def content_id(*parts: object) -> str:
    """The content address of JSON-able ``parts``: 32 hex characters (BLAKE2b, 128 bits).

    Mappings are hashed with sorted keys, so key order does not matter; the order of ``parts`` does.
    """
    return hashlib.blake2b(to_json(parts, orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def to_json(value: object, option: int = 0) -> bytes:
    """JSON of ``value``, whatever it holds: data of strangers must not end a run.

    What JSON does not know becomes its ``str``, and so does an integer of more than 64 bits; a lone
    surrogate becomes ``?``.
    """
    try:
        return orjson.dumps(value, default=_plain, option=option)
    except TypeError:
        return orjson.dumps(_repaired(value), default=_plain, option=option)


_TEXTS: dict[tuple[int, int], tuple[object, str]] = {}
_MAX_TEXTS = 256


def constant_json(value: object, option: int = 0) -> str:
    """JSON text of an object that comes again and again and is never changed: a schema, fixed arguments.

    The text is kept with the object, whose id can then be given to no other.
    """
    known = _TEXTS.get((id(value), option))
    if known is not None and known[0] is value:
        return known[1]
    if len(_TEXTS) >= _MAX_TEXTS:
        _TEXTS.clear()
    text = to_json(value, option).decode()
    _TEXTS[id(value), option] = (value, text)
    return text


def clean(text: str) -> str:
    """``text`` as UTF-8 can hold it: models do answer with lone surrogates, files cannot store them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (tuple, set, frozenset)):
        return sorted(value, key=str) if isinstance(value, (set, frozenset)) else list(value)
    return str(value)


def _repaired(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): _repaired(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_repaired(item) for item in value]
    return value


@dataclass(frozen=True, slots=True)
class Document:
    """One source text. ``uri`` is stable across machines: a path relative to the recipe, or ``file#row``."""

    id: str
    uri: str
    text: str
    media_type: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def make(
        cls, uri: str, text: str, media_type: str, metadata: Mapping[str, Any] | None = None
    ) -> Document:
        """Build a document with its content address."""
        uri, text = clean(uri), clean(text)
        return cls(content_id("document", uri, text), uri, text, media_type, metadata or {})


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document: ``document.text[start:end] == text``; ``heading_path`` from the title down."""

    id: str
    document_id: str
    text: str
    start: int
    end: int
    heading_path: tuple[str, ...] = ()

    @classmethod
    def make(cls, document: Document, start: int, end: int, heading_path: Sequence[str]) -> Chunk:
        """Cut ``document.text[start:end]`` and address it."""
        path = tuple(heading_path)
        key = content_id("chunk", document.id, start, end, path)
        return cls(key, document.id, document.text[start:end], start, end, path)


@dataclass(frozen=True, slots=True)
class Origin:
    """Which generator made a row: its registered name, its version and its arguments."""

    name: str
    version: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Example:
    """One row of training data.

    ``messages`` are OpenAI chat messages. An instruction ends with the assistant's response; a
    conversation has several turns; a preference holds the prompt only (it ends with the user), the two
    responses being ``chosen`` and ``rejected``. ``metadata["evidence"]`` is a list of :class:`Evidence`.
    """

    id: str
    kind: Kind
    messages: tuple[Message, ...]
    chosen: str | None
    rejected: str | None
    chunk_ids: tuple[str, ...]
    generator: Origin
    calls: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def make(
        cls,
        kind: Kind,
        messages: Sequence[Message],
        *,
        generator: Origin,
        chunk_ids: Sequence[str],
        calls: Sequence[str] = (),
        chosen: str | None = None,
        rejected: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Example:
        """Build an example with its content address (calls and metadata are not part of the address)."""
        rows = tuple(messages)
        origin = [generator.name, generator.version, dict(generator.args)]
        key = content_id("example", kind, rows, chosen, rejected, tuple(chunk_ids), origin)
        return cls(
            key, kind, rows, chosen, rejected, tuple(chunk_ids), generator, tuple(calls), metadata or {}
        )

    @property
    def instruction(self) -> str:
        """The last user turn."""
        return next((m["content"] for m in reversed(self.messages) if m["role"] == "user"), "")

    @property
    def response(self) -> str:
        """What a model would be trained to say: the last assistant turn, or ``chosen`` of a preference."""
        if self.chosen is not None:
            return self.chosen
        return next((m["content"] for m in reversed(self.messages) if m["role"] == "assistant"), "")


OTHER_KIND = "other-kind"
"""Reason of a score that a row of its kind cannot have: nobody was asked, so it is not unscored either."""


@dataclass(frozen=True, slots=True)
class Score:
    """A scorer's opinion of one example: ``value`` in [0, 1], or ``None`` with ``unscored_reason``."""

    example_id: str
    scorer: str
    version: str
    value: float | None
    unscored_reason: str | None = None
    rationale: str = ""
    evidence: tuple[Evidence, ...] = ()
    votes: tuple[Mapping[str, Any], ...] = ()

    @property
    def shown(self) -> str:
        """The value, or why there is none, in a few words."""
        if self.value is not None:
            return f"{self.value:.2f}"
        missing = self.unscored_reason
        return "not applicable" if missing == OTHER_KIND else f"unscored: {missing}"


@dataclass(frozen=True, slots=True)
class Match:
    """An example that looks like a benchmark item; spans are offsets into the two texts compared.

    ``example_span`` refers to :func:`example_text` of the example, ``item_span`` to the item's question
    (followed by its choices, one a line), or to its answer when ``side`` is that; ``item_text`` holds it.
    ``score`` is the probability in [0, 1] that the match is real, ``tier`` the tier that decided.
    """

    example_id: str
    benchmark: str
    item_id: str
    label: MatchLabel
    score: float
    example_span: Span
    item_span: Span
    item_text: str = ""
    tier: str = ""
    side: str = "question"


@dataclass(frozen=True, slots=True)
class Review:
    """One append-only event of a reviewer; ``revision`` counts the edits seen (0 = as made)."""

    event_id: str
    example_id: str
    revision: int
    reviewer: str
    action: Action
    payload: Mapping[str, Any]
    time: datetime


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call."""

    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One answered request to a model, as the cache keeps it. ``cost`` is in US dollars, None if unknown."""

    key: str
    model: str
    messages: tuple[Message, ...]
    params: Mapping[str, Any]
    response: str
    usage: Usage
    cost: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row asked for (a *slot*): the accounting unit of a run.

    A slot is (chunk, task, index). ``settings`` is the fingerprint of all that the decision depends on
    (generator, chunking, gates, scorers, accept rule): a slot decided under others is decided again.
    ``raw`` keeps the model's text when the row failed.
    """

    slot_id: str
    chunk_id: str
    task: str
    index: int
    settings: str
    state: State
    reason: str = ""
    detail: str = ""
    raw: str = ""
    example_id: str | None = None


@dataclass(frozen=True, slots=True)
class Lineage:
    """A row that was made in place of another one, which a reviewer had rejected for ``reason``.

    Nothing new could be made when ``child_id`` is empty; ``reason`` is then why.
    """

    child_id: str
    parent_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FileFailure:
    """A source file (or row of one) that could not be read; ``reason`` is a short stable slug."""

    uri: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """All that a gate or a scorer may look at: the example and the source it was made from."""

    example: Example
    chunk: Chunk
    document: Document


def example_text(example: Example) -> str:
    """All text of an example, turns separated by blank lines (``chosen`` and ``rejected`` last)."""
    parts = [m["content"] for m in example.messages]
    parts += [part for part in (example.chosen, example.rejected) if part is not None]
    return "\n\n".join(parts)
