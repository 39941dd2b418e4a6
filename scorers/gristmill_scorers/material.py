"""What a judge is shown of an example, and where its quotes may come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gristmill.records import Item, Message
from gristmill_scorers.rubric_file import Rubric, Subject


@dataclass(frozen=True, slots=True)
class Material:
    """One example for one rubric. ``blocks`` go into the prompt by name, ``inputs`` to judges by rules.

    ``judged`` is the text that is judged and ``passage`` the source: quotes come from these two.
    """

    blocks: Mapping[str, str]
    inputs: Mapping[str, Any]
    judged: str
    passage: str
    place: Subject = "response"
    reference: str = field(default="")

    @classmethod
    def of(cls, item: Item, rubric: Rubric) -> Material:
        """What ``rubric`` looks at."""
        reference = str(item.example.metadata.get("reference") or "")
        if rubric.reference == "hidden":
            reference = ""
        question = without_passage(item.example.instruction, item)
        passage = item.chunk.text
        inputs: dict[str, Any] = {
            "question": question,
            "response": item.example.response,
            "passage": passage,
            "reference": reference,
        }
        blocks, judged = _blocks(item, rubric, inputs)
        if reference:
            blocks["REFERENCE"] = reference
        return cls(blocks, inputs, judged, passage, rubric.judges, reference)


def without_passage(text: str, item: Item) -> str:
    """A summary's instruction holds the whole passage; the judge need not read it twice."""
    passage = item.chunk.text.strip()
    return text.replace(passage, "(the PASSAGE)") if passage else text


def _blocks(item: Item, rubric: Rubric, inputs: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    if rubric.judges == "response":
        shown = {name.upper(): inputs[name] for name in ("question", "passage", "response")}
        return shown, inputs["response"]
    if rubric.judges == "instruction":
        return {"PASSAGE": item.chunk.text, "INSTRUCTION": inputs["question"]}, item.example.instruction
    turns = all_turns(item)
    shown = {
        f"TURN {number} {turn['role'].upper()}": without_passage(turn["content"], item)
        for number, turn in enumerate(turns, 1)
    }
    # a quote must not run from the end of one turn into the next
    return {"PASSAGE": item.chunk.text, **shown}, TURN_BREAK.join(turn["content"] for turn in turns)


TURN_BREAK = "\n\nendofturninmaterial\n\n"


def all_turns(item: Item) -> list[Message]:
    """Every turn of an example; of a preference the prompt and then ``chosen``."""
    turns = list(item.example.messages)
    if item.example.chosen is not None:
        turns.append({"role": "assistant", "content": item.example.chosen})
    return turns
