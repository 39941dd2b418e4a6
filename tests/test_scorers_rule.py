"""Rule scorers: tables of texts, in several languages and from hostile writers, and what they are worth."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from support.scripted_ask import ScriptedAsk, item

from gristmill import registry
from gristmill.records import Example, Item, Message
from gristmill.registry import Scored, Scorer, Unscored

TABLE = Path(__file__).parent / "data" / "rule_scorers.yaml"
NAMES = ("refusal", "identity", "repetition", "language", "readability", "toxicity", "pii")
ROWS = [
    pytest.param(name, row, id=f"{name}-{number}")
    for name, rows in yaml.safe_load(TABLE.read_text(encoding="utf-8")).items()
    for number, row in enumerate(rows)
]


def scorer(name: str, **arguments: Any) -> Scorer:
    made = registry.load("scorers", name)(**arguments)
    assert isinstance(made, Scorer)
    return made


async def look(name: str, seen: Item, **arguments: Any) -> Scored | Unscored:
    ask = ScriptedAsk({})
    result = await scorer(name, **arguments).score(seen, ask)
    assert ask.asked == []
    return result


@pytest.mark.parametrize(("name", "row"), ROWS)
async def test_table(name: str, row: dict[str, Any]) -> None:
    seen = item(
        row["text"] * row.get("times", 1),
        instruction=row.get("asked", "What is asked here, exactly?"),
        passage=row.get("source", "The mill stands by the river and grinds wheat for the town."),
    )
    result = await look(name, seen, **row.get("with", {}))
    if "unscored" in row:
        assert isinstance(result, Unscored), result
        assert result.reason == row["unscored"]
        return
    assert isinstance(result, Scored), result
    low, high = row["value"] if isinstance(row["value"], list) else (row["value"], row["value"])
    assert low <= result.value <= high, (result.value, result.rationale)
    if "quote" in row:
        assert row["quote"] in [found["quote"] for found in result.votes], result.votes


@pytest.mark.parametrize("name", NAMES)
async def test_every_scorer_is_registered_says_what_it_cannot_see_and_asks_nobody(name: str) -> None:
    made = scorer(name)
    assert "cannot see" in " ".join((type(made).__doc__ or "").split())
    assert (made.label, made.roles(), made.calls_per_example()) == (name, [], {})
    assert await made.score(item(" \n"), ScriptedAsk({})) == Unscored("empty-response")


@pytest.mark.parametrize("name", NAMES)
async def test_findings_lie_where_they_say(name: str) -> None:
    text = (
        "I'm sorry, but I can't help with that fucking thing; I am ChatGPT. Write to anna@kessel-mill.de. "
        + "This is not with the institutionalised considerations and circumstances predominantly. " * 12
    )
    result = await look(name, item(text), **({"languages": ["fr"]} if name == "language" else {}))
    assert isinstance(result, Scored)
    assert result.value < 1
    assert result.votes
    for found in result.votes:
        assert found["side"] == "response"
        said = text[found["start"] : found["end"]]
        assert said
        if name != "pii":
            assert " ".join(said.split())[:40] == found["quote"][:40]


async def test_all_turns_of_a_conversation_are_read() -> None:
    turns: list[Message] = [
        {"role": "user", "content": "Hello?"},
        {"role": "assistant", "content": "The mill is open."},
        {"role": "user", "content": "And?"},
        {"role": "assistant", "content": "I cannot assist with this request."},
    ]
    seen = item()
    example = Example.make("conversation", turns, generator=seen.example.generator, chunk_ids=[seen.chunk.id])
    result = await look("refusal", Item(example, seen.chunk, seen.document))
    assert isinstance(result, Scored)
    assert result.value == 0.5
    assert [found["turn"] for found in result.votes] == [1]


async def test_secrets_are_found_on_every_side_and_never_repeated() -> None:
    mail, phone = "anna@kessel-mill.de", "+49 30 98765432"
    seen = item("Write to her.", instruction=f"Who is {mail}?", rejected=f"Call {phone}, or {phone}.")
    result = await look("pii", seen)
    assert isinstance(result, Scored)
    assert [(f["kind"], f["side"]) for f in result.votes] == [
        ("email", "prompt"),
        ("phone", "rejected"),
        ("phone", "rejected"),
    ]
    assert result.votes[1]["start"] < result.votes[2]["start"]
    assert mail not in str(result)
    assert phone not in str(result)
    allowed = await look("pii", seen, allowed=["email", "phone"])
    assert isinstance(allowed, Scored)
    assert allowed.value == 1.0


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("pii", {"allowed": ["shoe-size"]}),
        ("language", {"languages": ["tlh"]}),
        ("readability", {"easy": 50, "hard": 50}),
        ("toxicity", {"words": ["x"]}),
    ],
)
def test_wrong_arguments(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        scorer(name, **arguments)


HOSTILE = [
    *("", " ", "\0", "\ud800", "a", "\u200b" * 50, "İ" * 300, "`" * 3000, "\n" * 3000, "* " * 2000),
    *(
        "f*" * 2000,
        "a.b" * 2000,
        "(" * 2000,
        "😀" * 500,
        "١٢٣" * 400,
        "e\u0301" * 1000,
        "I can't help " * 800,
    ),
    *("a " * 3000, "ich kann nicht " * 300, "我是" * 800, "sorry, " * 900, "kill " * 900, "@" * 2000),
]


@pytest.mark.parametrize("name", NAMES)
async def test_hostile_texts_get_a_value_or_a_reason(name: str) -> None:
    for text in HOSTILE:
        result = await look(name, item(text, instruction=text, passage=text))
        if isinstance(result, Scored):
            assert 0.0 <= result.value <= 1.0
            assert len(result.votes) <= 20
        else:
            assert re.fullmatch(r"[a-z-]+", result.reason)


def test_recipe_lines_of_the_page_are_valid_and_name_every_rule_scorer() -> None:
    page = (Path(__file__).parents[1] / "docs" / "scorers.md").read_text(encoding="utf-8")
    section = page.partition("## Rule scorers")[2]
    block = re.search(r"^```yaml\n(.*?)^```", section, re.M | re.S)
    assert block
    steps = yaml.safe_load(block[1])
    assert tuple(step["use"] for step in steps) == NAMES
    for step in steps:
        assert scorer(step.pop("use"), **step).model_dump().items() >= step.items()
