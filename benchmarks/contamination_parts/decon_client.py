"""One scan with the PyPI package ``decontaminate``; runs in an environment of its own, Python 3.12 or newer.

python decon_client.py ROWS_FOLDER BENCHMARK_FOLDER OUT_FOLDER answers|questions THREADS
"""

from __future__ import annotations

import sys

import decon  # type: ignore[import-not-found]  # in the other environment


def main() -> None:
    """Scan with the package's defaults, but for ``index_answers``."""
    rows, benchmark, out, what, threads = sys.argv[1:]
    options = {"index_answers": what == "answers", "worker_threads": int(threads)}
    decon.detect(decon.Config(rows, benchmark, out, **options))


if __name__ == "__main__":
    main()
