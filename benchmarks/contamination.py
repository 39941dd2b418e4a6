"""Contamination checkers side by side on a made-up corpus with planted items: speed, memory, recall, errors.

Rows and benchmark are made by rule from a seed (``contamination_parts``): short instructions, chats of about
2 KB, long documents, code, other languages; word problems, multiple choice, code tasks, short questions. A
known part of the rows repeats an item in one of twelve ways; the others are clean, some of them boilerplate
that items share, or questions of the same make that are in no benchmark.

Every client runs in a process of its own, bound to one core, then to two. ``set-up`` is a run over one row
(start, benchmark read and indexed); MB/s is the size of the rows over the rest of the time, MB/CPU s over the
rest of the CPU time. RSS is that of all processes of a client together.

    python benchmarks/contamination.py [--rows 20000] [--items 5000] [--python312 PYTHON] [--json OUT.json]
    python benchmarks/contamination.py --rows 1000000 --items 100000 --only gristmill --limits 300 4000

``decontaminate`` needs Python 3.12 or newer: ``--python312`` names an interpreter (one of an operating
system, of pyenv or uv, or a portable one), and the package is installed into an environment made with it.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contamination_parts import corpus, table
from contamination_parts.clients import Client, Decon, EightGrams, Gristmill, install_decon
from contamination_parts.measure import CommandFailedError, Used, check_platform, run
from contamination_parts.scoring import Scores, score

CLIENTS = ("gristmill", "decontaminate", "8-gram")
BUSY = 0.5


@dataclass(frozen=True, slots=True)
class Result:
    """One client: what it used with each number of cores, and what it found.

    ``first`` is its very first start, over one row, in which it may compile or unpack things for later ones.
    """

    client: str
    first: Used
    set_up: dict[int, Used]
    whole: dict[int, Used]
    scores: Scores

    def megabytes_a_second(self, cores: int, size: int) -> float:
        """Of rows, without the set-up."""
        return size / 1e6 / max(self.whole[cores].seconds - self.set_up[cores].seconds, 0.01)

    def megabytes_a_cpu_second(self, cores: int, size: int) -> float:
        """The same by CPU time, which other processes on the machine hardly change."""
        return size / 1e6 / max(self.whole[cores].cpu - self.set_up[cores].cpu, 0.01)


def main() -> None:
    """Make the corpus, run every client, print the tables."""
    options = _arguments()
    check_platform()
    if os.getloadavg()[0] > BUSY:
        _say(f"load {os.getloadavg()[0]:.1f}: other processes are running, the times will be too long")
    with _folder(options.keep) as folder:
        began = time.perf_counter()
        made = corpus.write(
            folder, options.rows, options.items, options.seed, plain=options.only != ["gristmill"]
        )
        size = made.rows.stat().st_size
        _say(
            f"{options.rows} rows ({size / 1e6:.0f} MB), {options.items} items, "
            f"made in {time.perf_counter() - began:.0f} s, seed {options.seed}"
        )
        results = list(_measured(made, folder, options))
    print(table.speed(results, options.rows, size))
    print(table.accuracy(results))
    for result in results:
        if any(name for found in result.scores.labels.values() for name in found):
            print(table.labels(result))
    if options.json:
        options.json.write_text(json.dumps(_report(results, options, size), indent=1), encoding="utf-8")
    if options.limits:
        sys.exit(_beyond(results, *options.limits))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", choices=CLIENTS, nargs="+", default=list(CLIENTS))
    parser.add_argument(
        "--variant",
        type=_variant,
        action="append",
        default=[],
        metavar="NAME=OPTIONS",
        help="gristmill once more, with further options of its command",
    )
    parser.add_argument("--python312", default=shutil.which("python3.12"), metavar="PYTHON")
    parser.add_argument("--limits", type=float, nargs=2, metavar=("SECONDS", "MB"), help="exit 1 beyond them")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="make the corpus there, or use the one that is there"
    )
    options = parser.parse_args()
    if max(options.cores) > len(os.sched_getaffinity(0)):
        parser.error(f"--cores: this machine allows {len(os.sched_getaffinity(0))}")
    return options


def _variant(text: str) -> Gristmill:
    name, separator, options = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError("write NAME=OPTIONS, as in 'higher threshold=--min-score 0.8'")
    return Gristmill(f"gristmill, {name}", *shlex.split(options))


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="contamination-") as folder:
            yield Path(folder)
    else:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()


def _clients(options: argparse.Namespace, folder: Path) -> Iterator[Client]:
    if "gristmill" in options.only:
        yield Gristmill("gristmill, all tiers")
        yield from options.variant
    if "decontaminate" in options.only:
        yield from _decon(options.python312, folder)
    if "8-gram" in options.only:
        yield from (EightGrams(way) for way in ("any", "half"))


def _decon(python: str | None, folder: Path) -> Iterator[Client]:
    if python is None:
        _say("decontaminate is left out: it needs Python 3.12 or newer (--python312 PYTHON)")
        return
    try:
        inside = install_decon(python, folder / "decon-venv")
    except RuntimeError as error:
        _say(f"decontaminate is left out: {error}")
        return
    yield from (Decon(inside, answers) for answers in (True, False))


def _measured(made: corpus.Corpus, folder: Path, options: argparse.Namespace) -> Iterator[Result]:
    for client in _clients(options, folder):
        try:
            result = _measure(client, made, folder, options.cores)
        except CommandFailedError as error:
            _say(f"{client.name} failed:\n{error}")
            continue
        times = ", ".join(f"{used.seconds:.1f} s on {cores}" for cores, used in result.whole.items())
        _say(f"{client.name}: first start {result.first.seconds:.1f} s, then {times}")
        yield result


def _measure(client: Client, made: corpus.Corpus, folder: Path, cores: list[int]) -> Result:
    out = folder / "out"

    def used(rows: Path, count: int) -> Used:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        return run(client.command(rows, made, out, count), out, count)

    first = used(client.one_row(made), cores[0])
    set_up: dict[int, Used] = {}
    whole: dict[int, Used] = {}
    for count in cores:
        set_up[count] = used(client.one_row(made), count)
        whole[count] = used(client.rows(made), count)
    return Result(client.name, first, set_up, whole, score(client.findings(made, out), made.counts))


def _beyond(results: list[Result], seconds: float, megabytes: float) -> int:
    """1 when gristmill, on most cores, took longer or more memory than allowed, or did not run."""
    runs = [result.whole[max(result.whole)] for result in results if result.client.startswith("gristmill")]
    within = [used.seconds <= seconds and used.rss_mb <= megabytes for used in runs]
    for used, well in zip(runs, within, strict=True):
        word = "within" if well else "beyond"
        _say(f"{word} {seconds:.0f} s and {megabytes:.0f} MB: {used.seconds:.0f} s, {used.rss_mb:.0f} MB")
    return 0 if within and all(within) else 1


def _report(results: list[Result], options: argparse.Namespace, size: int) -> dict[str, Any]:
    about = {"rows": options.rows, "items": options.items, "seed": options.seed, "bytes": size}
    return {**about, "clients": [asdict(result) for result in results]}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
