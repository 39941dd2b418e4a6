"""The second opinion and a calibration within a scan's last step, and in the gate of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.opinion_server import OpinionServer, verdict
from support.projects import make_project, run_json
from support.scripted_ask import item

from gristmill.cli import app
from gristmill.errors import UsageError
from gristmill.models import Door, ModelSpec
from gristmill.registry import Blocked, Passed
from gristmill_evals.contamination import Benchmark, BenchmarkItem, ContaminationGate
from gristmill_evals.contamination.calibration import Recalibration
from gristmill_evals.contamination.finish import Finish
from gristmill_evals.contamination.second_opinion import BlockingOpinion, Models

ITEM = "A miller buys 12 sacks of wheat every day. How many sacks does the miller buy in a week?"
OTHERS = [
    "How long is the river from the windmill to the sea?",
    "Which tax was put on salt in the year 1642?",
]
BENCH = Benchmark.make("mill", [BenchmarkItem(f"m{n}", text) for n, text in enumerate([ITEM, *OTHERS])])
CHINESE = "磨坊主每天买12袋小麦。磨坊主一周买多少袋?"
LINES = [
    {"id": "a", "prompt": "Say this again.", "response": ITEM},
    {"id": "b", "prompt": CHINESE, "response": "84袋"},
    {"id": "c", "prompt": "What is the capital of the county?", "response": "Harrow."},
]
BATCH = [(number, json.dumps(row).encode()) for number, row in enumerate(LINES, 1)]


@pytest.fixture
def server() -> Iterator[OpinionServer]:
    with OpinionServer() as running:
        yield running


def match(score: float, label: str = "paraphrase", line: int = 1) -> dict[str, Any]:
    spans = {"field": "response", "row": [0, 30], "item": [0, 30], "side": "question"}
    found = {
        "id": LINES[line - 1]["id"],
        "benchmark": "mill",
        "item_id": "m0",
        "label": label,
        "score": score,
    }
    return {**found, "tier": "reworded", "spans": spans, "line": line}


NOTHING = {
    **dict.fromkeys(("benchmark", "item_id", "label", "spans")),
    "id": "b",
    "score": 0.0,
    "tier": "",
    "line": 2,
}


def spec(server: OpinionServer) -> ModelSpec:
    return ModelSpec(model="openai:test-model", base_url=server.url)


def test_a_batch_is_judged_and_keeps_to_the_threshold(server: OpinionServer) -> None:
    server.judge = lambda item, row: verdict("same", item, row[-40:])  # type: ignore[method-assign]
    with BlockingOpinion([BENCH], Models(judge=spec(server))) as opinion:
        finish = Finish([BENCH], 0.5, opinion=opinion)
        assert finish.least == 0.2
        [found] = finish.finish(BATCH, [match(0.3)])
        assert finish.finish(BATCH, [match(0.1)]) == []
        assert finish.said == {"second_opinion": {"judged": 1, "same": 1}}
    assert (found["tier"], found["label"], found["opinion"]) == (
        "judge",
        "paraphrase",
        "same: as the rule says",
    )
    assert found["score"] > 0.8
    left, right = found["spans"]["row"]
    assert LINES[0][found["spans"]["field"]][left:right] == ITEM[-40:]


def test_a_verdict_that_is_void_leaves_the_match_as_it_was(server: OpinionServer) -> None:
    server.judge = lambda item, row: verdict("same", "never written", row)  # type: ignore[method-assign]
    with BlockingOpinion([BENCH], Models(judge=spec(server))) as opinion:
        [found] = Finish([BENCH], 0.2, opinion=opinion).finish(BATCH, [match(0.3)])
    assert {key: found[key] for key in match(0.3)} == match(0.3)
    assert found["unjudged"] is True


def test_translations_take_the_place_of_nothing(server: OpinionServer) -> None:
    with BlockingOpinion([BENCH], Models(embedder=spec(server))) as opinion:
        finish = Finish([BENCH], 0.0, opinion=opinion)
        sure, found = finish.finish(BATCH[:2], [match(1.0, "verbatim"), NOTHING])
    assert sure == match(1.0, "verbatim")
    assert (found["id"], found["item_id"], found["label"], found["tier"]) == (
        "b",
        "m0",
        "translated",
        "embedding",
    )
    assert found["spans"]["field"] == "prompt"


def test_a_calibration_moves_scores_and_keeps_the_shipped_ones() -> None:
    strict = Recalibration("platt", 1.0, -1.0, {"paraphrase": -0.5})
    finish = Finish([BENCH], 0.5, calibration=strict)
    assert 0.5 < finish.least < 0.75
    given = [match(0.9), {**match(0.75), "item_id": "m1"}, match(0.9, "near", 2)]
    found = finish.finish(BATCH, given)
    assert [(row["line"], row["raw_score"]) for row in found] == [(1, 0.9), (2, 0.9)]
    assert found[0]["score"] == round(strict.apply(0.9, "paraphrase"), 4) < found[1]["score"]


def gate(tmp_path: Path, **options: Any) -> ContaminationGate:
    rows = [{"id": one.id, "question": one.question} for one in BENCH.items]
    (tmp_path / "mill.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made = ContaminationGate(benchmarks=["mill.jsonl"], **options)
    made.prepare(tmp_path)
    return made


async def test_the_gate_finds_translations_with_an_embedder(server: OpinionServer, tmp_path: Path) -> None:
    spec = {"model": "openai:test-model", "base_url": server.url}
    made = gate(tmp_path, embedder=spec, block=["translated"], index="index")
    async with Door({}, cache=None) as door:
        ask = door.ask_for(None)
        stopped = await made.consult(item(instruction=CHINESE, response="84袋"), ask)
        passed = await made.consult(item(instruction="What is bread made of?"), ask)
    assert isinstance(stopped, Blocked)
    assert [(m.item_id, m.label, m.tier) for m in stopped.matches] == [("m0", "translated", "embedding")]
    assert stopped.detail.startswith("translated")
    assert passed == Passed()
    assert (made.asks, list(made.roles())) == (True, [])
    assert list((tmp_path / "index" / "embeddings").glob("*.npy"))


async def test_the_gate_asks_the_judge_about_what_stays_uncertain(
    server: OpinionServer, tmp_path: Path
) -> None:
    embedder = {"model": "openai:test-model", "base_url": server.url}
    made = gate(tmp_path, judge="judge", embedder=embedder, embed_rows="all", block=["paraphrase"])
    asked = item(instruction="How many days does a week have for a miller?", response="Seven.")
    async with Door({"judge": spec(server)}, cache=None) as door:
        for word, kind in (("same", Blocked), ("different", Passed)):
            server.judge = lambda i, r, word=word: verdict(word, i, r)  # type: ignore[method-assign]
            assert isinstance(await made.consult(asked, door.ask_for("judge")), kind)
    assert list(made.roles()) == ["judge"]


def test_a_calibration_counts_in_the_gate_and_in_its_fingerprint(tmp_path: Path) -> None:
    Recalibration("platt", 1.0, -12.0).save(tmp_path / "c.json")
    plain, strict = gate(tmp_path), gate(tmp_path, calibration="c.json")
    asked = item(instruction=ITEM, response="84.")
    assert isinstance(plain.check(asked), Blocked)
    assert strict.check(asked) == Passed()
    before = strict.fingerprint()
    Recalibration("platt", 1.0, -11.0).save(tmp_path / "c.json")
    assert gate(tmp_path, calibration="c.json").fingerprint() != before
    assert (plain.asks, gate(tmp_path, index="i").fingerprint()) == (False, plain.fingerprint())


def test_a_run_rejects_what_the_second_opinion_finds(server: OpinionServer, tmp_path: Path) -> None:
    gates = (
        f"  judge: {{model: 'openai:test-model', base_url: '{server.url}'}}\n"
        "gates:\n  - use: contamination\n    benchmarks: [chinese.jsonl]\n"
        "    block: [translated, paraphrase]\n"
        f"    judge: judge\n    embedder: {{model: 'openai:test-model', base_url: '{server.url}'}}\n"
    )
    recipe = make_project(tmp_path)
    text = recipe.read_text().replace("generate:", gates.split("gates:")[0] + "generate:")
    recipe.write_text(text + "gates:" + gates.split("gates:")[1])
    (tmp_path / "chinese.jsonl").write_text(
        '{"id": "p", "question": "造纸厂是什么?"}\n{"id": "w", "question": "水井是什么?"}'
    )
    made = run_json(recipe)
    assert made["rejected"].get("contaminated", 0) > 0, made
    assert server.requests > 0


def decontaminate(folder: Path, *options: str) -> list[dict[str, Any]]:
    """The command over :data:`LINES`; its matches."""
    (folder / "rows.jsonl").write_bytes(b"\n".join(line for _, line in BATCH))
    rows = [{"id": one.id, "question": one.question} for one in BENCH.items]
    (folder / "mill.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = folder / "matches.jsonl"
    files = [str(folder / "rows.jsonl"), "--benchmark", str(folder / "mill.jsonl"), "--out", str(out)]
    app(["decontaminate", *files, *options], standalone_mode=False)
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_the_command_finds_the_translation(
    server: OpinionServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [(row["id"], row["label"]) for row in decontaminate(tmp_path)] == [("a", "verbatim")]
    models = ["--embedder", "test-model", "--judge", "openai:test-model", "--base-url", server.url]
    found = decontaminate(tmp_path, *models)
    assert [(row["id"], row["label"]) for row in found] == [("a", "verbatim"), ("b", "translated")]
    assert "second opinion: weighed 0, searched 1, found 1" in capsys.readouterr().err
    assert list((tmp_path / "matches.jsonl.opinions" / "embeddings").glob("*.npy"))


def test_the_command_follows_a_calibration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = Recalibration("platt", 1.0, -6.0, {"verbatim": -0.2}, verdicts={"verbatim": (10, 12)})
    made.save(tmp_path / "c.json")
    [found] = decontaminate(tmp_path, "--calibration", str(tmp_path / "c.json"), "--json")
    assert (found["id"], found["raw_score"]) == ("a", 1.0)
    assert found["score"] == round(made.apply(1.0, "verbatim"), 4)
    assert json.loads(capsys.readouterr().out)["calibration"] == made.stands_on


@pytest.mark.parametrize("option", [("--base-url", "http://127.0.0.1:9/v1"), ("--embed-rows", "all")])
def test_options_of_a_second_opinion_need_a_model(tmp_path: Path, option: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match=f"{option[0]} belongs to a second opinion"):
        decontaminate(tmp_path, *option)
