"""Rows of held-out documents as items of a benchmark; every row is written or left out for a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gristmill import registry
from gristmill.records import Chunk, Document, Example, Item, Message, Origin
from gristmill.registry import Blocked, Gate
from gristmill_evals.evaluation.private.choices import Question, with_choices
from gristmill_evals.evaluation.private.lm_task import tokens

BenchmarkKind = Literal["generate", "free", "choice"]
Rows = Literal["reviewed", "accepted"]
SHORT = 12
"""Words of an answer up to which the kind ``free`` takes it: a longer one can be right in other words."""
_WANTED: Mapping[str, frozenset[str]] = {
    "reviewed": frozenset({"reviewed"}),
    "accepted": frozenset({"reviewed", "accepted"}),
}
_STATES = {"accepted": "not reviewed"}


@dataclass(frozen=True, slots=True)
class Made:
    """The items of a benchmark, and how many rows were left out, by reason; ``rows`` is all of both."""

    questions: tuple[Question, ...]
    left_out: Mapping[str, int]

    @property
    def rows(self) -> int:
        """All rows of the documents that are held out."""
        return len(self.questions) + sum(self.left_out.values())


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of the documents: ``families`` maps a document's id to its family."""

    families: Mapping[str, str]
    kind: BenchmarkKind = "generate"
    rows: Rows = "reviewed"
    seed: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def make_items(lines: Iterable[Mapping[str, Any]], held: Held) -> Made:
    """Items of the lines (as ``benchmark_rows`` of the store writes them) whose side is ``held``."""
    found = list(_without_copies(_usable(lines, held), held))
    if held.kind == "choice":
        found = list(_with_choices(found, held))
    return Made(tuple(found), {reason: n for reason, n in sorted(held.left_out.items()) if n})


def _usable(lines: Iterable[Mapping[str, Any]], held: Held) -> Iterator[Question]:
    for line in lines:
        if line["side"] != "held":
            continue
        made = _question(line, held)
        if isinstance(made, str):
            held.left_out[made] += 1
        else:
            yield made


def _question(line: Mapping[str, Any], held: Held) -> Question | str:
    """The item of a row, or why there is none."""
    example, status = line["example"], str(line["status"])
    if status not in _WANTED[held.rows]:
        return _STATES.get(status, status)
    if any(document not in held.families for document in line["documents"]):
        return "also of documents that are not held out"
    if example["kind"] == "preference":
        return "preference pair"
    roles = [message["role"] for message in example["messages"]]
    if roles != ["user", "assistant"]:
        return "a system prompt" if roles[:1] == ["system"] else "several turns"
    asked, answer = (message["content"].strip() for message in example["messages"])
    if not asked or not answer:
        return "no question or no answer"
    if held.kind == "free" and len(answer.split()) > SHORT:
        return f"answer of more than {SHORT} words"
    return Question(
        id=example["id"],
        question=asked,
        answer=answer,
        source=line["sources"][0],
        cluster=min(held.families[document] for document in line["documents"]),
        sources=tuple(line["sources"]),
        documents=tuple(line["documents"]),
        status=status,
        choices=_own_choices(example, answer),
        passages=tuple(line["passages"]),
    )


def _own_choices(example: Mapping[str, Any], answer: str) -> tuple[str, ...]:
    """Choices that came with the row, if they are some and its answer is one of them."""
    choices = example["metadata"].get("choices")
    if not isinstance(choices, list) or len(choices) < 2 or not all(isinstance(one, str) for one in choices):
        return ()
    own = tuple(choice.strip() for choice in choices)
    distinct = len({" ".join(tokens(choice)) for choice in own}) == len(own)
    return own if distinct and answer in own else ()


def _without_copies(questions: Iterable[Question], held: Held) -> Iterator[Question]:
    """The first of rows that say nearly the same, by the gate that a run has for it."""
    gate: Gate = registry.load("gates", "near_duplicates")()
    for question in questions:
        if isinstance(gate.check(_as_item(question)), Blocked):
            held.left_out["near duplicate of another item"] += 1
        else:
            yield question


def _as_item(question: Question) -> Item:
    turns = (
        Message(role="user", content=question.question),
        Message(role="assistant", content=question.answer),
    )
    origin = Origin("benchmark", "1")
    example = Example(question.id, "instruction", turns, None, None, (), origin)
    return Item(example, Chunk("", "", "", 0, 0), Document("", question.source, "", "text/plain"))


def _with_choices(questions: list[Question], held: Held) -> Iterator[Question]:
    for made in with_choices(questions, held.seed):
        if isinstance(made, str):
            held.left_out[made] += 1
        else:
            yield made
