"""Reviewers' verdicts become probabilities: how far they move, when not, and the file that keeps them."""

from __future__ import annotations

import functools
import json
import math
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.store_rows import fill, new_store

from gristmill.cli import app
from gristmill.errors import UsageError
from gristmill.records import Match
from gristmill_data.store import SegmentWriter
from gristmill_data.store.matches import MatchVerdict, judge_match
from gristmill_evals.contamination.calibration import Recalibration, logit
from gristmill_evals.contamination.recalibrate import Verdict, read_verdicts, recalibrate


def verdicts(
    n: int, offset: float, slope: float = 1.0, seed: int = 7, label: str = "paraphrase"
) -> list[Verdict]:
    """Matches that are right with probability sigmoid(slope * logit(score) + offset)."""
    draw = random.Random(seed)
    scores = [draw.uniform(0.02, 0.98) for _ in range(n)]
    chances = [1 / (1 + math.exp(-(slope * logit(score) + offset))) for score in scores]
    return [
        Verdict(score, label, "fuzzy", "mill", draw.random() < chance)
        for score, chance in zip(scores, chances, strict=True)
    ]


@functools.cache
def fitted(n: int, offset: float, seed: int = 7) -> Recalibration:
    return recalibrate(verdicts(n, offset, seed=seed))


def test_many_verdicts_move_the_probabilities_to_where_they_belong() -> None:
    made = fitted(600, -1.5)
    assert made.method == "platt"
    assert made.loss_after < made.loss_before
    assert made.apply(0.5, "paraphrase") == pytest.approx(1 / (1 + math.exp(1.5)), abs=0.06)
    assert made.n == 600


def test_few_verdicts_move_little_and_true_ones_nothing() -> None:
    few = recalibrate(verdicts(24, offset=-1.5, seed=3))
    many = recalibrate(verdicts(600, offset=-1.5, seed=3))
    assert many.apply(0.5, "paraphrase") < few.apply(0.5, "paraphrase") <= 0.5
    honest = recalibrate(verdicts(600, offset=0.0))
    assert honest.apply(0.5, "paraphrase") == pytest.approx(0.5, abs=0.06)


def test_labels_are_recalibrated_apart() -> None:
    both = [*verdicts(300, -2.0), *verdicts(300, 0.0, seed=8, label="near")]
    made = recalibrate(both)
    assert made.apply(0.6, "paraphrase") < 0.35 < 0.5 < made.apply(0.6, "near")
    unknown = made.apply(0.6, "translated")
    assert made.apply(0.6, "paraphrase") < unknown < made.apply(0.6, "near")


def test_the_order_of_verdicts_does_not_matter_and_scores_keep_their_order() -> None:
    given = verdicts(150, offset=-2.0)
    made = recalibrate(given)
    assert made == recalibrate(reversed(given))
    applied = [made.apply(n / 50, "paraphrase") for n in range(51)]
    assert applied == sorted(applied)
    assert all(0 < probability < 1 for probability in applied)


def test_an_odd_shape_of_many_verdicts_takes_steps() -> None:
    draw = random.Random(1)
    scores = [draw.uniform(0.02, 0.98) for _ in range(1500)]
    shape = [Verdict(s, "near", "", "mill", draw.random() < (0.1 if s < 0.6 else 0.5)) for s in scores]
    made = recalibrate(shape)
    assert made.method == "isotonic"
    assert made.apply(0.4, "near") == pytest.approx(0.1, abs=0.06)
    assert made.apply(0.95, "near") == pytest.approx(0.5, abs=0.1)
    assert made.apply(0.0, "near") == made.steps[0][1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (verdicts(19, 0.0), "19 verdicts"),
        ([Verdict(0.5, "near", "", "", True)] * 40, "40 right, 0 wrong"),
        ([], "0 verdicts"),
    ],
)
def test_too_few_or_one_sided_verdicts_are_refused(given: list[Verdict], said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        recalibrate(given)
    assert "until there are 20 verdicts, 5 or more of each kind" in error.value.cure


def test_thresholds_reach_their_precision_or_say_that_none_does() -> None:
    right = [Verdict(0.7 + n / 1000, "near", "", "", True) for n in range(100)]
    wrong = [Verdict(0.2 + n / 1000, "near", "", "", False) for n in range(100)]
    made = recalibrate([*right, *wrong])
    top = made.thresholds[-1]
    assert (top.target, top.precision, top.n) == (0.99, 100 / 101, 101)
    assert top.score == pytest.approx(made.apply(0.299, "near"))
    assert top.interval is not None
    assert top.interval[0] < 0.99 < top.interval[1]
    mixed = recalibrate([Verdict(0.5, "near", "", "", n % 2 == 0) for n in range(60)])
    assert [(t.score, t.n) for t in mixed.thresholds] == [(None, 0)] * 4


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    for made in (fitted(60, -1.0), fitted(60, 0.0, 2)):
        made.save(tmp_path / "c.json")
        assert Recalibration.load(tmp_path / "c.json") == made


def test_a_calibration_of_other_scores_warns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = fitted(60, -1.0)
    made.save(tmp_path / "c.json")
    Recalibration.load(tmp_path / "c.json")
    assert not caplog.text
    replace(made, base="before").save(tmp_path / "c.json")
    Recalibration.load(tmp_path / "c.json")
    assert "fitted to scores of version before" in caplog.text


def test_the_inverse_brings_shipped_scores_back() -> None:
    made = fitted(600, -1.5)
    for score in (0.1, 0.5, 0.9):
        assert made.shipped(made.apply(score, "paraphrase"), "paraphrase") == pytest.approx(score, abs=1e-6)
    assert made.least(0.5) <= made.shipped(0.5, "paraphrase")
    assert made.apply(made.least(0.5), "paraphrase") <= 0.5


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "no calibration can be read"),
        ("{}", "no calibration"),
        ('{"format": "gristmill-contamination-calibration", "version": 99}', "another version"),
        ('{"format": "gristmill-contamination-calibration", "version": 1}', "damaged"),
    ],
)
def test_a_file_that_is_no_calibration(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(UsageError, match=said):
        Recalibration.load(tmp_path / "c.json")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"score": 2, "label": "near", "right": true}', "v.jsonl:2: score is no number"),
        ('{"score": 0.5, "label": "near", "right": "yes"}', "right is neither"),
        ('{"score": 0.5, "right": true}', "label is not a text"),
        ("[]", "not a JSON object"),
        ("{", "not JSON"),
    ],
)
def test_broken_verdicts_are_named(tmp_path: Path, row: str, said: str) -> None:
    (tmp_path / "v.jsonl").write_text('{"score": 0.5, "label": "near", "right": true}\n' + row)
    with pytest.raises(UsageError, match=said):
        read_verdicts(tmp_path / "v.jsonl")


def write(path: Path, given: list[Verdict]) -> None:
    rows = [{"score": v.score, "label": v.label, "right": v.right, "benchmark": v.benchmark} for v in given]
    path.write_text("\n".join(map(json.dumps, rows)))


def test_the_command_fits_a_file_of_verdicts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "v.jsonl", verdicts(200, -1.5))
    out = tmp_path / "c.json"
    args = ["recalibrate", "--verdicts", str(tmp_path / "v.jsonl"), "--out", str(out)]
    app([*args, "--json"], standalone_mode=False)
    said = json.loads(capsys.readouterr().out)
    made = Recalibration.load(out)
    assert (said["n"], said["method"], made.n) == (200, "platt", 200)
    app(args, standalone_mode=False)
    assert f"recalibrated (200 verdicts: {made.verdicts['paraphrase'][0]} right" in capsys.readouterr().err


def test_scores_made_with_a_calibration_are_taken_back(tmp_path: Path) -> None:
    given = verdicts(200, -1.5)
    first = fitted(200, -1.5)
    again = [
        {"score": first.apply(v.score, v.label), "label": v.label, "right": v.right, "benchmark": "mill"}
        for v in given
    ]
    (tmp_path / "v.jsonl").write_text("\n".join(map(json.dumps, again)))
    read = read_verdicts(tmp_path / "v.jsonl", first)
    assert [v.score for v in read] == pytest.approx([v.score for v in given], abs=1e-6)
    keeping = {**again[0], "raw_score": 0.25}
    (tmp_path / "v.jsonl").write_text(json.dumps(keeping))
    assert read_verdicts(tmp_path / "v.jsonl", first)[0].score == 0.25


def test_the_command_reads_the_verdicts_of_a_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = verdicts(60, -1.5, seed=5)
    with new_store(tmp_path) as store:
        example = fill(store).examples[0]
        writer = SegmentWriter(store.path, "run-1")
        for n, one in enumerate(given):
            spans = (0, 4), (0, 4)
            writer.add(
                Match(example.id, "mill", f"i{n}", "paraphrase", one.score, *spans, "What?", "reworded")
            )
        writer.flush()
        store.ingest()
        for n, one in enumerate(given):
            key, now = (example.id, "mill", f"i{n}"), datetime.now(UTC)
            judge_match(store, MatchVerdict(f"v{n}", key, "paraphrase", one.right, "ann", now))
    out = tmp_path / "c.json"
    app(["recalibrate", "--db", str(store.path), "--out", str(out), "--json"], standalone_mode=False)
    said = json.loads(capsys.readouterr().out)
    expected = recalibrate(Verdict(v.score, v.label, "reworded", "mill", v.right) for v in given)
    assert Recalibration.load(out) == expected
    assert (said["n"], said["benchmarks"]) == (60, {"mill": 60})
