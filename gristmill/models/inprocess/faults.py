"""What goes wrong with an engine, in words for a user. The cause stands in the engine's own log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gristmill.errors import ModelConfigError, ModelUnavailableError
from gristmill.models.spec import ModelSpec

TAIL_BYTES = 200_000
MAX_CAUSE = 600

_MEMORY = re.compile(
    r"(?i)out of memory|OutOfMemoryError|No available memory for the cache|less than desired GPU memory"
    r"|larger than the (?:available KV cache memory|maximum number of tokens)|KV cache is needed"
    r"|less than requested memory|Cannot allocate memory|DefaultCPUAllocator|bad_alloc"
)
_NO_DEVICE = re.compile(
    r"(?i)Failed to infer device type|No CUDA GPUs are available|Found no NVIDIA driver|no NVIDIA GPU"
)
_LAST_WORDS = re.compile(r"(?:^|\s)([A-Za-z_.]*(?:Error|Exception)(?:\([^)]*\))?: .+)$", re.MULTILINE)
_GENERIC = "Engine core initialization failed"
_SECOND_HAND = re.compile(f"{_GENERIC}|EngineDeadError|EngineCore encountered an issue|Failed core proc")

LESS_MEMORY = (
    "lower engine: {max_model_len: …} or {max_num_seqs: …}, take a smaller or a quantized model "
    "(engine: {quantization: …}), or spread it (engine: {tensor_parallel_size: …}); where other programs use "
    "the memory, lower engine: {gpu_memory_utilization: …}"
)


def not_started(error: BaseException, spec: ModelSpec, log: Path, start: int) -> ModelConfigError:
    """Why an engine did not start: from the exception and what the log says since byte ``start``."""
    said = _said(log, start)
    if killed := re.search(r"\{'EngineCore[^}]*: -9", str(error)):
        said += f"\nkilled by the system, out of memory ({killed[0]}"
    cause = _cause(error, said)
    if _NO_DEVICE.search(f"{error}\n{said}"):
        return ModelConfigError(
            f"vLLM found no GPU that it can use: {cause}",
            kind="no-gpu",
            where=spec.model,
            cure="check the driver with nvidia-smi, or install vLLM's build for CPUs",
        )
    if _MEMORY.search(f"{error}\n{said}"):
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
    said = _said(log, start)
    cause = _cause(RuntimeError(_GENERIC), said)
    why = f": {cause}" if cause != _GENERIC else ", killed from outside or by the system"
    little = cause == _GENERIC or bool(_MEMORY.search(cause))
    return ModelConfigError(
        f"vLLM's engine ended, was started anew and ended again{why}",
        kind="engine-died",
        where=spec.model,
        cure=f"everything answered is saved; {LESS_MEMORY if little else 'mend that'}; then run again "
        f"(vLLM's log: {log})",
    )


def _said(log: Path, start: int) -> str:
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(start, size - TAIL_BYTES))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _cause(error: BaseException, said: str) -> str:
    """The likeliest line: the last error about memory or device, else the last error, else the exception."""
    found: Sequence[str] = [line for line in _LAST_WORDS.findall(said) if not _SECOND_HAND.search(line)]
    telling = [line for line in found if _MEMORY.search(line) or _NO_DEVICE.search(line)]
    own = f"{error}" or type(error).__name__
    if _GENERIC not in own and "see root cause" not in own.lower():
        return own[:MAX_CAUSE]
    lines = telling or found
    return (lines[-1] if lines else own).strip()[:MAX_CAUSE]
