"""Folding, tokens and their way back to the original text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill_evals.contamination.normalise import MASK, cut_folded, fold, squash, tokenise
from gristmill_evals.contamination.options import find_options, option_key

WORDS = [
    ("Janet’s DUCKS lay 16 eggs", ["janet", "s", "ducks", "lay", "16", "eggs"]),
    ("$80,000 and 2.50", ["80000", "and", "2.5"]),
    ("three ﬁles", ["3", "files"]),
    ("卖2美元", ["卖", "2", "美", "元"]),
    ("Ｆｕｌｌ ｗｉｄｔｈ １２", ["full", "width", "12"]),
    ("cafe\u0301 STRASSE Straße", ["café", "strasse", "strasse"]),
    ("has_close_elements(n)", ["has", "close", "elements", "n"]),
    ("∫ ?", ["∫", "?"]),
    ("", []),
]


@pytest.mark.parametrize(("text", "words"), WORDS)
def test_words(text: str, words: list[str]) -> None:
    assert tokenise(text).words == words


ORIGINALS = ["Ｆｕｌｌ width", "ﬁne ﬂour", "cafe\u0301 au lait", "x² + 1", "각 한국어", "İstanbul 12,000"]


@pytest.mark.parametrize("text", ORIGINALS)
def test_spans_lead_back_to_the_original(text: str) -> None:
    tokens = tokenise(text)
    for word, start, end in zip(tokens.words, tokens.starts, tokens.ends, strict=True):
        assert word in tokenise(text[start:end]).words
    assert "".join(text.split()).startswith(text[tokens.starts[0] : tokens.ends[0]])


@given(
    st.text(st.sampled_from("aZ 09,.٣½①²İßﬁé卖각ｶﾞ\u0301\u1160Σ_-\n∫ three"), max_size=40)
    | st.text(max_size=40)
)
@settings(max_examples=300, deadline=None)
def test_tokens_are_those_of_the_folded_text_with_their_places(text: str) -> None:
    folded, origin = fold(text)
    tokens, expected = tokenise(text), list(cut_folded(folded))
    assert tokens.words == [word for word, _, _, _ in expected]
    assert tokens.masked == [MASK if number else word for word, number, _, _ in expected]
    assert tokens.starts == [origin[at][0] if origin else at for _, _, at, _ in expected]
    assert tokens.ends == [origin[at - 1][1] if origin else at for _, _, _, at in expected]
    for n in range(len(expected)):
        assert tokens.span(n // 2, n) == (tokens.starts[n // 2], tokens.ends[n])
        assert tokens.between(tokens.starts[n // 2], len(text)) == (
            _first(tokens.starts, n // 2),
            len(tokens),
        )


def _first(starts: list[int], place: int) -> int:
    """Several tokens may come from one character."""
    return starts.index(starts[place])


def test_a_combining_mark_stays_with_its_letter() -> None:
    tokens = tokenise("un cafe\u0301!")
    assert "un cafe\u0301!"[slice(*tokens.span(1, 1))] == "cafe\u0301"


def test_numbers_are_masked_and_counted() -> None:
    tokens = tokenise("Two bags of 12 apples and 12 pears")
    assert tokens.masked == ["0", "bags", "of", "0", "apples", "and", "0", "pears"]
    assert tokens.numbers() == {"2": 1, "12": 2}


def test_find_respects_word_borders() -> None:
    tokens = tokenise("the cat sat on the catalogue")
    assert tokens.find(["the", "cat"]) == 0
    assert tokens.find(["on", "the"]) == 3
    assert tokens.find(["the", "catalog"]) is None


def test_squash_keeps_operators() -> None:
    assert squash("What is 2 + 3?") == squash("what is 2+3")
    assert squash("2+3") != squash("2-3")


LISTS = [
    ("Pick:\nA) red\nB) green\nC) blue", ("red", "green", "blue")),
    ("Pick: (a) red (b) green", ("red", "green")),
    ("1. red\n2. green\n\nThanks", ("red", "green")),
    ("- red\n- green", ("red", "green")),
]


@pytest.mark.parametrize(("text", "choices"), LISTS)
def test_options_are_found(text: str, choices: tuple[str, ...]) -> None:
    found = find_options(text)
    assert [one.choices for one in found] == [choices]
    start, end = found[0].span
    assert text[start:end].endswith(choices[-1])


def test_option_key_has_no_order() -> None:
    assert option_key(["Red.", "green"]) == option_key(["GREEN", "red"])
    assert option_key(["x+1", "x-1"]) != option_key(["x+1", "x*1"])
