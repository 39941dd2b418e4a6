"""Where a model lies on this machine, and what it is called in the cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from gristmill.errors import ModelConfigError
from gristmill.models.spec import ModelSpec

_MARKS = ("{%", "{{")
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")


def identity(spec: ModelSpec) -> str:
    """The model's name in the cache: with adapter and chat template, by content, where they are its own.

    An adapter trained anew in the same folder is another model. How a model is run (quantised, on several
    GPUs) is not in the name.

    Raises:
        ModelConfigError: adapter or template cannot be read.
    """
    name = spec.model
    if spec.lora is not None:
        name += f"+lora:{spec.lora.name}@{_adapter_hash(adapter_folder(spec))}"
    if spec.chat_template is not None:
        name += f"+template:{_short(template_text(spec).encode())}"
    return name


def is_folder(spec: ModelSpec) -> bool:
    """Whether the recipe names a folder, not a model of the hub."""
    name = spec.name
    return name.startswith(("/", "./", "../", "~")) or name in (".", "..") or _local(spec, name).is_dir()


def model_folder(spec: ModelSpec, environ: Mapping[str, str] | None = None) -> Path | None:
    """The folder with the model's files; None when it would have to be downloaded first.

    Raises:
        ModelConfigError: there is no such folder, it holds no model, or nothing may be downloaded.
    """
    if is_folder(spec):
        folder = _local(spec, spec.name)
        _check_model(folder, spec)
        return folder
    found = _snapshot(hub_cache(os.environ if environ is None else environ), spec)
    if found is not None:
        _check_model(found, spec)
    elif not spec.download:
        raise _missing(
            spec,
            f"{spec.name} is neither a folder nor a model downloaded to this machine",
            _download_cure(spec),
        )
    return found


def hub_cache(environ: Mapping[str, str]) -> Path:
    """The folder where huggingface_hub keeps what it downloaded."""
    if environ.get("HF_HUB_CACHE"):
        return Path(environ["HF_HUB_CACHE"]).expanduser()
    home = environ.get("HF_HOME") or Path(environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "hub"


def adapter_folder(spec: ModelSpec) -> Path:
    """The folder of the model's LoRA adapter.

    Raises:
        ModelConfigError: it is none.
    """
    assert spec.lora is not None
    folder = _local(spec, spec.lora.path)
    if not (folder / "adapter_config.json").is_file():
        raise _missing(
            spec,
            f"lora: {folder} holds no adapter_config.json",
            "name the folder that PEFT saved the adapter to",
        )
    return folder


def template_text(spec: ModelSpec) -> str:
    """The chat template of the recipe: the text itself, or that of the file it names.

    Raises:
        ModelConfigError: there is no such file.
    """
    assert spec.chat_template is not None
    if any(mark in spec.chat_template for mark in _MARKS):
        return spec.chat_template
    try:
        return _local(spec, spec.chat_template).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cure = "name a file with a Jinja template, or write the template itself"
        raise _missing(spec, f"chat_template: {spec.chat_template} cannot be read ({error})", cure) from error


def _local(spec: ModelSpec, path: str) -> Path:
    """A path of the recipe; a relative one starts at the recipe's folder."""
    return (spec.root / os.path.expanduser(path)).absolute()


def _check_model(folder: Path, spec: ModelSpec) -> None:
    if not folder.is_dir():
        raise _missing(
            spec, f"there is no folder {folder}", "check the path; a relative one starts at the recipe"
        )
    if not (folder / "config.json").is_file():
        raise _missing(
            spec, f"{folder} is no model: it has no config.json", "name a folder in Hugging Face's form"
        )
    if not any(any(folder.glob(pattern)) for pattern in ("*.safetensors", "*.bin", "*.pt")):
        raise _missing(
            spec, f"{folder} holds no weights", "the download or copy of the model is not complete"
        )
    known = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "tekken.json")
    if "tokenizer" not in spec.engine.extra and not any((folder / name).is_file() for name in known):
        cure = "copy the tokenizer's files there, or name it in engine: {extra: {tokenizer: PATH}}"
        raise _missing(spec, f"{folder} has no tokenizer", cure)


def _snapshot(cache: Path, spec: ModelSpec) -> Path | None:
    """A model's folder in the hub's cache: refs name commits, commits are folders of links."""
    repository = cache / f"models--{spec.name.replace('/', '--')}"
    wanted = spec.engine.revision or "main"
    try:
        commit = (repository / "refs" / wanted).read_text(encoding="utf-8").strip()
    except OSError:
        commit = wanted
    folder = repository / "snapshots" / commit
    return folder if (folder / "config.json").is_file() else None


def _download_cure(spec: ModelSpec) -> str:
    return (
        f"fetch it with `hf download {spec.name}`, name the folder of a copy, or write download: true "
        "to have the run fetch it"
    )


def _missing(spec: ModelSpec, message: str, cure: str) -> ModelConfigError:
    return ModelConfigError(message, kind="no-model", where=spec.model, cure=cure)


@lru_cache(maxsize=64)
def _adapter_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in _ADAPTER_FILES:
        file = folder / name
        if file.is_file():
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:12]


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]
