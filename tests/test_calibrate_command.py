"""gristmill calibrate: from votes and from a store to a page, a file that scorers read, and words."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.store_rows import fill, new_store, review, turns

from gristmill.calibration import JudgeCalibration, JudgeRecord
from gristmill.cli import app
from gristmill.errors import UsageError
from gristmill.records import Score
from gristmill_data.store import SegmentWriter
from gristmill_data.store.review import decide
from gristmill_evals.judging import read_votes
from gristmill_scorers.calibration_file import load_calibration

HOSTILE = "</script><script>window.pwned=1</script>"


def run(*args: object) -> None:
    app(["calibrate", *map(str, args)], standalone_mode=False)


@pytest.fixture
def votes(tmp_path: Path) -> Path:
    draw = random.Random(1)
    rows: list[dict[str, Any]] = []
    for n in range(300):
        score = draw.random()
        row = {"id": f"r{n}", "judge": f"strict {HOSTILE}", "score": score, "label": draw.random() < score}
        rows.append({**row, "source": f"doc{n // 3}", "response": "x" * draw.randint(5, 90)})
        side = draw.choice([1, 2])
        said = [side if draw.random() < 0.8 else 3 - side for _ in range(2)]
        pair = {"id": f"p{n}", "judge": "pairs", "winner_forward": said[0], "winner_swapped": said[1]}
        rows.append({**pair, "label": side})
    path = tmp_path / "votes.jsonl"
    path.write_text("\n".join([*map(json.dumps, rows), "{broken", '{"id": 1}']))
    return path


def test_a_file_of_votes_becomes_a_page_and_a_calibration(
    votes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, saved = tmp_path / "page.html", tmp_path / "calibration.json"
    run(votes, "--target-precision", 0.8, "--out", out, "--save", saved)
    said = capsys.readouterr().err
    assert "pairs: 300 rows, 0 unscored, accuracy 0." in said
    assert "2 lines could not be used:\n  line 601: not-json" in said
    page = out.read_text()
    assert HOSTILE not in page
    assert "Lines not used" in page
    assert page.count("<svg") == 4
    twin = json.loads((tmp_path / "page.json").read_text())
    assert [m["line"] for m in twin["malformed"]] == [601, 602]
    rating = load_calibration(saved).judges[f"strict {HOSTILE}"]
    assert rating.threshold is not None
    assert rating.threshold.score is not None
    assert rating.threshold.interval is not None
    assert rating.threshold.interval[0] < 0.8 <= (rating.threshold.precision or 0)
    assert rating.probability(0.9) == pytest.approx(0.9, abs=0.1)


def test_json_holds_the_same_figures(votes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(votes, "--json")
    printed = capsys.readouterr()
    said = json.loads(printed.out)
    assert printed.err == ""
    pair = next(judge for judge in said["judges"] if judge["name"] == "pairs")
    both = [v for v in read_votes(votes).pairs if v.forward == v.swapped]
    assert pair["pairs"]["same"]["mean"] == len(both) / 300
    assert pair["pairs"]["accuracy_when_same"]["n"] == len(both)


def jury_lines(rows: int) -> Iterator[dict[str, Any]]:
    """Two weak judges that contradict themselves and a good one, asked alike; and one asked otherwise."""
    draw = random.Random(4)
    for n in range(rows):
        row: dict[str, Any] = {"id": f"p{n}", "label": draw.choice([1, 2]), "prompt": "plain"}
        for judge, skill in (("good", 0.9), ("weak", 0.7), ("weaker", 0.55)):
            said = [row["label"] if draw.random() < skill else 3 - row["label"] for _ in range(2)]
            yield {**row, "judge": judge, "winner_forward": said[0], "winner_swapped": said[1]}
        yield {**row, "judge": "good", "prompt": "long", "winner_forward": None, "winner_swapped": 1}


def test_judges_asked_alike_are_reported_as_a_jury(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    votes = tmp_path / "votes.jsonl"
    votes.write_text("\n".join(map(json.dumps, jury_lines(120))))
    run(votes, "--out", tmp_path / "page.html")
    said = capsys.readouterr().err
    assert "jury plain: 3 judges of pairs, 120 rows judged by all\n  good/plain: weight " in said
    assert "  equal weights: accuracy 0." in said
    assert "  unanimous in every order: decides 0." in said
    assert "  ! Equal weights are below the best judge alone: 0." in said
    page = (tmp_path / "page.html").read_text()
    assert all(text in page for text in ("Jury: plain", "weights by accuracy", "Equal weights are below"))
    [jury] = json.loads((tmp_path / "page.json").read_text())["juries"]
    assert [member["name"] for member in jury["members"]] == ["good/plain", "weak/plain", "weaker/plain"]
    assert jury["ways"]["equal"]["against_best"]["high"] < 0
    run(votes, "--jury", "good/plain, weak/plain", "--jury", "weak*", "--json")
    named = json.loads(capsys.readouterr().out)["juries"]
    assert [(one["name"], len(one["members"])) for one in named] == [
        ("good/plain, weak/plain", 2),
        ("weak*", 2),
    ]


def test_reviews_of_a_store_are_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with new_store(tmp_path) as store:
        data = fill(store, examples=10)
        for n, example in enumerate(data.examples[:9]):
            decide(store, review(example, "accept" if n >= 4 else "reject"))
        decide(store, review(data.examples[5], "accept", by="bob"))
        decide(store, review(data.examples[0], "accept", by="bob"))
        last = decide(store, review(data.examples[9], "reject", by="bob", event="e9"))
        decide(store, review(data.examples[9], "undo", by="bob", event_id=last.event_id))
        decide(store, review(data.examples[8], "edit", by="cy", messages=turns("Which?", "That.")))
    run("--db", store.path, "--json")
    said = json.loads(capsys.readouterr().out)
    [judge] = said["judges"]
    assert (judge["name"], judge["n"], judge["correlation"] > 0.8) == ("answer", 7, True)
    assert said["left_out"] == {"reviewers divided": 1, "edited by a reviewer": 1}
    assert said["people"]["ann and bob"]["n"] == 2
    assert "of one source" in judge["notes"][0]


def test_a_store_without_reviews_says_what_to_do(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        fill(store)
    with pytest.raises(UsageError, match="nobody has decided") as error:
        run("--db", store.path)
    assert "gristmill review" in error.value.cure


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--target-precision", "1"], "between 0 and 1"),
        (["--db", "x.duckdb"], "exclude each other"),
        (["--save", "votes.jsonl"], "would overwrite"),
        (["--out", "page.html", "--save", "page.json"], "would overwrite the .json twin"),
        (["--out", "gone/page.html"], "no such folder"),
        (["--pairs", "gone.jsonl"], "no such file of pairs"),
        (["--jury", "pairs,nobody"], "no judge is called nobody"),
        (["--jury", "pairs"], "a jury of one: pairs"),
    ],
)
def test_wrong_arguments(
    votes: Path, args: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = votes.read_bytes()
    with pytest.raises(UsageError, match=said):
        run("votes.jsonl", *args)
    assert votes.read_bytes() == before


def test_a_calibration_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    record = JudgeRecord(kind="rating", accuracy=0.8, n=50, points=((0.0, 0.1), (0.5, 0.6), (1.0, 0.7)))
    made = JudgeCalibration(source="votes.jsonl", judges={"j": record})
    made.save(tmp_path / "c.json")
    assert load_calibration(tmp_path / "c.json") == made
    assert [record.probability(s) for s in (-1, 0, 0.25, 0.5, 2)] == [0.1, 0.1, pytest.approx(0.35), 0.6, 0.7]


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('"accuracy": 0.8', '"accuracy": 1.8', 8, "judges.j.accuracy"),
        ('"version": 1', '"version": 2', 3, "version"),
        ('"n": 50', '"rows": 50', 6, "judges.j.n: Field required"),
        ('"kind": "rating",', '"kind": "rating"', 8, "not JSON"),
    ],
)
def test_a_wrong_calibration_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    record = JudgeRecord(kind="rating", accuracy=0.8, n=50)
    path = tmp_path / "c.json"
    JudgeCalibration(judges={"j": record}).save(path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(UsageError, match=said) as error:
        load_calibration(path)
    assert error.value.where == f"{path}:{line}"
    with pytest.raises(UsageError, match="no calibration can be read"):
        load_calibration(tmp_path / "missing.json")


def test_judges_of_pairs_in_a_store_are_measured_by_their_votes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with new_store(tmp_path) as store:
        data = fill(store, examples=0, pairs=30)
        writer = SegmentWriter(store.path, "run-1")
        for n, pair in enumerate(data.pairs):
            vote = {
                "judge": "llm",
                "winner_forward": "1",
                "winner_swapped": "2" if n % 3 else "1",
                "chars": [9, n],
            }
            writer.add(Score(pair.id, "pair", "1", 0.5 if n % 3 else 1.0, votes=(vote,)))
        writer.flush()
        store.ingest()
        for n, pair in enumerate(data.pairs):
            decide(store, review(pair, "prefer", side="chosen" if n % 2 else "rejected"))
        decide(store, review(data.pairs[0], "prefer", by="bob", side="chosen"))
    run("--db", store.path, "--json")
    said = json.loads(capsys.readouterr().out)
    judge = next(one for one in said["judges"] if one["name"] == "pair/llm")
    assert (judge["kind"], judge["n"]) == ("pair", 29)
    assert judge["pairs"]["same"]["mean"] == pytest.approx(9 / 29)
    assert judge["lengths"]["n"] == 29
    assert said["left_out"] == {"reviewers divided": 1, "a pair with no-majority": 1}


def member(judge: str, **said: Any) -> dict[str, Any]:
    """A row of a jury's votes about one member, as the scorer ``jury`` keeps it."""
    return {"role": judge, "model": judge, "judge": judge, "weight": 1.0, **said}


def test_juries_of_a_store_are_measured_member_by_member_and_as_a_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with new_store(tmp_path) as store:
        data = fill(store, examples=24, pairs=24)
        writer = SegmentWriter(store.path, "run-1")
        for n, pair in enumerate(data.pairs):
            verdicts = {"winner_forward": "1", "winner_swapped": "1" if n % 3 else "2"}
            voted = [
                member(name, value=1.0, votes=[{**verdicts, "chars": [9, 9]}]) for name in ("org/a", "b")
            ]
            head = {"jury": "pair", "judge": "jury", **verdicts, "chars": [9, 9]}
            writer.add(Score(pair.id, "pair", "1", 1.0, votes=(head, *voted)))
        for n, example in enumerate(data.examples):
            rated = [member("org/a", value=n / 24, votes=[]), member("b", unscored="refused", votes=[])]
            writer.add(Score(example.id, "rubric", "1", n / 24, votes=({"jury": "rubric"}, *rated)))
        writer.flush()
        store.ingest()
        for example in (*data.examples, *data.pairs):
            kind = {"action": "prefer", "side": "chosen"} if example in data.pairs else {"action": "accept"}
            decide(store, review(example, **kind))  # type: ignore[arg-type]
    run("--db", store.path, "--json")
    said = json.loads(capsys.readouterr().out)
    names = {judge["name"]: (judge["n"], judge["unscored"]) for judge in said["judges"]}
    assert names["pair/org/a"] == names["pair/b"] == names["pair/jury"] == (24, 0)
    assert (names["rubric"], names["rubric/b"]) == ((24, 0), (24, 24))
    juries = {jury["name"]: [one["name"] for one in jury["members"]] for jury in said["juries"]}
    assert juries == {"pair": ["pair/b", "pair/org/a"], "rubric": ["rubric/b", "rubric/org/a"]}
