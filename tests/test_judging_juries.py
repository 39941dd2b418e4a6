"""Juries of measured judges: worked by hand, under reordering and missing votes, and on published data."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import UsageError
from gristmill.juries import combine_pairs
from gristmill_evals.judging import PairVote, Rating, Votes, calibrate, read_votes
from gristmill_evals.judging.ballots import panels_of
from gristmill_evals.judging.juries import Jury, Name
from gristmill_evals.judging.jury_result import juries_of
from gristmill_evals.statistics import wilson

Verdicts = tuple[Any, Any]
OTHER: dict[int | None, Any] = {1: 2, 2: 1, 0: 0, None: None}


def votes_of(said: Mapping[str, Sequence[Verdicts]], labels: Sequence[Any], **more: Any) -> list[PairVote]:
    return [
        PairVote(f"p{n:04}", judge, *verdicts[n], True, label, **more)
        for judge, verdicts in said.items()
        for n, label in enumerate(labels)
    ]


def jury_of(votes: Sequence[PairVote]) -> Jury:
    [jury] = juries_of(Votes("v", votes))
    return jury


def accuracy(jury: Jury, name: Name) -> float:
    found = jury.ways[name].accuracy
    assert found is not None
    return found.mean


def right(jury: Jury, name: Name) -> tuple[float, int]:
    found = jury.ways[name].right
    assert found is not None
    return found.mean, found.n


def test_all_ways_worked_by_hand() -> None:
    """Forty pairs whose first response is better, four kinds of rows."""
    kinds: list[list[Verdicts]] = [
        [(1, 1)] * 3,
        [(1, 1), (1, 1), (2, 2)],
        [(1, 2), (1, 1), (2, 2)],
        [(None, None), (2, 2), (2, 2)],
    ]
    said = {name: [kinds[n % 4][place] for n in range(40)] for place, name in enumerate("abc")}
    jury = jury_of(votes_of(said, [1] * 40))
    # b is right on 30 of 40, a on 25 of its 30, c on 10 of 40
    assert [(m.name, m.chosen, m.weight > 0) for m in jury.members] == [
        ("a", 10, True),
        ("b", 0, True),
        ("c", 0, False),
    ]
    best, equal, agreed = (jury.ways[name] for name in ("best", "equal", "unanimous"))
    assert (accuracy(jury, "best"), best.ties, best.unscored) == (25 / 30, 10, 10)
    # of the third kind a says 1, then 2, and b and c are opposed: level
    assert (accuracy(jury, "equal"), equal.ties, equal.unscored) == (25 / 40, 10, 0)
    assert (right(jury, "equal"), equal.decides.mean) == ((20 / 30, 30), 30 / 40)
    # c has no weight: b decides where a wavers, and has no quorum where a says nothing
    weighted = jury.ways["weighted"]
    assert (right(jury, "weighted"), weighted.ties, weighted.unscored) == ((1.0, 30), 0, 10)
    assert (right(jury, "unanimous"), agreed.decides.mean, agreed.unscored) == ((1.0, 10), 0.25, 30)
    assert "c is right on 0.250 (" in jury.notes[-1]


def test_weights_and_the_best_come_from_other_rows() -> None:
    """Each judge knows one document: what was learnt on the other is wrong."""
    labels = [1] * 40
    said = {"x": [(1, 1)] * 20 + [(2, 2)] * 20, "y": [(2, 2)] * 20 + [(1, 1)] * 20}
    votes = [replace(v, source="first" if v.id < "p0020" else "second") for v in votes_of(said, labels)]
    jury = jury_of(votes)
    assert accuracy(jury, "best") == accuracy(jury, "weighted") == 0
    assert accuracy(jury, "equal") == 0.5
    assert {member.chosen for member in jury.members} == {1}


def judge(draw: random.Random, labels: Sequence[int], skill: Callable[[int], float]) -> list[Verdicts]:
    """One verdict in both orders, right with the probability of ``skill`` on each row."""
    made = []
    for n, label in enumerate(labels):
        verdict = label if draw.random() < skill(n) else OTHER[label]
        made.append((verdict, verdict))
    return made


def test_independent_judges_gain_by_weights_and_nothing_is_warned_of() -> None:
    draw = random.Random(5)
    labels = [draw.choice([1, 2]) for _ in range(1000)]
    said = {f"j{n}": judge(draw, labels, lambda _, n=n: 0.9 - 0.1 * n) for n in range(3)}  # type: ignore[misc]
    jury = jury_of(votes_of(said, labels))
    assert accuracy(jury, "weighted") >= accuracy(jury, "best") - 0.01
    assert right(jury, "unanimous")[0] > 0.97
    assert jury.unanimity is not None
    assert (jury.unanimity.low or 0) > 0
    assert not any("nanim" in note for note in jury.notes)


def test_judges_that_err_together_are_warned_of() -> None:
    """On three rows of five all but one judge are fooled, in both orders: consistent, unanimous and wrong."""
    draw = random.Random(6)
    labels = [draw.choice([1, 2]) for _ in range(300)]
    fooled = [n % 5 < 3 for n in range(300)]
    said = {f"weak{k}": judge(draw, labels, lambda n: 0.05 if fooled[n] else 0.9) for k in range(3)}
    said["strong"] = judge(draw, labels, lambda n: 0.35 if fooled[n] else 0.95)
    found = calibrate(Votes("v", votes_of(said, labels)))
    [jury] = found.juries
    assert [member.name for member in jury.members if member.chosen] == ["strong"]
    told = "\n".join(jury.notes)
    assert "Equal weights are below the best judge alone: 0." in told
    assert "which may be chance" not in told
    assert "Unanimous and wrong: right on 0.4" in told
    assert "Unanimity is no more right than the best judge alone where it decides" in told
    consistent = {one.name for one in found.judges if any("being consistent" in note for note in one.notes)}
    assert consistent == {"weak0", "weak1", "weak2"}


SIDES = st.sampled_from([1, 2, 0, None])
TABLE = st.lists(
    st.tuples(st.sampled_from([1, 2, 0]), st.lists(st.tuples(SIDES, SIDES), min_size=3, max_size=3)),
    min_size=20,
    max_size=40,
)
Table = list[tuple[int, list[Verdicts]]]


def from_table(table: Table) -> list[PairVote]:
    said = {name: [verdicts[place] for _, verdicts in table] for place, name in enumerate("abc")}
    return votes_of(said, [label for label, _ in table])


@given(TABLE, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_neither_the_order_of_votes_nor_of_judges_matters(table: Table, draw: random.Random) -> None:
    votes = from_table(table)
    before = jury_of(votes)
    draw.shuffle(votes)
    assert jury_of(votes) == before


@given(TABLE)
@settings(max_examples=25, deadline=None)
def test_a_judge_that_says_nothing_changes_no_verdict_but_unanimity(table: Table) -> None:
    votes = from_table(table)
    silent = votes_of({"silent": [(None, None)] * len(table)}, [label for label, _ in table])
    before, after = jury_of(votes), jury_of([*votes, *silent])
    assert after.ways["weighted"] == before.ways["weighted"]
    assert after.ways["best"] == before.ways["best"]
    assert after.ways["unanimous"].right is None
    quiet = next(member for member in after.members if member.name == "silent")
    assert (quiet.accuracy, quiet.weight, quiet.chosen) == (None, 0, 0)


@given(TABLE)
@settings(max_examples=25, deadline=None)
def test_the_sides_may_change_places(table: Table) -> None:
    votes = from_table(table)
    mirrored = [
        replace(v, forward=OTHER[v.swapped], swapped=OTHER[v.forward], label=OTHER[v.label]) for v in votes
    ]
    assert jury_of(mirrored).ways == jury_of(votes).ways


@given(TABLE)
@settings(max_examples=25, deadline=None)
def test_copies_of_one_judge_are_that_judge(table: Table) -> None:
    alike: Table = [(label, verdicts[:1] * 3) for label, verdicts in table]
    jury = jury_of(from_table(alike))
    best, equal = jury.ways["best"], jury.ways["equal"]
    assert replace(equal, against_best=None) == best
    found = equal.against_best
    assert found is None or found.mean == 0
    # ties are no side, and no missing verdict counts for or against
    assert best.unscored == sum(None in verdicts[0] for _, verdicts in alike)
    assert best.decides.mean == pytest.approx(
        sum(a == b and a in (1, 2) for _, [(a, b), *_] in alike) / len(alike)
    )


@pytest.mark.parametrize(
    ("rows", "source", "note"),
    [
        (9, None, "9 rows were judged by all members: too few"),
        (30, "a.md", "all rows are of one source"),
    ],
)
def test_too_little_is_said_and_not_measured(rows: int, source: str | None, note: str) -> None:
    said = {"a": [(1, 1)] * rows, "b": [(2, 1)] * rows}
    jury = jury_of(votes_of(said, [1] * rows, source=source))
    assert jury.ways == {}
    assert jury.notes[0].startswith(note)
    assert [member.accuracy for member in jury.members] == [None, None]


def test_rows_that_one_did_not_judge_are_left_out_and_counted() -> None:
    votes = votes_of({"a": [(1, 1)] * 50, "b": [(2, 2)] * 50}, [1] * 50)
    jury = jury_of([v for v in votes if v.judge == "a" or v.id >= "p0020"])
    assert (jury.n, jury.seen) == (30, 50)
    assert jury.notes[-1] == "20 of 50 rows were not judged by all members and are left out"
    assert "b is right on 0.000" in jury.notes[-2]


def test_juries_are_judges_asked_alike_or_those_named() -> None:
    votes = votes_of({"a/x": [(1, 1)] * 20, "b/x": [(1, 1)] * 20}, [1] * 20, asked="x")
    votes += votes_of({"a/y": [(1, 1)] * 20}, [1] * 20, asked="y")
    names = [[m.name for m in jury.members] for jury in juries_of(Votes("v", votes))]
    assert names == [["a/x", "b/x"]]
    [named] = juries_of(Votes("v", votes), [["a/*", "b/x"]])
    assert [m.name for m in named.members] == ["a/x", "a/y", "b/x"]
    with pytest.raises(UsageError, match="no judge is called nobody") as error:
        juries_of(Votes("v", votes), [["nobody", "a/x"]])
    assert error.value.cure == "there are: a/x, a/y, b/x"
    with pytest.raises(UsageError, match="a jury of one: a/y"):
        juries_of(Votes("v", votes), [["a/y"]])


def raters(rows: int, noises: dict[str, float], seed: int, span: float = 1) -> list[Rating]:
    """Scores that are the true quality and noise of their own; some rows unscored."""
    draw = random.Random(seed)
    made = []
    for n in range(rows):
        quality = draw.random()
        label = float(quality > 0.5)
        for name, noise in noises.items():
            score = min(1, max(0, quality + draw.gauss(0, noise))) * span
            made.append(Rating(f"r{n:04}", name, None if draw.random() < 0.03 else score, label))
    return made


def test_a_jury_of_raters_is_better_than_its_members_when_they_err_apart() -> None:
    [jury] = juries_of(Votes("v", ratings=raters(300, {"a": 0.25, "b": 0.3, "c": 0.35}, 1)))
    assert jury.kind == "rating"
    assert jury.members[0].weight > jury.members[-1].weight > 0
    assert accuracy(jury, "weighted") > accuracy(jury, "best")
    assert accuracy(jury, "equal") > accuracy(jury, "best")
    assert right(jury, "unanimous")[0] > accuracy(jury, "weighted")
    assert jury.ways["weighted"].unscored < jury.ways["best"].unscored
    assert not any(note.startswith(("Equal", "Weights", "Unan")) for note in jury.notes)


def test_scores_of_other_scales_are_not_averaged_raw() -> None:
    [jury] = juries_of(Votes("v", ratings=raters(60, {"a": 0.2, "b": 0.3}, 2, span=10)))
    assert list(jury.ways) == ["best", "weighted", "unanimous"]
    assert "Scores leave 0 to 1" in jury.notes[0]


def test_labels_on_a_scale_need_to_know_which_are_good_for_a_jury_too() -> None:
    given = [replace(r, label=1 + 4 * r.label) for r in raters(60, {"a": 0.2, "b": 0.3}, 3)]
    [jury] = juries_of(Votes("v", ratings=given))
    assert jury.notes == ("labels are on a scale: say with --good-from which are good",)
    [told] = juries_of(Votes("v", ratings=given), good_from=4)
    assert accuracy(told, "best") > 0.7
    [all_good] = juries_of(Votes("v", ratings=given), good_from=1)
    assert all_good.notes == ("60 good rows and 0 others: 5 of each kind are needed",)


@pytest.fixture(scope="module")
def published(shared: Path) -> dict[str, Jury]:
    votes = read_votes(shared / "judgments" / "mtbench_votes.jsonl")
    return {jury.name: jury for jury in [*juries_of(votes), *juries_of(votes, [["*"]])]}


@pytest.mark.shared
@pytest.mark.parametrize(
    ("jury", "expected"),
    [
        ("Vanilla_NoRules", ["0.810", "0.790", "0.802", "0.941", "0.425"]),
        ("Metrics_Reference", ["0.810", "0.792", "0.807", "0.915", "0.355"]),
        ("*", ["0.790", "0.792", "0.795", "0.951", "0.305"]),
    ],
)
def test_published_judges_as_juries(published: dict[str, Jury], jury: str, expected: list[str]) -> None:
    found = published[jury]
    agreed = found.ways["unanimous"]
    figures = [accuracy(found, name) for name in ("best", "equal", "weighted")]
    figures += [right(found, "unanimous")[0], agreed.decides.mean]
    assert [f"{value:.3f}" for value in figures] == expected
    assert agreed.right is not None
    n = agreed.right.n
    assert (agreed.right.low, agreed.right.high) == wilson(round(agreed.right.mean * n), n)
    below = [note for note in found.notes if "below the best judge alone" in note]
    assert all("which may be chance" in note for note in below)
    assert len(below) == (0 if jury == "*" else 2)


@pytest.mark.shared
def test_published_judges_abstain_where_they_disagree(shared: Path) -> None:
    """No judge alone is right on nine verdicts of ten, from whatever sureness up; four of them are."""
    found = calibrate(read_votes(shared / "judgments" / "mtbench_votes.jsonl"), target=0.9)
    assert all(judge.threshold and judge.threshold.chosen is None for judge in found.judges)
    jury = next(one for one in found.juries if one.name == "Vanilla_NoRules")
    assert jury.abstention is not None
    assert jury.abstention.chosen is not None
    at = jury.abstention.chosen
    assert [f"{value:.3f}" for value in (at.score, at.precision, at.share)] == ["0.880", "0.904", "0.575"]


@pytest.mark.shared
def test_judges_that_waver_must_not_vote_for_a_tie(shared: Path) -> None:
    """Why every verdict is a vote: what the other two ways of counting would come to, with equal weights."""
    panel = next(
        panel
        for panel in panels_of(read_votes(shared / "judgments" / "mtbench_votes.jsonl"))[0]
        if panel.name == "Vanilla_NoRules"
    )
    by_order, by_judge = 0.0, 0.0
    for votes in zip(*panel.members.values(), strict=True):
        known = [vote for vote in votes if vote.verdict is not None]
        orders = {winner([v.forward for v in known]), winner([v.swapped for v in known])}
        by_order += credit(orders.pop() if len(orders) == 1 else "tie", votes[0].label)
        by_judge += credit(winner([v.verdict for v in known]), votes[0].label)
    assert (f"{by_order / 200:.3f}", f"{by_judge / 200:.3f}") == ("0.728", "0.733")


def winner(sides: Sequence[int | None]) -> str | None:
    words = {0: "tie", 1: "1", 2: "2"}
    return combine_pairs([(words[side], 1.0) for side in sides if side is not None]).winner


def credit(said: str | None, label: int) -> float:
    return 0.5 if said == "tie" else float(said == str(label))
