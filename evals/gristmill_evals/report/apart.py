"""A report drawn up by a process of its own, so that the one that owns the dataset can answer meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from gristmill.errors import GristmillError, UsageError

if TYPE_CHECKING:
    import pandas as pd

LESS_URGENT = 5
"""Added to the niceness of the process: people who review go first."""


def apart(frames: Mapping[str, pd.DataFrame], out: Path, title: str) -> tuple[Path, Path, Path]:
    """As :func:`gristmill_evals.report.write_report`, in another process.

    Raises:
        UsageError: what the other process raised, or that it ended without a report.
    """
    with tempfile.TemporaryDirectory(prefix="gristmill-report-") as folder:
        for name, frame in frames.items():
            frame.to_parquet(Path(folder) / f"{name}.parquet")
        command = [sys.executable, "-m", "gristmill_evals.report.apart", folder, str(out), title]
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own module
    if done.returncode == 0:
        return out, out.with_suffix(".json"), out.with_suffix(".md")
    try:
        told = orjson.loads(done.stdout)
    except orjson.JSONDecodeError:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        cure = "write it with `gristmill report` while the review app is closed"
        raise UsageError(
            f"no report was written: {last or done.returncode}", where=str(out), cure=cure
        ) from None
    raise UsageError(told["message"], where=told["where"], cure=told["cure"])


def main(folder: str, out: str, title: str) -> int:
    """Write the report of the frames in ``folder``; an error is printed as JSON."""
    import pandas as pd

    from gristmill_evals.report import write_report

    os.nice(LESS_URGENT)
    frames = {path.stem: pd.read_parquet(path) for path in Path(folder).glob("*.parquet")}
    try:
        write_report(frames, Path(out), title)
    except GristmillError as error:
        sys.stdout.buffer.write(
            orjson.dumps({"message": error.message, "where": error.where, "cure": error.cure})
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
