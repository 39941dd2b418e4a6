"""Where the arrays of an index come from: built in memory, or kept in a folder and mapped.

A folder holds one file for each benchmark (its texts and hashes) and one for each set of benchmarks (the
tables over all of them), named by content. So a benchmark that joins a set is the only one that is cut again,
and any number of processes may open or build the same files at once: whoever is last replaces a file by an
equal one.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from gristmill_evals.contamination.benchmark import Benchmark
from gristmill_evals.contamination.index.combine import combined
from gristmill_evals.contamination.index.files import UnusableFileError, read, write
from gristmill_evals.contamination.index.shard import Arrays, shard

TEXTS = ("blob", "blob_ends")
SOURCES = ("normalise.py", "options.py", "rows.py", "vocabulary.py", "decision", "kernel", "index")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Names of the benchmarks, their texts, and the tables over all of them."""

    names: tuple[str, ...]
    shards: tuple[Arrays, ...]
    tables: Arrays
    kept: Callable[[str, Callable[[], Arrays]], Arrays]
    """What the folder has of that kind for this set of benchmarks, or what is built, which is kept there."""


@lru_cache(maxsize=1)
def settings() -> str:
    """What the content of the files depends on besides the benchmarks: the code that makes them, Unicode."""
    digest = blake2b(unicodedata.unidata_version.encode(), digest_size=12)
    here = Path(__file__).parent.parent
    paths = (
        path for name in SOURCES for path in ([here / name] if "." in name else (here / name).glob("*.py"))
    )
    for path in sorted(paths):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def load(benchmarks: tuple[Benchmark, ...], folder: Path | None) -> Loaded:
    """The arrays of ``benchmarks``; those missing or unusable in ``folder`` are built and kept there."""
    benchmarks = benchmarks or (Benchmark.make("", []),)
    shards = tuple(_shard(benchmark, folder) for benchmark in benchmarks)
    tables = keep(benchmarks, folder, "tables", lambda: combined(shards))
    texts = tuple({name: one[name] for name in TEXTS} for one in shards)
    names = tuple(benchmark.name for benchmark in benchmarks)
    return Loaded(names, texts, tables, lambda kind, build: keep(benchmarks, folder, kind, build))


def keep(
    benchmarks: tuple[Benchmark, ...], folder: Path | None, kind: str, build: Callable[[], Arrays]
) -> Arrays:
    """What ``folder`` has of that kind for a set of benchmarks, or what ``build`` makes and it then keeps."""
    key = _name(*(benchmark.digest for benchmark in benchmarks))
    return _kept(folder, f"{key}.{kind}", key, build)


def _shard(benchmark: Benchmark, folder: Path | None) -> Arrays:
    key = _name(benchmark.digest)
    return _kept(folder, f"{key}.benchmark", key, lambda: shard(benchmark))


def _name(*digests: str) -> str:
    return blake2b("\n".join(digests).encode(), digest_size=12).hexdigest()


def _kept(folder: Path | None, name: str, key: str, build: Callable[[], Arrays]) -> Arrays:
    """What ``folder`` has under ``name``, or what ``build`` makes, which is kept there."""
    if folder is None:
        return build()
    path = folder / name
    try:
        return read(path, settings(), key)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, UnusableFileError) as error:
        log.warning("the index file %s is built again: %s", path, error)
    arrays = build()
    try:
        write(path, arrays, settings(), key)
        return read(path, settings(), key)
    except (OSError, UnusableFileError) as error:
        log.warning("the index is kept in memory only: %s cannot be used (%s)", path, error)
        return arrays
