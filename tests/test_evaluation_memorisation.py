"""Who knows the items shows a drop, who works them out does not; a favourite place is seen."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support.judge_server import JudgeServer
from support.openai_server import OpenAIServer, completion

from gristmill.models import Door, ModelSpec
from gristmill_evals.evaluation.memorisation import MemorisationTask, consistency, drops
from gristmill_evals.evaluation.memorisation.reading import number_in
from gristmill_evals.evaluation.memorisation.templates import read_templates
from gristmill_evals.evaluation.records import EvalContext, EvalSample, TaskInfo

SAMPLES = Path(__file__).parents[1] / "data/samples/templates.jsonl"
FACTS = [
    {"id": f"f{n}", "question": f"What is kept in shed {n} of the yard?", "answer": "ABCD"[n % 4],
     "choices": [f"{what} of lot {n}" for what in ("rope", "coal", "salt", "wool")]}
    for n in range(40)
]  # fmt: skip


def chance(*of: object) -> float:
    return random.Random(hashlib.blake2b(repr(of).encode()).hexdigest()).random()


async def run(
    server: OpenAIServer, root: Path, **fields: Any
) -> tuple[list[EvalSample], tuple[TaskInfo, ...]]:
    """The samples of a task whose model, and rewriter, is the server."""
    spec = ModelSpec(model="openai:test-model", base_url=server.url, api_key_env=None)
    samples: list[EvalSample] = []
    expected: dict[str, int] = {}
    limit = fields.pop("limit", None)
    async with Door({"model": spec, "rewriter": spec}, cache=None) as door:
        context = EvalContext(door, "model", root, samples.append, expected.__setitem__, limit)
        infos = await MemorisationTask(**fields).evaluate(context)
    assert expected == {info.name: info.items for info in infos}
    assert sum(expected.values()) == len(samples)
    return samples, infos


def asked(body: dict[str, Any]) -> str:
    text: str = body["messages"][-1]["content"]
    return text


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path.name


def solver() -> Callable[[str], str]:
    """Works the shipped templates out, whatever their numbers and names."""
    known = []
    for template in read_templates(SAMPLES):
        text = re.sub(r"\b[A-Z][a-z]+\b", "NAME", template.question)
        slots = re.findall(r"\{(\w+)\}", text)
        pattern = re.sub(r"\\\{\w+\\\}", r"([\\d.,]*\\d)", re.escape(text)).replace("NAME", r"\w+")
        known.append((re.compile(pattern), slots, template))

    def solve(question: str) -> str:
        for pattern, slots, template in known:
            if found := pattern.match(question):
                given = {
                    slot: value.replace(",", "") for slot, value in zip(slots, found.groups(), strict=True)
                }
                values = {
                    name: one.model_copy(update={"value": given[name]})
                    for name, one in template.variables.items()
                }
                return template.model_copy(update={"variables": values}).original().answer
        raise AssertionError(question)

    return solve


async def test_who_knows_the_originals_loses_and_who_works_them_out_does_not(tmp_path: Path) -> None:
    solve = solver()
    known = {template.original().question for template in read_templates(SAMPLES)}

    def memorised(body: dict[str, Any], _: int) -> str:
        question = asked(body).partition("\n\n")[0]
        return f"Answer: {solve(question) if question in known else 12345}"

    def honest(body: dict[str, Any], _: int) -> str:
        question = asked(body).partition("\n\n")[0]
        return f"So it is {solve(question) if chance(question) < 0.7 else 12345}."

    fields = {"templates": str(SAMPLES), "perturb": ["numbers", "names"]}
    found = {}
    for say in (memorised, honest):
        with JudgeServer(say) as server:
            samples, _ = await run(server, tmp_path, **fields)
        found[say.__name__] = {one.kind: one for one in drops(samples)}
    assert found["memorised"]["numbers"].items == 24
    for kind in ("numbers", "names"):
        lost, kept = (found[name][kind].drop for name in ("memorised", "honest"))
        assert (lost.mean_a, lost.mean_b) == (1.0, 0.0)
        assert lost.low is not None
        assert lost.low > 0.5
        assert kept.low is not None
        assert kept.low < 0 < kept.high


async def test_a_partial_memory_has_an_interval_above_0(tmp_path: Path) -> None:
    solve = solver()
    known = {template.original().question for template in read_templates(SAMPLES)}

    def say(body: dict[str, Any], _: int) -> str:
        question = asked(body).partition("\n\n")[0]
        return solve(question) if question in known or chance(question) < 0.3 else "0"

    with JudgeServer(say) as server:
        samples, infos = await run(server, tmp_path, templates=str(SAMPLES), perturb=["numbers"], name="mine")
    [one] = drops(samples)
    assert (one.set, one.kind, one.items, one.variants, one.unpaired) == ("mine", "numbers", 24, 72, 0)
    assert one.drop.low is not None
    assert one.drop.low > 0.4
    assert one.drop.p is not None
    assert one.drop.p < 0.001
    assert [info.name for info in infos] == ["mine/original", "mine/numbers"]
    assert infos[1].metrics[1].value == one.drop.mean
    assert "95 % interval" in infos[1].metrics[1].note


async def options_of(tmp_path: Path, say: Callable[[dict[str, Any], int], str]) -> list[EvalSample]:
    with JudgeServer(say) as server:
        samples, _ = await run(
            server, tmp_path, path=write(tmp_path / "facts.jsonl", FACTS), perturb=["options"]
        )
    assert len(samples) == 160
    return samples


def right_letter(text: str) -> str:
    """What somebody says who knows the yard."""
    shed = int(re.findall(r"shed (\d+)", text)[0])
    what = ("rope", "coal", "salt", "wool")[shed % 4]
    return re.findall(rf"([A-D])\. {what}", text)[0]


async def test_a_favourite_place_shows(tmp_path: Path) -> None:
    def say(body: dict[str, Any], _: int) -> str:
        return "B" if chance(asked(body)) < 0.6 else right_letter(asked(body))

    [one] = consistency(await options_of(tmp_path, say))
    assert one.same is not None
    assert one.same.mean < 0.3
    assert one.p is not None
    assert one.p < 0.001
    assert one.chosen[1].low is not None
    assert one.chosen[1].low > 0.25 > one.chosen[0].mean
    assert one.right[1] is not None
    assert one.right[0] is not None
    assert one.right[1].mean == 1.0 > one.right[0].mean


async def test_who_knows_chooses_the_same_in_every_order(tmp_path: Path) -> None:
    samples = await options_of(tmp_path, lambda body, _: f"The answer is ({right_letter(asked(body))}).")
    [one] = consistency(samples)
    assert one.same is not None
    assert one.always_right is not None
    assert (one.same.mean, one.always_right.mean, one.p, one.balanced) == (1.0, 1.0, 1.0, 40)
    assert one.same.low is not None
    assert one.same.low > 0.9
    [drop] = drops(samples)
    assert drop.drop.mean == 0


async def test_the_original_order_remembered(tmp_path: Path) -> None:
    """The letter was learned with the question: right as published, wrong in every other order."""
    samples = await options_of(
        tmp_path, lambda body, _: "ABCD"[int(re.findall(r"shed (\d+)", asked(body))[0]) % 4]
    )
    [one], [drop] = consistency(samples), drops(samples)
    assert one.same is not None
    assert (one.same.mean, one.p) == (0.0, None if one.note else one.p)
    assert (drop.drop.mean_a, drop.drop.mean_b) == (1.0, 0.0)


async def test_a_rewriter_is_checked_and_asked_apart(tmp_path: Path) -> None:
    rows = [{"id": "a", "question": "How many of the 3 pears that Anna has are ripe?", "answer": "2"},
            {"id": "b", "question": "How many of the 4 figs are ripe?", "answer": "1"}]  # fmt: skip

    def say(body: dict[str, Any], _: int) -> str:
        text = asked(body)
        if "<question>" in text:
            new = (
                "Of Anna's 3 pears, how many are ripe?"
                if "Anna" in text
                else "Of the 5 figs, how many are ripe?"
            )
            return json.dumps({"question": new})
        return "Answer: 2"

    with JudgeServer(say) as server:
        fields = {"perturb": ["rewording"], "rewriter": "rewriter", "variants": 2}
        samples, infos = await run(server, tmp_path, path=write(tmp_path / "r.jsonl", rows), **fields)
    assert [one.item_id for one in samples] == ["a", "a#rewording-1"]
    assert infos[1].settings["left_out"] == {"numbers-changed": 1}
    assert samples[1].details["of"] == samples[1].cluster == "a"


async def test_who_does_not_know_is_wrong(tmp_path: Path) -> None:
    """Were it left out, a model that only answers what it knows by heart would show no drop."""

    def say(body: dict[str, Any], number: int) -> str:
        return "Answer: 7" if "Lena" in asked(body) or "Otto" in asked(body) else "I do not know."

    question = "{} has 3 figs and 4 nuts. How many?"
    rows = [{"id": name, "question": question.format(name), "answer": "7"} for name in ("Lena", "Otto")]
    with JudgeServer(say) as server:
        path = write(tmp_path / "r.jsonl", rows)
        samples, infos = await run(server, tmp_path, path=path, perturb=["names"], variants=2)
    [one] = drops(samples)
    assert (one.drop.mean, one.items, one.unread, one.unpaired) == (1.0, 2, 4, 0)
    assert samples[-1].details["unread"] == "no-number"
    assert [info.items for info in infos] == [2, 4]


async def test_items_of_one_source_are_one_cluster(tmp_path: Path) -> None:
    rows = [{**row, "document": f"d{n // 4}.md"} for n, row in enumerate(FACTS)]
    with JudgeServer(
        lambda body, _: right_letter(asked(body)) if chance(asked(body)) < 0.5 else "A"
    ) as server:
        samples, _ = await run(server, tmp_path, path=write(tmp_path / "f.jsonl", rows), perturb=["options"])
    assert {one.cluster for one in samples} == {f"d{n}.md" for n in range(10)}
    [one], [same] = drops(samples), consistency(samples)
    assert same.same is not None
    assert (one.drop.n, one.drop.clusters, same.same.clusters) == (40, 10, 10)


async def test_a_refused_answer_is_a_row_and_the_others_go_on(tmp_path: Path) -> None:
    rows = [{"id": "a", "question": "Lena has 3 figs and 4 nuts. How many?", "answer": "7"}]
    with OpenAIServer() as server:
        server.script.extend([completion(None, refusal="I will not.", finish="stop"), *[completion("7")] * 3])
        samples, _ = await run(server, tmp_path, path=write(tmp_path / "r.jsonl", rows), perturb=["names"])
    assert sum(one.metrics["correct"] == 1 for one in samples) == 3
    [failed] = [one for one in samples if one.error]
    assert failed.metrics == {"correct": None}
    assert failed.error.startswith("refus")
    assert sum(one.drop.n for one in drops(samples)) == (failed.item_id != "a")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "path or templates is needed"),
        ({"path": "a.jsonl", "perturb": ["numbers"]}, "numbers are changed in templates only"),
        ({"path": "a.jsonl", "perturb": ["rewording"]}, "go together"),
        ({"path": "a.jsonl", "perturb": ["order"]}, "perturb"),
        ({"path": "a.jsonl", "use": "memorisation"}, "use"),
    ],
)
def test_settings_that_do_not_fit(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        MemorisationTask(**fields)


def test_the_final_number() -> None:
    assert number_in("16 - 3 = 13, so Answer: $1,013.50 a week") == number_in("1013.5")
