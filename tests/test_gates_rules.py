"""quality_rules: every rule against a table of texts that break it and look-alikes that do not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from support.scripted_ask import item

from gristmill.registry import Blocked, Passed
from gristmill_scorers.checks import Limits, pii, view
from gristmill_scorers.language import detect
from gristmill_scorers.rules import RULES, QualityRules

TABLES = Path(__file__).parent / "data" / "gates"
PASSAGE = "A passage that has little to say about anything."


def cases(name: str) -> Iterator[Any]:
    for rule, table in yaml.safe_load((TABLES / f"{name}.yaml").read_text(encoding="utf-8")).items():
        for expected in ("broken", "fine"):
            for row in table[expected]:
                yield pytest.param(rule, row, expected == "broken", id=f"{rule}-{expected}-{str(row)[:40]}")


def verdict(rule: str, row: str | dict[str, str]) -> str | None:
    row = {"response": row} if isinstance(row, str) else row
    instruction = row.get("instruction", "What is there to know?")
    seen = item(row.get("response", "A mill."), instruction=instruction, passage=row.get("source", PASSAGE))
    return RULES[rule](view(seen, Limits()))


@pytest.mark.parametrize(
    ("rule", "row", "broken"), [case for name in ("speech", "markup", "form") for case in cases(name)]
)
def test_table(rule: str, row: str | dict[str, str], broken: bool) -> None:
    assert (verdict(rule, row) is not None) is broken


@pytest.mark.parametrize(("kind", "text", "broken"), list(cases("pii")))
def test_pii_table(kind: str, text: str, broken: bool) -> None:
    assert bool(list(pii.FINDERS[kind](text))) is broken


def test_every_rule_has_cases() -> None:
    tables = {
        rule
        for name in ("speech", "markup", "form")
        for rule in yaml.safe_load((TABLES / f"{name}.yaml").read_text())
    }
    assert tables | {"too-long", "language", "pii"} == set(RULES)


def test_clean_example_passes_all_rules() -> None:
    seen = item("The mill grinds 40 sacks an hour.", instruction="How much does the mill grind?")
    assert QualityRules().check(seen) == Passed()


def test_reason_names_the_rule() -> None:
    result = QualityRules().check(item("I'm sorry, but I can't help with that."))
    assert isinstance(result, Blocked)
    assert result.reason == "rule:refusal"
    assert "sorry" in result.detail


def test_rules_can_be_left_out() -> None:
    assert QualityRules(skip=["refusal"]).check(item("I cannot assist with that.")) == Passed()


def test_unknown_rule_names_the_nearest() -> None:
    with pytest.raises(ValidationError, match="did you mean 'refusal'"):
        QualityRules(skip=["refusals"])


def test_lengths() -> None:
    short, long = item("ab"), item("word " * 50)
    assert QualityRules(min_response_chars=3).check(short) == Blocked(
        "rule:too-short", "response of 2 characters"
    )
    result = QualityRules(max_response_chars=200, skip=["repetition"]).check(long)
    assert result == Blocked("rule:too-long", "response of 250 characters")


def test_pii_is_masked_and_found_in_every_text() -> None:
    secret = "anna.kessel@muehlenbau-kessel.de"
    in_rejected = item("Nobody knows.", rejected=f"Write to {secret}.")
    in_source = item(f"Write to {secret}.", passage=f"Write to {secret} in spring.")
    for seen in (in_rejected, in_source):
        result = QualityRules().check(seen)
        assert isinstance(result, Blocked)
        assert result.reason == "rule:pii"
        assert secret not in result.detail
    assert QualityRules(pii_allowed=["email"]).check(in_source) == Passed()


def test_rejected_side_may_be_bad() -> None:
    assert QualityRules().check(item("It grinds wheat.", rejected="I cannot assist with that.")) == Passed()


LANGUAGES = [
    ("The mill is on the hill and it grinds the corn of the village.", "en"),
    ("Die Mühle steht auf dem Hügel und mahlt das Korn für das Dorf.", "de"),
    ("Le moulin est sur la colline et il moud le grain pour les gens du village.", "fr"),
    ("El molino está en la colina y muele el grano para la gente de los pueblos.", "es"),
    ("Il mulino è sulla collina e macina il grano per la gente del paese con le pietre.", "it"),
    ("O moinho fica no alto da colina e não mói o trigo para as pessoas da aldeia.", "pt"),
    ("De molen staat op de heuvel en het graan wordt door de wind gemalen.", "nl"),
    ("水车磨坊在山上，为村子磨谷物。", "zh"),
    ("風車は丘の上にあり、村のために粉を挽きます。", "ja"),
    ("Мельница стоит на холме и мелет зерно.", "ru"),
    ("방앗간은 언덕 위에 있다.", "ko"),
    ("cargo build", None),
    ("", None),
    ("```python\nfor the_is in of_and: to()\n```", None),
]


@pytest.mark.parametrize(("text", "language"), LANGUAGES)
def test_language(text: str, language: str | None) -> None:
    assert detect(text) == language


def test_language_rule() -> None:
    seen = item(
        "Die Mühle steht auf dem Hügel und mahlt das Korn.",
        instruction="Where is the mill and what is it for?",
    )
    assert QualityRules().check(seen) == Passed()
    assert QualityRules(languages=["en", "de"]).check(seen) == Passed()
    assert QualityRules(languages=["en"]).check(seen) == Blocked("rule:language", "de, wanted en")
