"""Small projects for tests: a folder with documents and a recipe."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from support import processes

WELL = """\
# The Village Well

A well is a shaft that is dug down to the groundwater. The village well is eleven metres deep.

## Cleaning

The well is cleaned every second spring because silt settles at its foot. To clean the well, two people
lower a pump, draw off the water and lift the silt in buckets.
"""
MILL = """\
# The Paper Mill

A paper mill is a workshop that turns rags into paper. The mill at the ford employed forty people in 1880.

## The vat

The vat is a tub of warm pulp. A vatman dips a mould into the vat and lifts out one sheet at a time.
"""


def make_project(folder: Path, model: str = '"offline:extractive"', extra: str = "", copies: int = 1) -> Path:
    """A recipe over two documents (``copies`` variants of each); returns the recipe's path."""
    documents = folder / "documents"
    documents.mkdir(parents=True)
    for number in range(copies):
        mark = f" ({number})" if number else ""
        (documents / f"well-{number:03}.md").write_text(
            WELL.replace("Well\n", f"Well{mark}\n"), encoding="utf-8"
        )
        (documents / f"mill-{number:03}.md").write_text(
            MILL.replace("Mill\n", f"Mill{mark}\n"), encoding="utf-8"
        )
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        "name: village\ndocuments: [documents]\nchunking: {max_chars: 200}\n"
        f"models:\n  writer: {{model: {model}}}\n"
        f"generate:\n  - {{use: qa, model: writer, per_chunk: 2}}\n{extra}",
        encoding="utf-8",
    )
    return recipe


def gristmill(*args: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return processes.run(*args, env=env)


def run_json(recipe: Path, *args: object, code: int = 0) -> dict[str, Any]:
    """``gristmill run --json``: checks the exit code and gives the summary."""
    done = gristmill("run", recipe, "--json", *args)
    assert done.returncode == code, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary
