"""YAML with line numbers: safe loading, duplicate keys refused, every value's line known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gristmill.errors import RecipeError

Loc = tuple[str | int, ...]
MAX_DEPTH = 60
MAX_VALUES = 50_000


@dataclass(frozen=True, slots=True)
class Source:
    """A YAML file that was read: its data and the line (from 1) of every key in it."""

    path: Path
    data: Any
    lines: dict[Loc, int]

    def where(self, loc: Sequence[str | int]) -> str:
        """``file:line`` of the value at ``loc``, or of the nearest enclosing value."""
        place = tuple(loc)
        while place and place not in self.lines:
            place = place[:-1]
        return f"{self.path}:{self.lines.get(place, 1)}"


def read_yaml(path: Path) -> Source:
    """Read a YAML file that must hold a mapping.

    Raises:
        RecipeError: missing file, not UTF-8, broken YAML, a key twice, or not a mapping at the top.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecipeError("no such file", where=str(path), cure="check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"cannot be read: {error}", where=str(path), cure="it must be a UTF-8 text"
        ) from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines: dict[Loc, int] = {}
        if node is not None:
            _walk(node, (), lines, path)
        data = _Loader(text).get_single_data()
    except RecursionError:
        raise _endless(path) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise RecipeError(f"broken YAML: {problem}", where=f"{path}{line}", cure="fix the syntax") from None
    if not isinstance(data, dict):
        raise RecipeError("must hold keys and values", where=str(path), cure="start with 'name: …'")
    return Source(path, data, lines)


class _Loader(yaml.SafeLoader):
    """Values that look like something they are not (``2024-13-45``) are errors with a line too."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError) as error:
            raise yaml.constructor.ConstructorError(
                problem=f"{node.value!r:.40} cannot be read ({error}); quote it if it is text",
                problem_mark=node.start_mark,
            ) from error


def _endless(path: Path) -> RecipeError:
    return RecipeError(
        "too many values within values", where=str(path), cure="write values out instead of using aliases (*)"
    )


def _walk(node: yaml.Node, loc: Loc, lines: dict[Loc, int], path: Path) -> None:
    # An alias may stand for a value that holds it, or for nine values that stand for nine others.
    if len(loc) > MAX_DEPTH or len(lines) > MAX_VALUES:
        raise _endless(path)
    lines.setdefault(loc, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*loc, str(key.value))
            line = key.start_mark.line + 1
            if place in lines:
                raise RecipeError(
                    f"key {key.value!r} stands twice", where=f"{path}:{line}", cure="remove one of them"
                )
            lines[place] = line
            _walk(value, place, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*loc, index), lines, path)
