"""Local JSONL files as tasks of lm-eval."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.lm_runs import GRAINS, Ran, evaluate, model, write_rows
from support.lm_server import LmServer, sent, shown

from gristmill.errors import UsageError
from gristmill_evals.contamination import load_benchmark
from gristmill_evals.evaluation.lm import JsonlTask

GRAIN = [
    {
        "id": f"g{n}",
        "question": f"Grain number {n}?",
        "choices": list(GRAINS),
        "answer": answer,
        "source": "almanac",
    }
    for n, answer in enumerate(["rye", "B", 2, "spelt"])
]
DIGITS = [
    {"id": f"d{n}", "question": f"{n} and 1?", "choices": ["3", "1", "2", "0"], "answer": str(n + 1)}
    for n in range(3)
]
MILLS = [
    {"id": "m0", "question": "How tall is the mill?", "answer": "12 metres"},
    {"id": "m1", "question": "Who turns the stone?", "answer": ["wind", "the wind"], "document": "d7"},
]


async def run(
    folder: Path, rows: list[dict[str, Any]], server: LmServer, endpoint: str = "chat", **more: Any
) -> Ran:
    write_rows(folder / "items.jsonl", rows)
    return await evaluate(JsonlTask(path="items.jsonl", **more), model(server, endpoint), folder)


async def test_choices_by_letter_for_chat_models(tmp_path: Path) -> None:
    with LmServer(lambda body: "Let me see. The answer is (B).") as server:
        ran = await run(tmp_path, GRAIN, server)
        [first, *_] = server.bodies
    assert shown(first).startswith(
        "Grain number 0?\nA. rye\nB. oats\nC. barley\nD. spelt\n\nAnswer with the letter"
    )
    assert "stop" not in first
    assert ran.values("acc") == [0, 1, 0, 0]
    assert ran.values("readable") == [1, 1, 1, 1]
    assert [sample.item_id for sample in ran.samples] == ["g0", "g1", "g2", "g3"]
    assert {sample.cluster for sample in ran.samples} == {"almanac"}
    assert (ran.samples[2].target, ran.samples[2].choices) == ("barley", GRAINS)
    assert ran.infos[0].settings["answered_by"] == "letter"


async def test_choices_by_likelihood_where_the_model_has_it(tmp_path: Path) -> None:
    with LmServer(likes={"test-model": ["oats"]}) as server:
        ran = await run(tmp_path, GRAIN, server, "completions")
        assert server.bodies[0]["prompt"] == "Question: Grain number 0?\nAnswer: rye"
    assert ran.values("acc") == [0, 1, 0, 0]
    assert ran.samples[0].question == "Grain number 0?"
    assert ran.infos[0].settings["answered_by"] == "likelihood"


@pytest.mark.parametrize("endpoint", ["chat", "completions"])
async def test_a_target_of_digits_is_a_choice_and_no_place(tmp_path: Path, endpoint: str) -> None:
    """As a place, "1" would be the second choice, and "3" none at all."""
    with LmServer(lambda body: "B", likes={"test-model": ["1"]}) as server:
        ran = await run(tmp_path, DIGITS, server, endpoint)
    assert [sample.target for sample in ran.samples] == ["1", "2", "3"]
    assert ran.values("acc") == [1, 0, 0]


@pytest.mark.parametrize(
    ("said", "more", "right"),
    [
        ("12 Metres.", {}, [1, 0]),
        ("It is the wind, I think.", {"match": "contains"}, [0, 1]),
        ("First 3, then 12", {"match": "numeric"}, [1, 0]),
        ("So: #### the wind", {"match": "regex", "pattern": "#### (.+)"}, [0, 1]),
    ],
)
async def test_written_answers(tmp_path: Path, said: str, more: dict[str, Any], right: list[float]) -> None:
    with LmServer(lambda body: said) as server:
        ran = await run(tmp_path, MILLS, server, **more)
    assert ran.values(f"{more.get('match', 'exact')}_match") == right
    assert [sample.cluster for sample in ran.samples] == ["m0", "d7"]


@pytest.mark.parametrize(
    ("params", "more", "limit"), [({}, {}, 1024), ({"max_tokens": 9}, {}, 9), ({}, {"max_tokens": 7}, 7)]
)
async def test_how_long_an_answer_may_be(
    tmp_path: Path, params: dict[str, Any], more: dict[str, Any], limit: int
) -> None:
    write_rows(tmp_path / "items.jsonl", MILLS)
    with LmServer() as server:
        await evaluate(JsonlTask(path="items.jsonl", **more), model(server, params=params), tmp_path)
        assert {body["max_tokens"] for body in server.bodies} == {limit}


async def test_items_are_those_of_the_contamination_check(tmp_path: Path) -> None:
    with LmServer(lambda body: "A") as server:
        ran = await run(tmp_path, GRAIN, server)
    known = load_benchmark("items.jsonl", tmp_path).items
    assert [(s.item_id, s.question, s.target, s.choices) for s in ran.samples] == [
        (item.id, item.question, item.answer, item.choices) for item in known
    ]


async def test_likelihood_cannot_be_had_of_a_chat_model(tmp_path: Path) -> None:
    with LmServer() as server:
        with pytest.raises(UsageError, match="choose: likelihood needs log-likelihoods"):
            await run(tmp_path, GRAIN, server, choose="likelihood")
        assert sent(server) == 0


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": "x", "question": "Which?", "choices": ["a", "b"], "answer": "c"}, "none of the choices"),
        ({"id": "x", "question": "Which?"}, "no answer"),
        ({"id": "x", "question": " ", "answer": "b"}, "no question"),
        ({"id": "g0", "question": "Which?", "choices": ["a", "b"], "answer": "a"}, "is that of row 1 too"),
        ({"id": "x", "question": "Why?", "answer": "so"}, "some have none"),
    ],
)
async def test_bad_rows_are_named(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    with LmServer() as server:
        with pytest.raises(UsageError, match=said) as error:
            await run(tmp_path, [GRAIN[0], row], server)
        assert "items.jsonl" in error.value.where
        assert sent(server) == 0


async def test_gsm8k_and_mmlu(shared: Path, tmp_path: Path) -> None:
    with LmServer(lambda body: "So it is 18." if "answer is" not in shown(body) else "C") as server:
        sums = JsonlTask(path=str(shared / "benchmarks" / "gsm8k_test.jsonl"), match="numeric", limit=5)
        ran = await evaluate(sums, model(server), tmp_path)
        picks = JsonlTask(path=str(shared / "benchmarks" / "mmlu_sociology.jsonl"), limit=5)
        picked = await evaluate(picks, model(server, "completions"), tmp_path)
    assert ran.values("numeric_match") == [1, 0, 0, 0, 0]
    assert ran.samples[0].item_id == "gsm8k-test-0"
    assert picked.samples[0].target == "the media manipulate 'the masses' as vulnerable, passive consumers"
