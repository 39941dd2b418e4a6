"""What a recipe may say about a model in this process, and what it is told when it is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.fake_models import fake_model
from support.projects import gristmill, make_project

from gristmill.errors import GristmillError, ModelConfigError, RecipeError, UsageError
from gristmill.models.backends import validate_spec
from gristmill.models.inprocess.faults import died_again, not_started
from gristmill.models.inprocess.launch import engine_arguments, lora_arguments
from gristmill.models.inprocess.places import identity, model_folder
from gristmill.models.inprocess.sampling import likeliest
from gristmill.models.spec import ModelSpec
from gristmill.recipe import load_recipe


def adapter(folder: Path, rank: int = 8, weights: bytes = b"w") -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank}))
    (folder / "adapter_model.safetensors").write_bytes(weights)
    return folder


def test_an_engine_holds_the_queue_unless_told_otherwise() -> None:
    assert ModelSpec(model="vllm:m").concurrency == 1024
    assert ModelSpec(model="vllm:m", engine={"max_num_seqs": 16}).concurrency == 32
    assert ModelSpec(model="vllm:m", engine={"max_num_seqs": 16}, concurrency=4).concurrency == 4
    assert ModelSpec(model="vllm:m").timeout > ModelSpec(model="openai:m").timeout == 120


def test_settings_reach_the_engine_and_what_is_unset_is_left_to_it(tmp_path: Path) -> None:
    engine = {"tensor_parallel_size": 2, "max_model_len": 4096, "extra": {"swap_space": 2, "tokenizer": "t"}}
    (tmp_path / "t").mkdir()
    wanted = engine_arguments(ModelSpec(model="vllm:m", engine=engine).at(tmp_path))
    assert wanted["tensor_parallel_size"] == 2
    assert wanted["swap_space"] == 2
    assert wanted["tokenizer"] == str(tmp_path / "t")
    assert wanted["enable_prefix_caching"]
    assert not {"gpu_memory_utilization", "extra", "start_timeout", "revision"} & wanted.keys()


def test_adapters_get_places_and_the_rank_they_need(tmp_path: Path) -> None:
    paths = [adapter(tmp_path / "a", 8), adapter(tmp_path / "b", 20)]
    roles = [ModelSpec(model="vllm:m", lora=str(path)) for path in paths]
    assert lora_arguments([*roles, ModelSpec(model="vllm:m")]) == {
        "enable_lora": True,
        "max_loras": 2,
        "max_lora_rank": 32,
    }
    assert lora_arguments([ModelSpec(model="vllm:m")]) == {}


def test_adapter_and_template_are_part_of_the_name_by_content(tmp_path: Path) -> None:
    one, same = adapter(tmp_path / "1" / "lora"), adapter(tmp_path / "2" / "lora")
    other = adapter(tmp_path / "3" / "lora", weights=b"trained anew")
    names = [identity(ModelSpec(model="vllm:m", lora=str(path))) for path in (one, same, other)]
    assert names[0] == names[1] != names[2]
    (tmp_path / "t.jinja").write_text("{{ messages }}")
    templates = [
        ModelSpec(model="vllm:m", chat_template=t).at(tmp_path) for t in ("t.jinja", "{{ messages }}")
    ]
    assert identity(templates[0]) == identity(templates[1]) != "vllm:m"
    assert identity(ModelSpec(model="vllm:m", engine={"dtype": "float16"})) == "vllm:m"


def hub(folder: Path) -> dict[str, str]:
    """A cache as huggingface_hub keeps it, with one model."""
    repository = folder / "models--me--tiny"
    fake_model(repository / "snapshots" / "abc", 0.001)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    return {"HF_HUB_CACHE": str(folder)}


def test_a_name_is_looked_up_in_the_hubs_cache_and_nowhere_else(tmp_path: Path) -> None:
    environ = hub(tmp_path)
    assert (
        model_folder(ModelSpec(model="vllm:me/tiny"), environ) == tmp_path / "models--me--tiny/snapshots/abc"
    )
    assert model_folder(ModelSpec(model="vllm:me/other", download=True), environ) is None
    with pytest.raises(ModelConfigError, match="hf download me/other") as caught:
        model_folder(ModelSpec(model="vllm:me/other"), environ)
    assert "download: true" in str(caught.value)
    with pytest.raises(ModelConfigError):
        model_folder(ModelSpec(model="vllm:me/tiny", engine={"revision": "v2"}), environ)


def broken(folder: Path, missing: str) -> Path:
    fake_model(folder, 0.001)
    for file in folder.glob(missing):
        file.unlink()
    return folder


FOLDERS = [
    ("config.json", "has no config.json"),
    ("*.safetensors", "holds no weights"),
    ("tokenizer.json", "has no tokenizer"),
]


@pytest.mark.parametrize(("missing", "said"), FOLDERS)
def test_a_folder_that_is_no_model_says_what_is_missing(tmp_path: Path, missing: str, said: str) -> None:
    broken(tmp_path / "m", missing)
    with pytest.raises(ModelConfigError, match=said):
        model_folder(ModelSpec(model="vllm:m").at(tmp_path))
    with pytest.raises(ModelConfigError, match="no folder"):
        model_folder(ModelSpec(model="vllm:./nowhere").at(tmp_path))


WRONG: list[tuple[dict[str, Any], type[GristmillError], str]] = [
    ({"model": "vllm:m", "params": {"max_tokns": 5}}, UsageError, "did you mean 'max_tokens'"),
    ({"model": "openai:m", "engine": {}}, RecipeError, "write vllm:PATH_OR_NAME"),
    ({"model": "openai:m", "lora": "a"}, RecipeError, "lora is for models that run in this process"),
    ({"model": "vllm:"}, RecipeError, "names no model"),
]


@pytest.mark.parametrize(("told", "kind", "said"), WRONG)
def test_what_cannot_be_is_refused_with_a_cure(
    told: dict[str, Any], kind: type[GristmillError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        validate_spec(ModelSpec(**told), where="r.yaml:3")


def test_an_unknown_engine_setting_names_the_nearest(tmp_path: Path) -> None:
    recipe = make_project(tmp_path, '"vllm:m", engine: {max_model_length: 5}')
    with pytest.raises(RecipeError, match="did you mean 'max_model_len'") as caught:
        load_recipe(recipe)
    assert "recipe.yaml:5" in str(caught.value)


def test_without_vllm_a_run_names_the_package_and_a_dry_run_goes_on(tmp_path: Path) -> None:
    fake_model(tmp_path / "m", 8)
    recipe = make_project(tmp_path, '"vllm:./m"')
    done = gristmill("run", recipe)
    assert done.returncode == 1
    assert "pip install 'gristmill[vllm]'" in done.stderr
    assert "Traceback" not in done.stderr
    dry = gristmill("run", recipe, "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    assert json.loads(dry.stdout)["memory"]["models"][0]["weights"] == 16_000_000_000
    assert "pip install" in dry.stderr


SAID = [
    (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20 GiB",
        "out-of-memory",
        "max_model_len",
    ),
    ("ValueError: No available memory for the cache blocks. Try", "out-of-memory", "gpu_memory_utilization"),
    ("RuntimeError: No CUDA GPUs are available", "no-gpu", "nvidia-smi"),
    ("ValueError: Model architectures ['X'] are not supported", "engine-start", "are not supported"),
]


@pytest.mark.parametrize(("line", "kind", "said"), SAID)
def test_the_cause_is_read_from_the_engines_log(tmp_path: Path, line: str, kind: str, said: str) -> None:
    log = tmp_path / "x.vllm.log"
    log.write_text(f"RuntimeError: CUDA out of memory, long ago\nINFO\n{line}\n{'at line 7 ' * 50}\n")
    start = log.read_text().index("INFO")
    failure = RuntimeError("Engine core initialization failed. See root cause above. Failed core proc(s): {}")
    error = not_started(failure, ModelSpec(model="vllm:m"), log, start)
    assert error.kind == kind
    assert line.split(": ", 1)[1][:30] in error.message
    assert said in str(error)
    assert line.split(": ", 1)[1][:30] in str(died_again(ModelSpec(model="vllm:m"), log, start))


LIKELIEST: list[tuple[dict[str, Any], int | None]] = [
    ({}, None),
    ({"logprobs": False, "top_logprobs": 3}, None),
    ({"logprobs": True}, 0),
    ({"logprobs": True, "top_logprobs": 3}, 3),
    ({"logprobs": 5}, 5),
]


@pytest.mark.parametrize(("params", "expected"), LIKELIEST)
def test_log_probabilities_in_openais_words_and_in_vllms(
    params: dict[str, Any], expected: int | None
) -> None:
    assert likeliest(params) == expected


def test_prompts_begin_with_what_all_calls_have_in_common() -> None:
    from gristmill.records import Chunk
    from gristmill_generators.prompts import QA, writing
    from gristmill_scorers.judge_prompt import judge_messages
    from gristmill_scorers.rubric import RubricJudge

    task = QA.format(count=2, types="factual")
    asked = [writing(task, Chunk(f"c{i}", "d", f"Passage {i}.", 0, 9, ())) for i in range(2)]
    material = [{"QUESTION": "?", "PASSAGE": f"{i}", "RESPONSE": "x"} for i in range(2)]
    judge = RubricJudge(rubric="answer", model="m")
    judge.prepare(Path())
    judged = [judge_messages(judge.loaded, one) for one in material]
    for first, second in (asked, judged):
        one, other = first[0]["content"], second[0]["content"]
        assert one != other
        same = next(place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
        assert same > len(one) - 20  # all but the mark
        assert len(one) > 4 * len(first[1]["content"])
