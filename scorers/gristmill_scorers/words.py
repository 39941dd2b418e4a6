"""What a text claims: its content words, numbers, names and quotations, in comparable form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from gristmill_scorers.language import COMMON, detect

_MORE_COMMON = (
    "about above after again all also although always among any anything because been before being below "
    "between both could did doing done down during each either else ever every everything few further had "
    "having he her here hers him his however i if into itself just least less let like made make makes "
    "many may me might mine most much must my need needs neither never nor now off often once one only "
    "other our out over own per perhaps rather same see she should since some something such than them "
    "themselves then these they thing things this those though through thus too under until up upon us "
    "use used uses using usually very via was we well were what whatever where whether while who whole "
    "whose why within without would yes yet your"
)
STOP: frozenset[str] = frozenset(_MORE_COMMON.split()).union(*COMMON.values())
_SPELLED = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_NUMBER_WORDS = {word: str(value) for value, word in enumerate(_SPELLED.split())}
_SINGLE = "\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f"  # scripts without spaces are read in pairs of characters
_PAIRS = re.compile(rf"[{_SINGLE}]{{2,}}")
_LIST_MARK = re.compile(r"^[ \t]*(?:\d{1,3}[.)]|[-+*#>]+)[ \t]+", re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![^\W_])")
_WORD = re.compile(rf"[^\W\d_{_SINGLE}][^\W{_SINGLE}]*(?:['’][^\W\d_]+)?|(?<![\w.,])\d+[^\W\d]\w*")
_QUOTATION = re.compile(r"\"([^\"\n]{12,})\"|“([^”\n]{12,})”|„([^“\n]{12,})“|«([^»\n]{12,})»")
_FENCES = re.compile(r"^[ \t]*(?:```|~~~).*$", re.MULTILINE)
_NEGATIVE = (
    "not never no none nor neither nobody nothing nowhere without cannot unable nicht kein keine keinem "
    "keinen keiner keines nie niemals ohne pas jamais sans aucun aucune rien nunca ninguno ninguna ningún "
    "jamás non mai senza nessun nessuno nessuna não sem nenhum nenhuma niet geen nooit zonder"
)
_NEGATIONS = frozenset(_NEGATIVE.split())
NEGATION = re.compile(rf"\b(?:{'|'.join(sorted(_NEGATIONS))})\b|n['’]t\b", re.IGNORECASE)
_SENTENCE_END = frozenset('.!?:;"“„«(|*#\n')


@dataclass(frozen=True, slots=True)
class Claims:
    """Everything checkable in a text, each once. ``words`` maps a stem to the word as written."""

    words: dict[str, str]
    numbers: tuple[str, ...]
    names: dict[str, str]
    quotes: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Nothing in it can be checked."""
        return not (self.words or self.numbers or self.names or self.quotes)


def claims(text: str, language: str = "") -> Claims:
    """The claims of a text. Names are capitals inside a sentence and identifiers of code.

    ``language`` is its ISO 639-1 code, looked for when empty.
    """
    plain = _LIST_MARK.sub("\n", _FENCES.sub("\n", text))
    # German would turn every noun into a name
    nouns_are_capital = (language or detect(text)) == "de"
    words: dict[str, str] = {}
    names: dict[str, str] = {}
    for match in _WORD.finditer(plain):
        word = match.group()
        folded = word.casefold()
        # what is denied is looked at sentence by sentence
        if folded in STOP or folded in _NEGATIONS or len(word) < 2 or folded.endswith(("n't", "n’t")):
            continue
        if _is_identifier(word) or (not nouns_are_capital and _is_name(word, plain, match.start())):
            names[stem(word)] = word
        else:
            words[stem(word)] = word
    for match in _PAIRS.finditer(plain):
        run = match.group()
        words.update({run[i : i + 2]: run[i : i + 2] for i in range(len(run) - 1)})
    words = {key: word for key, word in words.items() if key not in names}
    numbers = tuple(dict.fromkeys(number(m.group()) for m in NUMBER.finditer(plain)))
    quotes = tuple(next(filter(None, groups)) for groups in _QUOTATION.findall(text))
    return Claims(words, numbers, names, tuple(q for q in quotes if len(q.split()) > 2))


def _is_identifier(word: str) -> bool:
    return bool(
        re.search(r"[\d_]", word) or re.search(r"[a-z][A-Z]", word) or (len(word) > 1 and word.isupper())
    )


def _is_name(word: str, text: str, start: int) -> bool:
    before = text[:start].rstrip(" \t`'’[")
    return word[0].isupper() and bool(before) and before[-1] not in _SENTENCE_END


def number(text: str) -> str:
    """One form for one number: ``1,000`` and ``1000.0`` are ``1000``."""
    plain = (
        text.replace(",", "")
        if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", text)
        else text.replace(",", ".")
    )
    if plain.count(".") > 1:
        return plain  # a version or an address, not a number
    return format(Decimal(plain).normalize(), "f")


def numbers_in(text: str) -> frozenset[str]:
    """All numbers of a text, those up to twenty also when written as words."""
    digits = {number(match.group()) for match in re.finditer(r"\d+(?:[.,]\d+)*", text)}
    spelled = {_NUMBER_WORDS[w] for w in re.findall(r"[a-z]+", text.casefold()) if w in _NUMBER_WORDS}
    return frozenset(digits | spelled)


def spelled(word: str) -> str | None:
    """The number that a word like ``three`` stands for."""
    return _NUMBER_WORDS.get(word.casefold())


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A word without its English endings: crude, but the same for all forms of most words."""
    plain = re.sub(r"['’]\w+$", "", word.casefold())
    for ending, instead in (
        ("ies", "y"),
        ("sses", "ss"),
        ("ing", ""),
        ("ed", ""),
        ("es", ""),
        ("s", ""),
        ("ly", ""),
    ):
        if (
            plain.endswith(ending)
            and len(plain) - len(ending) >= 3
            and not plain.endswith(("ss", "us", "is"))
        ):
            plain = plain.removesuffix(ending) + instead
            break
    # stopped, stopping: the doubled consonant is not part of the stem
    if len(plain) > 3 and plain[-1] == plain[-2] and plain[-1] not in "aeiouls":
        plain = plain[:-1]
    return plain.removesuffix("e") if len(plain) > 3 else plain
