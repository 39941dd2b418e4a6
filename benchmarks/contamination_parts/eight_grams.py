"""Shared 8-grams, as published: lowercase, cut at blanks, any one in common (open-r1, s1) or more than half
of a question's words covered (Tülu 3). Questions of fewer than eight words cannot be found.

    python eight_grams.py any|half BENCHMARK.jsonl ROWS_FOLDER OUT.jsonl PROCESSES

Every match is a line ``[row id, item id]``.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

SIZE = 8
Gram = tuple[str, ...]


class Index:
    """Where each 8-gram of the items stands: item number and position."""

    def __init__(self, path: Path, half: bool) -> None:
        self.half = half
        self.ids: list[str] = []
        self.lengths: list[int] = []
        self.places: dict[Gram, list[tuple[int, int]]] = defaultdict(list)
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file):
                item = json.loads(line)
                words = _words(item["question"])
                self.ids.append(item["id"])
                self.lengths.append(len(words))
                for at, gram in enumerate(_grams(words)):
                    self.places[gram].append((number, at))

    def found(self, line: str) -> list[tuple[str, str]]:
        """The items that one row repeats."""
        row = json.loads(line)
        covered: dict[int, set[int]] = defaultdict(set)
        for gram in _grams(_words(row["text"])):
            for number, at in self.places.get(gram, ()):
                covered[number].update(range(at, at + SIZE) if self.half else ())
        kept = (n for n, at in covered.items() if not self.half or len(at) > self.lengths[n] / 2)
        return [(row["id"], self.ids[n]) for n in kept]


def _words(text: str) -> list[str]:
    return text.lower().split()


def _grams(words: list[str]) -> Iterator[Gram]:
    return zip(*(islice(words, shift, None) for shift in range(SIZE)), strict=False)


def _work(line: str) -> list[tuple[str, str]]:
    return _index.found(line)


def _lines(folder: str) -> Iterator[str]:
    for path in sorted(Path(folder).iterdir()):
        with path.open(encoding="utf-8") as file:
            yield from file


_index: Index


def main() -> None:
    """Index the benchmark and look every row up; forked processes share the index."""
    global _index
    way, benchmark, rows, out, processes = sys.argv[1:]
    _index = Index(Path(benchmark), way == "half")
    with Path(out).open("w", encoding="utf-8") as found:
        if processes == "1":
            found.writelines(f"{json.dumps(one)}\n" for line in _lines(rows) for one in _work(line))
            return
        with get_context("fork").Pool(int(processes)) as pool:
            for some in pool.imap(_work, _lines(rows), chunksize=256):
                found.writelines(f"{json.dumps(one)}\n" for one in some)


if __name__ == "__main__":
    main()
