"""What no panel of verdicts may do: depend on their order, count a missing one, leave 0…1."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scripted_ask import item

from gristmill.registry import Scored, Unscored
from gristmill.voting import Rule, Vote
from gristmill_scorers.panel import Ballot, combine
from gristmill_scorers.rubric_file import Rubric
from gristmill_scorers.verdict import MalformedVerdictError, count

PASSAGE = "The ferry leaves at 6:40 from the north pier."
ITEM = item("It leaves at 6:40.", passage=PASSAGE)
RUBRIC = Rubric.model_validate(
    {
        "name": "r",
        "criteria": [
            {"id": "grade", "text": "t", "points": 3, "scale": {1: "low", 5: "high"}},
            {"id": "yes", "text": "t", "points": 2},
            {"id": "fault", "text": "t", "points": -2},
        ],
    }
)
REASONS = {
    *("malformed-verdict", "unknown-criterion", "duplicate-criterion"),
    *("missing-criterion", "grade-out-of-range"),
}
RULES: tuple[Rule, ...] = ("majority", "median", "mean")
Row = tuple[int, int, int] | None
VERDICTS = st.lists(
    st.one_of(st.none(), st.tuples(st.integers(1, 5), st.integers(0, 1), st.integers(0, 1))),
    min_size=1,
    max_size=7,
)


def ballots(rows: list[Row]) -> list[Ballot]:
    names = ("grade", "yes", "fault")
    read = []
    for row in rows:
        data = {
            "criteria": [
                {"id": name, "grade": grade, "quote": "leaves at 6:40", "reason": ""}
                for name, grade in zip(names, row or (), strict=False)
            ]
        }
        read.append(None if row is None else count(RUBRIC, data, ITEM.example.response, PASSAGE))
    return [
        [
            Vote(None, f"c{i}", "refused", "no") if found is None else Vote(found[index], f"c{i}", "", "text")
            for i, found in enumerate(read)
        ]
        for index in range(len(names))
    ]


def result(rows: list[Row], rule: Rule = "majority") -> Scored | Unscored:
    return combine(RUBRIC, ballots(rows), ITEM, rule=rule, min_agreement=0)


@given(rows=VERDICTS, seed=st.integers(0, 999), rule=st.sampled_from(RULES))
@settings(max_examples=150, deadline=None)
def test_the_order_of_votes_changes_no_value(rows: list[Row], seed: int, rule: Rule) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))
    one, other = result(rows, rule), result(shuffled, rule)
    assert type(one) is type(other)
    if isinstance(one, Scored) and isinstance(other, Scored):
        assert one.value == pytest.approx(other.value, abs=1e-12)
        assert 0 <= one.value <= 1
        assert math.isfinite(one.value)


@given(rows=VERDICTS, rule=st.sampled_from(RULES))
@settings(max_examples=150, deadline=None)
def test_a_missing_vote_is_no_zero(rows: list[Row], rule: Rule) -> None:
    usable = [row for row in rows if row is not None]
    found = result(rows, rule)
    if 2 * len(usable) < len(rows) or not usable:
        assert isinstance(found, Unscored)
        assert found.reason in {"no-quorum", "refused"}
        assert found.raw == "no"
        return
    assert isinstance(found, Scored)
    alone = result(list(usable), rule)
    assert isinstance(alone, Scored)
    assert found.value == pytest.approx(alone.value)


@given(row=st.tuples(st.integers(1, 5), st.integers(0, 1), st.integers(0, 1)), times=st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_votes_that_agree_say_what_each_of_them_says(row: tuple[int, int, int], times: int) -> None:
    values = {result([row] * n, rule).value for n in (1, times) for rule in RULES}  # type: ignore[union-attr]
    expected = min(1, max(0, (3 * (row[0] - 1) / 4 + 2 * row[1] - 2 * row[2]) / 5))
    assert all(value == pytest.approx(expected) for value in values)


@given(rows=VERDICTS, rule=st.sampled_from(RULES))
@settings(max_examples=100, deadline=None)
def test_a_better_vote_never_lowers_the_score(rows: list[Row], rule: Rule) -> None:
    better = [None if row is None else (min(5, row[0] + 1), 1, 0) for row in rows]
    one, other = result(rows, rule), result(list(better), rule)
    if isinstance(one, Scored) and isinstance(other, Scored):
        assert other.value >= one.value - 1e-12


def test_ties_earn_nothing_and_cost_nothing() -> None:
    tied = result([(1, 1, 1), (1, 0, 0)])
    assert isinstance(tied, Scored)
    assert tied.value == 0.0
    middle = result([(1, 0, 0), (5, 0, 0)])
    assert isinstance(middle, Scored)
    assert middle.value == pytest.approx(1.5 / 5)  # the middle of the two grades
    assert middle.votes[0]["agreement"] == 0.0


def test_a_criterion_without_quorum_leaves_the_example_open() -> None:
    votes = ballots([(5, 1, 0)] * 3)
    spoilt = [*votes[:2], [Vote(None, f"d{i}", "refused", f"raw {i}") for i in range(3)]]
    found = combine(RUBRIC, spoilt, ITEM, rule="majority", min_agreement=0)
    assert isinstance(found, Unscored)
    assert (found.reason, found.raw) == ("refused", "raw 0")
    assert len(found.votes) == 3
    each = combine(
        RUBRIC.model_copy(update={"calls": "each"}), spoilt, ITEM, rule="majority", min_agreement=0
    )
    assert [row.get("failed", "") for row in each.votes] == [""] * 6 + ["refused"] * 3
    assert each.votes[-1]["criterion"] == "fault"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["criteria", "id", "grade", "met", "quote", "reason", "x"]), inner, max_size=5
        )
    ),
    max_leaves=25,
)
ROWS = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["grade", "yes", "fault", "grade ", ""]),
        "grade": st.integers(-9, 9) | JSON,
        "quote": st.text(max_size=12) | st.just("leaves at 6:40"),
        "reason": st.just(""),
    }
)


@given(data=JSON | st.fixed_dictionaries({"criteria": st.lists(ROWS, min_size=2, max_size=4)}))
@settings(max_examples=300, deadline=None)
def test_whatever_a_judge_says_is_a_whole_verdict_or_none(data: object) -> None:
    try:
        found = count(RUBRIC, data, ITEM.example.response, PASSAGE)
    except MalformedVerdictError as error:
        fault, found = error, []
    if not found:
        assert str(fault) in REASONS
        assert fault.detail
        return
    assert [finding.criterion for finding in found] == ["grade", "yes", "fault"]
    assert all(0 <= finding.share <= 1 and abs(finding.earned) <= 3 for finding in found)
    assert all(finding.counted <= (finding.met and bool(finding.quote_in)) for finding in found)
