"""Rule ``names``: people and cities get other names of the same kind, the same everywhere in an item.

A name can matter (a question about a poet, a king, a city), so what may be about somebody known is left out:
a name with a surname, a year or a royal title, a name that only stands among the options, a question that
speaks of studies and theories. Only in word problems (the answer is a number, the text has several) are these
questions not asked of every word, and only there are cities changed: the answer follows from the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random

from gristmill_evals.contamination.benchmark import BenchmarkItem
from gristmill_evals.contamination.vocabulary import STOPWORDS
from gristmill_evals.evaluation.memorisation.people import KINDS, POOLS
from gristmill_evals.evaluation.memorisation.reading import number_of
from gristmill_evals.evaluation.memorisation.variants import LeftOut, Variant

_LISTED = re.compile(rf"(?<![\w@./\\-])(?:{'|'.join(sorted(KINDS, key=len, reverse=True))})(?![\w-]|[@/.]\w)")
_CODE_SPAN = re.compile(r"(```.*?```|`[^`\n]+`)", re.S)
_CODE_LINE = re.compile(
    r"^\s*(?:def |class \w+[:(]|import \w|from [\w.]+ import|#include|public (?:static|class)|>>> |\w+ = "
    r"|SELECT )",
    re.M,
)
_OF_LETTERS = re.compile(
    r"\bletters? (?:in|of|from)\b|\bletter [A-Z]\b|\bspell|\binitials\b|\bsyllable|\bvowel|\bconsonant"
    r"|\balphabet|\brhyme|\bpalindrome|\banagram",
    re.I,
)
_SCHOLARS = re.compile(
    r"\b(?:1[0-9]|20)\d\d\b|&|\bet al\b|\baccording to\b|\bstud(?:y|ies)\b|\bcoin(?:ed|s)\b|\bplay\b|\b(?:"
    r"idea|notion|concept|term|theor|thesis|model|hypothes|principle|law of|research|argu|suggest|claim"
    r"|discover|invent|wrote|written|book|novel|poem|paint|compos|reign|treaty|bible|gospel|empire|dynasty)",
    re.I,
)
_QUANTITY = re.compile(
    r"\d[\d,.]*|\b(?:two|three|four|five|six|seven|eight|nine|ten|twice|half|third|dozen)\b", re.I
)
_TIMES = re.compile(r"\btime ?zones?\b|\bhours? (?:ahead|behind)\b|\blocal time\b", re.I)
_NEXT = re.compile(r"\s+(?:the\s+)?([A-Z][\w’'-]*)")
_BEFORE = re.compile(r"(?:^|(?P<gap>\S\s*))\b(?P<word>[A-Z][\w’']*\.?)\s+$", re.S)
_WORD = re.compile(r"\b[A-Z][a-z]{2,}\b")
_HE, _SHE = re.compile(r"\b(?:he|him|his|himself)\b", re.I), re.compile(r"\b(?:she|her|hers|herself)\b", re.I)
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_MONTHS = "January February March April May June July August September October November December"
_HARMLESS = {"I", *_DAYS.split(), *(f"{day}s" for day in _DAYS.split()), *_MONTHS.split()}
_TITLE_WORDS = "Mr Mrs Ms Miss Dr Uncle Aunt Auntie Farmer Coach Grandma Grandpa Nurse Teacher Cousin"
_KNOWN_WORDS = "King Queen Prince Princess Saint St Pope President Emperor San Santa Virgin Lake Mount Fort"
_TITLES = frozenset(_TITLE_WORDS.split())
_KNOWN = frozenset(_KNOWN_WORDS.split())


def names(item: BenchmarkItem, count: int, rng: Random) -> list[Variant] | LeftOut:
    """Up to ``count`` variants with other names each."""
    found = _to_replace(item)
    if isinstance(found, LeftOut):
        return found
    everything = "\n".join((item.text, item.answer))
    taken = {match.group() for match in _WORD.finditer(everything)} | set(found)
    variants: list[Variant] = []
    for number in range(1, count + 1):
        changes = _drawn(found, taken, rng)
        if changes is None:
            break
        variants.append(Variant("names", _changed(item, changes), number, changes=changes))
    return variants or LeftOut("no-other-name")


def _to_replace(item: BenchmarkItem) -> Mapping[str, str] | LeftOut:
    """Names with their kinds, or why there are none."""
    if _CODE_LINE.search(item.question):
        return LeftOut("code")
    found = {name: KINDS[name] for name in _names_in(item.question)}
    if not _is_word_problem(item) or _TIMES.search(item.question):
        found = {name: kind for name, kind in found.items() if kind != "city"}
    known = {name for name in found if any(_is_known(item.text, at) for at in _places(item.text, name))}
    found = {name: kind for name, kind in found.items() if kind != "city" or name not in known}
    if not found:
        return LeftOut("no-name")
    if known & set(found):
        return LeftOut("full-name-or-title")
    if not _is_word_problem(item) and _SCHOLARS.search(item.question):
        return LeftOut("may-be-somebody-known")
    reason = _doubt(item, found)
    return LeftOut(reason) if reason else found


def _is_word_problem(item: BenchmarkItem) -> bool:
    """Whether the answer follows from numbers in the text, whoever and wherever it is about."""
    numeric = not item.choices and number_of(item.answer) is not None
    return numeric and len(_QUANTITY.findall(item.question)) > 1


def _doubt(item: BenchmarkItem, found: Mapping[str, str]) -> str:
    """Why another name may change what is asked."""
    people = {name for name, kind in found.items() if kind != "city"}
    if people and _OF_LETTERS.search(item.question):
        return "about-the-letters"
    if set(_names_in("\n".join((*item.choices, item.answer)))) - set(found):
        return "name-in-the-answers"
    if any(name in span for text in (item.text, item.answer) for span in _code(text) for name in found):
        return "in-code"
    if _other_gender(item.question, set(found.values())):
        return "pronouns"
    words = {match.group() for match in _WORD.finditer(item.text)}
    if any(_two_forms(name, word) for name in people for word in words - {name}):
        return "two-forms-of-a-name"
    return ""


def _names_in(text: str) -> list[str]:
    prose = _CODE_SPAN.sub(" ", text)
    return list(dict.fromkeys(match.group() for match in _LISTED.finditer(prose)))


def _code(text: str) -> list[str]:
    return _CODE_SPAN.findall(text)


def _places(text: str, name: str) -> Iterator[re.Match[str]]:
    return (match for match in _LISTED.finditer(text) if match.group() == name)


def _is_known(text: str, at: re.Match[str]) -> bool:
    """Whether it may be somebody in particular: with a surname, a royal title, ``the Great``, a numeral."""
    after = _NEXT.match(text, at.end())
    if after is not None and after[1] not in _HARMLESS and not _begins_line(text, after.start(1)):
        return True
    before = _BEFORE.search(text[max(0, at.start() - 60) : at.start()])
    if before is None or _begins_line(text, at.start()):
        return False
    word = before["word"].rstrip(".")
    if word in _KNOWN:
        return True
    if word in _TITLES | _HARMLESS or before["word"].endswith("."):
        return False
    first = before["gap"] is None or before["gap"].strip() in {*'.!?:;"“”()'}
    return not first and word not in KINDS


def _begins_line(text: str, start: int) -> bool:
    return "\n" in text[max(0, start - 2) : start]


def _other_gender(text: str, kinds: set[str]) -> bool:
    """One gender's names with the other's pronouns only: the name is used otherwise than in the lists."""
    he, she = bool(_HE.search(text)), bool(_SHE.search(text))
    if "neutral" in kinds or {"male", "female"} <= kinds:
        return False
    return ("male" in kinds and she and not he) or ("female" in kinds and he and not she)


def _two_forms(name: str, word: str) -> bool:
    """A short form (Jon, Jonathan) or another spelling of one name: two people would be made of one."""
    short, long = sorted((name, word), key=len)
    told = word in KINDS or (word == short and word.lower() not in STOPWORDS)
    if told and len(short) < len(long) and long.startswith(short):
        return True
    from rapidfuzz.distance import OSA

    near = 1 if len(short) < 6 else 2
    return word not in KINDS and name[0] == word[0] and len(short) > 3 and OSA.distance(name, word) <= near


def _drawn(found: Mapping[str, str], taken: set[str], rng: Random) -> dict[str, str] | None:
    """Another name for each; no two alike, none that stands in the text already."""
    changes: dict[str, str] = {}
    for name, kind in found.items():
        used = taken | set(changes.values())
        pool = [one for one in POOLS[kind] if not any(_two_forms(one, word) or one == word for word in used)]
        if not pool:
            return None
        changes[name] = rng.choice(pool)
    return changes


def _changed(item: BenchmarkItem, changes: Mapping[str, str]) -> BenchmarkItem:
    return replace(
        item,
        question=_renamed(item.question, changes),
        answer=_renamed(item.answer, changes),
        choices=tuple(_renamed(choice, changes) for choice in item.choices),
    )


def _renamed(text: str, changes: Mapping[str, str]) -> str:
    parts = _CODE_SPAN.split(text)
    pattern = re.compile(rf"({_LISTED.pattern})(['’](?=\s+[a-z]))?")

    def other(match: re.Match[str]) -> str:
        name, mark = match[1], match[2] or ""
        if name not in changes:
            return match.group()
        return changes[name] + (f"{mark}s" if mark and name.endswith("s") else mark)

    return "".join(part if place % 2 else pattern.sub(other, part) for place, part in enumerate(parts))
