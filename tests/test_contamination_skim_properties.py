"""Skimming over hostile lines: what is passed over is a row, and the exact tiers find nothing in it."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill_evals.contamination import Benchmark, BenchmarkItem
from gristmill_evals.contamination.checker import Checker
from gristmill_evals.contamination.kernel import backend, folding
from gristmill_evals.contamination.kernel.text import MARKS, encode
from gristmill_evals.contamination.lines import Reject, read_row
from gristmill_evals.contamination.rows import FIELDS
from gristmill_evals.contamination.skim import Skim

pytest.importorskip("numba")

LONG = "Die große Mühle mahlt 1,250 Säcke am Tag, wie viele in neun Tagen?"
ITEMS = [
    BenchmarkItem("long", LONG),
    BenchmarkItem("short", "Ёж, who?"),
    BenchmarkItem(
        "list", "Which?", choices=("4", "ǅungla", "a fish that is longer than thirty-two bytes", "√2 …")
    ),
    BenchmarkItem("磨", "磨坊十五袋"),
    BenchmarkItem("symbols", "∫ ?"),
]
CHECKER = Checker([Benchmark.make("b", ITEMS)])
SKIM = Skim(CHECKER)
_CHOICES = ITEMS[2].choices
_LISTS = [
    "\n".join(f"{mark[n]}{after} {one}" for n, one in enumerate(_CHOICES))
    for mark, after in (("ABCD", ")"), ("1234", "."), ("abcd", ":"), ("-*•-", ""))
]
_PIECES = [
    LONG,
    LONG.upper(),
    LONG[:40],
    LONG[40:],
    "ёж",
    "who",
    *_LISTS,
    *_CHOICES,
    "磨坊",
    "十五袋",
    "∫",
    "?",
    "mill",
]
_PIECES += [
    "A) ",
    "(b. ",
    "1. ",
    "2) ",
    "\n- ",
    "\n • ",
    "–",
    " ",
    "\n",
    "\n\n",
    "\t",
    "\r\n",
    "\x00",
    "\x1c",
    "\u2028",
]
_PIECES += [
    "e\u0301",
    "İ",
    "ﬁ",
    "２",
    "½",
    "ﷺ",
    "😀",
    "\u3099",
    "٣",
    "1,234.50",
    "1.5",
    "\\",
    '"',
    "/",
    "\u00a0",
    "_a)",
]
texts = st.lists(st.one_of(st.sampled_from(_PIECES), st.text(max_size=5)), max_size=8).map("".join)
contents = st.one_of(
    texts, st.none(), st.just(5), st.lists(st.fixed_dictionaries({"text": texts}), max_size=2)
)
messages = st.dictionaries(st.sampled_from(["role", "content", "value", "x"]), contents, max_size=3)
numbers = st.sampled_from([0, -1, 0.25, 1e-9, 1e300, 10**30, True, False, None])
anything = st.recursive(
    st.one_of(numbers, texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["content", "text", "ö"]), inner, max_size=2),
    ),
    max_leaves=4,
)
named = st.one_of(
    st.tuples(st.sampled_from(FIELDS), texts),
    st.tuples(st.sampled_from(FIELDS), texts),
    st.tuples(st.sampled_from([*FIELDS, "history"]), st.lists(messages, max_size=3)),
    st.tuples(st.sampled_from([*FIELDS, "id", "meta", "content"]), anything),
)
DAMAGE = [
    b"",
    b"\xff",
    b"\xc3",
    b"\x00",
    b"\\",
    b'"',
    b",",
    b"}",
    b"\\u12",
    b"\\ud83d",
    b"\xed\xa0\x80",
    b"\xf0\x9f",
    b"\t",
]
ENDS = [b"", b"\n", b"\r\n", b" \n\n", b" x", b"\x00\n"]


def _told(pairs: list[tuple[str, Any]], form: tuple[bool, Any], end: bytes) -> bytes:
    """A line with all the pairs in their order, names that come twice too."""
    ascii_only, (comma, colon) = form
    said = (f"{json.dumps(name)}{colon}{json.dumps(value, ensure_ascii=ascii_only)}" for name, value in pairs)
    return ("{" + comma.join(said) + "}").encode("utf-8", "surrogatepass") + end


forms = st.tuples(st.booleans(), st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", "\r: ")]))
lines = st.builds(_told, st.lists(named, min_size=1, max_size=4), forms, st.sampled_from(ENDS))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    line = draw(lines)
    at = draw(st.integers(0, len(line)))
    return line[:at] + draw(st.sampled_from(DAMAGE)) + line[at + draw(st.integers(0, 3)) :]


def _silent(line: bytes) -> bool:
    row = read_row(2, line, "f")
    return not isinstance(row, Reject) and CHECKER.index.repeats([row]) == [0]


@given(st.lists(st.one_of(lines, lines, damaged()), min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_what_is_passed_over_is_a_row_without_anything_in_common(given: list[bytes]) -> None:
    assert backend().NAME == "numba"
    for line, passed_over in zip(given, SKIM.quiet(given), strict=True):
        assert not passed_over or _silent(line), line


@given(st.text(st.sampled_from('abz ё磨é\n"\\/.,5—…😀'), min_size=1), forms)
@settings(max_examples=200, deadline=None)
def test_usual_lines_with_words_and_nothing_in_common_are_passed_over(
    text: str, form: tuple[bool, Any]
) -> None:
    line = _told([("id", 1), ("text", "word " + text)], form, b"\n")
    assert SKIM.quiet([line]) == [_silent(line)]


def test_folding_by_table_is_folding() -> None:
    actions, spellings, _ = folding.tables()[1]
    kept = [
        code
        for code in range(0x80, 0x20000)
        if actions[code] != folding.UNUSUAL and not 0xD7FF < code < 0xE000
    ]
    for code in kept:
        char, action = chr(code), int(actions[code])
        simple = {folding.AS_IT_IS: char, folding.ALONE: f" {char} ", folding.NOTHING: " "}
        spelt = spellings[action + 1 : action + 1 + int(spellings[action])].tobytes().decode()
        assert simple.get(action, spelt) == folding.reduced(encode(char).decode()), hex(code)
    assert len(kept) > 0x20000 - 0x800 - 1500


def test_characters_beyond_the_tables_reach_fold_to_themselves() -> None:
    inside = [range(start, end) for start, end in (*folding._CHANGING, (0, 0x80), (0xD800, 0xE000))]
    others = "".join(chr(code) for code in range(0x110000) if not any(code in one for one in inside))
    assert len(others) > 1_000_000
    assert unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", others).casefold()) == others


@given(st.text(st.one_of(st.characters(), st.sampled_from("ÄÖẞǅ…½ａ\u0301\u3099"))))
@settings(max_examples=300, deadline=None)
def test_encoding_folds_character_by_character(text: str) -> None:
    import re

    pieces = re.findall(rf"[^{MARKS}]?[{MARKS}]+|[\x00-\x7f]|[^\x00-\x7f]", text, re.S)
    folded = [
        p if p.isascii() else unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", p).casefold())
        for p in pieces
    ]
    assert encode(text) == "".join(folded).encode("utf-8", "surrogatepass")
