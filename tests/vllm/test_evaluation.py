"""lm-eval through the door on the real engine: in this process, by its server, and beside lm-eval itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.lm_runs import CHOICE, WRITTEN, Ran, evaluate, task_folder
from support.tiny_model import SENTENCES
from support.tiny_runs import serve

from gristmill.errors import ModelAnswerError
from gristmill.models import Door, ModelSpec, raw_prompt
from gristmill.models.serving.backend import running
from gristmill_evals.evaluation.lm import JsonlTask, LmEvalTask
from gristmill_evals.evaluation.records import EvalContext, EvalSample

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENGINE = {"max_model_len": 2048, "max_num_seqs": 16, "enforce_eager": True, "dtype": "float32"}
STEMS = ("What stands there?", "谁转动石头？", "Où est le moulin « bleu » ?", "Number 4 😀", "Quick: ")
ROWS = [
    {"stem": stem, "opts": [*SENTENCES[n : n + 2], "磨坊", "naïve 12"], "gold": n % 4}
    for n, stem in enumerate(STEMS)
]
ROLLED: dict[str, Any] = {
    "output_type": "loglikelihood_rolling",
    "doc_to_text": "",
    "doc_to_target": "{{stem}} {{opts[0]}}",
    "metric_list": [
        {"metric": "byte_perplexity", "aggregation": "weighted_perplexity", "higher_is_better": False}
    ],
}
TASKS = {"tiny_choice": CHOICE, "tiny_written": WRITTEN, "tiny_rolled": ROLLED}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a server whose key is in ``TINY_KEY``."""
    spec = ModelSpec.model_validate({"model": "openai:tiny", "serve": serve(tiny)})
    folder = tmp_path_factory.mktemp("server")
    assert spec.serve is not None
    spec.serve.place(folder, folder / "x.duckdb")
    patch = pytest.MonkeyPatch()
    async with running(spec) as launch:
        patch.setenv("TINY_KEY", launch.key)
        patch.setenv("OPENAI_API_KEY", launch.key)
        yield launch.url
        patch.undo()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """The model in this process: asked for texts, and for chats."""
    specs = {
        "text": ModelSpec.model_validate(
            {"model": f"vllm:{tiny}", "engine": ENGINE, "endpoint": "completions"}
        ),
        "chat": ModelSpec.model_validate({"model": f"vllm:{tiny}", "engine": ENGINE}),
    }
    async with Door(specs, cache=tmp_path_factory.mktemp("calls") / "x.sqlite") as opened:
        yield opened


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("lm")
    task_folder(root, TASKS, ROWS)
    return root


def served(url: str) -> ModelSpec:
    told = {"model": "openai:tiny", "base_url": url, "api_key_env": "TINY_KEY", "endpoint": "completions"}
    return ModelSpec.model_validate({**told, "retries": 0})


async def inside(door: Door, root: Path, task: Any, role: str = "text") -> Ran:
    ran = Ran()
    context = EvalContext(door, role, root, ran.samples.append, lambda name, n: None)
    ran.infos = await task.evaluate(context)
    return ran


def logprobs(samples: list[EvalSample]) -> list[float]:
    assert not [sample.error for sample in samples if sample.error]
    return [value for sample in samples for value in sample.details["logprobs"]]


async def test_choices_have_the_same_likelihoods_everywhere(
    door: Door, url: str, root: Path, tiny: Path
) -> None:
    """Also after and in texts whose letters are several tokens each."""
    task = LmEvalTask(task="tiny_choice", folder="tasks")
    own, ours = await inside(door, root, task), await evaluate(task, served(url), root)
    theirs = await asyncio.to_thread(by_lm_eval, url, tiny, root)
    assert logprobs(own.samples) == pytest.approx(logprobs(ours.samples), abs=1e-3)
    assert logprobs(ours.samples) == pytest.approx(theirs["logprobs"], abs=1e-3)
    assert own.values("acc") == ours.values("acc") == theirs["acc"]
    assert [s.details["greedy"] for s in own.samples] == [s.details["greedy"] for s in ours.samples]
    assert [sample.choices[2] for sample in own.samples] == ["磨坊"] * len(ROWS)


async def test_written_answers_are_the_same(door: Door, url: str, root: Path) -> None:
    task = LmEvalTask(task="tiny_written", folder="tasks")
    own, ours = await inside(door, root, task), await evaluate(task, served(url), root)
    assert [s.response for s in own.samples] == [s.response for s in ours.samples]
    assert any(sample.response for sample in own.samples)


async def test_whole_texts_begin_at_the_prefix(door: Door, url: str, root: Path) -> None:
    own = await inside(door, root, LmEvalTask(task="tiny_rolled", folder="tasks"))
    with_prefix = LmEvalTask(task="tiny_rolled", folder="tasks", prefix="<|begin|>")
    ours = await evaluate(with_prefix, served(url), root)
    bare = await evaluate(LmEvalTask(task="tiny_rolled", folder="tasks"), served(url), root)
    assert logprobs(own.samples) == pytest.approx(logprobs(ours.samples), abs=1e-3)
    assert all(a > b for a, b in zip(logprobs(bare.samples), logprobs(ours.samples), strict=True))
    assert own.infos[0].metrics[0].value == pytest.approx(ours.infos[0].metrics[0].value, rel=1e-4)


async def test_likelihoods_after_a_chat_are_those_of_the_weights(door: Door, root: Path, tiny: Path) -> None:
    ran = await inside(door, root, LmEvalTask(task="tiny_choice", folder="tasks", limit=2), "chat")
    wanted = [
        likelihood(tiny, f"<|user|>Question: {row['stem']}\nAnswer:<|end|><|assistant|>", choice)
        for row in ROWS[:2]
        for choice in row["opts"]
    ]
    assert logprobs(ran.samples) == pytest.approx(wanted, abs=0.05)


async def test_a_file_of_items_by_likelihood_and_by_letter(door: Door, root: Path, tmp_path: Path) -> None:
    from support.lm_runs import write_rows

    rows = [
        {"id": f"i{n}", "question": "Which?", "choices": row["opts"], "answer": 0}
        for n, row in enumerate(ROWS)
    ]
    write_rows(tmp_path / "items.jsonl", rows)
    scored = await inside(door, tmp_path, JsonlTask(path="items.jsonl"))
    written = await inside(
        door, tmp_path, JsonlTask(path="items.jsonl", choose="letter", max_tokens=8), "chat"
    )
    assert scored.infos[0].settings["answered_by"] == "likelihood"
    assert set(scored.values("acc")) <= {0.0, 1.0}
    assert [sample.item_id for sample in written.samples] == [f"i{n}" for n in range(len(ROWS))]
    assert {metric.name for metric in written.infos[0].metrics} == {"acc", "readable"}


async def test_texts_longer_than_the_context(door: Door, url: str) -> None:
    async with Door({"text": served(url)}, cache=None) as server:
        for one in (door, server):
            with pytest.raises(ModelAnswerError) as error:
                await one.score("text", [raw_prompt("Zq7 " * 9000)], " stands")
            assert error.value.kind == "too-long"


async def test_scores_are_cached(door: Door) -> None:
    first = await door.score("text", [raw_prompt("The mill")], " stands")
    again = await door.score("text", [raw_prompt("The mill")], " stands")
    assert again.cached
    assert (again.logprob, again.greedy, again.tokens) == (first.logprob, first.greedy, first.tokens)


def by_lm_eval(url: str, tiny: Path, root: Path) -> Mapping[str, Any]:
    """The same task by lm-eval's own client of the same server, with the model's tokenizer."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    told = {
        "model": "tiny",
        "base_url": f"{url}/completions",
        "tokenizer_backend": "huggingface",
        "tokenizer": str(tiny),
        "max_length": 2048,
    }
    manager = TaskManager(include_path=str(root / "tasks"), include_defaults=False)
    results = simple_evaluate(
        model="local-completions",
        model_args=told,
        tasks=["tiny_choice"],
        task_manager=manager,
        bootstrap_iters=0,
    )
    assert results is not None
    samples = sorted(results["samples"]["tiny_choice"], key=lambda sample: sample["doc_id"])
    found = [float(answer[0][0]) for sample in samples for answer in sample["resps"]]
    return {"logprobs": found, "acc": [sample["acc"] for sample in samples]}


def likelihood(tiny: Path, context: str, continuation: str) -> float:
    """The log-likelihood of ``continuation`` after ``context``, by the weights themselves."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    weights = AutoModelForCausalLM.from_pretrained(tiny)
    start, whole = tokenizer.encode(context), tokenizer.encode(context + continuation)
    with torch.no_grad():
        logs = weights(torch.tensor([whole])).logits[0].log_softmax(dim=-1)
    return sum(float(logs[i - 1, whole[i]]) for i in range(len(start), len(whole)))
