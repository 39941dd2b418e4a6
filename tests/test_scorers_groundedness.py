"""Groundedness: what the source says counts, what it does not say is named."""

from __future__ import annotations

import pytest
from support.scripted_ask import ScriptedAsk, item

from gristmill.registry import Blocked, Passed, Scored, Unscored
from gristmill_scorers.groundedness import GroundedGate, Groundedness, measure
from gristmill_scorers.quotes import find
from gristmill_scorers.words import number, stem

KILN = (
    "A kiln is heated slowly to 1,040 degrees. Hedwig Bollhagen fired three kilns in Marwitz. "
    "The `fire_curve` must not rise by more than 2.5 degrees a minute. “Never open a hot door,” she said."
)
QUESTION = "How is a kiln fired?"

GROUNDED = [
    "A kiln is heated slowly to 1040 degrees.",
    "You heat kilns slowly.",
    "Hedwig Bollhagen fired 3 kilns.",
    "The fire_curve must not rise by more than 2.50 degrees a minute.",
    'She said: "never open a hot door".',
    "1. Heating is slow.\n2. The door is not opened.",
]
UNGROUNDED = [
    ("A kiln is heated slowly to 1,140 degrees.", "numbers: 1140"),
    ("Hedwig Bollhagen fired four kilns in Dresden.", "names: Dresden"),
    (
        "Electric furnaces melt aluminium in factories.",
        "words: Electric, furnaces, melt, aluminium, factories",
    ),
    ('She said: "always wear thick gloves".', "quotations: always wear thick gloves"),
    ("The max_temperature is heated slowly.", "names: max_temperature"),
]


@pytest.mark.parametrize("response", GROUNDED)
def test_supported(response: str) -> None:
    result = measure(item(response, instruction=QUESTION, passage=KILN))
    assert isinstance(result, Scored)
    assert result.value == 1.0, result.rationale


@pytest.mark.parametrize(("response", "named"), UNGROUNDED)
def test_unsupported_is_named(response: str, named: str) -> None:
    result = measure(item(response, instruction=QUESTION, passage=KILN))
    assert isinstance(result, Scored)
    assert result.value < 0.7
    assert named in result.rationale


def test_more_support_is_more_value() -> None:
    responses = [
        "Volcanoes erupt.",
        "A kiln erupts like volcanoes.",
        "A kiln is heated like volcanoes.",
        GROUNDED[0],
    ]
    values = []
    for response in responses:
        result = measure(item(response, instruction="What happens?", passage=KILN))
        assert isinstance(result, Scored)
        values.append(result.value)
    assert values == sorted(set(values))


def test_words_of_the_question_are_free() -> None:
    asked = "What did the ceramicist heat?"
    with_it = measure(item("The ceramicist heated a kiln.", instruction=asked, passage=KILN))
    without = measure(item("The ceramicist heated a kiln.", instruction="What was it?", passage=KILN))
    assert isinstance(with_it, Scored)
    assert isinstance(without, Scored)
    assert with_it.value == 1.0 > without.value


def test_evidence_spans_are_the_supporting_sentences() -> None:
    seen = item(
        "Kilns are heated slowly. The curve must not rise by 2.5 degrees.", instruction=QUESTION, passage=KILN
    )
    result = measure(seen)
    assert isinstance(result, Scored)
    quotes = [proof["quote"] for proof in result.evidence]
    assert quotes[0].startswith("A kiln is heated slowly")
    assert quotes[1].startswith("The `fire_curve`")
    for proof in result.evidence:
        assert seen.document.text[proof["start"] : proof["end"]] == proof["quote"]


async def test_scorer_asks_nobody() -> None:
    ask = ScriptedAsk({})
    scored = await Groundedness().score(item("Yes.", passage=KILN), ask)
    assert scored == Unscored("nothing-to-check", "Yes.")
    assert ask.asked == []
    assert Groundedness().roles() == []


def test_gate() -> None:
    gate = GroundedGate(min=0.8)
    assert gate.check(item(GROUNDED[0], instruction=QUESTION, passage=KILN)) == Passed()
    assert gate.check(item("Yes.", instruction=QUESTION, passage=KILN)) == Passed()
    result = gate.check(item(UNGROUNDED[0][0], instruction=QUESTION, passage=KILN))
    assert isinstance(result, Blocked)
    assert result.reason == "ungrounded"
    assert "1140" in result.detail


@pytest.mark.parametrize(
    ("response", "expected"),
    [("窯はゆっくり冷まします。", True), ("火山が激しく噴火しました。", False)],
)
def test_text_without_spaces(response: str, expected: bool) -> None:
    source = "釉薬は摂氏千度で溶けます。その後、窯はゆっくり冷まします。"
    result = measure(item(response, instruction="何ですか", passage=source))
    assert isinstance(result, Scored)
    assert (result.value > 0.8) is expected


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("1,000", "1000"),
        ("1000.0", "1000"),
        ("2,5", "2.5"),
        ("007", "7"),
        ("1.2.3", "1.2.3"),
        ("1,234,567.50", "1234567.5"),
    ],
)
def test_numbers_have_one_form(text: str, plain: str) -> None:
    assert number(text) == plain


@pytest.mark.parametrize(
    "forms",
    [
        "heat heats heated heating",
        "stop stops stopped stopping",
        "carry carries",
        "store stored stores storing",
        "glass",
    ],
)
def test_stems(forms: str) -> None:
    assert len({stem(form) for form in forms.split()}) == 1


QUOTES = [
    ("heated slowly to 1,040 degrees", "heated slowly to 1,040 degrees"),
    ("the fire_curve must", "The `fire_curve` must"),
    ('"Never open a hot door"', "Never open a hot door"),
    ("A kiln is heated slowly to 1,040 degr", "A kiln is heated slowly to 1,040 degrees"),
    ("kiln is heat", None),
    ("fired three kilns … must not rise", "fired three kilns in Marwitz. The `fire_curve` must not rise"),
    ("must not rise … fired three kilns", None),
    ("kiln", None),
    ("", None),
    ("…", None),
    ("heated slowly to 1,140 degrees", None),
    ("is heated slowly by hand", None),
]


@pytest.mark.parametrize(("quote", "expected"), QUOTES)
def test_quotes(quote: str, expected: str | None) -> None:
    span = find(quote, KILN)
    assert (KILN[span[0] : span[1]] if span else None) == expected
