"""Word problems as templates: the same text with other numbers of the same magnitude, answers made anew.

A file has one template a line (JSONL), see docs/memorisation.md. Numbers of items without a template are
never changed: nobody could say what the right answer is then.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gristmill.errors import UsageError
from gristmill_evals.contamination.benchmark import BenchmarkItem
from gristmill_evals.evaluation.memorisation.arithmetic import evaluate, holds, names_in
from gristmill_evals.evaluation.memorisation.variants import LeftOut, Variant
from gristmill_evals.jsonl import objects

TRIES = 3_000
"""Draws for one item: constraints may refuse most of them."""
SEPARATED_FROM = 10_000
_SLOT = re.compile(r"\{(\w+)\}")
CURE = "a template has id, question with {slots}, variables and answer; see docs/memorisation.md"


class Variable(BaseModel):
    """A number of the text. ``value`` is that of the original; others are multiples of ``step`` between
    ``low`` and ``high`` with as many digits as ``value``, and at most ``factor`` times as large or small.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    value: str | int | float
    low: str | int | float | None = None
    high: str | int | float | None = None
    step: str | int | float = 1
    factor: float = Field(default=2, gt=1)

    @property
    def exact(self) -> Fraction:
        return Fraction(str(self.value))

    @property
    def places(self) -> int:
        """Decimals that the number is written with."""
        return max(len(str(one).partition(".")[2]) for one in (self.step, self.value))

    def others(self) -> list[list[Fraction]]:
        """All values of the same magnitude, the smaller ones and the larger ones, the original's left out.

        Both are drawn from equally often: variants would be harder than originals if most numbers grew.
        """
        step, value, factor = Fraction(str(self.step)), self.exact, Fraction(str(self.factor))
        low, high = max(value / factor, self._bound(self.low, 0)), value * factor
        if self.high is not None:
            high = min(high, Fraction(str(self.high)))
        first, last = math.ceil(low / step), math.floor(high / step)
        found = [step * n for n in range(max(first, 1), last + 1)]
        alike = [one for one in found if digits(one) == digits(value)]
        sides = [one for one in alike if one < value], [one for one in alike if one > value]
        return [side for side in sides if side]

    def _bound(self, given: str | float | None, otherwise: int) -> Fraction:
        return Fraction(otherwise if given is None else str(given))


class Template(BaseModel):
    """A word problem. ``let`` names what is worked out on the way, in order.

    What ``let`` and ``answer`` come to must not be negative, and must be whole unless it is in ``fractions``
    (``answer`` too); ``where`` are further conditions. An answer that is no whole number has at most two
    decimals.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str = Field(min_length=1)
    question: str = Field(min_length=1)
    variables: dict[str, Variable] = Field(min_length=1)
    let: dict[str, str] = {}
    where: list[str] = []
    answer: str
    fractions: list[str] = []

    def original(self) -> BenchmarkItem:
        """The item as it was written.

        Raises:
            UsageError: its own numbers break its own rules.
        """
        values = {name: one.exact for name, one in self.variables.items()}
        answer = self._answer(values)
        if answer is None:
            raise UsageError("the template's own numbers break its conditions", where=self.id, cure=CURE)
        return self._item(values, answer)

    def variants(self, item: BenchmarkItem, count: int, rng: Random) -> list[Variant] | LeftOut:
        """Up to ``count`` instances with other numbers, and an answer other than the original's each."""
        pools = {name: one.others() or [[one.exact]] for name, one in self.variables.items()}
        seen, found = {item.answer}, list[Variant]()
        for _ in range(TRIES):
            values = {name: rng.choice(rng.choice(pool)) for name, pool in pools.items()}
            answer = self._answer(values)
            if answer is None or (shown := written(answer, _decimals(answer))) in seen:
                continue
            seen.add(shown)
            changes = {name: self._shown(name, value) for name, value in values.items()}
            found.append(Variant("numbers", self._item(values, answer), len(found) + 1, changes=changes))
            if len(found) == count:
                break
        return found or LeftOut("no-other-numbers")

    def check(self) -> None:
        """Slots, names and conditions fit together.

        Raises:
            UsageError: they do not.
        """
        slots, known = set(_SLOT.findall(self.question)), set(self.variables)
        if slots != known:
            odd = ", ".join(sorted(slots ^ known))
            raise UsageError(f"slots of the question and variables differ: {odd}", cure=CURE)
        for name, expression in self.let.items():
            _refuse_unknown(expression, known)
            known.add(name)
        for expression in (*self.where, self.answer):
            _refuse_unknown(expression, known)
        if odd := ", ".join(sorted({*self.fractions} - {*self.let, "answer"})):
            raise UsageError(f"fractions names what is not worked out: {odd}", cure=CURE)
        self.original()

    def _answer(self, given: Mapping[str, Fraction]) -> Fraction | None:
        """None where a condition does not hold."""
        values = dict(given)
        for name, expression in {**self.let, "answer": self.answer}.items():
            found = values[name] = evaluate(expression, values)
            if found < 0 or (found.denominator != 1 and name not in self.fractions):
                return None
        answer = values.pop("answer")
        if not all(holds(condition, values) for condition in self.where):
            return None
        return answer if 100 % answer.denominator == 0 else None

    def _item(self, values: Mapping[str, Fraction], answer: Fraction) -> BenchmarkItem:
        text = _SLOT.sub(lambda slot: self._shown(slot[1], values[slot[1]]), self.question)
        return BenchmarkItem(self.id, text, written(answer, _decimals(answer)))

    def _shown(self, name: str, value: Fraction) -> str:
        return written(value, self.variables[name].places)


def read_templates(path: Path, limit: int | None = None) -> list[Template]:
    """The first ``limit`` templates of a file.

    Raises:
        UsageError: no such file, or a line that is no template; it is named.
    """
    if not path.is_file():
        raise UsageError("no such file", where=str(path), cure="paths start at the folder of the plan")
    found: dict[str, Template] = {}
    for where, row in objects(path, CURE):
        try:
            template = Template.model_validate(row)
            template.check()
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise UsageError(f"{place}: {first['msg']}", where=where, cure=CURE) from error
        except (UsageError, ValueError) as error:
            raise UsageError(f"{getattr(error, 'message', error)}", where=where, cure=CURE) from error
        if template.id in found:
            raise UsageError(f"the id {template.id!r} stands twice", where=where, cure="rename one")
        found[template.id] = template
    if not found:
        raise UsageError("no line in it", where=str(path), cure=CURE)
    return list(found.values())[:limit]


def digits(value: Fraction) -> int:
    """Digits before the decimal point."""
    return len(str(math.floor(abs(value))))


def written(value: Fraction, places: int) -> str:
    """As people write it: ``12``, ``2.50``, ``8.5`` but not ``8.0``, ``14,500``."""
    places = 0 if places == 1 and value.denominator == 1 else places
    comma = "," if abs(value) >= SEPARATED_FROM else ""
    return f"{Decimal(value.numerator) / Decimal(value.denominator):{comma}.{places}f}"


def _decimals(answer: Fraction) -> int:
    return 0 if answer.denominator == 1 else 2


def _refuse_unknown(expression: str, known: set[str]) -> None:
    if odd := ", ".join(sorted(names_in(expression) - known)):
        raise UsageError(f"{expression!r} uses what is not there: {odd}", cure=CURE)
