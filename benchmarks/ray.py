"""What ``--engine ray`` costs and gains: CPU-bound work with 1 and 2 workers, and the overhead of a row.

Two jobs, each in a process of its own, by the local engine and by 1 and 2 workers of a cluster that the run
starts on this machine:

* ``cpu``: ``offline:extractive`` writes, a contamination gate of 400 items checks. There is no network; all
  that can be done in parallel is CPU.
* ``calls``: a loopback server answers at once. What a row takes then is what the engine takes.

``walk s`` is the time from the first chunk handed out to the last one decided, start-up of the cluster left
out; ``driver µs`` and ``workers µs`` are CPU a row. All of it shares the machine's cores: with
two of them, two workers and a busy driver are three on two.

    python benchmarks/ray.py [--documents 2000] [--workers 1 2 4]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# This file is called ray.py: its folder must not be where "import ray" looks first.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]

CHILD = """
import asyncio, json, os, sys, threading, time
from pathlib import Path
from gristmill.pipeline.ray.cluster import RayOptions
from gristmill.pipeline.run import Options, Run
from gristmill.recipe import load_recipe

path, workers = Path(sys.argv[1]), int(sys.argv[2])
run = Run(load_recipe(path), Options(ray=RayOptions(None, workers) if workers else None))
walk, spent, cpu = Run._walk_all, {}, {}

async def timed(self, *arguments):
    cpu["before"], started = time.process_time(), time.monotonic()
    before.update(workers_now())
    await walk(self, *arguments)
    cpu["walk"], cpu["driver"] = time.monotonic() - started, time.process_time() - cpu["before"]

def workers_now():
    found = {}
    for hand in run.door.roster.ready if workers and run.door else []:
        fields = Path(f"/proc/{hand.pid}/stat").read_text().rsplit(")", 1)[1].split()
        found[hand.pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found

def sample():
    while True:
        time.sleep(0.05)
        try:
            spent.update(workers_now())
        except (FileNotFoundError, ProcessLookupError):
            pass

before = {}
Run._walk_all = timed
threading.Thread(target=sample, daemon=True).start()
summary = asyncio.run(run.execute())
assert summary.status == "done", summary
used = sum(spent[pid] - before.get(pid, 0.0) for pid in spent)
print(json.dumps({
    "rows": summary.tally.planned, "accepted": summary.tally.accepted, "walk": cpu["walk"],
    "driver": cpu["driver"], "workers": used, "rss": summary.peak_rss_mb, "all": summary.seconds,
}))
"""
HEAD = (
    f"{'job':<7}{'engine':<15}{'rows':>7}{'walk s':>9}{'rows/s':>8}"
    f"{'driver µs':>11}{'workers µs':>12}{'RSS MB':>8}"
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=2_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    print(HEAD)
    for job in ("cpu", "calls"):
        for workers in (0, *options.workers):
            print(_row(job, workers, measure(job, options.documents, workers)), flush=True)


def measure(job: str, documents: int, workers: int) -> dict[str, Any]:
    """One run in a process of its own; ``workers`` 0 is the local engine."""
    with tempfile.TemporaryDirectory() as folder, _endpoint(job) as url:
        path = _project(Path(folder), job, documents, url)
        # -P and another folder: nothing here may be imported in place of an installed package
        command = [sys.executable, "-P", "-c", CHILD, str(path), str(workers)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def _project(folder: Path, job: str, documents: int, url: str) -> Path:
    with (folder / "docs.jsonl").open("w", encoding="utf-8") as file:
        for number in range(documents):
            file.write(json.dumps({"id": f"d{number}", "text": _text(number)}) + "\n")
    with (folder / "items.jsonl").open("w", encoding="utf-8") as file:
        for number in range(400):
            question = f"How many sluices does the canal of district {number} have? Who built the last?"
            file.write(json.dumps({"id": f"i{number}", "question": question}) + "\n")
    model = '"offline:extractive"' if job == "cpu" else f'"openai:test-model", base_url: "{url}"'
    gates = "  - {use: contamination, benchmarks: [items.jsonl]}\n" if job == "cpu" else ""
    path = folder / "recipe.yaml"
    path.write_text(
        f"name: bench\ndocuments: [docs.jsonl]\nmodels:\n  writer: {{model: {model}, concurrency: 64}}\n"
        "generate:\n  - {use: qa, model: writer, per_chunk: 2}\n"
        f"gates:\n  - {{use: quality_rules}}\n{gates}  - {{use: exact_duplicates}}\n",
        encoding="utf-8",
    )
    return path


def _text(number: int) -> str:
    name, year = f"Millbrook {number}", 1000 + number % 900
    return (
        f"The mill of {name} is a water mill that was built in {year} beside a long river. It ground grain "
        f"for the people of village {number * 7} because their own mill had burnt down. A sluice is a gate "
        f"that holds water back. That of {name} is {2 + number % 9} metres wide and made of oak. To lift "
        f"the sluice, two people turn the wheel until the water stands level. Since {year + 40} the mill of "
        f"{name} has been used as a school, and its wheel turns only on feast days."
    )


@contextmanager
def _endpoint(job: str) -> Iterator[str]:
    if job == "cpu":
        yield ""
        return
    command = [sys.executable, "-m", "support.fast_server", "--latency", "0"]
    process = subprocess.Popen(command, cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def _row(job: str, workers: int, found: dict[str, Any]) -> str:
    rows = found["rows"]
    engine = f"ray, {workers} worker{'s' * (workers > 1)}" if workers else "local"
    return (
        f"{job:<7}{engine:<15}{rows:>7}{found['walk']:>9.2f}{rows / found['walk']:>8.0f}"
        f"{found['driver'] / rows * 1e6:>11.0f}{found['workers'] / rows * 1e6:>12.0f}{found['rss']:>8.0f}"
    )


if __name__ == "__main__":
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    main()
