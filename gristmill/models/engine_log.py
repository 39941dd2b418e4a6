"""What an engine wrote into its log before it gave up: the line that says why."""

from __future__ import annotations

import re
from pathlib import Path

TAIL_BYTES = 200_000

MEMORY = re.compile(
    r"(?i)out of memory|OutOfMemoryError|No available memory for the cache|less than desired [CG]PU memory"
    r"|larger than the (?:available KV cache memory|maximum number of tokens)|KV cache is needed"
    r"|less than requested memory|Cannot allocate memory|DefaultCPUAllocator|bad_alloc"
)
"""Too little memory, in the words of vLLM, PyTorch and the system."""
NO_DEVICE = re.compile(
    r"(?i)Failed to infer device type|No CUDA GPUs are available|Found no NVIDIA driver|no NVIDIA GPU"
)
"""No GPU that can be used."""
GENERIC = "Engine core initialization failed"
"""What vLLM says when the cause is said elsewhere."""

_LAST_WORDS = re.compile(r"(?:^|\s)([A-Za-z_.]*(?:Error|Exception)(?:\([^)]*\))?: .+)$", re.MULTILINE)
_SECOND_HAND = re.compile(f"{GENERIC}|EngineDeadError|EngineCore encountered an issue|Failed core proc")


def log_since(log: Path, start: int) -> str:
    """What the log says since byte ``start``, at most its last 200,000 bytes; empty if it cannot be read."""
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(start, size - TAIL_BYTES))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""


def likeliest_cause(said: str) -> str:
    """The last error about memory or a device, else the last that is no mere consequence; else empty."""
    found: list[str] = [line for line in _LAST_WORDS.findall(said) if not _SECOND_HAND.search(line)]
    telling = [line for line in found if MEMORY.search(line) or NO_DEVICE.search(line)]
    return next(iter((telling or found)[::-1]), "").strip()
