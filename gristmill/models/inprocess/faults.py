"""What goes wrong with an engine, in words for a user. The cause stands in the engine's own log."""

from __future__ import annotations

import re
from pathlib import Path

from gristmill.errors import ModelConfigError, ModelUnavailableError
from gristmill.models.engine_log import GENERIC, MEMORY, NO_DEVICE, likeliest_cause, log_since
from gristmill.models.spec import ModelSpec

MAX_CAUSE = 600

LESS_MEMORY = (
    "lower engine: {max_model_len: …} or {max_num_seqs: …}, take a smaller or a quantized model "
    "(engine: {quantization: …}), or spread it (engine: {tensor_parallel_size: …}); where other programs use "
    "the memory, lower engine: {gpu_memory_utilization: …}"
)


def not_started(error: BaseException, spec: ModelSpec, log: Path, start: int) -> ModelConfigError:
    """Why an engine did not start: from the exception and what the log says since byte ``start``."""
    said = log_since(log, start)
    if killed := re.search(r"\{'EngineCore[^}]*: -9", str(error)):
        said += f"\nkilled by the system, out of memory ({killed[0]}"
    cause = _cause(error, said)
    if NO_DEVICE.search(f"{error}\n{said}"):
        return ModelConfigError(
            f"vLLM found no GPU that it can use: {cause}",
            kind="no-gpu",
            where=spec.model,
            cure="check the driver with nvidia-smi, or install vLLM's build for CPUs",
        )
    if MEMORY.search(f"{error}\n{said}"):
        return ModelConfigError(
            f"the model does not fit into memory: {cause}",
            kind="out-of-memory",
            where=spec.model,
            cure=LESS_MEMORY,
        )
    return ModelConfigError(
        f"vLLM cannot run this model: {cause}",
        kind="engine-start",
        where=spec.model,
        cure=f"vLLM's log: {log}",
    )


def died(spec: ModelSpec) -> ModelUnavailableError:
    """The engine's process ended while a call was on its way."""
    return ModelUnavailableError(
        "vLLM's engine ended in the middle of the call", kind="engine-died", where=spec.model
    )


def died_again(spec: ModelSpec, log: Path, start: int) -> ModelConfigError:
    """It ended, was started again, and ended again; the cause may stand in the log since byte ``start``."""
    said = log_since(log, start)
    cause = _cause(RuntimeError(GENERIC), said)
    why = f": {cause}" if cause != GENERIC else ", killed from outside or by the system"
    little = cause == GENERIC or bool(MEMORY.search(cause))
    return ModelConfigError(
        f"vLLM's engine ended, was started anew and ended again{why}",
        kind="engine-died",
        where=spec.model,
        cure=f"everything answered is saved; {LESS_MEMORY if little else 'mend that'}; then run again "
        f"(vLLM's log: {log})",
    )


def _cause(error: BaseException, said: str) -> str:
    """The exception, or what the log says if the exception only points there."""
    own = f"{error}" or type(error).__name__
    if GENERIC not in own and "see root cause" not in own.lower():
        return own[:MAX_CAUSE]
    return (likeliest_cause(said) or own.strip())[:MAX_CAUSE]
