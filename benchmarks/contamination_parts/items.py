"""Benchmark items by rule: word problems, multiple choice, code tasks, short questions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from contamination_parts.grammar import Grammar
from contamination_parts.words import LICENCES, NOUNS, QUOTES, TEMPLATES

KINDS = ("problem", "choice", "code", "short")
SHARES = (0.35, 0.30, 0.15, 0.20)
BOILERPLATE = 0.05
STARTS = (
    "{A} runs a {a} {n} shop in {P} with {B}.",
    "{A}, a {t} from {P}, keeps {d} {n}s in a {a} {n}.",
    "{A} and {B} are packing {c}s for a {a} {t}.",
    "For the fair of {P}, {A} makes {d} {a} {n}s.",
    "The {a} {t} {A} has saved {d} crowns for {c}s.",
    "On the way to {P}, {A} counts {d} {n}s and {d} {n}s.",
    "A {t} in {P} asks {A} to mend {d} {n}s {m}.",
    "{A} inherits {d} {n}s and a {w} from the {t} {B}.",
)
FACTS = (
    "Every day {A} sells {d} {n}s for {d} crowns each.",
    "{B} brings {d} {a} {n}s and takes {d} {n}s away.",
    "A third of the {c}s are {a}, and {d} {n}s were {v}.",
    "Each {c} weighs {d} pounds more than a {a} {n}.",
    "It takes {A} {d} minutes to finish a {c}.",
    "The {a} {t} pays {d} crowns for every {c}.",
    "After {d} days {B} loses {d} of the {n}s near the {n}.",
    "A box of {c}s holds {d} rows of {d}.",
    "The {c} costs {d} crowns, half as much as {P} {c}s.",
    "{A} gives every {d}th {c} to a {a} {t} for nothing.",
    "On rainy days {B} makes only {d} {n}s instead of {d}.",
    "The {a} {n}s need {d} yards of {n} apiece.",
    "{d} of the {n}s were {v} by a {a} {t} {m}.",
    "For each {n}, {A} needs {d} {n}s and {d} spoons of {w}.",
    "{B} walks {d} miles to {P} and rests {d} minutes at the {n}.",
    "The rent of the {c} is {d} crowns a week.",
    "Twice a week {B} carries {d} {c}s to {P}.",
    "Whoever buys {d} {n}s finds one {a} {n} in the bag.",
)
ENDS = (
    "How many {c}s are left after {d} days?",
    "How much {c} money does {A} keep in total?",
    "How many crowns does {B} need for {d} {c}s?",
    "After how many weeks can {A} buy {P} {c}s?",
    "How many more {n}s than {n}s does {A} have then?",
    "What is the {c} share of {B} when the {n}s are {v}?",
    "How many hours does {A} mend {c}s before {B} is {a}?",
    "How many pounds does the {c} of {A} carry?",
)
REASONS = (
    "First {A} has {d} times {d} {n}s, which makes {d}.",
    "Taking the {a} ones away leaves {d} {n}s.",
    "The {a} {t} gets {d} crowns, so {d} remain for {B}.",
    "Half of {d} is {d}, and {d} more for the {n} are {d}.",
    "In {d} days the {n}s of {P} add up to {d}.",
    "Divided by {d} this gives {d} {n}s for every {t}.",
)
STEMS = (
    "Which {n} did the {t} {N} {S} use when the {w} {n} of {P} was {v}?",
    "In the {w} theory of {S}, a {a} {c} is always followed by which {a} {n}?",
    "A {t} in {P} has {v} a {a} {c}. What must be examined before {c}s are {v}?",
    "The {a} {c} of the {w} differs from a {c} above all in",
    "In the treaty of {P}, who gave up {c}s in exchange for the {a} {c}?",
    "What distinguishes a {w} from a {w} when both are {v} in a {a} {n}?",
    "Which statement best describes the {c} of the {t} in the {S} {n} of {y}?",
    "If the {c} of a {w} is {a}, the {c} pressure will most likely",
    "Why was the {a} {n} of {P} {v} by {N} {S} before the {n} was {v}?",
    "The term {w} was coined by {S} for {c}s {v} without a {a} {c}. It refers to",
)
CHOICES = (
    "the {a} {n}",
    "a {n} made of {w}",
    "its {w} {n}",
    "a loss of {n}",
    "the {n} of {P}",
    "rise by {d} percent",
    "the {t}s of {P}",
    "a {a} {w}",
    "because the {n} was {a}",
    "{N} {S}",
    "a {n} that was {v} twice",
    "by means of a {a} {n}",
    "the year {y}",
    "the order of the {n}s and {n}s",
    "stay {a} until the {n} is {v}",
)
SHORT = (
    "Who {v} the {w} {n} of {P}?",
    "Which river flows past the {n} of {P}?",
    "What does the word {w} mean in {P}?",
    "In which year was the {a} {c} of {P} {v}?",
    "Name the {t} who {v} the {c} of {S}.",
    "How tall is the {w} {n} in {P}?",
    "What colour is the {n} of a {w}?",
    "Where is the {a} {n} of {N} {S} kept?",
    "Which {n} is made of {w}?",
    "How many {n}s has the {S} {n}?",
)
TASKS = (
    "Return every {c} whose {n} weighs more than {d} {c}s left of a {a} {n}.",
    "Count the pairs of {c}s and {a} {n}s that differ by {d} in {w} value.",
    "Split the {c}s into runs of {a} {n}s that no {c} in {P} precedes.",
    "Find the cheapest {c} by which a {t} moves {d} {a} {n}s past {P}.",
    "Replace each {c} by the sum of {d} {c}s, and drop {a} {n}s after {w}.",
    "Given a map from {c} to {n}, list the {c}s that no {t} of {P} can reach.",
    "Sort the {c}s by {w} first and by the {a} {n}s of their {c} second.",
    "Read the log of {P} and give each {t} the longest {c} without {a} {n}s.",
)
NOTES = (
    "An empty {n} counts as {d}.",
    "The {n} never holds more than {d} {n}s.",
    "A {w} is ignored.",
    "Raise ValueError if a {n} is {a}.",
    "The order of {c}s does not matter.",
)
BODIES = (
    "    {x}_{z} = [{z} for {z} in {x} if {z} % {d} > {d}]\n    return sorted({x}_{z})[: {d}]",
    "    {z}_seen = {d}\n    for {z} in {x}:\n        {z}_seen += {z} * {d} if {z} > {d} else {d}\n"
    "    return {z}_seen",
    "    {z}_best = {{}}\n    for {z}, {x}_at in enumerate({x}):\n"
    "        {z}_best[{x}_at % {d}] = {z} + {d}\n"
    "    return max({z}_best.values(), default={d})",
    "    while len({x}) > {d}:\n        {z} = {x}.pop({d} % len({x}))\n        {x}.append({z} // {d} - {d})\n"
    "    return sum({x}) + {d}",
)
_CODE_SLOT = re.compile(r"\{[xz]\}")


@dataclass(frozen=True, slots=True)
class Item:
    """A benchmark item, or a question of the same make that is in no benchmark."""

    kind: str
    question: str
    answer: str
    choices: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The question with its choices lettered, as an exam prints them."""
        lines = (f"{letter}) {choice}" for letter, choice in zip("ABCDEFGH", self.choices, strict=False))
        return "\n".join((self.question, *lines))


class Maker:
    """Items without end, all different."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.grammar = Grammar(self.chance)
        self._made = {"problem": self.problem, "choice": self.choice, "code": self.code, "short": self.short}

    def items(self) -> Iterator[Item]:
        """Of all kinds; a few begin with an instruction, a quotation or a licence."""
        while True:
            kind = self.chance.choices(KINDS, SHARES)[0]
            item = self._made[kind]()
            if self.chance.random() < BOILERPLATE:
                item = Item(kind, f"{self.boilerplate(kind)}\n\n{item.question}", item.answer, item.choices)
            yield item

    def make(self, kind: str) -> Item:
        """One item of ``kind``."""
        return self._made[kind]()

    def boilerplate(self, kind: str) -> str:
        """What exam papers and files of that kind share with half the web."""
        if kind == "code":
            return self.chance.choice(LICENCES)
        return self.chance.choice((*TEMPLATES, *(f"“{quote}”" for quote in QUOTES)))

    def _cast(self) -> None:
        one, two = self.chance.sample(self.grammar.people, 2)
        self.grammar.cast = (one, two)

    def problem(self) -> Item:
        """Three to six sentences with numbers; the answer is worked out in as many."""
        self._cast()
        middle = self.chance.sample(FACTS, self.chance.randint(2, 4))
        question = [self.chance.choice(STARTS), *middle, self.chance.choice(ENDS)]
        worked = self.chance.sample(REASONS, self.chance.randint(2, 4))
        return Item("problem", self._all(question), f"{self._all(worked)} {self.grammar.number()}")

    def _all(self, templates: list[str]) -> str:
        return " ".join(self.grammar.fill(template) for template in templates)

    def choice(self) -> Item:
        """A stem and four different choices."""
        choices: dict[str, None] = {}
        while len(choices) < 4:
            choices[self.grammar.fill(self.chance.choice(CHOICES))] = None
        answer = self.chance.choice("ABCD")
        return Item("choice", self.grammar.fill(self.chance.choice(STEMS)), answer, tuple(choices))

    def code(self) -> Item:
        """A Python function without its body; the body is the answer."""
        first, second = self.chance.sample(NOUNS, 2)
        task = self.grammar.fill(self.chance.choice(TASKS))
        note = self.grammar.fill(self.chance.choice(NOTES))
        numbers = [self.grammar.number() for _ in range(self.chance.randint(2, 5))]
        head = f"def {second}_of_{first}({first}: list[int]) -> int:"
        example = f">>> {second}_of_{first}([{', '.join(numbers)}])\n    {self.grammar.number()}"
        body = self.chance.choice(BODIES).replace("{{", "{").replace("}}", "}")
        body = _CODE_SLOT.sub(lambda slot: first if slot[0] == "{x}" else second[:4], body)
        question = f'{head}\n    """{task} {note}\n\n    {example}\n    """'
        return Item("code", question, self.grammar.fill(body))

    def short(self) -> Item:
        """A question of five to ten words."""
        return Item("short", self.grammar.fill(self.chance.choice(SHORT)), self.grammar.place())
