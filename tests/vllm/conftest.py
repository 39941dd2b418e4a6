"""Tests of the real engine: ``make test-vllm`` runs them, elsewhere they are skipped."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
from support.tiny_model import make_adapter, make_model

HERE = Path(__file__).parent
MISSING = importlib.util.find_spec("vllm") is None or importlib.util.find_spec("torch") is None

if not MISSING:  # other tests may share the process
    # One thread and a small cache for every engine that a test starts; nothing is looked up on the network.
    os.environ.update(
        VLLM_CPU_KVCACHE_SPACE="1", OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", VLLM_NO_USAGE_STATS="1"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without vLLM there is nothing to test."""
    for item in items:
        if MISSING and HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="vLLM is not installed here: make test-vllm"))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny model."""
    return make_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with other weights."""
    return make_model(tmp_path_factory.mktemp("models") / "other", seed=1)


@pytest.fixture(scope="session")
def adapter(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter for ``tiny``."""
    return make_adapter(tmp_path_factory.mktemp("adapters") / "lora", tiny)
