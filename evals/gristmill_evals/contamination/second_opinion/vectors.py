"""Vectors on disk: those of items in a mapped file beside the index, those of rows by their content."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from gristmill.records import content_id
from gristmill_evals.contamination.benchmark import Benchmark
from gristmill_evals.contamination.second_opinion.types import Embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gristmill_evals.contamination.second_opinion.types import Vectors

log = logging.getLogger(__name__)
VERSION = 1
FOLDER = "embeddings"
_LOOK_UP = 500


def _slug(name: str) -> str:
    """A file name for a model: readable, and different for different models."""
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', name)[:40].strip('-')}-{content_id('embedder', name)[:8]}"


async def item_vectors(benchmark: Benchmark, embedder: Embedder, folder: Path | None) -> NDArray[np.float16]:
    """A vector for each item of ``benchmark`` (question and choices), float16, in order.

    With ``folder`` they are made once and mapped into memory afterwards. A file of another model, benchmark
    or version, or one that is damaged, is made again.
    """
    import numpy as np

    if folder is None:
        return (await embedder.embed([item.text for item in benchmark.items])).astype(np.float16)
    place = folder / FOLDER / f"{_slug(embedder.name)}-{benchmark.digest[:16]}.npy"
    meta = {
        "version": VERSION,
        "model": embedder.name,
        "benchmark": benchmark.digest,
        "items": len(benchmark.items),
    }
    known = _mapped(place, meta)
    if known is not None:
        return known
    vectors = (await embedder.embed([item.text for item in benchmark.items])).astype(np.float16)
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_suffix(".part.npy")
    np.save(part, vectors)
    # The description goes last: without it the vectors do not count.
    place.with_suffix(".json").unlink(missing_ok=True)
    part.replace(place)
    place.with_suffix(".json").write_bytes(orjson.dumps({**meta, "width": int(vectors.shape[1])}))
    return vectors


def _mapped(place: Path, meta: dict[str, object]) -> NDArray[np.float16] | None:
    import numpy as np

    description = place.with_suffix(".json")
    if not description.is_file():
        return None
    try:
        said = orjson.loads(description.read_bytes())
        width = said.pop("width")
        vectors: NDArray[np.float16] = np.load(place, mmap_mode="r")
        if said == meta and vectors.shape == (meta["items"], width) and vectors.dtype == np.float16:
            return vectors
        reason = "it belongs to other items"
    except (OSError, ValueError, KeyError, AttributeError, EOFError) as error:
        reason = str(error)
    log.warning("%s is made again: %s", place, reason)
    return None


class RowVectors:
    """Vectors by the content of the text: each is sent once, and many processes may share the file."""

    def __init__(self, embedder: Embedder, folder: Path | None) -> None:
        self._embedder = embedder
        path = ":memory:"
        if folder is not None:
            (folder / FOLDER).mkdir(parents=True, exist_ok=True)
            path = str(folder / FOLDER / f"rows-{_slug(embedder.name)}.sqlite")
        self._table = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
        self._table.execute("PRAGMA journal_mode = WAL")
        self._table.execute(
            "CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB) WITHOUT ROWID"
        )

    async def get(self, texts: Sequence[str]) -> Vectors:
        """Vectors of ``texts``, in order, float32 of length 1."""
        import numpy as np

        keys = [content_id("vector", VERSION, text) for text in texts]
        known = self._known(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            made = await self._embedder.embed(list(missing.values()))
            known |= {
                key: vector.astype(np.float16).tobytes() for key, vector in zip(missing, made, strict=True)
            }
            self._keep({key: known[key] for key in missing})
        vectors = np.stack([np.frombuffer(known[key], np.float16) for key in keys])
        return vectors.astype(np.float32)

    def close(self) -> None:
        """Close the file."""
        self._table.close()

    def _known(self, keys: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for at in range(0, len(keys), _LOOK_UP):
            some = keys[at : at + _LOOK_UP]
            marks = ",".join("?" * len(some))
            query = f"SELECT key, vector FROM vectors WHERE key IN ({marks})"  # noqa: S608 - only question marks
            found.update(self._table.execute(query, some))
        return found

    def _keep(self, vectors: dict[str, bytes]) -> None:
        self._table.execute("BEGIN IMMEDIATE")
        self._table.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", vectors.items())
        self._table.execute("COMMIT")
