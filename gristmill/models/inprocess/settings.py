"""What a recipe says about an engine of its own: the common settings typed, the rest passed on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class EngineSettings(BaseModel):
    """Settings of one vLLM engine; names and meaning are vLLM's own (``AsyncEngineArgs``).

    ``gpu_memory_utilization`` is a share of the GPU's memory; unset, it is vLLM's default, or what the memory
    plan gives when several engines share a GPU. ``extra`` holds any other engine argument of vLLM.
    ``start_timeout`` is in seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    tensor_parallel_size: int = Field(default=1, ge=1)
    pipeline_parallel_size: int = Field(default=1, ge=1)
    gpu_memory_utilization: float | None = Field(default=None, gt=0, le=1)
    kv_cache_memory_bytes: int | None = Field(default=None, gt=0)
    max_model_len: int | None = Field(default=None, ge=16)
    max_num_seqs: int | None = Field(default=None, ge=1)
    max_num_batched_tokens: int | None = Field(default=None, ge=1)
    dtype: str = "auto"
    quantization: str | None = None
    kv_cache_dtype: str = "auto"
    enforce_eager: bool = False
    enable_prefix_caching: bool = True
    max_lora_rank: int | None = Field(default=None, ge=1)
    revision: str | None = None
    trust_remote_code: bool = False
    seed: int = 0
    start_timeout: float = Field(default=1800.0, gt=0)
    extra: dict[str, Any] = Field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """The settings as vLLM's engine arguments; what is unset is left to vLLM."""
        known = self.model_dump(exclude={"extra", "start_timeout", "revision"}, exclude_none=True)
        return {**known, **self.extra}


class Lora(BaseModel):
    """A LoRA adapter on top of a model: a folder as PEFT writes it. A mere path is named by its folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str = Field(min_length=1)
    name: str = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = {"path": value}
        if isinstance(value, dict) and isinstance(value.get("path"), str):
            return {"name": Path(value["path"]).name or "lora", **value}
        return value
