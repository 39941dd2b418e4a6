"""Model folders with headers only: enough to be weighed, not to be loaded."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WIDTHS = {"F32": 4, "BF16": 2, "F16": 2, "F8_E4M3": 1, "I32": 4, "I8": 1}
LLAMA = {
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_size": 4096,
    "max_position_embeddings": 8192,
    "torch_dtype": "bfloat16",
}


def safetensors(path: Path, tensors: Mapping[str, tuple[str, list[int]]]) -> None:
    """A file of that many bytes on paper: a header, and a hole in place of the data."""
    header, at = {}, 0
    for name, (kind, shape) in tensors.items():
        size = WIDTHS[kind]
        for length in shape:
            size *= length
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)


def fake_model(folder: Path, billions: float = 7.0, kind: str = "BF16", **config: Any) -> Path:
    """A model with that many billion weights, in two files, and all that is looked for beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = int(billions * 1e9 / 2 / 1000)
    for number in (1, 2):
        weights = {f"layer.{number}.weight": (kind, [rows, 1000])}
        safetensors(folder / f"model-0000{number}-of-00002.safetensors", weights)
    (folder / "config.json").write_text(json.dumps({**LLAMA, **config}))
    (folder / "tokenizer.json").write_text("{}")
    return folder
