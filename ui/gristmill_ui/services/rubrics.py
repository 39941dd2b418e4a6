"""The rubric a row was judged by: its criteria in words, the grades there are, what the judges found.

Criteria come from the rubric's file, found by the name of the score among the rubrics that are registered and
those the run's recipe names; of a rubric that is not found only the ids are known, from the judges' votes. A
pair that no rubric judged is graded by the rubric ``preference``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gristmill import registry
from gristmill.errors import GristmillError
from gristmill.records import OTHER_KIND
from gristmill_data.store import ItemView

if TYPE_CHECKING:
    from gristmill_scorers.rubric_file import Criterion as Asked
    from gristmill_scorers.rubric_file import Rubric

YES_NO = {0: "no", 1: "yes"}
FOR_PAIRS = "preference"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One question of a rubric. ``grades`` says what each grade means; ``fault``: a yes is bad."""

    key: str
    name: str
    text: str
    grades: Mapping[int, str]
    fault: bool = False

    @property
    def scaled(self) -> bool:
        """Whether it is graded in steps rather than by yes or no."""
        return self.grades is not YES_NO

    def shown(self, grade: int) -> str:
        """A grade as people read it."""
        return f"{grade} of {max(self.grades)}" if self.scaled else self.grades[grade]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A rubric as it is shown with a row."""

    name: str
    description: str
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one judge found on one criterion: the grade or yes/no in words, its quote and its reason."""

    judge: str
    found: str
    quote: str
    reason: str


def sheets(item: ItemView, steps: Sequence[Mapping[str, Any]], folder: Path) -> tuple[Sheet, ...]:
    """The rubrics that judged a row: ``steps`` are the ``score`` steps of its recipe."""
    pair = item.example.kind == "preference"
    found: list[Sheet] = []
    taken: set[str] = set()
    for score in item.scores:
        if score.unscored_reason == OTHER_KIND:
            continue
        rows = [row for _, row in _findings(score.votes)]
        rubric = _rubric(score.scorer, steps, folder)
        if rows or rubric:
            found.append(_sheet(score.scorer, rubric, rows, taken))
    if pair and not found and (usual := _registered(FOR_PAIRS)):
        found.append(_sheet(FOR_PAIRS, usual, [], taken))
    return tuple(sheet for sheet in found if sheet.criteria)


def opinions(item: ItemView) -> dict[str, list[Opinion]]:
    """What the judges found, by ``scorer/criterion``."""
    told: dict[str, list[Opinion]] = {}
    for score in item.scores:
        for judge, row in _findings(score.votes):
            told.setdefault(f"{score.scorer}/{row['criterion']}", []).append(_opinion(judge, row))
    return told


def _opinion(judge: str, row: Mapping[str, Any]) -> Opinion:
    met = row.get("met")
    found = "unsure" if met is None else YES_NO[bool(met)]
    if row.get("grade") is not None:
        found = str(row["grade"])
    if met and not row.get("counted"):
        found += " (void: its quote is nowhere)"
    return Opinion(judge, found, str(row.get("quote") or ""), str(row.get("reason") or ""))


def _findings(votes: Sequence[Any], judge: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(judge, row) of every finding, those of a jury's members among them."""
    for row in votes:
        if not isinstance(row, Mapping):
            continue
        if isinstance(row.get("criterion"), str):
            yield judge, row
        elif "role" in row:
            yield from _findings(row.get("votes") or (), str(row.get("judge") or row["role"]))


def _sheet(name: str, rubric: Rubric | None, rows: Sequence[Mapping[str, Any]], taken: set[str]) -> Sheet:
    asked = {one.id: _criterion(one) for one in rubric.criteria} if rubric else {}
    for row in rows:
        asked.setdefault(row["criterion"], _from_row(row))
    criteria = []
    for key, (text, grades, fault) in asked.items():
        full = key if key not in taken else f"{name}.{key}"
        taken.add(full)
        criteria.append(Criterion(full, key.replace("_", " "), text, grades, fault))
    return Sheet(name, rubric.description if rubric else "", tuple(criteria))


def _criterion(asked: Asked) -> tuple[str, Mapping[int, str], bool]:
    return asked.text, dict(sorted(asked.scale.items())) if asked.scale else YES_NO, asked.points < 0


def _from_row(row: Mapping[str, Any]) -> tuple[str, Mapping[int, str], bool]:
    """What a vote tells of its criterion; the steps of an unknown scale are not known."""
    return str(row.get("text") or ""), YES_NO, float(row.get("points") or 1) < 0


def _rubric(name: str, steps: Sequence[Mapping[str, Any]], folder: Path) -> Rubric | None:
    paths = [str(step.get("rubric", "")) for step in steps if step.get("use") == "rubric"]
    for path in paths:
        for root in (folder, folder.parent):
            found = _from_file(path, root) if path.endswith((".yaml", ".yml")) else None
            if found is not None and found.name == name:
                return found
    return _registered(name)


@lru_cache(maxsize=32)
def _from_file(path: str, root: Path) -> Rubric | None:
    """A rubric beside the dataset. A recipe is data here: it names no file outside of the folder."""
    from gristmill_scorers.rubric_file import load_rubric

    place = (root / path).resolve()
    if not place.is_relative_to(root.resolve()) or not place.is_file():
        return None
    try:
        return load_rubric(path, root)
    except GristmillError:
        return None  # the run had read another one; what is known is what its votes tell


@lru_cache(maxsize=32)
def _registered(name: str) -> Rubric | None:
    from gristmill_scorers.rubric_file import load_rubric

    return load_rubric(name, Path()) if name in registry.names("rubrics") else None
