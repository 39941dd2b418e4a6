"""Rule ``rewording``: a model says the question in other words; rules check that nothing of it is lost.

Only the question is reworded, never options or answers. What a model made is used when all numbers, names and
quoted words are still there, nothing is denied that was not and the length is about the same; a change of
meaning that these rules do not see is possible, so read some of them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from typing import Any

from gristmill.errors import ModelError
from gristmill.models import Ask
from gristmill.records import Message
from gristmill_evals.contamination.benchmark import BenchmarkItem
from gristmill_evals.evaluation.each import STOPS
from gristmill_evals.evaluation.memorisation.people import KINDS
from gristmill_evals.evaluation.memorisation.reading import folded
from gristmill_evals.evaluation.memorisation.variants import LeftOut, Variant

SHORTEST, LONGEST = 0.5, 2.0
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"question": {"type": "string", "minLength": 1}},
    "required": ["question"],
    "additionalProperties": False,
}
SYSTEM = (
    "You say questions in other words. The meaning, and so the right answer, must stay exactly the same. "
    "Keep every number, name, unit, quoted word and blank as it is. Keep the language, and the kind of "
    "ending: a question stays a question, a sentence to be completed stays one. Add nothing, leave nothing "
    "out, and do not answer."
)
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_COUNTED = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b", re.I)
_PARTS = re.compile(
    r"\b(?:half|halves|thirds?|quarters?|fourths?|twice|doubl(?:e[ds]?|ing)|tripl(?:e[ds]?|ing)|thrice|dozens?"
    r"|percent)\b|%",
    re.I,
)
_SAME = {"halv": "half", "fourth": "quarter", "twic": "doubl", "thric": "tripl", "%": "percent"}
_QUOTED = re.compile(
    r'"([^"\n]+)"|“([^”\n]+)”|`([^`\n]+)`|(?:(?<=\s)|^)[\'‘]([^\'’\n]+)[\'’](?=[\s.,;:?!)]|$)'
)
_WORD = re.compile(r"[^\W\d_][\w’'-]*")
_DENIES = re.compile(
    r"\b(?:not|never|except|neither|nor|without|false|incorrect|cannot|least|no)\b|n[’']t\b", re.I
)
_BLANK = re.compile(r"_{2,}|\.{3}|…")


async def reword(item: BenchmarkItem, count: int, ask: Ask) -> list[Variant] | LeftOut:
    """Up to ``count`` rewordings that pass the checks, or the reason of the last one that did not.

    Raises:
        GristmillError: the budget is spent, the run is stopping, the rewriter cannot be asked at all.
    """
    messages: list[Message] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": f"<question>\n{item.question}\n</question>"},
    ]
    try:
        answers = await ask(messages, schema=SCHEMA, n=count, partial=True)
    except STOPS:
        raise
    except ModelError as error:
        return LeftOut(f"rewriter-failed:{error.kind}")
    variants: list[Variant] = []
    reason, seen = "", set[str]()
    for answer in answers:
        text = "" if answer.error else str(answer.data["question"]).strip()
        reason = f"rewriter-failed:{answer.error}" if answer.error else fault(item.question, text)
        if not reason and folded(text) not in seen:
            seen.add(folded(text))
            variants.append(Variant("rewording", replace(item, question=text), len(variants) + 1))
    return variants or LeftOut(reason)


def fault(before: str, after: str) -> str:
    """What is wrong with a rewording, as a slug; empty when nothing is."""
    if folded(before) == folded(after):
        return "same-words"
    if not SHORTEST <= len(after) / max(len(before), 1) <= LONGEST:
        return "length"
    if _numbers(before) != _numbers(after) or _parts(before) != _parts(after):
        return "numbers-changed"
    if not _named(before) <= _words(after) or _folded(_named(after)) - _folded(_words(before)):
        return "names-changed"
    if any(quote not in after for quote in _quotes(before)):
        return "quotes-changed"
    if bool(_DENIES.search(before)) != bool(_DENIES.search(after)):
        return "negation-changed"
    if len(_BLANK.findall(before)) != len(_BLANK.findall(after)) or _ending(before) != _ending(after):
        return "ending-changed"
    return ""


def _numbers(text: str) -> Counter[Fraction]:
    """Values of numbers: ``3`` and ``three`` are the same, ``one`` is mostly none."""
    digits = [Fraction(found.replace(",", "")) for found in _NUMBER.findall(text)]
    words = [Fraction(_WORDS.index(found.lower()) + 2) for found in _COUNTED.findall(text)]
    return Counter([*digits, *words])


def _parts(text: str) -> Counter[str]:
    """``twice`` is as good as ``double``."""
    stems = (re.sub(r"(?:e?[ds]|ing|e)$", "", found.lower()) for found in _PARTS.findall(text))
    return Counter(_SAME.get(stem, stem) for stem in stems)


def _words(text: str) -> set[str]:
    return {re.sub(r"[’']s?$", "", word) for word in _WORD.findall(text)}


def _folded(words: set[str]) -> set[str]:
    return {word.casefold() for word in words}


def _named(text: str) -> set[str]:
    """Capitalised words inside sentences, and names from the lists wherever they stand."""
    found: set[str] = set()
    for match in _WORD.finditer(text):
        word = re.sub(r"[’']s?$", "", match.group())
        before = text[: match.start()].rstrip()[-1:]
        inside = word != "I" and word[0].isupper() and before not in {"", *'.!?:;"“(['}
        if word in KINDS or inside:
            found.add(word)
    return found


def _quotes(text: str) -> list[str]:
    return ["".join(parts) for parts in _QUOTED.findall(text)]


def _ending(text: str) -> str:
    last = text.rstrip()[-1:]
    return last if last in "?:…_" else ""
