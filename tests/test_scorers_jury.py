"""A jury of three models over HTTP: weights, members that are missing, abstention, and the record."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import orjson
import pytest
from support.jury_server import DOWN, JuryServer, calibration, jury
from support.scripted_ask import ScriptedAsk, item

from gristmill.calibration import JudgeCalibration, JudgeRecord
from gristmill.errors import ModelConfigError, ModelUnavailableError, StoppedError, UsageError
from gristmill.juries import weights
from gristmill.models.types import Answer
from gristmill.records import Item, Score
from gristmill.registry import Scored, Unscored
from gristmill_ui.services import view

if TYPE_CHECKING:
    from gristmill_ui.services.view import ItemView

GOOD, BAD = "It leaves at 6:40 from the north pier.", "It leaves at 7:40."
QUESTION, PASSAGE = "When does the ferry leave?", "It leaves at 6:40."
ROW = item(GOOD, instruction=QUESTION, passage=PASSAGE)
PAIR = item(GOOD, instruction=QUESTION, passage=PASSAGE, rejected=BAD)


async def scored(folder: Path, row: Item, minds: dict[str, Any], **options: Any) -> Scored:
    with JuryServer(minds, GOOD) as server:
        result = await server.judge(jury(folder, **options), row)
    assert isinstance(result, Scored), result
    return result


async def unscored(folder: Path, row: Item, minds: dict[str, Any], **options: Any) -> Unscored:
    with JuryServer(minds, GOOD) as server:
        result = await server.judge(jury(folder, **options), row)
    assert isinstance(result, Unscored), result
    return result


async def test_a_mean_of_scores_with_everybody_on_record(tmp_path: Path) -> None:
    result = await scored(tmp_path, ROW, {"a": 4, "b": 1, "c": 1})
    assert result.value == pytest.approx((1 + 0.25 + 0.25) / 3)
    first, *members = result.votes
    told = {"jury": "ferry", "judge": "jury", "mode": "scores", "weighted": False, "spoken": 1.0}
    assert first == {**told, "agreement": pytest.approx(2 / 3)}
    assert [(row["role"], row["model"], row["weight"], row["value"]) for row in members] == [
        ("a", "openai:m-a", 1.0, 1.0),
        ("b", "openai:m-b", 1.0, 0.25),
        ("c", "openai:m-c", 1.0, 0.25),
    ]
    assert [vote["criterion"] for vote in members[0]["votes"]] == ["one", "two"]
    assert "a (openai:m-a): 1.00, 4 of 4 points" in result.rationale
    assert [row["criterion"] for row in result.evidence] == ["one", "two"]


async def test_weights_change_the_outcome(tmp_path: Path) -> None:
    minds = {"a": "1", "b": "2", "c": "2"}
    equal = await scored(tmp_path, PAIR, minds, of="pair")
    assert (equal.value, equal.votes[0]["winner_forward"]) == (0.0, "2")
    file = calibration(tmp_path, "pair", a=0.9, b=0.6, c=0.65)
    weighed = await scored(tmp_path, PAIR, minds, of="pair", calibration=file)
    assert (weighed.value, weighed.votes[0]["winner_forward"]) == (1.0, "1")
    assert [row["weight"] for row in weighed.votes[1:]] == [weights(a, 200) for a in (0.9, 0.6, 0.65)]
    file = calibration(tmp_path, a=0.9, b=0.6, c=0.6)
    mean = await scored(tmp_path, ROW, {"a": 4, "b": 1, "c": 1}, calibration=file)
    heavy, light = weights(0.9, 200), weights(0.6, 200)
    assert mean.value == pytest.approx((heavy + 0.5 * light) / (heavy + 2 * light))


@pytest.mark.parametrize(
    ("minds", "value", "agreement"),
    [
        (("1", "1", "2"), 1.0, 2 / 3),
        (("tie", "tie", "1"), 0.5, 2 / 3),
        (("1", "2", "tie"), 0.5, 1 / 3),
        (("1", "1/2", "1/2"), 1.0, 2 / 3),  # two take what is shown first: that decides nothing
        (("1/2", "1/2", "1/2"), 0.5, 0),
        (("1/tie", "2/1", "1"), 1.0, 2 / 3),
    ],
)
async def test_pairs_are_decided_by_all_verdicts_of_both_orders(
    tmp_path: Path, minds: tuple[str, str, str], value: float, agreement: float
) -> None:
    result = await scored(tmp_path, PAIR, dict(zip("abc", minds, strict=True)), of="pair")
    row = result.votes[0]
    assert (result.value, row["winner_forward"]) == (value, {1.0: "1", 0.5: "tie"}[value])
    assert (row["agreement"], row["chars"]) == (pytest.approx(agreement), [len(GOOD), len(BAD)])
    assert row["score"] == row["agreement"]


async def test_one_order_is_enough_where_only_one_was_asked(tmp_path: Path) -> None:
    minds = {"a": "1", "b": "1/2", "c": "2"}
    result = await scored(tmp_path, PAIR, minds, of="pair", given={"both_orders": False})
    assert (result.value, result.votes[0]["agreement"]) == (1.0, pytest.approx(2 / 3))


async def test_a_member_that_is_down_counts_for_nothing(tmp_path: Path) -> None:
    result = await scored(tmp_path, ROW, {"a": 4, "b": 1, "c": DOWN})
    assert result.value == pytest.approx((1 + 0.25) / 2)
    assert result.votes[0]["spoken"] == pytest.approx(2 / 3)
    assert result.votes[3]["unscored"] == "overloaded"
    assert "value" not in result.votes[3]
    assert "c (openai:m-c): unscored, overloaded" in result.rationale
    pair = await scored(tmp_path, PAIR, {"a": "1", "b": DOWN, "c": "1"}, of="pair")
    assert pair.value == 1.0


async def test_a_member_without_a_verdict_keeps_its_text(tmp_path: Path) -> None:
    result = await scored(tmp_path, ROW, {"a": 4, "b": 4, "c": "I would rather not say."})
    assert (result.value, result.votes[3]["raw"]) == (1.0, "I would rather not say.")
    assert result.votes[3]["unscored"] == "invalid-json"


@pytest.mark.parametrize(
    ("minds", "reason"),
    [
        ({"a": 4, "b": DOWN, "c": DOWN}, "no-quorum"),
        ({"a": DOWN, "b": "What?", "c": DOWN}, "no-quorum"),
        ({"a": DOWN, "b": DOWN, "c": DOWN}, "overloaded"),
    ],
)
async def test_without_a_quorum_it_is_unscored_with_the_reasons(
    tmp_path: Path, minds: dict[str, Any], reason: str
) -> None:
    result = await unscored(tmp_path, ROW, minds)
    assert result.reason == reason
    assert result.raw.count("unscored, overloaded") == list(minds.values()).count(DOWN)
    assert [row.get("unscored", "") for row in result.votes[1:]].count("") == (1 if minds["a"] == 4 else 0)


async def test_the_weight_and_not_the_count_makes_a_quorum(tmp_path: Path) -> None:
    file = calibration(tmp_path, a=0.95, b=0.55, c=0.55)
    alone = await scored(tmp_path, ROW, {"a": 4, "b": DOWN, "c": DOWN}, calibration=file)
    assert alone.value == 1.0
    others = await unscored(tmp_path, ROW, {"a": DOWN, "b": 4, "c": 4}, calibration=file)
    assert others.reason == "no-quorum"


async def test_below_the_agreement_it_abstains_and_keeps_the_votes(tmp_path: Path) -> None:
    split = {"a": "1", "b": "1", "c": "2"}
    result = await unscored(tmp_path, PAIR, split, of="pair", min_agreement=0.7)
    assert result.reason == "abstained"
    assert result.votes[0]["winner_forward"] is None
    assert [row["value"] for row in result.votes[1:]] == [1.0, 1.0, 0.0]
    assert "agreement 0.67" in result.raw
    assert (await scored(tmp_path, PAIR, split, of="pair", min_agreement=0.67)).value == 1.0
    far = {"a": 4, "b": 1, "c": 0}
    assert (await unscored(tmp_path, ROW, far, min_agreement=0.7)).reason == "abstained"
    assert (await scored(tmp_path, ROW, far, min_agreement=0.7, near=1)).value == pytest.approx(1.25 / 3)


async def test_probabilities_only_where_all_judges_have_a_curve(tmp_path: Path) -> None:
    file = tmp_path / "judges.json"
    known = JudgeRecord(kind="rating", accuracy=0.8, n=100, points=((0.0, 0.1), (1.0, 0.6)), method="platt")
    records = {f"ferry/openai:m-{role}": known for role in "abc"}
    JudgeCalibration(judges=records).save(file)
    sure = await scored(tmp_path, ROW, {"a": 4, "b": 4, "c": 0}, calibration=file.name)
    assert sure.value == pytest.approx((0.6 + 0.6 + 0.1) / 3)
    assert sure.votes[0]["mode"] == "probabilities"
    assert [(row["value"], row["probability"]) for row in sure.votes[2:]] == [(1.0, 0.6), (0.0, 0.1)]
    records["ferry/openai:m-c"] = JudgeRecord(kind="rating", accuracy=0.8, n=100)
    JudgeCalibration(judges=records).save(file)
    mixed = jury(tmp_path, calibration=file.name)
    assert "no calibration curve of c" in " ".join(mixed.doubts())
    plain = await scored(tmp_path, ROW, {"a": 4, "b": 4, "c": 0}, calibration=file.name)
    assert (plain.value, plain.votes[0]["mode"]) == (pytest.approx(2 / 3), "scores")


async def test_a_judge_no_better_than_a_coin_is_not_asked(tmp_path: Path) -> None:
    file = calibration(tmp_path, a=0.9, b=0.8, c=0.5)
    made = jury(tmp_path, calibration=file)
    [doubt] = [said for said in made.doubts() if "coin" in said]
    assert "c (openai:m-c) was right on 0.500 of 200 rows" in doubt
    assert made.calls_per_example() == {"a": 1.0, "b": 1.0}
    with JuryServer({"a": 4, "b": 4, "c": 0}) as server:
        result = await server.judge(made, ROW)
        assert dict(server.asked) == {"m-a": 1, "m-b": 1}
    assert isinstance(result, Scored)
    assert (result.value, result.votes[0]["spoken"], result.votes[3]["unscored"]) == (1.0, 1.0, "no-weight")
    with pytest.raises(UsageError, match=r"no judge of the jury .* was right on 0.300 of 200"):
        jury(tmp_path, calibration=calibration(tmp_path, a=0.3, b=0.5, c=0.5))


@pytest.mark.parametrize(
    ("names", "judges"),
    [
        (("ferry/openai:m-a", "ferry/openai:m-b"), {}),
        (("rubric/m-a", "ferry/m-b"), {}),
        (("openai:m-a", "m-b"), {}),
        (("GPT/strict", "m-b"), {"a": "GPT/strict"}),
    ],
)
def test_judges_are_found_by_name(tmp_path: Path, names: tuple[str, str], judges: dict[str, str]) -> None:
    records = {
        name: JudgeRecord(kind="rating", accuracy=accuracy, n=98)
        for name, accuracy in zip(names, (0.9, 0.7), strict=True)
    }
    JudgeCalibration(judges=records).save(tmp_path / "j.json")
    made = jury(tmp_path, "ab", calibration="j.json", judges=judges)
    assert [seat.weight for seat in made.seats] == [weights(0.9, 98), weights(0.7, 98)]


def test_a_judge_that_is_not_in_the_file_is_an_error_that_names_those_that_are(tmp_path: Path) -> None:
    file = calibration(tmp_path, a=0.9, b=0.8)
    with pytest.raises(UsageError, match=r"'c' of the jury is not in the calibration") as wrong:
        jury(tmp_path, calibration=file)
    assert "'ferry/openai:m-a', 'ferry/openai:m-b'" in str(wrong.value)
    assert str(tmp_path / "judges.json") in str(wrong.value)
    with pytest.raises(UsageError, match="not in the calibration as 'x'"):
        jury(tmp_path, calibration=file, judges={"c": "x"})
    file = calibration(tmp_path, "pair", a=0.9)
    with pytest.raises(UsageError, match="measured on pairs, and 'a' of the jury judges ratings"):
        jury(tmp_path, "ab", calibration=file, judges={"a": "pair/openai:m-a"})


def test_equal_weights_and_twins_are_told(tmp_path: Path) -> None:
    equal = jury(tmp_path)
    assert ["weigh the same" in said for said in equal.doubts()] == [True]
    file = calibration(tmp_path, "pair", a=0.9, b=0.9, c=0.9)
    assert jury(tmp_path, calibration=file, of="pair").doubts() == []
    equal.meet({"a": "openai:m", "b": "openai:m", "c": "openai:n"})
    equal.prepare(tmp_path)
    assert "a and b are one model, openai:m" in equal.doubts()[-1]
    assert [seat.judge for seat in equal.seats] == ["openai:m/a", "openai:m/b", "openai:n"]


def test_the_fingerprint_holds_weights_and_not_the_path(tmp_path: Path) -> None:
    one = jury(tmp_path, calibration=calibration(tmp_path, a=0.9, b=0.8, c=0.7)).fingerprint()
    (tmp_path / "judges.json").rename(tmp_path / "other.json")
    assert jury(tmp_path, calibration="other.json").fingerprint() == one
    other = jury(tmp_path, calibration=calibration(tmp_path, a=0.9, b=0.8, c=0.71)).fingerprint()
    assert other != one
    assert jury(tmp_path).fingerprint() != one
    assert jury(tmp_path, min_agreement=0.5).fingerprint() != jury(tmp_path).fingerprint()
    orjson.dumps(one)


def test_it_stands_for_the_scorer_inside(tmp_path: Path) -> None:
    rubric, pair = jury(tmp_path), jury(tmp_path, of="pair", given={"samples": 3})
    assert (rubric.label, rubric.tasks, rubric.applies_to("instruction")) == ("ferry", ("rubric",), True)
    assert (pair.label, pair.tasks, pair.applies_to("instruction")) == ("pair", ("pair",), False)
    assert (pair.roles(), pair.calls_per_example()) == (["a", "b", "c"], {"a": 6.0, "b": 6.0, "c": 6.0})


@pytest.mark.parametrize(
    "error",
    [
        ModelConfigError("no key", kind="auth"),
        StoppedError(),
        ModelUnavailableError("the run is stopping", kind="stopped"),
    ],
)
async def test_what_ends_the_run_is_no_missing_vote(tmp_path: Path, error: Exception) -> None:
    class Ask(ScriptedAsk):
        async def __call__(self, messages: Any, *, model: str | None = None, **how: Any) -> list[Answer]:
            self.script = {"rubric": error if model == "b" else "What?"}
            return await super().__call__(messages, model=model, **how)

    ask = Ask({})
    with pytest.raises(type(error)):
        await jury(tmp_path).score(ROW, ask)
    assert [asked.model for asked in ask.asked] == ["a", "b", "c"]


def test_the_review_desk_shows_a_line_for_each_judge() -> None:
    score = Score("e", "ferry", "1", 0.5, rationale="0.50, mean of scores\na: <b>")
    shown = view.scores(cast("ItemView", SimpleNamespace(scores=[score])))
    assert "0.50, mean of scores<br>a: &lt;b&gt;" in shown
