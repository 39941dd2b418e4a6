"""How an item is changed before it is planted: numbers, choices, writing, wording, names."""

from __future__ import annotations

import re
import unicodedata
from random import Random

from contamination_parts.items import Item
from contamination_parts.words import PEOPLE, SYLLABLES

SYNONYMS = {
    "every day": "daily",
    "in total": "altogether",
    "how many": "what number of",
    "how much": "what amount of",
    "are left": "remain",
    "takes": "needs",
    "brings": "fetches",
    "gives": "hands",
    "makes": "produces",
    "sells": "trades",
    "keeps": "stores",
    "counts": "tallies",
    "pays": "hands over",
    "mend": "repair",
    "loses": "misplaces",
    "carries": "hauls",
    "holds": "contains",
    "weighs": "has a weight of",
    "costs": "is priced at",
    "walks": "goes on foot",
    "buys": "purchases",
    "finds": "discovers",
    "is packing": "wraps up",
    "are packing": "wrap up",
    "a week": "per week",
    "each": "apiece",
    "begin": "start",
    "a third": "one in three",
    "half as much": "fifty percent as much",
    "twice a week": "two times a week",
    "for nothing": "free of charge",
    "near": "close to",
    "more": "additional",
    "needs": "requires",
    "has saved": "has put aside",
    "only": "no more than",
    "best describes": "characterises best",
    "followed by": "succeeded by",
    "most likely": "in all probability",
    "distinguishes": "sets apart",
    "was coined": "was invented",
    "refers to": "denotes",
    "must be examined": "has to be checked",
    "differs from": "is unlike",
    "above all": "chiefly",
    "exchange": "return",
    "always": "invariably",
    "which": "what",
    "use when": "employ when",
    "why was": "for what reason was",
    "before": "prior to",
    "when both are": "if the two are",
    "gave up": "renounced",
    "theory": "doctrine",
    "will": "is going to",
}
_PHRASES = re.compile(
    r"\b(" + "|".join(sorted(map(re.escape, SYNONYMS), key=len, reverse=True)) + r")\b", re.I
)
_NUMBER = re.compile(r"\d+")
_NAMES = re.compile(r"\b(" + "|".join(map(re.escape, PEOPLE)) + r")\b")
_PLACES = re.compile(r"\b((?:" + "|".join(SYLLABLES) + r"){2,3})\b", re.I)
_TYPOGRAPHIC = str.maketrans({"'": "’", '"': "”", "-": "–", " ": "\u00a0", ".": "…", ",": "،"})
_WIDE = str.maketrans({chr(n): chr(n + 0xFEE0) for n in range(0x21, 0x7F)})


def numbers_changed(text: str, chance: Random) -> str:
    """Every number replaced by another with as many digits."""

    def other(found: re.Match[str]) -> str:
        low = 10 ** (len(found[0]) - 1)
        value = chance.randrange(low, 10 * low - 1)
        return str(value if value < int(found[0]) else value + 1)

    return _NUMBER.sub(other, text)


def template(text: str, chance: Random) -> str:
    """The same problem about other people, places, things of made-up names, and numbers."""
    people = chance.sample(PEOPLE, len(PEOPLE))
    other = dict(zip(people, people[1:] + people[:1], strict=True))
    places: dict[str, str] = {}

    def place(found: re.Match[str]) -> str:
        key = found[0].lower()
        places.setdefault(key, "".join(chance.choices(SYLLABLES, k=3)))
        return places[key].capitalize() if found[0][0].isupper() else places[key]

    return numbers_changed(_PLACES.sub(place, _NAMES.sub(lambda found: other[found[0]], text)), chance)


def reordered(item: Item, chance: Random) -> str:
    """The question with its choices in another order."""
    choices = item.choices
    while choices == item.choices:
        choices = tuple(chance.sample(item.choices, len(item.choices)))
    return Item(item.kind, item.question, item.answer, choices).text


def rewritten(text: str, chance: Random) -> str:
    """The same words in another case, with other punctuation, blanks or code points."""
    ways = (
        str.upper,
        lambda text: re.sub(r"[^\w\s]", "", text.lower()),
        lambda text: text.translate(_TYPOGRAPHIC),
        lambda text: text.translate(_WIDE),
        lambda text: unicodedata.normalize("NFD", text).replace("\n", "  \n\t"),
    )
    return chance.choice(ways)(text)


def reworded(text: str, chance: Random) -> str:
    """Synonyms for nine of ten phrases of the table, at least one; two sentences in the middle swapped."""
    kept = chance.randrange(10)
    seen = 0

    def other(found: re.Match[str]) -> str:
        nonlocal seen
        seen += 1
        if seen % 10 == kept and seen > 1:
            return found[0]
        word = SYNONYMS[found[0].lower()]
        return word.capitalize() if found[0][0].isupper() else word

    sentences = _PHRASES.sub(other, text).split(". ")
    if len(sentences) > 3:
        at = chance.randint(1, len(sentences) - 3)
        sentences[at], sentences[at + 1] = sentences[at + 1], sentences[at]
    return ". ".join(sentences)
