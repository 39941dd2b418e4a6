"""How large a model is, read from its files' headers: nothing is loaded."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gristmill.errors import ModelConfigError

BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U8": 8,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4, "BOOL": 8,
}  # fmt: skip
FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
TYPE_BITS = {"float32": 32, "float": 32, "float16": 16, "half": 16, "bfloat16": 16}
LARGEST_HEADER = 500_000_000
# Quantised as it is loaded: bits a weight, and what scales and the layers left alone add.
ON_LOAD = {"fp8": 8.5, "int8": 8.5, "bitsandbytes": 4.75, "mxfp4": 4.5}


@dataclass(frozen=True, slots=True)
class Shape:
    """A model's size. ``kv_bytes`` are of one token over all layers, ``context`` is its longest prompt."""

    weight_bytes: int
    kv_bytes: int
    context: int


def shape_of(folder: Path, dtype: str, quantization: str | None, kv_dtype: str) -> Shape:
    """Weigh a model folder as vLLM would load it (``dtype`` and the others are its engine arguments).

    Raises:
        ModelConfigError: a file is damaged.
    """
    config = _config(folder)
    bits = _bits(config, dtype)
    files = sorted(folder.glob("*.safetensors"))
    if files:
        weights = sum(_weights(file, bits, quantization) for file in files)
    else:
        weights = sum(file.stat().st_size for name in ("*.bin", "*.pt") for file in folder.glob(name))
    kv_bits = 8 if kv_dtype.startswith(("fp8", "int8")) else TYPE_BITS.get(kv_dtype, bits)
    return Shape(math.ceil(weights), _kv_bytes(config, kv_bits), _context(config))


def _weights(file: Path, bits: int, quantization: str | None) -> float:
    """Bytes of one file's tensors once loaded: floats change their width, quantised ones stay."""
    wanted = ON_LOAD.get(quantization or "", bits)
    total = 0.0
    for name, entry in _header(file).items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        have = BITS.get(entry["dtype"], 0)
        loaded = (wanted if len(entry["shape"]) > 1 else bits) if entry["dtype"] in FLOATS else have
        total += (end - start) * loaded / have if have else end - start
    return total


def _header(file: Path) -> Mapping[str, Any]:
    """The header of a safetensors file: eight bytes of length, then JSON."""
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > LARGEST_HEADER:
                raise ValueError("the header's length is absurd")
            header = json.loads(stream.read(length))
    except (OSError, struct.error, ValueError) as error:
        raise ModelConfigError(
            f"{file} is no safetensors file: {error}",
            kind="no-model",
            cure="download or copy the model again",
        ) from error
    if not isinstance(header, dict):
        raise ModelConfigError(f"{file} is no safetensors file", kind="no-model", cure="copy the model again")
    return header


def _config(folder: Path) -> Mapping[str, Any]:
    """The part of config.json that is about text."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelConfigError(
            f"{folder / 'config.json'} cannot be read: {error}", kind="no-model", cure="copy the model again"
        ) from error
    inner = config.get("text_config")
    return {**config, **inner} if isinstance(inner, dict) else config


def _bits(config: Mapping[str, Any], dtype: str) -> int:
    """Width of the floats: as asked for; by itself vLLM takes the model's own, and 16 bits for 32."""
    if dtype != "auto":
        return TYPE_BITS.get(dtype, 16)
    return min(16, TYPE_BITS.get(str(config.get("torch_dtype") or config.get("dtype")), 16))


def _kv_bytes(config: Mapping[str, Any], bits: int) -> int:
    layers = int(config.get("num_hidden_layers") or config.get("n_layer") or 32)
    heads = int(config.get("num_attention_heads") or config.get("n_head") or 32)
    width = int(config.get("hidden_size") or config.get("n_embd") or 4096)
    if "kv_lora_rank" in config:  # latent attention keeps one compressed vector a token and layer
        values = int(config["kv_lora_rank"] or 0) + int(config.get("qk_rope_head_dim") or 0)
    else:
        size = int(config.get("head_dim") or width // heads)
        values = 2 * int(config.get("num_key_value_heads") or heads) * size
    return layers * values * bits // 8


def _context(config: Mapping[str, Any]) -> int:
    return int(config.get("max_position_embeddings") or config.get("n_positions") or 4096)
