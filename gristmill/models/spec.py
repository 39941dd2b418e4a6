"""What a recipe says about one model."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Price(BaseModel):
    """US dollars per million tokens; overrides the price table."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    input: float = Field(ge=0)
    output: float = Field(ge=0)


class ModelSpec(BaseModel):
    """One role of the recipe's ``models``.

    ``model`` is ``openai:NAME`` (any OpenAI-compatible endpoint), ``vllm:NAME`` or ``offline:extractive``.
    ``api_key_env`` names the environment variable that holds the key; the key itself is never written
    anywhere. ``timeout`` is in seconds a call, all retries excluded; ``retries`` is the number of
    attempts after the first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    model: str
    base_url: str | None = None
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    concurrency: int = Field(default=64, ge=1, le=10_000)
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)
    timeout: float = Field(default=120.0, gt=0)
    retries: int = Field(default=6, ge=0)
    params: dict[str, Any] = Field(default_factory=dict)
    price: Price | None = None

    @property
    def backend(self) -> str:
        """``openai``, ``vllm`` or ``offline``."""
        return self.model.partition(":")[0]

    @property
    def name(self) -> str:
        """The model's name without the backend."""
        return self.model.partition(":")[2]
