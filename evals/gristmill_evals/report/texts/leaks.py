"""What should not be in training data: refusals, assistants' talk, traces of the prompt that made the row.

The rules are those of the gate ``quality_rules`` (had through the registry), tried one after the other
until a row breaks no more of them; two checks are of the report itself: talk of a passage that the reader
does not have, in responses, and words of the generator's system prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from gristmill import registry
from gristmill.records import Chunk, Document, Example, Item, Kind, Message, Origin
from gristmill_evals.report.texts.words import words

if TYPE_CHECKING:
    import pandas as pd

PROMPT_WORDS = 8
"""So many words in a row that are the system prompt's and not the passage's are taken for a leak."""
SOURCE_TALK, PROMPT = "talk of the source", "words of the prompt"
_PASSAGE = (
    r"(?:passage|excerpt|snippet|context|(?:source|given|provided|above) (?:text|document|passage|material))"
)
_TALK = re.compile(
    rf"\b(?:according to|based on|(?:stated|mentioned|described|given|seen|shown) in) the {_PASSAGE}\b"
    rf"|\bthe {_PASSAGE} (?:states|says|mentions|describes|explains|notes|indicates|suggests|shows)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Leak:
    """A fault of one row (by place): the rule's name, and what was found, in a few words."""

    row: int
    rule: str
    detail: str


@dataclass(slots=True)
class Rules:
    """The gate's rules without those that a row is known to break."""

    _gates: dict[frozenset[str], Any] = field(default_factory=dict)

    def broken(self, item: Item) -> dict[str, str]:
        """Every rule that the item breaks, with the detail."""
        found: dict[str, str] = {}
        while True:
            blocked = self._gate(frozenset(found)).check(item)
            if not isinstance(blocked, registry.Blocked):
                return found
            found[blocked.reason.removeprefix("rule:")] = blocked.detail

    def _gate(self, skip: frozenset[str]) -> Any:
        if skip not in self._gates:
            self._gates[skip] = registry.load("gates", "quality_rules")(skip=sorted(skip))
        return self._gates[skip]


def leaks(texts: pd.DataFrame, prompts: pd.DataFrame) -> list[Leak]:
    """All faults of the rows of the frame ``texts``, in their order."""
    rules, known = Rules(), _prompts(prompts)
    found: list[Leak] = []
    for number, row in enumerate(texts.to_dict("records")):
        item = item_of({str(name): value for name, value in row.items()})
        faults = rules.broken(item) | _own(item, known.get(str(row["generator"]), frozenset()))
        found += [Leak(number, rule, detail) for rule, detail in faults.items()]
    return found


def item_of(row: Mapping[str, Any]) -> Item:
    """A row of the frame ``texts`` as gates and scorers see it: its last question and the answer."""
    said: list[Message] = [{"role": "user", "content": _text(row["instruction"])}]
    pair = row["kind"] == "preference"
    if not pair:
        said.append({"role": "assistant", "content": _text(row["response"])})
    document = Document("", "", _text(row["passage"]), "text/plain")
    chunk = Chunk("", "", document.text, 0, len(document.text))
    chosen, rejected = (_text(row["response"]), _text(row["rejected"])) if pair else (None, None)
    origin, kind = Origin(_text(row["generator"]), ""), "preference" if pair else "instruction"
    example = Example(str(row["example_id"]), cast("Kind", kind), tuple(said), chosen, rejected, (), origin)
    return Item(example, chunk, document)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _own(item: Item, prompt: frozenset[str]) -> dict[str, str]:
    response, passage = item.example.response, item.chunk.text
    found = {}
    talk = _TALK.search(response)
    if talk and not _given(item) and talk.group().casefold() not in passage.casefold():
        found[SOURCE_TALK] = talk.group()
    shared = next((gram for gram in _grams(response) if gram in prompt), "") if prompt else ""
    if shared and shared not in " ".join(words(passage)):
        found[PROMPT] = shared
    return found


def _given(item: Item) -> bool:
    """Whether the reader has the passage, as a part of the question."""
    passage = item.chunk.text.strip()
    return bool(passage) and passage in item.example.instruction


def _prompts(frame: pd.DataFrame) -> dict[str, frozenset[str]]:
    """Runs of :data:`PROMPT_WORDS` words of the system prompts, by generator."""
    by_generator: dict[str, set[str]] = {}
    for generator, text in zip(frame["generator"], frame["text"], strict=True):
        by_generator.setdefault(str(generator), set()).update(_grams(_text(text)))
    return {generator: frozenset(grams) for generator, grams in by_generator.items()}


def _grams(text: str) -> Iterable[str]:
    found: Sequence[str] = words(text)
    return (" ".join(found[n : n + PROMPT_WORDS]) for n in range(len(found) - PROMPT_WORDS + 1))
