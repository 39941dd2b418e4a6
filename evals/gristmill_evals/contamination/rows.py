"""What is checked: an example of a run, or a row of a JSONL file, as one text with named fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, islice
from typing import Any

from gristmill.errors import UsageError
from gristmill.records import Example, Span, example_text
from gristmill_evals.contamination.normalise import MASK, SEPARATOR, Tokens, tokenise
from gristmill_evals.contamination.options import OptionList, find_options

GRAM = 8
FIELDS = (
    *("text", "messages", "conversations", "prompt", "instruction", "input", "question", "query"),
    *("response", "output", "completion", "answer", "chosen", "rejected"),
)
"""Fields of a row that hold text, in the order in which they are joined."""
_CURE = "a row has id and any of text, messages, instruction/response, prompt/chosen/rejected"
_GAP = "\n\n"


@dataclass(frozen=True)
class Row:
    """A text made of fields: ``fields`` maps a field's name to its span in ``text``."""

    id: str
    text: str
    fields: Mapping[str, Span]

    @cached_property
    def tokens(self) -> Tokens:
        """Tokens of the whole text."""
        return tokenise(self.text)

    @cached_property
    def parts(self) -> dict[str, Tokens]:
        """Tokens of each field on its own (offsets count from the start of the field)."""
        return {name: tokenise(self.text[start:end]) for name, (start, end) in self.fields.items()}

    @cached_property
    def masked_runs(self) -> dict[str, list[int]]:
        """All telling runs of words with the numbers masked (:func:`run_keys`): the tokens they begin at."""
        found: dict[str, list[int]] = {}
        for at, key in run_keys(self.tokens):
            found.setdefault(key, []).append(at)
        return found

    @cached_property
    def options(self) -> list[OptionList]:
        """Lists of choices in the text."""
        return find_options(self.text)

    def locate(self, span: Span) -> tuple[str, Span]:
        """The field that holds most of ``span``, and the part of it there, counted from the field's start."""

        def shared(name: str) -> int:
            start, end = self.fields[name]
            return min(end, span[1]) - max(start, span[0])

        name = max(self.fields, key=shared)
        start, end = self.fields[name]
        return name, (max(span[0], start) - start, min(span[1], end) - start)


def grams(words: list[str], size: int) -> Iterator[tuple[str, ...]]:
    """Every run of ``size`` words."""
    return zip(*(islice(words, shift, None) for shift in range(size)), strict=False)


def masked_grams(tokens: Tokens) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Runs of :data:`GRAM` masked words with their position; runs that are mostly numbers say nothing."""
    for at, gram in enumerate(grams(tokens.masked, GRAM)):
        if gram.count(MASK) <= GRAM // 2:
            yield at, gram


def run_keys(tokens: Tokens) -> list[tuple[int, str]]:
    """:func:`masked_grams` with one string for each run, which takes less to make and to compare."""
    masked = tokens.masked
    starts = [0, *accumulate(len(word) + 1 for word in masked)]
    counts = [0, *accumulate(word == MASK for word in masked)]
    joined = SEPARATOR.join(masked)
    return [
        (at, joined[starts[at] : starts[at + GRAM] - 1])
        for at in range(len(masked) - GRAM + 1)
        if counts[at + GRAM] - counts[at] <= GRAM // 2
    ]


def row_of_example(example: Example) -> Row:
    """An example of a run; offsets are those of :func:`gristmill.records.example_text`."""
    parts = [(f"messages[{n}]", message["content"]) for n, message in enumerate(example.messages)]
    parts += [("chosen", example.chosen)] if example.chosen is not None else []
    parts += [("rejected", example.rejected)] if example.rejected is not None else []
    row = _join(example.id, parts)
    if row.text != example_text(example):
        raise AssertionError("the row's text must be example_text, or stored spans point to the wrong place")
    return row


def row_of_mapping(row: Mapping[str, Any], where: str = "") -> Row:
    """A row of a JSONL file.

    Raises:
        UsageError: no id, or none of the known text fields, or a text field of another type.
    """
    if row.get("id") in (None, ""):
        raise UsageError("the row has no id", where=where, cure=_CURE)
    where = where or f"row {row['id']}"
    parts = [part for name in FIELDS if row.get(name) is not None for part in _field(name, row[name], where)]
    if not parts:
        raise UsageError("the row has no text", where=where, cure=_CURE)
    return _join(str(row["id"]), parts)


def _field(name: str, value: Any, where: str) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(name, value)]
    # nearly all are plain dicts, of which this is quick to tell
    if not isinstance(value, list) or not all(type(m) is dict or isinstance(m, Mapping) for m in value):
        raise UsageError(f"{name} is neither a text nor a list of messages", where=where, cure=_CURE)
    contents = [message.get("content", message.get("value")) for message in value]
    return [(f"{name}[{n}]", content) for n, content in enumerate(contents) if isinstance(content, str)]


def _join(identity: str, parts: list[tuple[str, str]]) -> Row:
    fields: dict[str, Span] = {}
    at = 0
    for name, text in parts:
        fields[name] = (at, at + len(text))
        at += len(text) + len(_GAP)
    return Row(identity, _GAP.join(text for _, text in parts), fields)
