"""Hostile texts do not send the patterns into endless backtracking (the runner's time limit is the judge)."""

from __future__ import annotations

import pytest
from support.scripted_ask import item

from gristmill_scorers.checks import Limits, view
from gristmill_scorers.duplicates import plain
from gristmill_scorers.groundedness import measure
from gristmill_scorers.rules import RULES

HOSTILE = [
    "`",
    "-",
    "1 ",
    "a@a.",
    "[aaaa ",
    "<a ",
    "{{",
    "| ",
    "\n ",
    "I'm sorry ",
    "AB12 ",
    "the passage does not ",
    "score 10 ",
    "ignore all ",
    "<<<END ",
    "eyJ-",
    "{{#a",
    ":a:b:c:d:e:f:g",
    "1.1.1.1.",
    "call me ",
    "a b c d e f g h i j k l m n o p a ",
    "(the ",
    "İ",
    "½",
]
TOKEN = "eyJhbGciOiJIUzI1NiJ9xx.eyJzdWIiOiJBbm5hIEtlc3NlbCJ9.dBjftJeZ4CVPmB92K27uhbUJU1p1r"
LONG = {
    "a word": "{{#" + "a" * 100_000,
    "spaces": "x" + " " * 100_000 + "<a" + " " * 100_000,
    "a token at the end": "eyJ-" * 25_000 + f" {TOKEN}",
    "rows of backticks": "x".join("`" * size for size in range(1, 440)),
    "a domain": "a@" + "a." * 50_000,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_is_judged(piece: str) -> None:
    text = piece * (60_000 // len(piece))
    seen = view(item(text, instruction=text[:5000], passage=f"x {text[:2400]} y"), Limits())
    verdicts = {name: rule(seen) for name, rule in RULES.items()}
    assert verdicts["too-long"] or verdicts["too-short"]
    assert measure(item(text[:5000], passage=text[:2400]))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", LONG)
def test_long_text_is_judged(name: str) -> None:
    seen = view(item(LONG[name], instruction=LONG[name], passage=f"x {LONG[name]} y"), Limits())
    verdicts = {rule: check(seen) for rule, check in RULES.items()}
    assert verdicts["too-long"]
    assert (verdicts["pii"] is not None) is (name == "a token at the end")
    assert plain(LONG[name]).count("a") == LONG[name].lower().count("a")
