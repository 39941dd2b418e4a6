"""The dry run of memory: weights from headers, what they need, and whether models fit together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.fake_models import fake_model, safetensors

from gristmill.errors import ModelConfigError, RecipeError
from gristmill.models.inprocess.memory import GIB, MemoryPlan, Room, measure_room, plan_memory, seen_gpus
from gristmill.models.inprocess.weights import shape_of
from gristmill.models.spec import ModelSpec

H200 = Room("gpu", 141 * GIB, 140 * GIB)
SMALL = Room("gpu", 24 * GIB, 23 * GIB)


def spec(folder: Path, **engine: Any) -> ModelSpec:
    return ModelSpec(model=f"vllm:{folder}", **({"engine": engine} if engine else {}))


def planned(models: list[ModelSpec], room: Room, wish: Any = "auto") -> MemoryPlan:
    plan = plan_memory(models, wish, room)
    assert plan is not None
    return plan


WEIGHTS = [  # kind in the file, engine dtype, quantization, bytes a weight
    ("BF16", "auto", None, 2),
    ("F32", "auto", None, 2),
    ("F32", "float32", None, 4),
    ("BF16", "float32", None, 4),
    ("F8_E4M3", "auto", None, 1),
    ("I8", "auto", "awq", 1),
    ("BF16", "auto", "fp8", 8.5 / 8),
]


@pytest.mark.parametrize(("kind", "dtype", "quantization", "width"), WEIGHTS)
def test_weights_as_they_are_loaded(
    tmp_path: Path, kind: str, dtype: str, quantization: str | None, width: float
) -> None:
    folder = fake_model(tmp_path / "m", 1.0, kind, torch_dtype="float32" if kind == "F32" else "bfloat16")
    assert shape_of(folder, dtype, quantization, "auto").weight_bytes == pytest.approx(width * 1e9, rel=1e-6)


KV: list[tuple[dict[str, Any], str, int]] = [  # by hand: 2 · layers · heads · head size · bytes
    ({}, "auto", 2 * 32 * 8 * 128 * 2),
    ({}, "fp8", 2 * 32 * 8 * 128),
    ({"num_key_value_heads": None}, "auto", 2 * 32 * 32 * 128 * 2),
    ({"head_dim": 64}, "auto", 2 * 32 * 8 * 64 * 2),
    ({"kv_lora_rank": 512, "qk_rope_head_dim": 64}, "auto", 32 * 576 * 2),
    ({"text_config": {"num_hidden_layers": 2}}, "auto", 2 * 2 * 8 * 128 * 2),
]


@pytest.mark.parametrize(("config", "dtype", "expected"), KV)
def test_bytes_of_one_token(tmp_path: Path, config: dict[str, Any], dtype: str, expected: int) -> None:
    folder = fake_model(tmp_path / "m", 0.1, **config)
    assert shape_of(folder, "auto", None, dtype).kv_bytes == expected


def test_models_that_fit_share_the_gpu(tmp_path: Path) -> None:
    writer, judge = spec(fake_model(tmp_path / "w", 8)), spec(fake_model(tmp_path / "j", 32))
    plan = planned([writer, judge], H200)
    assert plan.mode == "together"
    assert sum(plan.shares.values()) <= 0.93
    for model, need in zip((writer, judge), plan.needs, strict=True):
        assert plan.overrides(model.model)["gpu_memory_utilization"] * H200.total >= need.bytes * 0.99
    assert plan.needs[1].weights == pytest.approx(64e9)
    assert "they fit together" in plan.lines()[0]


def test_models_that_do_not_fit_take_turns(tmp_path: Path) -> None:
    plan = planned([spec(fake_model(tmp_path / "w", 8)), spec(fake_model(tmp_path / "j", 8))], SMALL)
    assert plan.separate
    assert plan.overrides(plan.needs[0].model) == {}  # each has the GPU for itself
    assert "14.9 GiB weights" in plan.lines()[1]
    assert plan.as_json()["models"][0]["weights"] == 16_000_000_000


def test_what_the_recipe_says_counts(tmp_path: Path) -> None:
    models = [spec(fake_model(tmp_path / name, 8), gpu_memory_utilization=0.4) for name in "wj"]
    assert planned(models, SMALL).mode == "together"  # 0.4 + 0.4 of the GPU
    assert planned(models, SMALL, "separate").separate
    assert planned([spec(fake_model(tmp_path / n, 8)) for n in "wj"], SMALL, "together").mode == "together"


def test_tensor_parallel_models_need_their_part_of_each_gpu(tmp_path: Path) -> None:
    folder = fake_model(tmp_path / "m", 32)
    whole, half = (planned([spec(folder, tensor_parallel_size=n)], H200).needs[0] for n in (1, 2))
    assert half.weights * 2 == whole.weights
    assert half.kv_cache * 2 == whole.kv_cache


def test_a_model_whose_size_is_not_known_has_the_memory_for_itself(tmp_path: Path) -> None:
    absent = ModelSpec(model="vllm:nobody/nothing", download=True)
    plan = planned([spec(fake_model(tmp_path / "w", 0.1)), absent], H200)
    assert plan.separate
    assert "nobody/nothing: not downloaded yet" in plan.reason
    assert planned([spec(fake_model(tmp_path / "j", 1)), absent], Room("unknown", 0, 0)).separate


def test_one_model_needs_no_plan_and_none_has_none(tmp_path: Path) -> None:
    assert planned([spec(fake_model(tmp_path / "w", 0.1))] * 2, H200).mode == "single"
    assert plan_memory([ModelSpec(model="offline:extractive")], "auto", H200) is None


def test_on_a_cpu_the_cache_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    model = spec(fake_model(tmp_path / "w", 0.1), max_model_len=2048)
    plan = planned([model], Room("cpu", 64 * GIB, 32 * GIB))
    wanted = plan.overrides(model.model)
    assert wanted["kv_cache_memory_bytes"] == 4 * GIB
    assert (wanted["enable_chunked_prefill"], wanted["max_num_batched_tokens"]) == (False, 4096)


def test_roles_of_one_model_agree_about_its_engine(tmp_path: Path) -> None:
    folder = fake_model(tmp_path / "w", 0.1)
    assert planned([spec(folder), spec(folder, max_model_len=2048)], H200).needs[0].kv_cache == 2 * GIB
    with pytest.raises(RecipeError, match="two roles give different engine settings"):
        plan_memory([spec(folder, max_model_len=1024), spec(folder, max_model_len=2048)], "auto", H200)


def test_a_damaged_file_is_no_model(tmp_path: Path) -> None:
    folder = fake_model(tmp_path / "m", 0.1)
    (folder / "model-00001-of-00002.safetensors").write_bytes(b"\xff" * 20)
    with pytest.raises(ModelConfigError, match="no safetensors file"):
        shape_of(folder, "auto", None, "auto")
    safetensors(folder / "model-00001-of-00002.safetensors", {})


SMI = "0, GPU-aa, 81559, 80000\n1, GPU-bb, 81559, 1000\n2, GPU-cc, [N/A], [N/A]\n"
SEEN = [
    (None, [(81559, 80000), (81559, 1000)]),
    ("1", [(81559, 1000)]),
    ("GPU-aa", [(81559, 80000)]),
    ("", []),
]


@pytest.mark.parametrize(("visible", "expected"), SEEN)
def test_gpus_that_are_hidden_do_not_count(visible: str | None, expected: list[tuple[int, int]]) -> None:
    assert seen_gpus(SMI, visible) == [(total * 2**20, free * 2**20) for total, free in expected]


def test_the_memory_of_this_machine_is_measured() -> None:
    room = measure_room({"CUDA_VISIBLE_DEVICES": ""})
    assert room.device == "cpu"
    assert GIB / 4 < room.free <= room.total
