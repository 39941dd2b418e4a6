"""How long the dataset report of a large dataset takes, and how large it is.

A dataset of that many rows is made up (benchmarks/review_parts/rows.py), and ``gristmill report`` is run on
it as a process of its own, three times or as often as told; memory is the highest that it reached.

    python benchmarks/report.py [--rows 2000,100000] [--times 3]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from review_parts.rows import build  # noqa: E402 - beside this script

LIMIT_BYTES, LIMIT_SECONDS = 5_000_000, 60.0


@dataclass(frozen=True, slots=True)
class Written:
    """One report: wall seconds, peak memory in MB, bytes of the three files."""

    seconds: float
    peak_mb: float
    sizes: tuple[int, ...]


def write(db: Path, out: Path) -> Written:
    """Run the command once; the peak is read while it runs."""
    command = [sys.executable, "-m", "gristmill", "report", "--db", str(db), "--out", str(out)]
    started, peak = time.monotonic(), 0.0
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, _resident(process.pid))
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"gristmill report ended with {process.returncode}")
    sizes = tuple(out.with_suffix(end).stat().st_size for end in (".html", ".json", ".md"))
    return Written(time.monotonic() - started, peak, sizes)


def _resident(pid: int) -> float:
    """Highest resident memory of a process so far, in MB; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def main() -> int:
    """Measure and print the table; 1 when a report is too large or took too long."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="2000,100000", help="sizes, with commas between")
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    print("rows      seconds (median)   peak MB   HTML kB   JSON kB   Markdown kB")
    missed = False
    for rows in map(int, given.rows.split(",")):
        with tempfile.TemporaryDirectory(prefix="gristmill-report-bench-") as folder:
            db = Path(folder) / "data.duckdb"
            made = build(db, rows)
            runs = [write(db, Path(folder) / "report.html") for _ in range(given.times)]
        seconds, peak = statistics.median(run.seconds for run in runs), max(run.peak_mb for run in runs)
        html, data, text = (size / 1000 for size in runs[-1].sizes)
        print(f"{made:<9,} {seconds:>16.1f} {peak:>9.0f} {html:>9.0f} {data:>9.0f} {text:>13.0f}")
        missed = missed or html * 1000 > LIMIT_BYTES or seconds > LIMIT_SECONDS
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
