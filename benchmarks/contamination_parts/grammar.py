"""Sentences by rule: templates whose slots are filled from the word lists, the same for the same seed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

from contamination_parts.words import ADJECTIVES, HAN, NOUNS, PEOPLE, SYLLABLES, TIMES, TRADES, VERBS

OPENERS = (
    "",
    "",
    "",
    "",
    "In {P}, ",
    "According to {N}, ",
    "For {d} years, ",
    "Near the {n}, ",
    "As the {t} of {P} tells it, ",
    "Behind the {a} {n}, ",
    "When the {n} was {v}, ",
    "Long before {N} came, ",
    "Apart from the {w}, ",
    "To everyone's surprise, ",
    "Because the {n} was {a}, ",
    "Since the year {y}, ",
    "With a {a} {n}, ",
)
CLAUSES = (
    "the {t} {v} a {a} {n}",
    "{N} {v} the {n} of {P}",
    "nobody {v} the {a} {n} beside the {n}",
    "a {n} and a {n} were {v} together",
    "the {w} {n} stood {m}",
    "{N} {S} {v} {d} of the {n}s",
    "the {a} {t} never {v} what the {t} had {v}",
    "each {n} needs a {n} that is {a} and {a}",
    "people in {P} called it the {w} {n}",
    "the price of a {n} rose to {d} crowns",
    "two {t}s {v} the {n} from {P} to {P}",
    "the {n} was {a}, the {n} was not",
    "a letter from {N} {S} says that the {n} was {v}",
    "the {w} makes every {n} {a}",
    "{d} {n}s were {v}, and {d} were lost",
    "the {a} side of the {n} faces the {n}",
    "{N} kept the {n} below the {a} {n}",
    "the {t}s of {P} {v} their {n}s {m}",
    "a {n} without a {n} is hardly {a}",
    "the {n} that {N} had {v} belonged to the {t}",
    "no {t} trusts a {a} {w}",
    "the {n} at {P} has {d} {n}s",
    "the law of {P} forbids a {a} {n}",
    "the {t} showed {N} how a {n} is {v}",
)
TAILS = (
    "",
    "",
    "",
    "",
    " {m}",
    ", and the {n} was {v} too",
    ", although {N} had {v} the {n}",
    " with a {n} of {w}",
    " until the {n} was {a}",
    ", which the {t} later {v}",
    " because of the {a} {n}",
    " for {d} crowns",
    ", but only the {t} of {P} knew why",
    " in order to see the {n}",
    " while the {n}s were {v}",
)


def _plural(noun: str) -> str:
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeo" else f"{noun}s"


PLURALS = [_plural(noun) for noun in NOUNS]
_SLOT = re.compile(r"\{(\w)\}")
Template = tuple[str, str]


class Grammar:
    """A source of sentences; ``chance`` decides everything."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self._random = chance.random
        self.people = PEOPLE
        self.cast = (PEOPLE[0], PEOPLE[1])
        self._lists = {
            "n": NOUNS,
            "p": PLURALS,
            "a": ADJECTIVES,
            "v": VERBS,
            "N": PEOPLE,
            "m": TIMES,
            "t": TRADES,
        }
        self._made: dict[str, Callable[[], str]] = {
            "P": self.place, "S": self.place, "w": self.rare, "d": self.number, "y": self.year,
            "c": lambda: self.compound(NOUNS), "q": lambda: self.compound(PLURALS),
            "A": lambda: self.cast[0], "B": lambda: self.cast[1],
        }  # fmt: skip
        self._templates: dict[str, Template] = {}

    def pick(self, words: Sequence[str]) -> str:
        """One of ``words``."""
        return words[int(self._random() * len(words))]

    def fill(self, template: str) -> str:
        """``template`` with each slot filled: n noun, a adjective, v verb, N person, P place, d number, …"""
        known = self._templates.get(template)
        if known is None:
            text = template.replace("%", "%%").replace("{n}s", "{p}").replace("{c}s", "{q}")
            known = _SLOT.sub("%s", text), "".join(_SLOT.findall(text))
            self._templates[template] = known
        text, slots = known
        return text % tuple([self._word(slot) for slot in slots])

    def _word(self, slot: str) -> str:
        words = self._lists.get(slot)
        if words is None:
            return self._made[slot]()
        # the product of two draws makes the front of a list frequent, as words in real text are
        return words[int(self._random() * (0.4 + 0.6 * self._random()) * len(words))]

    def place(self) -> str:
        """A name of two or three syllables: about 125,000 of them, so most are rare."""
        return self.rare().capitalize()

    def rare(self) -> str:
        """A word of two or three syllables that no list holds."""
        size = 2 if self._random() < 0.3 else 3
        return "".join([self.pick(SYLLABLES) for _ in range(size)])

    def compound(self, nouns: Sequence[str]) -> str:
        """A thing of two words, most of them rare: ``copper kettle``, ``dorvan kettle``."""
        return f"{self._word('n') if self._random() < 0.5 else self.rare()} {self.pick(nouns)}"

    def number(self) -> str:
        """2 to 999, small ones more often."""
        return str(2 + int(self._random() ** 2 * 998))

    def year(self) -> str:
        """1500 to 2025."""
        return str(1500 + int(self._random() * 526))

    def sentence(self) -> str:
        """One statement of five to thirty words."""
        text = self.fill(self.pick(OPENERS) + self.pick(CLAUSES) + self.pick(TAILS))
        return f"{text[0].upper()}{text[1:]}."

    def prose(self, size: int) -> str:
        """Sentences, in paragraphs, together at least ``size`` characters."""
        parts: list[str] = []
        done = 0
        while done < size:
            parts.append(self.sentence())
            done += len(parts[-1]) + 1
            parts.append("\n\n" if self._random() < 0.15 else " ")
        return "".join(parts).strip()

    def chinese(self, size: int) -> str:
        """Characters in groups, without meaning."""
        groups = [
            "".join(self.pick(HAN) for _ in range(self.chance.randint(4, 12))) for _ in range(size // 8)
        ]
        return "，".join(groups) + "。"
