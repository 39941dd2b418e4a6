"""How much of vLLM's own throughput a run gets: its tokens a second over those of ``LLM.chat``.

Each round runs a recipe with ``vllm:`` in process, then gives the very prompts of that run to ``LLM.chat``
in a fresh process with the same engine settings. Loading and unloading count on neither side. The work:

* ``text``: free text of a fixed length (``ignore_eos``), so both sides make the same number of tokens;
* ``qa``: questions and answers as JSON by schema, at temperature 0.

``ratio`` is about the whole run after loading: reading, chunking, asking, checking, cache, store. ``asking``
is about the time from the first request to the last answer. With a GPU the model is one of ``--size`` with
random weights (what it says does not change how fast it says it), without one the tiny model of the tests.
Needs vLLM:

    .venv-vllm/bin/python benchmarks/vllm.py [--documents 400] [--rounds 3] [--output-tokens 128] [--profile]
    python benchmarks/vllm.py --model /models/Qwen2.5-7B-Instruct --documents 2000
    python benchmarks/vllm.py --size 8b --documents 2000 --output-tokens 256
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# This file is called vllm.py: its folder must not be where "import vllm" looks first.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
sys.path.append(str(ROOT / "tests"))

from support.tiny_model import SENTENCES, make_model, make_shape  # noqa: E402 - beside the tests

WORDS = ("mill", "river", "wheel", "grain", "stone", "water", "sack", "bread", "village", "winter", "road")
SHAPES = {
    # hidden, intermediate, layers, heads, key-value heads
    "1b": (2048, 8192, 16, 32, 8),
    "8b": (4096, 14336, 32, 32, 8),
}
HEAD = (
    f"{'work':<6} {'round':>5} {'calls':>6} {'prompt':>7} {'output':>7} {'run tok/s':>10} {'chat tok/s':>11} "
    f"{'ratio':>6} {'asking':>7}"
)


def main() -> None:
    """Measure and print."""
    options = _arguments()
    with tempfile.TemporaryDirectory(prefix="gristmill-vllm-") as folder:
        model, engine, size = _model(options, Path(folder))
        print(f"model: {size}; engine: {json.dumps(engine)}\n\n{HEAD}", flush=True)
        for work in options.work:
            rounds = []
            for number in range(1, options.rounds + 1):
                place = Path(folder) / f"{work}-{number}"
                rounds.append(_round(options, work, place, model, engine))
                print(_row(work, str(number), rounds[-1]), flush=True)
            middle = statistics.median(found["ratio"] for found in rounds)
            print(_told(rounds, middle), flush=True)


def _round(
    options: argparse.Namespace, work: str, folder: Path, model: Path, engine: dict[str, Any]
) -> dict[str, Any]:
    folder.mkdir()
    _write(options, work, folder, model, engine)
    (folder / "engine.json").write_text(json.dumps({"model": str(model), **engine}), encoding="utf-8")
    ours = _side("run", folder, *(["--profile"] if options.profile else []))
    theirs = _side("chat", folder)
    loading = sum(one["seconds_starting"] for one in ours["engine"]["engines"])
    asking = ours["last"] - ours["first"]
    whole = ours["whole"] - loading - ours["closing"]
    speed, chat = ours["output"] / whole, theirs["output"] / theirs["seconds"]
    return {
        "ours": ours,
        "theirs": theirs,
        "loading": loading,
        "speed": speed,
        "chat": chat,
        "ratio": speed / chat,
        "asking": ours["output"] / asking / chat,
        "before": ours["first"] - loading,
        "after": ours["whole"] - ours["last"] - ours["closing"],
        "run": whole,
    }


def _row(work: str, number: str, found: dict[str, Any]) -> str:
    ours = found["ours"]
    lengths = f"{ours['input'] / ours['calls']:>7.0f} {ours['output'] / ours['calls']:>7.0f}"
    return (
        f"{work:<6} {number:>5} {ours['calls']:>6} {lengths} {found['speed']:>10.0f} {found['chat']:>11.0f} "
        f"{found['ratio']:>6.3f} {found['asking']:>7.3f}"
    )


def _told(rounds: list[dict[str, Any]], middle: float) -> str:
    """Where the run's time went, in the round of the median ratio."""
    found = min(rounds, key=lambda one: abs(one["ratio"] - middle))
    ours, theirs = found["ours"], found["theirs"]
    lines = [
        f"       median ratio {middle:.3f}; of the run's {found['run']:.1f} s:",
        f"         {found['before']:6.2f} s before the first request (reading, chunking, store)",
        f"         {ours['last'] - ours['first']:6.2f} s asking; LLM.chat took {theirs['seconds']:.2f} s",
        f"         {found['after']:6.2f} s after the last answer (checks, store, accounting)",
        f"       {ours['in_flight']:.0f} requests in flight on the average, the last one sent after "
        f"{ours['last_sent']:.2f} s; {1e6 * ours['cpu'] / ours['calls']:.0f} µs of the client's CPU a call; "
        f"{ours['failed']} rows failed",
    ]
    return "\n".join(lines) + ("\n" + ours["profile"] if ours["profile"] else "") + "\n"


def _side(side: str, folder: Path, *more: str) -> dict[str, Any]:
    command = [sys.executable, str(HERE / "throughput" / "sides.py"), side, str(folder), *more]
    with (folder / f"{side}.log").open("w") as log:
        done = subprocess.run(command, stdout=log, stderr=log, check=False, env=_environment())
    if done.returncode:
        sys.exit(f"{side} failed:\n{(folder / f'{side}.log').read_text()[-4000:]}")
    return dict(json.loads((folder / f"{side}.json").read_text()))


def _environment() -> dict[str, str]:
    """On a CPU the engine gets all cores but one: the other is the client's."""
    spare = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 2) - 1)), "VLLM_CPU_KVCACHE_SPACE": "1"}
    return {**spare, **os.environ, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}


def _write(options: argparse.Namespace, work: str, folder: Path, model: Path, engine: dict[str, Any]) -> None:
    random.seed(7)
    with (folder / "docs.jsonl").open("w", encoding="utf-8") as file:
        for number in range(options.documents):
            words = random.choices(WORDS, k=random.randint(options.words // 2, options.words * 3 // 2))
            text = f"Leaf {number}. {' '.join(words)}. {' '.join(SENTENCES)}"
            file.write(json.dumps({"id": f"d{number}", "text": text}) + "\n")
    known = {"max_model_len", "max_num_seqs", "max_num_batched_tokens", "enforce_eager", "dtype"}
    settings: dict[str, Any] = {name: value for name, value in engine.items() if name in known}
    settings["extra"] = {name: value for name, value in engine.items() if name not in known}
    writer = {"model": f"vllm:{model}", "engine": settings, "params": {"temperature": 0.0}}
    step = {"use": "qa", "model": "writer", "max_tokens": options.output_tokens}
    recipe = {
        "name": work,
        "documents": ["docs.jsonl"],
        "chunking": {"max_chars": 20_000},
        "models": {"writer": writer},
        "generate": [step],
        "gates": [],
        "max_failed_share": 1,
    }
    (folder / "r.yaml").write_text(json.dumps(recipe), encoding="utf-8")  # JSON is YAML


def _model(options: argparse.Namespace, folder: Path) -> tuple[Path, dict[str, Any], str]:
    """Folder, engine arguments, and what to call it."""
    import torch

    engine: dict[str, Any] = {"max_model_len": options.max_model_len}
    if options.model is not None:
        return options.model, engine, options.model.name
    if options.size == "tiny" or (options.size is None and not torch.cuda.is_available()):
        small = {
            "max_num_seqs": 64,
            "max_num_batched_tokens": 16_384,
            "enforce_eager": True,
            "dtype": "float32",
        }
        return make_model(folder / "tiny"), {**engine, **small}, f"tiny, on {os.cpu_count()} cores"
    size = options.size or "8b"
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} cores"
    return make_shape(folder / size, SHAPES[size]), {**engine, "load_format": "dummy"}, f"{size}, on {device}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="folder of a model with a chat template")
    parser.add_argument("--size", choices=["tiny", *SHAPES], help="random weights of this size")
    parser.add_argument("--documents", type=int, default=400)
    parser.add_argument("--words", type=int, default=150, help="length of a document, on the average")
    parser.add_argument("--output-tokens", type=int, default=128)
    parser.add_argument("--max-model-len", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", nargs="+", choices=["text", "qa"], default=["text", "qa"])
    parser.add_argument("--profile", action="store_true", help="also where the client's own time went")
    return parser.parse_args()


if __name__ == "__main__":
    main()
