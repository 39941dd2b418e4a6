"""The corruption strategy: a good answer against the same answer spoiled in one known way."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from rapidfuzz import fuzz

from gristmill.fence import restore
from gristmill.models.types import Ask, Task
from gristmill.records import Chunk
from gristmill.registry import Rejected
from gristmill_generators import schemas
from gristmill_generators.contrast import Contrast, same, words
from gristmill_generators.pairs import Pair
from gristmill_generators.prompts import CORRUPT, FAULTS, pick, writing
from gristmill_generators.schemas import Fault

if TYPE_CHECKING:
    from gristmill_generators.preference import Preference

_NEGATIONS = frozenset(["not", "no", "never", "none", "nothing", "without", "cannot", "t"])
_BREAKS = re.compile(r"(?<=[.!?;:])\s+(?=\S)|\n+")


async def contrast(step: Preference, pair: Pair, index: int, chunk: Chunk, ask: Ask) -> Contrast | Rejected:
    """Spoil the answer of ``pair``; ``corruption-failed`` when that changed nothing, or the wrong thing."""
    fault = choose(step.faults, pair, index, chunk)
    inputs = {"question": pair.question, "response": pair.answer, "passage": chunk.text, "fault": fault}
    messages = writing(
        CORRUPT.format(fault=FAULTS[fault]), chunk, QUESTION=pair.question, RESPONSE=pair.answer
    )
    answers = await ask(
        messages, task=Task("corrupt", inputs), schema=schemas.CORRUPT, model=step.model, **step.sampling()
    )
    spoiled, changed = restore(answers[0].data["response"]), restore(answers[0].data["changed"])
    problem = flaw(fault, pair.answer, spoiled)
    if problem:
        return Rejected("corruption-failed", f"{fault}: {problem}")
    made = {"fault": fault, "changed": changed, "candidate_models": [answers[0].model]}
    return Contrast(pair.answer, spoiled, (answers[0].key,), made)


def choose(faults: list[Fault], pair: Pair, index: int, chunk: Chunk) -> Fault:
    """A fault for this row, always the same; omission only where an answer has parts to leave out."""
    parts = [part for part in _BREAKS.split(pair.answer.strip()) if part.strip()]
    # leaving something out of a one-part answer leaves nothing
    fitting = [fault for fault in faults if fault != "omission" or len(parts) > 1]
    chosen: Fault = pick(fitting or faults, "fault", chunk.text, index)
    return chosen


def flaw(fault: Fault, good: str, spoiled: str) -> str:
    """Why ``spoiled`` does not have the fault it should have; empty when it may."""
    if not spoiled:
        return "the model could not do it here"
    if same(good, spoiled):
        return "nothing was changed"
    before, after = words(good), words(spoiled)
    if fault == "omission" and len(after) >= len(before):
        return "nothing was left out"
    if fault == "unsupported_claim" and not _claims_something_new(before, after):
        return "nothing was claimed that the answer does not say"
    # shared words in any order: a reshuffled answer is still on topic
    if fault == "off_topic" and fuzz.token_set_ratio(" ".join(before), " ".join(after)) > 90:
        return "it still answers the question"
    return ""


def _claims_something_new(before: list[str], after: list[str]) -> bool:
    """A word more, or a "not" less without a sentence less."""
    if Counter(after) - Counter(before):
        return True
    lost = Counter(before) - Counter(after)
    return bool(lost.keys() & _NEGATIONS) and len(after) >= 0.8 * len(before)
