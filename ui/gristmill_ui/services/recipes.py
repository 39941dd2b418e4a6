"""The recipes that may be run from the browser: those in the project's folder that write to this dataset.

The browser never names a path: it chooses from this list, and what it may see of a recipe is named here one
by one. A recipe's text is not shown, nor are its addresses and parameters: a key may stand there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gristmill.errors import GristmillError, UsageError

ENDINGS = (".yaml", ".yml")
MOST = 200
MAX_BYTES = 1_000_000

_also: list[Path] = []


@dataclass(frozen=True, slots=True)
class Found:
    """A recipe file. ``problem`` says why it cannot be run; empty when it can."""

    path: Path
    shown: str
    name: str = ""
    problem: str = ""
    facts: tuple[tuple[str, str], ...] = ()


def allow(folder: Path) -> None:
    """Whoever starts the app says that recipes of this folder may be run as well."""
    _also.append(folder.resolve())


def folders(db: Path) -> list[Path]:
    """Where recipes are looked for: beside the dataset, in the folder above when that is called ``data``."""
    own = db.resolve().parent
    above = [own.parent] if own.name == "data" else []
    return [*above, own, *_also]


def inside(db: Path, path: Path) -> Path:
    """``path`` without links, which must be in one of the project's folders.

    Raises:
        UsageError: it is elsewhere.
    """
    real = path.resolve()
    if not any(real.is_relative_to(folder) for folder in folders(db)):
        raise UsageError(
            "the recipe is outside of the project's folder",
            where=path.name,
            cure="move it there, or start the app with --recipes FOLDER",
        )
    return real


def recipes(db: Path) -> list[Found]:
    """The recipes of the project that write to ``db``, by name; broken files last, with the reason."""
    found = []
    for path, folder in _candidates(db):
        stat = path.stat()
        read = _read(path, str(path.relative_to(folder)), stat.st_mtime_ns, db.resolve())
        if read is not None:
            found.append(read)
    return sorted(found, key=lambda one: (bool(one.problem), one.name, one.shown))


def _candidates(db: Path) -> Iterator[tuple[Path, Path]]:
    seen: set[Path] = set()
    for folder in folders(db):
        for path in sorted([*folder.glob("*"), *folder.glob("recipes/*")])[: 50 * MOST]:
            if path.suffix not in ENDINGS or not path.is_file() or len(seen) >= MOST:
                continue
            try:
                real = inside(db, path)
            except UsageError:
                continue  # a link that leads out of the project
            if real not in seen and path.stat().st_size <= MAX_BYTES:
                seen.add(real)
                yield path, folder


@lru_cache(maxsize=2 * MOST)
def _read(path: Path, shown: str, changed: int, db: Path) -> Found | None:
    """A file as far as it is a recipe into ``db``; None when it is something else. By time of change."""
    from gristmill.yaml_lines import read_yaml

    try:
        data = read_yaml(path).data
    except GristmillError as error:
        return Found(path, shown, path.stem, error.message)
    if not isinstance(data, dict) or not {"documents", "generate"} & data.keys():
        return None
    store = path.resolve().parent / os.path.expanduser(str(data.get("store", "gristmill.duckdb")))
    return _checked(path, shown, data) if store.resolve() == db else None


def _checked(path: Path, shown: str, data: object) -> Found:
    from pydantic import ValidationError

    from gristmill.recipe import Recipe

    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return Found(path, shown, path.stem, f"{place}: {first['msg']}")
    target = recipe.target.goal
    facts = (
        ("Documents", ", ".join(recipe.documents)),
        ("Makes", ", ".join(step.use for step in recipe.generate)),
        ("Models", ", ".join(f"{role}: {spec.model}" for role, spec in recipe.models.items())),
        ("Gates", ", ".join(step.use for step in recipe.gates) or "none"),
        ("Scores", ", ".join(step.use for step in recipe.score) or "none"),
        ("Accepts", recipe.accept or "every row that passed the gates"),
        ("Until", f"{target:,} rows are accepted" if target else "all documents are done"),
        ("Budget", f"${recipe.budget.usd:,.2f} a run" if recipe.budget.usd is not None else "none"),
    )
    return Found(path, shown, recipe.name, "", facts)
