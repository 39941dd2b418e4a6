"""From rows of held-out documents to items: what is left out, wrong answers, how answers count."""

from __future__ import annotations

from typing import Any

import pytest
from support.store_rows import turns

from gristmill.errors import UsageError
from gristmill_evals.evaluation.private import Held, check_plan, make_items
from gristmill_evals.evaluation.private.choices import FEW_WRONG, NO_WRONG, answer_type
from gristmill_evals.evaluation.private.lm_task import score

FAMILIES = {"d1": "one.md", "d2": "two.md"}
KINDS: Any = ("generate", "free", "choice")
_NUMBERS = iter(range(10_000))


def line(question: str = "What does it hold?", answer: str = "Four sacks.", **more: Any) -> dict[str, Any]:
    """A line of ``benchmark_rows``."""
    example = {
        "id": f"row-{next(_NUMBERS)}",
        "kind": more.pop("kind", "instruction"),
        "messages": more.pop("messages", turns(question, answer)),
        "metadata": more.pop("metadata", {}),
    }
    told = {"side": "held", "status": "reviewed", "documents": ["d1"], "sources": ["one.md"], "passages": []}
    return {**told, **more, "example": example}


SYSTEM = [{"role": "system", "content": "Be brief."}, *turns("Why?", "Because.")]
LEFT_OUT = [
    (line(status="rejected"), "rejected"),
    (line(status="stale"), "stale"),
    (line(status="disputed"), "disputed"),
    (line(status="accepted"), "not reviewed"),
    (line(documents=["d1", "d9"]), "also of documents that are not held out"),
    (line(kind="preference", messages=turns("How?")), "preference pair"),
    (line(messages=SYSTEM), "a system prompt"),
    (line(messages=[*turns("A?", "B."), *turns("C?", "D.")]), "several turns"),
    (line(answer="  "), "no question or no answer"),
]


@pytest.mark.parametrize(("row", "reason"), LEFT_OUT)
def test_rows_that_are_no_items_are_counted_by_reason(row: dict[str, Any], reason: str) -> None:
    made = make_items([line("Another?", "Yes, another."), row, line(side="training")], Held(FAMILIES))
    assert (len(made.questions), made.left_out, made.rows) == (1, {reason: 1}, 2)


def test_accepted_rows_are_taken_when_asked_for() -> None:
    made = make_items([line(status="accepted"), line(status="failed")], Held(FAMILIES, rows="accepted"))
    assert [one.status for one in made.questions] == ["accepted"]
    assert made.left_out == {"failed": 1}


def test_long_answers_are_not_for_the_kind_free() -> None:
    rows = [line("Short?", "In the spring of 1880."), line("Long?", "word " * 13)]
    assert make_items(rows, Held(FAMILIES, "free")).left_out == {"answer of more than 12 words": 1}
    assert make_items(rows, Held(FAMILIES, "generate")).left_out == {}


def test_of_rows_that_say_nearly_the_same_the_first_stays() -> None:
    said = "The wheel of the mill turns eleven times a minute when the sluice is fully open."
    rows = [
        line("How fast does the wheel of the mill turn when the sluice is open?", said),
        line("How fast does the wheel of the mill turn when the sluice is open??", said + "!"),
        line("How fast does the wheel of the mill turn when the sluice is shut at 3?", said),
    ]
    made = make_items(rows, Held(FAMILIES))
    assert [one.id for one in made.questions] == [rows[0]["example"]["id"], rows[2]["example"]["id"]]
    assert made.left_out == {"near duplicate of another item": 1}


TYPES = [
    ("1880", ("year",)),
    ("1880.", ("year",)),
    ("2,500 litres", ("amount", "", "litres")),
    ("$3.50", ("amount", "$", "")),
    ("12 %", ("amount", "", "%")),
    ("Ada Lovelace", ("name",)),
    ("Bank of the West", ("name",)),
    ("It was Ada", ()),
    ("a wheel", ()),
    ("The wheel turns, and it turns fast.", ()),
]


@pytest.mark.parametrize(("answer", "kind"), TYPES)
def test_kinds_of_answers(answer: str, kind: tuple[str, ...]) -> None:
    assert answer_type(answer) == kind


def years(*values: str, **more: Any) -> list[dict[str, Any]]:
    return [
        line(f"When was house number {n} built, and by whom?", value, **more)
        for n, value in enumerate(values)
    ]


def test_wrong_answers_come_from_rows_of_the_same_kind() -> None:
    rows = [*years("1880", "1881", "1890", "1912"), line("Who ran it then?", "Ada Lovelace")]
    made = make_items(rows, Held(FAMILIES, "choice"))
    assert made.left_out == {FEW_WRONG: 1}
    for one in made.questions:
        assert (sorted(one.choices), one.rule) == (["1880", "1881", "1890", "1912"], True)
        assert one.answer in one.choices
    assert len({one.choices.index(one.answer) for one in made.questions}) > 1, (
        "the right one has no fixed place"
    )
    assert make_items(rows, Held(FAMILIES, "choice", seed=1)).questions != made.questions


def test_what_the_passage_or_the_question_says_is_not_offered_as_wrong() -> None:
    rows = years("1880", "1881", "1890", "1912", passages=["Built 1880, extended 1912."])
    rows[1] = line("What came in the year after 1880, in which the well was dug?", "1881")
    made = make_items(rows, Held(FAMILIES, "choice"))
    assert made.left_out == {FEW_WRONG: 4}


def test_the_same_number_written_otherwise_is_not_wrong() -> None:
    rows = [
        line(f"How much was paid in the {n}th week?", v)
        for n, v in enumerate(["1,000 kg", "1000 kg", "2 kg", "3 kg"])
    ]
    assert make_items(rows, Held(FAMILIES, "choice")).left_out == {FEW_WRONG: 4}


def test_wrong_answers_of_the_same_document_come_first() -> None:
    far = years(*(str(1900 + n) for n in range(20)), documents=["d2"], sources=["two.md"])
    near = [line(f"In which year did barn {n} burn?", str(1800 + n)) for n in range(4)]
    made = make_items([*far, *near], Held(FAMILIES, "choice"))
    of_near = [one for one in made.questions if one.cluster == "one.md"]
    assert {choice for one in of_near for choice in one.choices} == {"1800", "1801", "1802", "1803"}


def test_a_row_keeps_its_own_choices_and_phrases_have_none() -> None:
    own = line("Which grain?", "rye", metadata={"choices": ["oats", "rye", "spelt"]})
    wrong = line("Which flour is it?", "rye flour", metadata={"choices": ["oats", "Oats!", "rye flour"]})
    made = make_items([own, wrong], Held(FAMILIES, "choice"))
    assert [(one.choices, one.rule) for one in made.questions] == [(("oats", "rye", "spelt"), False)]
    assert made.left_out == {NO_WRONG: 1}


SCORES = [
    ("Four sacks.", "four sacks", (1, 1, 1)),
    ("Four sacks.", "The four sacks!", (1, 1, 1)),
    ("Four sacks.", "It holds four sacks of rye.", (0, 1, 0.5)),
    ("1,000 kg", "1000 kg", (1, 1, 1)),
    ("5 kg", "15 kg", (0, 0, 0.5)),
    ("12 %", "12%", (1, 1, 1)),
    ("3.5", "3,5", (0, 0, 0)),
    ("磨坊", "在磨坊", (0, 1, 0.8)),
    ("The", "the", (1, 1, 1)),
    ("Four", "", (0, 0, 0)),
    ("Four", None, (0, 0, 0)),
]


@pytest.mark.parametrize(("wanted", "given", "expected"), SCORES)
def test_how_answers_count(wanted: str, given: str, expected: tuple[float, float, float]) -> None:
    found = score({"answer": wanted}, [given])
    assert (found["exact_match"], found["contains"], round(found["token_f1"], 3)) == expected


WRONG = [
    ("a b", "free", ()),
    ("../x", "free", ()),
    ("", "free", ()),
    ("x", "free", ("acc",)),
    ("x", "choice", ("contains",)),
]


@pytest.mark.parametrize(("name", "kind", "metrics"), WRONG)
def test_names_and_metrics_that_lm_eval_could_not_load(
    name: str, kind: str, metrics: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError) as caught:
        check_plan(name, kind, metrics)
    assert caught.value.cure
