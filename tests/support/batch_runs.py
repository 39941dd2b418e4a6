"""Runs in batch mode, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.projects import make_project, run_json

JUDGED = (
    'score:\n  - {use: rubric, rubric: answer, model: writer}\naccept: "answer >= 0.5"\nmax_failed_share: 1\n'
)


def project(folder: Path, url: str, options: str = "", extra: str = JUDGED, copies: int = 2) -> Path:
    """A village whose writer and judge live at ``url``."""
    return make_project(folder, f'"openai:test-model", base_url: "{url}"{options}', extra, copies)


def rounds(recipe: Path, *args: object, most: int = 12) -> list[dict[str, Any]]:
    """The same command until nothing waits any more; every round must balance."""
    found = []
    while len(found) < most:
        found.append(run_json(recipe, "--batch", *args))
        assert found[-1]["balanced"], found[-1]
        if found[-1]["status"] != "waiting":
            return found
    raise AssertionError(f"still waiting after {most} rounds")
