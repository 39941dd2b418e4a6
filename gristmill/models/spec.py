"""What a recipe says about one model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from gristmill.models.inprocess.settings import EngineSettings, Lora
from gristmill.models.serving.settings import ServeSpec

LOCAL_TIMEOUT = 1800.0
UNKNOWN_SEQUENCES = 512


class Price(BaseModel):
    """US dollars per million tokens; overrides the price table."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    input: float = Field(ge=0)
    output: float = Field(ge=0)


class BatchSpec(BaseModel):
    """How a model's calls travel with ``run --batch``; ``batch: false`` sends them online there as well.

    ``discount`` is the share of the price that batches save. ``max_requests`` and ``max_megabytes`` (of
    10^6 bytes) bound one batch's file, ``window`` is the time within which the provider is to answer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    enabled: bool = True
    discount: float = Field(default=0.5, ge=0, le=1)
    max_requests: int = Field(default=50_000, ge=1)
    max_megabytes: float = Field(default=200.0, gt=0)
    window: str = Field(default="24h", min_length=1)


class ModelSpec(BaseModel):
    """One role of the recipe's ``models``.

    ``model`` is ``openai:NAME`` (any OpenAI-compatible endpoint), ``vllm:NAME`` or ``offline:extractive``.
    ``api_key_env`` names the environment variable that holds the key; the key itself is never written
    anywhere. ``transport`` is ``lean`` (the default) or ``official`` (the openai package's client), for
    ``openai:`` models. ``timeout`` is in seconds an attempt, ``deadline`` in seconds a call from its first
    attempt on, retries and waits included; ``retries`` is the number of attempts after the first.
    ``serve`` starts a server for an ``openai:`` model, which then needs no ``base_url`` and no key.
    ``endpoint`` is what the server is asked through: ``chat`` (``/chat/completions``) or ``completions``
    (``/completions``: texts to go on from and log-likelihoods, as base models and some benchmarks need).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    model: str
    base_url: str | None = None
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    transport: Literal["lean", "official"] = "lean"
    endpoint: Literal["chat", "completions"] = "chat"
    concurrency: int = Field(default=64, ge=1, le=10_000)
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)
    timeout: float = Field(default=120.0, gt=0)
    deadline: float | None = Field(default=None, gt=0)
    retries: int = Field(default=6, ge=0)
    params: dict[str, Any] = Field(default_factory=dict)
    price: Price | None = None
    batch: BatchSpec = BatchSpec()
    engine: EngineSettings = EngineSettings()
    lora: Lora | None = None
    chat_template: str | None = Field(default=None, min_length=1)
    download: bool = False
    serve: ServeSpec | None = None
    _root: Path = PrivateAttr(default=Path())

    @model_validator(mode="before")
    @classmethod
    def _own_engine(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not str(data.get("model", "")).startswith("vllm:"):
            return data
        engine = data.get("engine")
        wanted = engine.get("max_num_seqs") if isinstance(engine, dict) else None
        if isinstance(engine, EngineSettings):
            wanted = engine.max_num_seqs
        places = 2 * (wanted if isinstance(wanted, int) else UNKNOWN_SEQUENCES)
        return {"concurrency": min(max(places, 1), 10_000), "timeout": LOCAL_TIMEOUT, **data}

    def at(self, root: Path) -> ModelSpec:
        """This model, with its relative paths starting at ``root``."""
        placed = self.model_copy()
        placed._root = root
        return placed

    @property
    def root(self) -> Path:
        """Where relative paths start."""
        return self._root

    @field_validator("batch", mode="before")
    @classmethod
    def _on_or_off(cls, value: Any) -> Any:
        return {"enabled": value} if isinstance(value, bool) else value

    @property
    def backend(self) -> str:
        """``openai``, ``vllm`` or ``offline``."""
        return self.model.partition(":")[0]

    @property
    def name(self) -> str:
        """The model's name without the backend."""
        return self.model.partition(":")[2]

    @property
    def seconds_in_all(self) -> float:
        """The deadline: by default a quarter of an hour, or two attempts where those are longer."""
        return self.deadline if self.deadline is not None else max(900.0, 2 * self.timeout)
