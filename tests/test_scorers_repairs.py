"""One repair request for each verdict, whoever sends it, and every one is counted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.judge_server import JudgeServer, judge, verdict
from support.scripted_ask import item

from gristmill.errors import ModelAnswerError
from gristmill.models.counters import Tally
from gristmill.models.door import Door
from gristmill.models.spec import ModelSpec
from gristmill.models.structured import repair_turns
from gristmill.registry import Scored, Scorer, Unscored
from gristmill_scorers.pairwise.scorer import PairJudge

FINE = json.dumps({"explanation": "so", "winner": "A"})
TWO = FINE + " On second thought: " + FINE.replace('"A"', '"B"')
PROSE = "The first one is better."
PAIR = item("At 6:40.", instruction="When?", passage="It leaves at 6:40.", rejected="At 7:40.")
ROW = item("It leaves at 6:40.", instruction="When?", passage="It leaves at 6:40.")
RUBRIC = "name: ferry\ncriteria:\n  - {id: exact, text: It is true.}\n  - {id: full, text: It is complete.}\n"
WHOLE = verdict({"exact": True, "full": False}, "leaves at 6:40")
HALF = json.dumps({"criteria": json.loads(WHOLE)["criteria"][:1]})
STRANGE = WHOLE.replace('"full"', '"long"')


def in_turn(said: Sequence[str]) -> Any:
    """The first of ``said``, and to each repair request the next one."""
    return lambda body, earlier: said[(len(body["messages"]) - 2) // 2]


async def tried(
    scorer: Scorer, row: Any, said: Sequence[str], cache: Path | None = None
) -> tuple[Scored | Unscored, Tally]:
    with JudgeServer(in_turn(said)) as server:
        spec = ModelSpec(model="openai:test-model", base_url=server.url, api_key_env=None)
        async with Door({"judge": spec}, cache=cache) as door:
            return await scorer.score(row, door.ask_for("judge")), door.counters.total


PAIRS = [
    ([FINE], "", 0),
    ([PROSE, FINE], "", 1),  # mended for the door
    ([TWO, FINE], "", 1),  # mended for the scorer
    ([PROSE, TWO, FINE], "ambiguous-verdict", 1),
    ([TWO, PROSE, FINE], "ambiguous-verdict", 1),
    ([PROSE, PROSE, FINE], "invalid-json", 1),
    ([TWO, TWO, FINE], "ambiguous-verdict", 1),
]


@pytest.mark.parametrize(("said", "reason", "repairs"), PAIRS)
async def test_a_verdict_on_a_pair_is_mended_once(said: list[str], reason: str, repairs: int) -> None:
    result, tally = await tried(PairJudge(model="judge"), PAIR, said)
    assert (result.reason if isinstance(result, Unscored) else "") == reason
    assert (tally.sent, tally.repairs) == (2 + 2 * repairs, 2 * repairs)


RUBRICS = [
    ([WHOLE], "", 0),
    ([PROSE, WHOLE], "", 1),
    ([HALF, WHOLE], "", 1),
    ([STRANGE, WHOLE], "", 1),
    ([PROSE, STRANGE, WHOLE], "unknown-criterion", 1),
    ([STRANGE, PROSE, WHOLE], "invalid-json", 1),
    ([STRANGE, STRANGE, WHOLE], "unknown-criterion", 1),
]


@pytest.mark.parametrize(("said", "reason", "repairs"), RUBRICS)
async def test_a_verdict_on_criteria_is_mended_once(
    tmp_path: Path, said: list[str], reason: str, repairs: int
) -> None:
    result, tally = await tried(judge(tmp_path, RUBRIC), ROW, said)
    assert (result.reason if isinstance(result, Unscored) else "") == reason
    assert (tally.sent, tally.repairs) == (1 + repairs, repairs)


async def test_repairs_from_the_cache_are_counted_as_cached_calls_are(tmp_path: Path) -> None:
    first, sent = await tried(PairJudge(model="judge"), PAIR, [TWO, FINE], tmp_path / "c.sqlite")
    again, cached = await tried(PairJudge(model="judge"), PAIR, [PROSE], tmp_path / "c.sqlite")
    assert first == again
    assert (sent.sent, sent.repairs, cached.sent, cached.cached, cached.repairs) == (4, 2, 0, 4, 2)


async def test_the_answer_to_a_repair_request_says_so_and_is_not_sent_back() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    turns = [{"role": "user", "content": "How many?"}, *repair_turns('{"n": 99}', "99 are too many")]
    with JudgeServer(lambda body, earlier: '{"n": 3}' if earlier == 0 else "three") as server:
        spec = ModelSpec(model="openai:test-model", base_url=server.url, api_key_env=None)
        async with Door({"judge": spec}, cache=None) as door:
            [answer] = await door.ask_for("judge")(turns, schema=schema, repair=True)
            with pytest.raises(ModelAnswerError) as caught:
                await door.ask_for("judge")(turns, schema=schema, repair=True)
            assert (answer.data, answer.repaired, door.counters.total.repairs) == ({"n": 3}, True, 2)
    assert (caught.value.kind, caught.value.raw, len(server.said)) == ("invalid-json", "three", 2)
