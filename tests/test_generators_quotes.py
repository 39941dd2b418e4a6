"""A quote is found where it was taken from, and only there."""

from __future__ import annotations

import pytest

from gristmill_generators.quotes import locate

PASSAGE = """## Setting up the *kiln*

Heat the kiln to **1,040 °C** and hold it for `12` minutes. Do not open the door
before it has cooled to [room temperature](https://kiln.invalid/cool "why")<!-- ignore -->;
the glaze would crack, and a cracked glaze can’t be mended.

- Stoneware needs a slow cool-down.
- Porcelain shrinks by 15 percent.

| Clay | Peak |
|------|------|
| Raku | 980 °C |

> Never fire wet clay: steam breaks it.
"""

FOUND = [
    ("Heat the kiln to **1,040 °C**", "Heat the kiln to **1,040 °C"),
    ("and hold it for 12 minutes.", "and hold it for `12` minutes."),
    ("for 12 minutes. Do not open the door before it", "for `12` minutes. Do not open the door\nbefore it"),
    ("cooled to room temperature; the glaze would crack", None),
    ("a cracked glaze can't be mended", "a cracked glaze can’t be mended"),
    ("Stoneware needs a slow cool-down. Porcelain shrinks by 15 percent.", None),
    ("Clay Peak Raku 980 °C", None),
    ("Never fire wet clay: steam breaks it", "Never fire wet clay: steam breaks it"),
    ("Setting up the kiln", "Setting up the *kiln"),
    ("Do not open the door before it hass cooled to room temperature", None),  # a slip of the pen
]  # fmt: skip

NOT_FOUND = [
    "",
    "kiln",
    "***",
    "The kiln must be serviced every year.",
    "Heat the kiln to 1,140 °C and hold it for 12 minutes.",  # another number
    "Do open the door before it has cooled to room temperature; the glaze would crack",  # a lost negation
    "Porcelain shrinks by 15 percent ... Heat the kiln to 1,040 °C",  # wrong order
    "Heat the kiln … and sell the pots",
]


@pytest.mark.parametrize(("quote", "expected"), FOUND)
def test_found(quote: str, expected: str | None) -> None:
    spans = locate(quote, PASSAGE)
    assert len(spans) == 1
    start, end = spans[0]
    if expected is not None:
        assert PASSAGE[start:end] == expected
    first, last = quote.split()[0].strip("*"), quote.split()[-1].strip("*.")
    assert PASSAGE[start:end].lower().startswith(first.lower())
    assert last.lower() in PASSAGE[start:end].lower()


@pytest.mark.parametrize("quote", NOT_FOUND)
def test_not_found(quote: str) -> None:
    assert locate(quote, PASSAGE) == []


def test_ellipsis_gives_several_spans() -> None:
    spans = locate("Heat the kiln to 1,040 °C ... steam breaks it", PASSAGE)
    assert [PASSAGE[a:b] for a, b in spans] == ["Heat the kiln to **1,040 °C", "steam breaks it"]


def test_near_spans_are_whole_words() -> None:
    text = "Every apprentice sweeps the workshop floor before the master arrives in the morning."
    (span,) = locate("very aprentice sweeps the workshop floor before the master arrives", text)
    assert text[slice(*span)].startswith("Every apprentice")
    assert text[slice(*span)].endswith("arrives")


def test_text_in_other_scripts() -> None:
    text = "釉薬は摂氏千度で溶けます。その後、窯をゆっくり冷まします。"
    assert [text[a:b] for a, b in locate("窯をゆっくり冷まします", text)] == ["窯をゆっくり冷まします"]
