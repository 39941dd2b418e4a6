"""Rubrics: what they hold, and reading them from YAML with errors that name file and line."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gristmill import registry
from gristmill.errors import RecipeError
from gristmill.yaml_lines import read_yaml

_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
Where = Callable[[Sequence[str | int]], str]


class Criterion(BaseModel):
    """One yes-or-no question about a response. Negative points mark a fault: met means it is there."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str = Field(pattern=_NAME)
    text: str = Field(min_length=1)
    points: float = Field(allow_inf_nan=False)

    @model_validator(mode="after")
    def _counts(self) -> Self:
        if self.points == 0:
            raise ValueError("points: 0 would count for nothing")
        return self


class Rubric(BaseModel):
    """Binary criteria with signed points. ``name`` is the name of the score in an accept rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=_NAME)
    description: str = ""
    guidance: str = ""
    criteria: list[Criterion] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        ids = [criterion.id for criterion in self.criteria]
        twice = sorted({id_ for id_ in ids if ids.count(id_) > 1})
        if twice:
            raise ValueError(f"criteria with the same id: {', '.join(twice)}")
        if self.full_points <= 0:
            raise ValueError("no criterion has positive points, so nothing could be earned")
        return self

    @property
    def full_points(self) -> float:
        """The points of a response that meets everything and has no fault."""
        return sum(c.points for c in self.criteria if c.points > 0)


def load_rubric(name: str, root: Path) -> Rubric:
    """A rubric by the name it is registered under, or by the path of its file (relative to ``root``).

    Raises:
        RecipeError: no such file, or a wrong rubric; with file and line.
        gristmill.errors.UsageError: no rubric of that name; lists the known ones.
    """
    if "/" not in name and not name.endswith((".yaml", ".yml")):
        text: str = registry.load("rubrics", name)()
        return _validated(yaml.safe_load(text), lambda _: f"rubric {name!r}")
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
        known = list((Criterion if "criteria" in loc else Rubric).model_fields)
        raise RecipeError(
            f"unknown key {str(loc[-1])!r}", where=where(loc), cure=_nearest(str(loc[-1]), known)
        )
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
