"""Reading votes: every form of a line, and lines that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gristmill.errors import UsageError
from gristmill_evals.judging import PairVote, read_votes
from gristmill_evals.judging.pairs_file import read_lengths
from gristmill_evals.judging.reviews import votes_of_reviews


def written(folder: Path, *lines: Any) -> Path:
    path = folder / "votes.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def pair(**changes: Any) -> dict[str, Any]:
    return {"id": "p1", "judge": "j", "winner_forward": "1", "winner_swapped": "2", "label": 1, **changes}


def rating(**changes: Any) -> dict[str, Any]:
    return {"id": "r1", "judge": "j", "score": 0.5, "label": True, **changes}


@pytest.mark.parametrize(
    ("forward", "swapped", "verdict", "sureness"),
    [("1", 1, 1, 1.0), ("1", "2", 0, 0.0), ("Tie", 0, 0, 1.0), ("B", "b", 2, 1.0), (None, "1", None, None)],
)
def test_two_orders_are_one_verdict(
    tmp_path: Path, forward: Any, swapped: Any, verdict: int | None, sureness: float | None
) -> None:
    [vote] = read_votes(written(tmp_path, pair(winner_forward=forward, winner_swapped=swapped))).pairs
    assert (vote.verdict, vote.sureness) == (verdict, sureness)


def test_one_order_a_prompt_a_source_and_a_score_are_kept(tmp_path: Path) -> None:
    line = pair(prompt="strict", source="a.md", score=0.8)
    del line["winner_swapped"]
    [vote] = read_votes(written(tmp_path, line)).pairs
    assert vote == PairVote("p1", "j/strict", 1, None, False, 1, "a.md", 0.8, asked="strict")
    assert (vote.verdicts, vote.verdict, vote.sureness) == ((1,), 1, 0.8)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not-json"),
        ("[1]", "not-an-object"),
        ({"id": "x", "judge": "j", "label": 1}, "no-verdict"),
        (pair(id=None), "no-id"),
        (pair(judge=""), "no-judge"),
        (pair(label=None), "no-label"),
        (pair(label=3), "wrong-label"),
        (pair(label=True), "wrong-label"),
        (pair(winner_forward="first"), "wrong-winner-forward"),
        (pair(winner_swapped={}), "wrong-winner-swapped"),
        (pair(label=None, labels=[1, 2]), "no-majority"),
        (pair(labels="1"), "wrong-labels"),
        (rating(score="high"), "wrong-score"),
        ('{"id": "r", "judge": "j", "score": 1e999, "label": 1}', "not-json"),
        (rating(label="perhaps"), "wrong-label"),
        (pair(jury=5), "wrong-jury"),
        (pair(id="good"), "seen-before"),
        (pair(id="good", judge="k", label=2), "label-conflict"),
    ],
)
def test_lines_that_cannot_be_used_are_counted_and_named(tmp_path: Path, line: Any, reason: str) -> None:
    votes = read_votes(written(tmp_path, pair(id="good"), "", line, rating()))
    assert [(one.line, one.reason) for one in votes.malformed] == [(3, reason)]
    assert votes.malformed[0].detail
    assert votes.n == 2


def test_a_jury_is_named_or_made_of_judges_with_one_prompt(tmp_path: Path) -> None:
    lines = [
        pair(jury="three"),
        pair(judge="k", prompt="strict", jury="three"),
        rating(prompt="strict"),
        rating(id="s"),
    ]
    votes = read_votes(written(tmp_path, *lines))
    assert [row.asked for row in (*votes.pairs, *votes.ratings)] == ["three", "three", "strict", ""]


def test_labels_of_several_people_give_the_majority(tmp_path: Path) -> None:
    lines = [
        rating(id="a", label=None, labels={"ann": "accept", "bob": "reject", "cy": True}),
        pair(id="b", label=None, labels=[2, 2, None]),
    ]
    votes = read_votes(written(tmp_path, *lines))
    assert (votes.ratings[0].label, votes.pairs[0].label) == (1.0, 2)
    assert votes.raters == {"a": {"ann": 1.0, "bob": 0.0, "cy": 1.0}}
    assert votes.pair_raters == {"b": {"rater 1": 2, "rater 2": 2}}


def test_a_file_without_a_usable_line_is_an_error_with_its_first_reason(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"votes.jsonl:1: no line can be used; not-json"):
        read_votes(written(tmp_path, "{"))
    with pytest.raises(UsageError, match="holds no line"):
        read_votes(written(tmp_path))
    with pytest.raises(UsageError, match="no such file"):
        read_votes(tmp_path / "missing.jsonl")


def test_lengths_are_read_and_wrong_lines_named(tmp_path: Path) -> None:
    good = {"id": 7, "response_1": "four", "response_2": "no"}
    assert read_lengths(written(tmp_path, good)) == {"7": (4, 2)}
    for line, said in (("{", "not JSON"), ("3", "not a JSON object"), ({"id": 1}, "no id, response_1")):
        with pytest.raises(UsageError, match=f"votes.jsonl:2: {said}"):
            read_lengths(written(tmp_path, good, line))


def test_edited_and_divided_rows_are_left_out_and_counted() -> None:
    base = {"scorer": "answer", "value": 0.5, "document_id": "d", "chars": 9, "edited": False}
    rows = [
        {**base, "example_id": "a", "labels": {"ann": True, "bob": True, "cy": False}},
        {**base, "example_id": "b", "labels": {"ann": True, "bob": False}},
        {**base, "example_id": "c", "labels": {"ann": True}, "edited": True},
        {**base, "example_id": "d", "labels": {}, "edited": True},
        {**base, "example_id": "e", "labels": {"bob": False}, "value": None},
    ]
    votes = votes_of_reviews(rows, "mill.duckdb")
    assert [(r.id, r.label, r.score, r.source, r.length) for r in votes.ratings] == [
        ("a", 1.0, 0.5, "d", 9),
        ("e", 0.0, None, "d", 9),
    ]
    assert votes.left_out == {"reviewers divided": 1, "edited by a reviewer": 2}
    assert set(votes.raters) == {"a", "b", "c", "e"}
