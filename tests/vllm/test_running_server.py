"""A vLLM server that runs already, by ``base_url``: what its API gives, its errors, lm-eval against it."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.tiny_model import SENTENCES
from support.tiny_runs import serve

from gristmill.errors import ModelAnswerError, ModelConfigError
from gristmill.models import Door, ModelSpec, check_models
from gristmill.models.serving.backend import running

pytestmark = pytest.mark.asyncio(loop_scope="module")
SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string", "maxLength": 80}, "yes": {"type": "boolean"}},
    "required": ["word", "yes"],
    "additionalProperties": False,
}
ASKED = [{"role": "user", "content": "What stands beside the river?"}]


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


def model(url: str, **more: Any) -> ModelSpec:
    """The model as a recipe names it."""
    return ModelSpec.model_validate(
        {"model": "openai:tiny", "base_url": url, "api_key_env": "TINY_KEY", "retries": 0, **more}
    )


async def test_samples_with_a_schema(url: str) -> None:
    async with Door({"w": model(url, params={"temperature": 1.0, "max_tokens": 300})}, cache=None) as door:
        answers = await door.ask_for("w")(ASKED, schema=SCHEMA, n=4)
        assert door.counters.total.sent == 4
        assert len({answer.text for answer in answers}) > 1
        assert all(set(answer.data) == {"word", "yes"} for answer in answers)
        assert any(answer.data["word"] in SENTENCES for answer in answers)


async def test_a_seed_makes_it_repeatable(url: str) -> None:
    texts = []
    for seed in (7, 7, 8):
        async with Door({"w": model(url, params={"seed": seed, "max_tokens": 40})}, cache=None) as door:
            texts.append([answer.text for answer in await door.ask_for("w")(ASKED, n=2)])
    assert texts[0] == texts[1] != texts[2]
    assert texts[0][0] != texts[0][1]


async def test_stop_strings(url: str) -> None:
    params = {"temperature": 0, "max_tokens": 60}
    async with Door({"w": model(url, params=params)}, cache=None) as door:
        [whole] = await door.ask_for("w")(ASKED)
        [cut] = await door.ask_for("w")(ASKED, stop=[whole.text[5:8]])
    assert cut.text == whole.text[: whole.text.index(whole.text[5:8])]


async def test_what_goes_wrong(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Door({"w": model(url), "x": model(url, model="openai:else")}, cache=None) as door:
        with pytest.raises(ModelAnswerError) as too_long:
            await door.ask_for("w")([{"role": "user", "content": "Zq7 " * 9000}])
        assert too_long.value.kind == "too-long"
        with pytest.raises(ModelConfigError) as unknown:
            await door.ask_for("x")(ASKED)
        assert unknown.value.kind == "not-found"
    monkeypatch.setenv("TINY_KEY", "wrong")
    [result] = await check_models({"w": model(url)})
    assert not result.ok
    assert "401" in result.detail


async def test_models_check(url: str) -> None:
    [result] = await check_models({"w": model(url)})
    assert (result.ok, result.detail) == (True, "reached; the server lists it")


async def test_lm_eval(url: str, tiny: Path, tmp_path: Path) -> None:
    """Log-likelihoods of the choices are those of the weights, computed without vLLM."""
    items = [
        {"question": f"Sentence {i}:", "choices": SENTENCES[i : i + 3], "answer": i % 3} for i in range(5)
    ]
    data = tmp_path / "items.jsonl"
    data.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    results = await asyncio.to_thread(evaluate, url, tiny, data)
    samples = sorted(results["samples"]["tiny_choices"], key=lambda sample: sample["doc_id"])
    assert len(samples) == len(items)
    for sample, item in zip(samples, items, strict=True):
        given = [float(response[0][0]) for response in sample["resps"]]
        wanted = [likelihood(tiny, item["question"], " " + choice) for choice in item["choices"]]
        assert given == pytest.approx(wanted, abs=0.05)
    right = [sample["acc"] for sample in samples]
    assert results["results"]["tiny_choices"]["acc,none"] == pytest.approx(math.fsum(right) / len(right))


def evaluate(url: str, tiny: Path, data: Path) -> dict[str, Any]:
    """lm-eval's results of a multiple-choice task in a local file."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    task = {
        "task": "tiny_choices",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}, "cache_dir": str(data.parent / "cache")},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "question",
        "doc_to_target": "answer",
        "doc_to_choice": "choices",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    results = simple_evaluate(
        model="local-completions",
        model_args={
            "model": "tiny",
            "base_url": f"{url}/completions",
            "tokenizer_backend": "huggingface",
            "tokenizer": str(tiny),
            "num_concurrent": 4,
            "max_length": 2048,
        },
        tasks=[task],
        task_manager=TaskManager(include_defaults=False),
        bootstrap_iters=0,
        log_samples=True,
    )
    assert results is not None
    return results


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
