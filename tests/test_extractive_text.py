"""Markdown to clean text with offsets, sentences, and the checks for texts that stand alone."""

from __future__ import annotations

import pytest

from gristmill.models.extractive.blocks import parse_blocks
from gristmill.models.extractive.grammar import take_clause, to_second_person
from gristmill.models.extractive.passage import Passage
from gristmill.models.extractive.selfcheck import is_prose, loose_definites, loose_words
from gristmill.models.extractive.sentences import split_sentences


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("See [the guide][g]<!-- ignore --> now.", "See the guide now."),
        ("A **bold** and _soft_ `x_y` word.", "A bold and soft `x_y` word."),
        ("Rust[^1] is fast.[[2]](#cite-2)", "Rust is fast."),
        ("From 2<sup>7</sup> to 2<sup>n − 1</sup>.", "From 2^7 to 2^(n − 1)."),
        ("A ![logo](a.png) tool &amp; 3 \\* 4.", "A tool & 3 * 4."),
        ("snake_case_name stays, 2 * 3 * 4 too.", "snake_case_name stays, 2 * 3 * 4 too."),
    ],
)
def test_inline_markup_becomes_readable(raw: str, clean: str) -> None:
    assert parse_blocks(raw)[0].clean == clean


def test_every_character_knows_its_offset() -> None:
    raw = "> Some _quoted_ text\n> with a [link](x) and `code`.\n\n- first *item*\n- second\n"
    for block in parse_blocks(raw):
        for text in [block.text, *(cell.text for cell in block.cells)]:
            for char, offset in zip(text.clean, text.at, strict=True) if text else ():
                assert raw[offset] == char or char == " "


def test_blocks_of_each_kind() -> None:
    raw = "# T\n\npara\n\n1. a\n2. b\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n```py\ncode\n```\n<div>h</div>\n"
    blocks = parse_blocks(raw)
    assert [b.clean for b in blocks if b.kind == "item"] == ["a", "b"]
    blocks = [b for b in blocks if b.kind != "item"]
    assert [b.kind for b in blocks] == ["heading", "paragraph", "list", "table", "code", "html"]
    assert blocks[2].ordered
    assert [[c.text.clean for c in row] for row in blocks[3].rows] == [["x", "y"], ["1", "2"]]
    assert (blocks[4].language, blocks[4].code, raw[blocks[4].start : blocks[4].end]) == (
        "py",
        "code",
        "```py\ncode\n```",
    )


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three?", 3),
        ("Use e.g. a spoon. Then stir.", 2),
        ("Version 3.11 came at 5 p.m. on Monday.", 1),
        ("Call `a.b. C` now. Done.", 2),
        ("Dr. Smith met J. Doe. They spoke.", 2),
        ("It ended (so they said.) Then it began.", 2),
    ],
)
def test_sentence_boundaries(text: str, count: int) -> None:
    assert len(split_sentences(text)) == count


@pytest.mark.parametrize(
    ("statement", "question"),
    [
        ("Pushing to the stack is faster than allocating", "is pushing to the stack faster than allocating"),
        ("The compiler checks every access", "does the compiler check every access"),
        ("Shops have closed at noon", "have shops closed at noon"),
        ("A struct cannot grow at runtime", "can a struct not grow at runtime"),
        ("Karrow Board also built two towers", "did Karrow Board build two towers"),
    ],
)
def test_statements_are_inverted(statement: str, question: str) -> None:
    clause = take_clause(Passage("They met the Karrow Board there."), statement)
    assert clause is not None
    assert f"{clause.aux} {clause.subject} {clause.rest}" == question


@pytest.mark.parametrize(
    "statement", ["It is new", "This means trouble", "While it rains, we wait", "Blue green red"]
)
def test_doubtful_statements_are_refused(statement: str) -> None:
    assert take_clause(Passage(statement), statement) is None


@pytest.mark.parametrize(
    "question",
    [
        "What does it do?",
        "Why is this fast?",
        "What happens when that scope is over?",
        "How do we run Listing 4-1?",
    ],
)
def test_dangling_words_are_seen(question: str) -> None:
    assert loose_words(question)


def test_definite_phrases_need_an_anchor() -> None:
    passage = Passage("The tank is full.")
    assert loose_definites(passage, "What happens when the tank is full?")
    for anchored in ("Who is the author of Emma?", "What does the `cp` command do?", "Why is the sun hot?"):
        assert not loose_definites(passage, anchored)


def test_debris_is_no_prose() -> None:
    assert is_prose("A whole sentence ends with a stop.")
    for bad in (
        "no capital letter here.",
        "Cut off in the",
        "{{#include x}} is a macro.",
        "Too (many brackets here.",
    ):
        assert not is_prose(bad)


def test_first_person_turns_to_second() -> None:
    assert to_second_person("we use our tools and we're done") == "you use your tools and you're done"
