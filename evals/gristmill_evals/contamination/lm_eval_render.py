"""One document of an lm-eval task as question, answer and choices: what its templates say, told apart.

What a template puts around every document (``Question: …``, ``Answer:``) is no part of an item. Choices that
are only letters stand for the choices in the question's text, as in MMLU. Where the choices are put in
front and the question is what follows (WinoGrande), the question is their common beginning, ``_``, and that.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gristmill_evals.contamination.benchmark_rows import chosen
from gristmill_evals.contamination.options import find_options

Rendered = tuple[str, str, tuple[str, ...]]
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


class Frame(NamedTuple):
    """What stands before and after the document in a task's template."""

    before: str = ""
    after: str = ""


def frame_of(task: Any) -> Frame:
    """The fixed text around the document, of a template that is a text; a function is taken as it is."""
    template = getattr(task.config, "doc_to_text", None)
    if not isinstance(template, str) or getattr(task, "prompt", None) is not None:
        return Frame()
    places = [match.span() for match in _JINJA.finditer(template)]
    if not places:
        return Frame()
    return Frame(template[: places[0][0]], template[places[-1][1] :])


def rendered(task: Any, document: Mapping[str, Any], frame: Frame) -> Rendered:
    """Question, answer and choices of one document; a blank question: there is nothing to compare."""
    choices = _choices(task, document)
    text, target = task.doc_to_text(document), task.doc_to_target(document)
    if isinstance(text, int) and choices:
        return _choices_first(text, target, choices)
    question = _unframed(str(text), frame)
    answer = _answer(target, choices)
    if _are_marks(choices):
        question, choices = _spelled_out(question, choices)
        answer = _answer(target, choices) if choices else answer
    # Minimal pairs and running text (BLiMP, WikiText) have no question: the right text is the item.
    wordless = not getattr(task.config, "doc_to_text", None)
    return (question or answer if wordless else question), answer, choices


def _choices(task: Any, document: Mapping[str, Any]) -> tuple[str, ...]:
    if task.OUTPUT_TYPE != "multiple_choice":
        return ()
    # A task written as a class may keep its choices in the document.
    given = task.doc_to_choice(document) if hasattr(task, "doc_to_choice") else document["choices"]
    return tuple(str(choice).strip() for choice in given)


def _are_marks(choices: Sequence[str]) -> bool:
    """Whether the choices only count: A, B, C or 1, 2, 3, with or without brackets."""
    bare = [choice.strip("().: ").upper() for choice in choices]
    size = len(bare)
    counts = (
        list(string.ascii_uppercase[:size]),
        [str(n) for n in range(size)],
        [str(n + 1) for n in range(size)],
    )
    return size > 1 and bare in counts


def _answer(target: Any, choices: Sequence[str]) -> str:
    """Of several answers that are all right, the first."""
    if isinstance(target, (list, tuple)):
        target = target[0] if target else None
    return chosen(target, choices).strip()


def _unframed(text: str, frame: Frame) -> str:
    # Templates are stripped at their ends when they are rendered, and so must be what is looked for.
    before, after = frame.before.strip(), frame.after.strip()
    text = text.strip()
    text = text.removeprefix(before).lstrip() if before else text
    return text.removesuffix(after).rstrip() if after else text


def _choices_first(gold: int, target: Any, choices: Sequence[str]) -> Rendered:
    shared = _common_beginning(choices)
    options = tuple(choice[len(shared) :].strip() for choice in choices)
    rest = str(target[0] if isinstance(target, (list, tuple)) else target).strip()
    answer = options[gold] if 0 <= gold < len(options) else ""
    return f"{shared}_ {rest}".strip(), answer, options


def _common_beginning(texts: Sequence[str]) -> str:
    """What all texts begin with, cut back to whole words: "Sam" and "Sara" share none."""
    first, last = min(texts), max(texts)
    equal = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[: max(first.rfind(" ", 0, equal), first.rfind("\n", 0, equal)) + 1]


def _spelled_out(question: str, marks: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Question and choices when the text lists as many choices as there are marks, else only the question."""
    found = [options for options in find_options(question) if len(options.choices) == len(marks)]
    if not found:
        return question, ()
    start, end = found[-1].span
    rest = question[end:].strip()
    head = question[:start].rstrip()
    return (f"{head}\n{rest}" if rest else head), found[-1].choices
