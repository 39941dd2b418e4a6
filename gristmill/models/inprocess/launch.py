"""Bringing an engine up: from a recipe's model to vLLM's arguments, and what a prompt needs of it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gristmill.errors import ModelConfigError
from gristmill.models.inprocess import surroundings
from gristmill.models.inprocess.places import adapter_folder, model_folder
from gristmill.models.spec import ModelSpec

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)


def launch(roles: Sequence[ModelSpec], overrides: Mapping[str, Any], log: Path) -> AsyncLLM:
    """Start the engine that serves ``roles``; blocks until the model is loaded.

    Raises:
        ModelConfigError: no such model, or an unknown engine argument.
        Exception: whatever vLLM raises.
    """
    spec = roles[0]
    folder = model_folder(spec) or _download(spec)
    surroundings.set_up(spec.engine.start_timeout)
    wanted = {**overrides, **engine_arguments(spec), **lora_arguments(roles)}
    with surroundings.own_children(log):
        with surroundings.quiet_import():
            from vllm.engine.arg_utils import AsyncEngineArgs
            from vllm.usage.usage_lib import UsageContext
            from vllm.v1.engine.async_llm import AsyncLLM
        _check_known(wanted, {field.name for field in dataclasses.fields(AsyncEngineArgs)}, spec)
        args = AsyncEngineArgs(model=str(folder), disable_log_stats=True, **wanted)
        # As vLLM's own batch interface, which knows no server's latencies: larger steps, more at once.
        llm = AsyncLLM.from_engine_args(args, usage_context=UsageContext.LLM_CLASS)
    _take_turns(llm)
    return llm


def _take_turns(llm: AsyncLLM) -> None:
    """Let others on the event loop have a turn after every step of the engine.

    While an engine makes its steps faster than they are read, the task that reads them never waits, and so
    nothing else runs: no new request, no answer kept, no signal (14 s were seen with a small model).
    """
    client = llm.engine_core
    read = client.get_output_async

    async def read_fairly() -> Any:
        await asyncio.sleep(0)
        return await read()

    client.get_output_async = read_fairly  # type: ignore[method-assign,unused-ignore]


def shut_down(llm: AsyncLLM) -> None:
    """Stop an engine; blocks until its processes are gone."""
    llm.shutdown()
    # Its destructor does so again, and fails aloud when the interpreter has ended by then.
    llm.shutdown = _done  # type: ignore[method-assign,unused-ignore]


def _done(timeout: float | None = None) -> None:
    """Nothing is left to shut down."""


def engine_arguments(spec: ModelSpec) -> dict[str, Any]:
    """The recipe's settings as vLLM's arguments; paths of a tokenizer start at the recipe's folder."""
    wanted = spec.engine.arguments()
    tokenizer = wanted.get("tokenizer")
    if isinstance(tokenizer, str) and (spec.root / tokenizer).is_dir():
        wanted["tokenizer"] = str((spec.root / tokenizer).absolute())
    return wanted


def lora_arguments(roles: Sequence[ModelSpec]) -> dict[str, Any]:
    """What the adapters of all roles need: as many places as there are adapters, and the largest rank."""
    adapters = {adapter_folder(spec) for spec in roles if spec.lora is not None}
    if not adapters:
        return {}
    wanted = max(_rank(folder) for folder in adapters)
    rank = next((rank for rank in RANKS if rank >= wanted), wanted)
    asked = roles[0].engine.max_lora_rank
    return {"enable_lora": True, "max_loras": len(adapters), "max_lora_rank": asked or rank}


def _rank(folder: Path) -> int:
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        return int(json.loads((folder / "adapter_config.json").read_text(encoding="utf-8")).get("r", 16))
    return 16


def _check_known(wanted: Mapping[str, Any], known: set[str], spec: ModelSpec) -> None:
    for name in wanted.keys() - known:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        raise ModelConfigError(
            f"vLLM has no engine argument {name!r}",
            kind="engine-start",
            where=spec.model,
            cure=f"did you mean {close[0]!r}?" if close else "see vLLM's engine arguments",
        )


def _download(spec: ModelSpec) -> Path:
    """Fetch a model from the hub, because the recipe says so."""
    from huggingface_hub import snapshot_download

    patterns = ["*.safetensors", "*.json", "*.jinja", "tokenizer*", "*.model", "*.txt", "*.py"]
    try:
        return Path(snapshot_download(spec.name, revision=spec.engine.revision, allow_patterns=patterns))
    except Exception as error:
        raise ModelConfigError(
            f"{spec.name} cannot be downloaded: {error}",
            kind="no-model",
            where=spec.model,
            cure="check the name, the network and HF_TOKEN, or download it elsewhere and name the folder",
        ) from error
