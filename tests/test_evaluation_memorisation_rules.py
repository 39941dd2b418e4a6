"""Rules that perturb items: what they change, what they keep, and what they leave out with a reason."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest

from gristmill.errors import UsageError
from gristmill_evals.contamination import BenchmarkItem, load_benchmark
from gristmill_evals.evaluation.memorisation.arithmetic import ExpressionError, evaluate, holds
from gristmill_evals.evaluation.memorisation.items import load_items
from gristmill_evals.evaluation.memorisation.names import names
from gristmill_evals.evaluation.memorisation.options import options
from gristmill_evals.evaluation.memorisation.people import KINDS
from gristmill_evals.evaluation.memorisation.rewording import fault
from gristmill_evals.evaluation.memorisation.templates import digits, read_templates
from gristmill_evals.evaluation.memorisation.variants import LeftOut, Variant

SAMPLES = Path(__file__).parents[1] / "data/samples/templates.jsonl"


def item(question: str, answer: str = "7", *choices: str) -> BenchmarkItem:
    return BenchmarkItem("i", question, answer, choices)


def made(found: list[Variant] | LeftOut) -> list[Variant]:
    assert isinstance(found, list), found
    return found


@pytest.mark.parametrize(
    ("expression", "value"),
    [("0.1 + 0.2", "3/10"), ("7 // 2 * 2 ** 3", "24"), ("-a % 4", "1"), ("max(a, 3) - ceil(a / 2)", "3"),
     ("min(a, 2, 5) / 3", "2/3"), ("floor(a / 2)", "3")],
)  # fmt: skip
def test_arithmetic_is_exact(expression: str, value: str) -> None:
    assert evaluate(expression, {"a": Fraction(7)}) == Fraction(value)
    assert holds("1 < a <= 7 and not a == 6", {"a": Fraction(7)})


@pytest.mark.parametrize(
    "expression",
    ["__import__('os')", "a.real", "9 ** 99", "(9 ** 12) ** 12 ** 12", "b", "a if a else 1", "'x'", "[1]",
     "a < 3", "1 / (a - 7)", "max()", "lambda: 1", "True", "a(1)", "abs(1, 2)", "1 +", "a" * 400, "2 ** 0.5"],
)  # fmt: skip
def test_nothing_else_runs(expression: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(expression, {"a": Fraction(7)})


@pytest.mark.parametrize("template", read_templates(SAMPLES), ids=lambda template: template.id)
def test_shipped_templates_give_numbers_of_the_same_magnitude(template) -> None:
    original = template.original()
    variants = made(template.variants(original, 5, Random(1)))
    assert len(variants) == 5
    assert len({original.answer, *(one.item.answer for one in variants)}) == 6
    for one in variants:
        for name, shown in one.changes.items():
            value, before = Fraction(shown.replace(",", "")), template.variables[name].exact
            assert digits(value) == digits(before)
            assert Fraction(1, 2) <= value / before <= 2
            assert shown in one.item.question
        assert one.item.question.count(" ") == original.question.count(" ")


def test_answers_of_templates_by_hand() -> None:
    answers = {one.id: one.original().answer for one in read_templates(SAMPLES)}
    assert answers["night-train"] == str((182 + 31) * 2 // 3)
    assert answers["parcel"] == "35.75"  # 2 * 6.50 + 13 * 1.75
    assert answers["stairs"] == "10,304"
    assert len(answers) >= 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": "No slot at all?"}, "slots of the question and variables differ: boxes"),
        ({"answer": "boxes * each"}, "uses what is not there: each"),
        ({"answer": "boxes / 7"}, "own numbers break its conditions"),
        ({"where": ["boxes"]}, "a number where a comparison is needed"),
        ({"variables": {"boxes": {"value": "many"}}}, "many"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_wrong_template_is_named(tmp_path: Path, change: dict, message: str) -> None:
    row = {"id": "t", "question": "{boxes} boxes?", "variables": {"boxes": {"value": 12}}, "answer": "boxes"}
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({**row, **change}))
    with pytest.raises(UsageError, match=message) as caught:
        read_templates(path)
    assert "t.jsonl:1" in str(caught.value)


def test_names_stay_of_their_kind_and_the_same_everywhere() -> None:
    text = "James gives 3 figs to Anna. James' sister takes 2. How many figs has Anna from James?"
    [first, second] = made(names(item(text), 2, Random(3)))
    for one in (first, second):
        [male, female] = [one.changes["James"], one.changes["Anna"]]
        assert (KINDS[male], KINDS[female]) == ("male", "female")
        told = f"{male} gives 3 figs to {female}. {male}'s sister takes 2. "
        assert one.item.question == f"{told}How many figs has {female} from {male}?"
    assert first.changes != second.changes


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("How many figs are 3 and 4?", "no-name"),
        ("How many letters in Anna and Otto, 4 and 4?", "about-the-letters"),
        ("Anna Bergman has 3 figs and 4 nuts. How many?", "full-name-or-title"),
        ("King Henry has 3 figs and 4 nuts. How many?", "full-name-or-title"),
        ("Under Henry the Great 3 and 4 figs fell. How many?", "full-name-or-title"),
        ("Jonathan has 3 figs. Jon buys 4, says Jonathan. How many?", "two-forms-of-a-name"),
        ("Ethel has 3 figs, Ethal 4. How many?", "two-forms-of-a-name"),
        ("Otto has 3 figs. She buys 4. How many?", "pronouns"),
        ("Anna runs `Anna = 3` and 4. How many?", "in-code"),
        ("def f(Anna):\n    return 3 + 4", "code"),
    ],
)
def test_names_left_out(text: str, reason: str) -> None:
    assert names(item(text), 1, Random(0)) == LeftOut(reason)


def test_names_in_questions_about_facts() -> None:
    choices = ("Rome", "Paris", "Anna", "Vienna")
    assert names(item("Where did Otto live?", "Paris", *choices), 1, Random(0)) == LeftOut(
        "name-in-the-answers"
    )
    known = item("According to Otto (1990), what is a town?", "b", "a", "b")
    assert names(known, 1, Random(0)) == LeftOut("may-be-somebody-known")
    [one] = made(
        names(item("Otto and Lena are cousins in London. They are", "kin", "kin", "twins"), 1, Random(0))
    )
    assert "London" in one.item.question
    [trip] = made(names(item("Otto walks 3 km in Berlin and 4 km in Vienna. How far?"), 1, Random(0)))
    assert not {"Otto", "Berlin", "Vienna"} & set(trip.item.question.replace(".", "").split())


def test_all_rotations_put_every_option_at_every_place_once() -> None:
    four = ("red", "green", "blue", "grey")
    variants = made(options(item("Which?", "blue", *four), 0, Random(0)))
    orders = [(0, 1, 2, 3), *(one.order for one in variants)]
    assert all(sorted(column) == [0, 1, 2, 3] for column in zip(*orders, strict=True))
    assert all(tuple(four[n] for n in one.order) == one.item.choices for one in variants)
    some = made(options(item("Which?", "blue", *four), 30, Random(0)))
    assert len({one.order for one in some}) == 23


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        (("x", "y", "both A and B", "z"), "refers-to-positions"),
        (("x", "all of the above", "y", "z"), "refers-to-positions"),
        (("x", "y", "the first two answers", "z"), "refers-to-positions"),
        (("x", "A only", "z"), "refers-to-positions"),
        (("x", "X.", "z"), "options-alike"),
        (("x", "none of these"), "no-options"),
        ((), "no-options"),
    ],
)
def test_options_left_out(choices: tuple[str, ...], reason: str) -> None:
    assert options(item("Which?", "x", *choices), 0, Random(0)) == LeftOut(reason)


def test_all_of_the_above_keeps_its_place() -> None:
    variants = made(options(item("Which?", "x", "x", "y", "z", "All of the above."), 0, Random(0)))
    assert [one.order for one in variants] == [(1, 2, 0, 3), (2, 0, 1, 3)]


@pytest.mark.parametrize(
    ("after", "wrong"),
    [
        ('In the 3 baskets of Anna lie "ripe" pears: how many pears are not sold?', ""),
        ('How many of the "ripe" pears in Anna\'s three baskets are not sold?', ""),
        ('Anna has 3 baskets of "ripe" pears; give the number not sold.', "ending-changed"),
        ('Anna has 4 baskets of "ripe" pears. How many of them are not sold?', "numbers-changed"),
        ('Otto has 3 baskets of "ripe" pears. How many of them are not sold?', "names-changed"),
        ("Anna has 3 baskets of fresh pears. How many of them are not sold?", "quotes-changed"),
        ('Anna has 3 baskets of "ripe" pears. How many of them are sold?', "negation-changed"),
        ("Anna has 3 baskets of “ripe” pears; how many are not sold?", "same-words"),
        ("3?", "length"),
    ],
)
def test_rewordings_are_checked(after: str, wrong: str) -> None:
    before = 'Anna has 3 baskets of "ripe" pears. How many are not sold?'
    assert fault(before, after) == wrong


@pytest.mark.shared
def test_real_benchmarks(shared: Path) -> None:
    counted: dict[str, Counter[str]] = {}
    for name in ("gsm8k_test", "mmlu_sociology"):
        for key, one in load_items(f"{name}.jsonl", None, shared / "benchmarks", None).items.items():
            for rule in (names, options):
                found = rule(one, 1, Random(key))
                reason = found.reason if isinstance(found, LeftOut) else "made"
                counted.setdefault(f"{name} {rule.__name__}", Counter())[reason] += 1
    assert counted["gsm8k_test names"]["made"] > 650
    assert counted["mmlu_sociology names"]["made"] == 2
    assert counted["mmlu_sociology options"] == {"made": 200, "options-alike": 1}


@pytest.mark.shared
def test_other_names_change_nothing_else(shared: Path) -> None:
    for one in load_benchmark("gsm8k_test.jsonl", shared / "benchmarks").items[:400]:
        found = names(one, 1, Random(one.id))
        if isinstance(found, LeftOut):
            continue
        before, after = one.question.split(), found[0].item.question.split()
        changed = [old for old, new in zip(before, after, strict=True) if old != new]
        assert changed
        assert all(any(name in old for name in found[0].changes) for old in changed)
