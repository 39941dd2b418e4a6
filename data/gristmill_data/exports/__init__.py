"""Exports: the reviewed dataset in the formats trainers read. See ``docs/exports.md``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gristmill_data.exports.dataset import export_rows, export_store
    from gristmill_data.exports.formats import DPO, Alpaca, Chat, ParquetExport, ShareGPT

_HOMES = {"export_rows": "dataset", "export_store": "dataset"}

__all__ = ["DPO", "Alpaca", "Chat", "ParquetExport", "ShareGPT", "export_rows", "export_store"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'formats')}"), name)
