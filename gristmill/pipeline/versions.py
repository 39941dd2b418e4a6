"""What a run was made with: the versions that have a say in its rows."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "gristmill", "openai", "vllm", "torch", "transformers", "distilabel", "duckdb", "kreuzberg", "rapidfuzz",
    "rensa", "scikit-learn", "numpy", "ray",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Python, operating system and the packages above that are installed, by name."""
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
