"""What a model answered: the number, the option or the text; and whether it is right."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from gristmill_evals.contamination.benchmark import BenchmarkItem

Form = Literal["choice", "number", "text"]
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
_FIND = re.compile(
    rf"(?P<minus>(?<![\w)])[-−](?=[$€£]?[\d.]))?[$€£]?\s?(?:(?P<whole>\d+)\s+(?=\d+\s?/))?(?P<number>{_NUMBER})"
    r"(?:\s?/\s?(?P<under>\d+(?!\d*[./]\d)))?(?:\s?(?P<scale>thousand|million|billion)\b)?",
    re.I,
)
_WHOLE = re.compile(
    rf"\s*[-−–]?\s*[$€£]?\s?(?:\d+\s+\d+\s?/\s?\d+|(?:{_NUMBER})(?:\s?/\s?\d+)?)\s*(?:thousand|million|billion)?"
    r"\s*[%€$]?(?:\s*[A-Za-z²³°]+){0,2}\s*\.?\s*"
)
_SCALE = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_REASONING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.S | re.I)
_MARK = re.compile(r"####|\\boxed\{|(?:final\s+)?answer(?:\s+is|\s*:)+\s*:?|\bthe\s+answer\s*=", re.I)
_LETTER = re.compile(r"\(?\b([A-Z])\b\)?")
_FIRST = re.compile(r"^\W{0,3}(?:option\s+|choice\s+)?\(?([A-Z])(?:[).:]|\W*$|\s+[-–—]\s)", re.I)
_SAID_OF = {"A": r"(?!or\b|and\b|is\b|as\b|was\b|because\b|since\b)"}
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read off an answer. ``chosen`` is the place of the option, from 0.

    An answer that names no option or number is wrong, as "I do not know" is, and ``unread`` says so: were it
    left out, a model that only answers what it knows by heart would show no drop.
    """

    correct: bool
    said: str = ""
    chosen: int | None = None
    unread: str = ""


def form_of(item: BenchmarkItem) -> Form:
    """How an item is answered: by an option, by a number, in words."""
    if item.choices:
        return "choice"
    return "number" if number_of(item.answer) is not None else "text"


def read(response: str, item: BenchmarkItem) -> Reading:
    """Read and check an answer."""
    text = _REASONING.sub("", response).strip().replace("**", "")
    form = form_of(item)
    if form == "choice":
        place = option_in(text, item.choices)
        if place is None:
            return Reading(False, unread="no-option")
        return Reading(item.choices[place] == item.answer, item.choices[place], place)
    if form == "number":
        found = number_in(text)
        if found is None:
            return Reading(False, unread="no-number")
        return Reading(found == number_of(item.answer), str(found))
    said = final(text)
    return Reading(any(folded(one) == folded(item.answer) for one in _candidates(text, said)), said)


def number_of(answer: str) -> Fraction | None:
    """The number that a right answer is: all of the text, with currency or unit, or what follows ``####``."""
    text = answer.rpartition("####")[2]
    if "####" not in answer and not _WHOLE.fullmatch(text):
        return None
    found = _FIND.search(text)
    return None if found is None else _exact(found)


def number_in(text: str) -> Fraction | None:
    """The final number of an answer: after the last ``Answer:`` or ``####``, else the last one."""
    marked = final(text) if _MARK.search(text) else ""
    after = marked.rpartition("=")[2] if "=" in marked else ""
    for part, place in ((after, 0), (marked, 0), (text, -1)):
        found = [one for one in _FIND.finditer(part) if _exact(one) is not None]
        if found:
            return _exact(found[place])
    return None


def option_in(text: str, choices: Sequence[str]) -> int | None:
    """The place of the option that an answer names by letter or in words; None when it is not clear."""
    letters = string.ascii_uppercase[: len(choices)]
    said = final(text)
    for part in dict.fromkeys((said, text)) if _MARK.search(text) else (text,):
        first = _FIRST.match(part.strip())
        if first and first[1].upper() in letters:
            return letters.index(first[1].upper())
        if (place := _in_words(part, choices)) is not None:
            return place
        named = {
            letter for letter in _LETTER.findall(part) if letter in letters and not _is_word(letter, part)
        }
        if len(named) == 1:
            return letters.index(named.pop())
    return None


def final(text: str) -> str:
    """The line after the last mark of a final answer, else all of the text."""
    marks = list(_MARK.finditer(text))
    if not marks:
        return text.strip()
    rest = text[marks[-1].end() :].strip()
    return rest.split("\n", 1)[0].strip().rstrip("}").strip() if rest else text.strip()


def folded(text: str) -> str:
    """Without case, punctuation, articles and odd blanks."""
    words = re.sub(r"[^\w\s%+-]|[+-](?!\d)", " ", text.casefold())
    return " ".join(_ARTICLE.sub(" ", words).split()) or " ".join(words.split())


def _exact(found: re.Match[str]) -> Fraction | None:
    number = Fraction(found["number"].replace(",", ""))
    if found["under"] is not None:
        if int(found["under"]) == 0:
            return None
        number /= int(found["under"])
    number += int(found["whole"] or 0)
    number *= _SCALE.get((found["scale"] or "").lower(), 1)
    return -number if found["minus"] else number


def _in_words(text: str, choices: Sequence[str]) -> int | None:
    """The only option whose words are the answer or stand in it; parts of another do not count."""
    said = folded(text)
    options = [folded(choice) for choice in choices]
    if said in options and options.count(said) == 1:
        return options.index(said)
    inside = [place for place, option in enumerate(options) if option and f" {option} " in f" {said} "]
    longest = [
        place
        for place in inside
        if not any(options[place] in options[other] for other in inside if other != place)
    ]
    return longest[0] if len(longest) == 1 else None


def _is_word(letter: str, text: str) -> bool:
    """``A metal`` and ``I think`` are English and no options."""
    return letter in "AI" and re.search(rf"\b{letter}\b(?!\s+{_SAID_OF.get(letter, '')}[a-z])", text) is None


def _candidates(text: str, said: str) -> tuple[str, ...]:
    lines = [line for line in text.splitlines() if line.strip()] or [""]
    return said, text, lines[0], lines[-1]
