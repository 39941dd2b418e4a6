"""What the page about self-consistency shows works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from support.scripted_ask import Reply, ScriptedAsk, item, source

from gristmill import registry
from gristmill.errors import ModelAnswerError
from gristmill.records import Example
from gristmill.registry import Failed, Rejected, Scored, Unscored
from gristmill.voting import Voted

PAGE = (Path(__file__).parents[1] / "docs" / "self-consistency.md").read_text(encoding="utf-8")
CUT = ModelAnswerError("cut off", kind="truncated", raw="{")


def component(name: str) -> Any:
    """The class ``name`` of the page, as another package would have it."""
    (code,) = [
        text for text in re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S) if f"class {name}(" in text
    ]
    names: dict[str, Any] = {"__name__": "my_package"}
    exec(compile(code, "self-consistency.md", "exec"), names)
    return names[name]


async def scored(*replies: Reply, **options: Any) -> Scored | Unscored:
    scorer = component("Difficulty")(model="judge", samples=len(replies), **options)
    return await scorer.score(item("Yes."), ScriptedAsk({"difficulty": list(replies)}))


async def test_scorer_of_the_page_votes() -> None:
    result = await scored({"hard": 3}, CUT, {"hard": 4}, {"hard": 9})
    assert isinstance(result, Scored)
    assert (result.value, result.rationale) == (0.4, "3 of 4 samples usable, agreement 0.67")
    assert [vote["call"] for vote in result.votes] == [f"difficulty-1-{i}" for i in range(4)]
    assert component("Difficulty")(model="judge", samples=4).calls_per_example() == {"judge": 4}


async def test_scorer_of_the_page_says_when_there_is_no_result() -> None:
    split = await scored({"hard": 1}, {"hard": 5}, {"hard": 9}, min_agreement=0.5)
    assert isinstance(split, Unscored)
    assert (split.reason, split.raw) == ("no-agreement", "3 of 3 samples usable, agreement 0.33 < 0.5")
    few = await scored({"hard": 1}, CUT, CUT)
    assert isinstance(few, Unscored)
    assert few.reason == "no-quorum"


async def generated(*replies: Reply, **options: Any) -> Example | Rejected | Failed:
    step = component("Topic")(model="writer", samples=len(replies), **options)
    (result,) = await step.generate(*source("A mill."), ScriptedAsk({"topic": list(replies)}))
    return result


async def test_generator_of_the_page_votes() -> None:
    example = await generated("Water mills", "the water mill", "Paper")
    assert isinstance(example, Example)
    assert example.response == "Water mills"
    assert [vote["agrees"] for vote in example.metadata["votes"]] == [True, True, False]
    assert example.calls == ("topic-1-0", "topic-1-1", "topic-1-2")
    assert example.generator.args["samples"] == 3
    assert isinstance(await generated("Mills", "Paper", "Rags", min_agreement=0.5), Rejected)
    assert isinstance(await generated("Mills", CUT, CUT), Failed)


def test_every_component_that_votes_is_on_the_page() -> None:
    for kind in ("generators", "scorers"):
        for name in registry.names(kind):
            if issubclass(registry.load(kind, name), Voted):
                assert re.search(rf"^\|.*`{name}`.*\|", PAGE, re.M), f"{name} is not in the table"


def test_recipe_lines_of_the_page_are_valid() -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
    recipe = yaml.safe_load(text)
    for kind, section in (("generators", "generate"), ("scorers", "score")):
        for step in recipe[section]:
            assert registry.load(kind, step.pop("use"))(**step).draws > 1
