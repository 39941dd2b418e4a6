"""The tools that are compared: how each is called, and how its findings are read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from contamination_parts.corpus import Corpus

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of the corpus and the item that a client says it repeats; ``label`` "" where it gives none."""

    row: str
    item: str
    label: str = ""


class Client(ABC):
    """One tool with one setting."""

    name: str

    @abstractmethod
    def command(self, rows: Path, corpus: Corpus, out: Path, processes: int) -> list[str]:
        """What is run over ``rows``; results go below ``out``, an empty folder."""

    @abstractmethod
    def findings(self, corpus: Corpus, out: Path) -> Iterator[Finding]:
        """What a run with that ``out`` found."""

    def rows(self, corpus: Corpus) -> Path:
        """The file, or folder of files, that this client reads."""
        return corpus.plain

    def one_row(self, corpus: Corpus) -> Path:
        """The like with a single row."""
        return corpus.one


class Gristmill(Client):
    """The command line, as a user runs it; ``extra`` are further options."""

    def __init__(self, name: str, *extra: str) -> None:
        self.name, self.extra = name, extra

    def rows(self, corpus: Corpus) -> Path:
        """Rows with their turns and fields."""
        return corpus.rows

    def one_row(self, corpus: Corpus) -> Path:
        """A single row."""
        return corpus.one / "0.jsonl"

    def command(self, rows: Path, corpus: Corpus, out: Path, processes: int) -> list[str]:
        """``gristmill decontaminate`` with the index in a folder that is new each time."""
        options = {"--workers": str(processes), "--index": str(out / "index")}
        known = [part for name, value in options.items() if name in self.help for part in (name, value)]
        files = ["--benchmark", str(corpus.benchmark), "--out", str(out / "matches.jsonl")]
        return [sys.executable, "-m", "gristmill", "decontaminate", str(rows), *files, *known, *self.extra]

    @cached_property
    def help(self) -> str:
        """What the command says about its options."""
        command = [sys.executable, "-m", "gristmill", "decontaminate", "--help"]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE).stdout

    def findings(self, corpus: Corpus, out: Path) -> Iterator[Finding]:
        """Its match rows."""
        for match in _lines(out / "matches.jsonl"):
            yield Finding(match["id"], match["item_id"], match["label"])


class EightGrams(Client):
    """The reference implementation of this folder."""

    def __init__(self, way: str) -> None:
        self.way = way
        self.name = {"any": "8-gram, any", "half": "8-gram, > 50 %"}[way]

    def command(self, rows: Path, corpus: Corpus, out: Path, processes: int) -> list[str]:
        """Everything is in memory."""
        script = str(HERE / "eight_grams.py")
        files = [str(corpus.benchmark), str(rows), str(out / "found.jsonl"), str(processes)]
        return [sys.executable, script, self.way, *files]

    def findings(self, corpus: Corpus, out: Path) -> Iterator[Finding]:
        """Its pairs."""
        for row, item in _lines(out / "found.jsonl"):
            yield Finding(row, item)


class Decon(Client):
    """The package ``decontaminate``, its defaults but for ``index_answers``."""

    def __init__(self, python: Path, answers: bool) -> None:
        self.python = python
        self.what = "answers" if answers else "questions"
        self.name = f"decontaminate, index_answers={answers}"

    def command(self, rows: Path, corpus: Corpus, out: Path, processes: int) -> list[str]:
        """It reads every file of a folder."""
        script = str(HERE / "decon_client.py")
        folders = [str(rows), str(corpus.decon), str(out)]
        return [str(self.python), script, *folders, self.what, str(processes)]

    def findings(self, corpus: Corpus, out: Path) -> Iterator[Finding]:
        """Its report names lines; they are turned into ids here."""
        ids = {path.name: [row["id"] for row in _lines(path)] for path in corpus.plain.iterdir()}
        for record in chain.from_iterable(_lines(path) for path in sorted(out.glob("*.jsonl"))):
            row = ids[record["training_file"]][record["training_line"]]
            yield Finding(row, str(record["eval_instance_index"]))


def install_decon(python: str, folder: Path) -> Path:
    """An environment with the package ``decontaminate``, made with the interpreter ``python``.

    Raises:
        RuntimeError: the interpreter is too old or does not start, or the package cannot be installed.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PIP_REQUIRE_VIRTUALENV"}
    asked = [python, "-c", "import sys; print(sys.version_info >= (3, 12))"]
    steps = [asked, [python, "-m", "venv", str(folder)]]
    inside = folder / "bin" / "python"
    steps.append([str(inside), "-m", "pip", "install", "--quiet", "decontaminate"])
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, env=environment, check=False)
        except OSError as error:
            raise RuntimeError(f"{python}: {error.strerror}") from error
        if done.returncode != 0 or (step is asked and done.stdout.strip() != "True"):
            raise RuntimeError(f"{' '.join(step)}: {done.stderr.strip() or 'older than Python 3.12'}")
    return inside


def _lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        yield from map(json.loads, file)
