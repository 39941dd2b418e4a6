"""Rubrics: what they hold, and reading them from YAML with errors that name file and line."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gristmill import registry
from gristmill.errors import RecipeError
from gristmill.yaml_lines import read_yaml

_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
_WIDEST = 20
ITEM_PREFIX = "item_"
Where = Callable[[Sequence[str | int]], str]
Subject = Literal["response", "instruction", "conversation"]


# A rubric's content is part of what a score depends on. What came after the first version is left out of
# it at its default, so that rubrics written before keep their identity.
def _empty(value: object) -> bool:
    return value is None


class Criterion(BaseModel):
    """One question about what is judged: yes or no, or a grade where there is a ``scale``.

    ``scale`` maps whole grades to what they mean; its lowest earns nothing, its highest all ``points``,
    those between in proportion. Negative points mark a fault: met means it is there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str = Field(pattern=_NAME)
    text: str = Field(min_length=1)
    points: float = Field(default=1, allow_inf_nan=False)
    scale: dict[int, str] | None = Field(default=None, exclude_if=_empty)

    @model_validator(mode="after")
    def _counts(self) -> Self:
        if self.points == 0:
            raise ValueError("points: 0 would count for nothing")
        if self.scale is not None and len(self.scale) < 2:
            raise ValueError("scale: a grade needs at least two anchors, such as {0: …, 4: …}")
        if self.scale is not None and self.highest - self.lowest > _WIDEST:
            raise ValueError(f"scale: more than {_WIDEST + 1} grades cannot be told apart")
        return self

    @property
    def lowest(self) -> int:
        """The grade that earns nothing; 0 of a yes-or-no question."""
        return min(self.scale) if self.scale else 0

    @property
    def highest(self) -> int:
        """The grade that earns all points; 1 of a yes-or-no question."""
        return max(self.scale) if self.scale else 1


class ItemCriteria(BaseModel):
    """Yes-or-no criteria that a model writes for each example, out of its source, before it is judged."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    about: str = Field(min_length=1)
    most: int = Field(default=4, ge=1, le=12)
    points: float = Field(default=1, gt=0, allow_inf_nan=False)


class Rubric(BaseModel):
    """Criteria with signed points. ``name`` is the name of the score in an accept rule.

    ``judges`` says what is looked at: the response, the instruction alone, or all turns of a conversation.
    ``style: additive`` asks for each point by "one point if …". ``calls: each`` asks one call for each
    criterion. ``reference``: the example's reference answer is shown if there is one (``optional``), must
    be there (``required``) or is never shown (``hidden``). ``generated`` adds criteria for each example.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=_NAME)
    description: str = ""
    guidance: str = ""
    criteria: list[Criterion] = Field(min_length=1)
    judges: Subject = Field(default="response", exclude_if=lambda value: value == "response")
    style: Literal["criteria", "additive"] = Field(
        default="criteria", exclude_if=lambda value: value == "criteria"
    )
    calls: Literal["one", "each"] = Field(default="one", exclude_if=lambda value: value == "one")
    reference: Literal["optional", "required", "hidden"] = Field(
        default="optional", exclude_if=lambda value: value == "optional"
    )
    generated: ItemCriteria | None = Field(default=None, exclude_if=_empty)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        ids = [criterion.id for criterion in self.criteria]
        twice = sorted({id_ for id_ in ids if ids.count(id_) > 1})
        if twice:
            raise ValueError(f"criteria with the same id: {', '.join(twice)}")
        if self.full_points <= 0:
            raise ValueError("no criterion has positive points, so nothing could be earned")
        if not math.isfinite(sum(abs(criterion.points) for criterion in self.criteria)):
            raise ValueError("the points are too large to be added up")
        if self.style == "additive" and any(c.scale or c.points < 0 for c in self.criteria):
            raise ValueError(
                "style: additive gives points one by one, so no criterion has a scale or a fault"
            )
        taken = [id_ for id_ in ids if self.generated and id_.startswith(ITEM_PREFIX)]
        if taken:
            raise ValueError(f"{taken[0]}: ids beginning with {ITEM_PREFIX} are those of generated criteria")
        return self

    @cached_property
    def full_points(self) -> float:
        """The points of a response that meets everything and has no fault."""
        return sum(c.points for c in self.criteria if c.points > 0)

    @cached_property
    def graded(self) -> bool:
        """Whether any criterion has a scale; then all are answered with a grade, yes-or-no with 1 or 0."""
        return any(criterion.scale for criterion in self.criteria)

    @cached_property
    def plain(self) -> bool:
        """Yes-or-no criteria about the response in one call: the form that all rubrics once had."""
        return not self.graded and all(getattr(self, name) == value for name, value in _FIRST.items())

    def of(self, criteria: Sequence[Criterion]) -> Rubric:
        """The same rubric with other criteria, such as one alone, or those of one example added."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        # not validated: a call about one fault alone has no positive points
        return Rubric.model_construct(self.model_fields_set, **{**given, "criteria": list(criteria)})


_FIRST = {
    "judges": "response",
    "style": "criteria",
    "calls": "one",
    "reference": "optional",
    "generated": None,
}


def load_rubric(name: str, root: Path) -> Rubric:
    """A rubric by the name it is registered under, or by the path of its file (relative to ``root``).

    Raises:
        RecipeError: no such file, or a wrong rubric; with file and line.
        gristmill.errors.UsageError: no rubric of that name; lists the known ones.
    """
    if "/" not in name and not name.endswith((".yaml", ".yml")):
        text: str = registry.load("rubrics", name)()
        try:
            return _validated(yaml.safe_load(text), lambda _: f"rubric {name!r}")
        except yaml.YAMLError as error:
            cure = "tell the package that registers it"
            raise RecipeError(f"broken YAML: {error}", where=f"rubric {name!r}", cure=cure) from error
    source = read_yaml(root / name)
    return _validated(source.data, source.where)


def _validated(data: Any, where: Where) -> Rubric:
    try:
        return Rubric.model_validate(data)
    except ValidationError as error:
        # a misspelt key is reported before the key that is missing because of it
        first = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    loc = first["loc"]
    if first["type"] == "extra_forbidden":
        holder = Criterion if "criteria" in loc else ItemCriteria if "generated" in loc else Rubric
        cure = _nearest(str(loc[-1]), list(holder.model_fields))
        raise RecipeError(f"unknown key {str(loc[-1])!r}", where=where(loc), cure=cure)
    if first["type"] == "missing":
        raise RecipeError(f"{loc[-1]!r} is missing", where=where(loc[:-1]), cure=f"add {loc[-1]}: …")
    message = first["msg"].removeprefix("Value error, ")
    place = ".".join(str(part) for part in loc)
    raise RecipeError(
        f"{place}: {message}" if place else message, where=where(loc), cure="see docs/scorers.md"
    )


def _nearest(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known: {', '.join(known)}"
