"""What the pages about generators, gates and scorers promise holds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.projects import make_project
from support.scripted_ask import ScriptedAsk, item

from gristmill import registry
from gristmill.registry import Scored, Scorer, Unscored
from gristmill_scorers.rubric_file import Rubric
from gristmill_scorers.rules import RULES

DOCS = Path(__file__).parents[1] / "docs"


def block(page: str, language: str, holding: str) -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.M | re.S)
    (found,) = [text for text in blocks if holding in text]
    return found


async def test_scorer_of_the_page_works() -> None:
    code = block("scorers.md", "python", "(Scorer)")
    assert len(code.splitlines()) < 20
    names: dict[str, Any] = {"__name__": "my_package"}
    exec(compile(code, "scorers.md", "exec"), names)
    scorer = names["ShortSentences"](longest=3)
    assert isinstance(scorer, Scorer)
    result = await scorer.score(item("It is short. This one is too long for it."), ScriptedAsk({}))
    assert result == Scored(0.5, "1 of 2 sentences are short")
    assert await scorer.score(item(" "), ScriptedAsk({})) == Unscored("empty-response")
    assert registry.help_line(names["ShortSentences"]).startswith("Share of")


def test_scorer_of_the_page_works_by_name_in_a_recipe(tmp_path: Path) -> None:
    """Installed as the page says: the block in a module, the line under it as entry point."""
    page = (DOCS / "scorers.md").read_text(encoding="utf-8")
    found = re.search(r'\[project\.entry-points\."(gristmill\.scorers)"\]\s+(\w+) = "(my_package:\w+)"', page)
    assert found is not None
    site, group = tmp_path / "site", f"[{found[1]}]\n{found[2]} = {found[3]}\n"
    about = site / "my_package-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(group)
    (site / "my_package.py").write_text(block("scorers.md", "python", "(Scorer)"), encoding="utf-8")
    step = f'score:\n  - {{use: {found[2]}, longest: 20}}\naccept: "{found[2]} >= 0.9"\n'
    recipe = make_project(tmp_path / "project", extra=step)
    command = [sys.executable, "-m", "gristmill", "run", str(recipe), "--json"]
    env = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["accepted"] > 0
    assert set(summary["rejected"]) <= {"low-score:short_sentences", "nothing-to-ask"}


def test_rubric_of_the_page_is_valid() -> None:
    rubric = Rubric.model_validate(yaml.safe_load(block("scorers.md", "yaml", "criteria:")))
    assert (rubric.name, rubric.full_points) == ("tone", 3)


@pytest.mark.parametrize(
    ("page", "kind", "section"),
    [
        ("generators.md", "generators", "generate"),
        ("gates.md", "gates", "gates"),
        ("scorers.md", "scorers", "score"),
    ],
)
def test_recipe_lines_of_the_pages_are_valid(page: str, kind: registry.ComponentKind, section: str) -> None:
    steps = yaml.safe_load(block(page, "yaml", f"{section}:"))[section]
    assert len(steps) >= 3
    for step in steps:
        component = registry.load(kind, step.pop("use"))
        given = component(**step).model_dump()
        assert {name: given[name] for name in step} == step


def test_every_rule_is_on_the_page() -> None:
    page = (DOCS / "gates.md").read_text(encoding="utf-8")
    assert [name for name in RULES if f"`{name}`" not in page] == []


@pytest.mark.parametrize("kind", ["generators", "scorers", "gates"])
def test_every_argument_is_described_and_on_the_page(kind: registry.ComponentKind) -> None:
    page = (DOCS / f"{kind}.md").read_text(encoding="utf-8")
    names = [name for name in registry.names(kind) if name != "contamination"]
    for name in names:
        component = registry.load(kind, name)
        assert registry.help_line(component)
        for own, info in component.model_fields.items():
            field = info.alias or own
            assert info.description, f"{name}.{field} has no description"
            assert f"`{field}" in page or f"{field}:" in page, f"{name}.{field} is not on the page"
