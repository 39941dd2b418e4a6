"""Components and how they are found: base classes, and a registry over entry points.

A component is a pydantic model: its fields are its arguments in a recipe (an unknown one is an error),
the first line of its docstring is its help text, ``version`` goes into everything it makes. It has one
required method. Another package adds one by declaring an entry point in the group of its kind, e.g.
``[project.entry-points."gristmill.scorers"]  politeness = "my_package:Politeness"``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict

from gristmill.errors import UsageError
from gristmill.models.types import Ask
from gristmill.records import Chunk, Document, Evidence, Example, FileFailure, Item, Kind, Match, Origin

ComponentKind = Literal["generators", "scorers", "gates", "readers", "exports", "rubrics"]
ALL_KINDS: tuple[Kind, ...] = get_args(Kind)
KINDS: tuple[ComponentKind, ...] = ("generators", "scorers", "gates", "readers", "exports", "rubrics")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is not wanted, with the reason (a short stable slug) and optional detail for people."""

    reason: str
    detail: str = ""
    example: Example | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A row that could not be made. ``raw`` keeps the model's text; ``error`` is a short stable slug."""

    error: str
    detail: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """A row that a reviewer rejected and wants made again, and why.

    ``reason`` are the reviewer's tags, ``note`` is free text; ``others`` are the rows that the same
    generator had made of the chunk by then.
    """

    example: Example
    reason: str = ""
    note: str = ""
    others: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Passed:
    """A gate lets the example through; matches found on the way are stored with it."""

    matches: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True)
class Blocked:
    """A gate rejects the example: the reason (a short stable slug), detail for people, evidence."""

    reason: str
    detail: str = ""
    matches: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True)
class Scored:
    """A value in [0, 1] with the reasons for it."""

    value: float
    rationale: str = ""
    evidence: tuple[Evidence, ...] = ()
    votes: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Unscored:
    """A scorer could not score (a state of its own, never 0); ``raw`` keeps the model's text."""

    reason: str
    raw: str = ""
    votes: tuple[Mapping[str, Any], ...] = ()


class Component(BaseModel):
    """Base of all components. ``root`` is the recipe's folder: relative paths in arguments start there."""

    model_config = ConfigDict(extra="forbid", frozen=False, arbitrary_types_allowed=True)
    version: ClassVar[str] = "1"
    registered_name: ClassVar[str] = ""

    def prepare(self, root: Path) -> None:
        """Load files the arguments name (rubric, benchmarks), before anything runs.

        Raises:
            GristmillError: when one is missing or broken; the run does not start.
        """

    def meet(self, models: Mapping[str, str]) -> None:
        """Learn which model each role of the recipe stands for (``openai:NAME``), before :meth:`prepare`."""

    def doubts(self) -> Sequence[str]:
        """What a user should be warned of before anything is asked, once prepared."""
        return ()

    def parts(self) -> Sequence[Component]:
        """Components that this one is made of."""
        return ()

    def fingerprint(self) -> Mapping[str, Any]:
        """What the results depend on: name, version, arguments (add the content of loaded files)."""
        return {"use": self.registered_name, "version": self.version, **self.model_dump(mode="json")}

    def roles(self) -> Sequence[str]:
        """Model roles of the recipe that this component will ask."""
        role = getattr(self, "model", None)
        return [role] if isinstance(role, str) else []


class Generator(Component, ABC):
    """Makes examples of one chunk. ``per_chunk`` rows are asked for and every one is accounted for."""

    tasks: ClassVar[tuple[str, ...]] = ()
    """Tasks it asks models for, so that a recipe whose backend cannot do one fails before running."""
    kinds: ClassVar[tuple[Kind, ...]] = ALL_KINDS
    """Kinds of rows it may make, for the dry run and for warnings."""

    per_chunk: int = 1

    @cached_property
    def origin(self) -> Origin:
        """Name, version and arguments, as recorded with every row; read once, they hold for the run."""
        return Origin(self.registered_name, self.version, self.model_dump(mode="json"))

    @abstractmethod
    async def generate(
        self, chunk: Chunk, document: Document, ask: Ask
    ) -> Sequence[Example | Rejected | Failed]:
        """At most ``per_chunk`` results; what is missing is counted as rejected, ``nothing-to-ask``."""

    async def regenerate(
        self, chunk: Chunk, document: Document, ask: Ask, again: Again
    ) -> Sequence[Example | Rejected | Failed]:
        """Candidates for one row in place of a rejected one; the first that is new is taken.

        ``ask`` draws samples that were never drawn. A generator whose prompt has a place for it tells the
        model what was wrong.
        """
        return await self.generate(chunk, document, ask)

    def calls_per_chunk(self) -> Mapping[str, float]:
        """Expected calls by model role, for the dry run."""
        return dict.fromkeys(self.roles(), 1.0)


class Gate(Component, ABC):
    """Lets an example through or blocks it, mostly without a model; cheap, synchronous, before any judge."""

    @property
    def asks(self) -> bool:
        """Whether it asks models: then :meth:`consult` is awaited in place of :meth:`check`."""
        return False

    @abstractmethod
    def check(self, item: Item) -> Passed | Blocked:
        """Decide on one example."""

    async def consult(self, item: Item, ask: Ask) -> Passed | Blocked:
        """Decide on one example with models; ``ask`` is that of the gate's role."""
        return self.check(item)

    def preload(self, examples: Iterable[Example]) -> None:
        """Gates with a memory (duplicates) are told the rows accepted by earlier runs."""

    def forget(self, example: Example) -> None:
        """The example passed this gate but was not accepted in the end."""


class Scorer(Component, ABC):
    """Gives an example a value in [0, 1]; ``label`` is the name used in the recipe's accept rule.

    It is only asked about rows of its ``kinds``. For the others the score is not applicable: neither a
    value nor unscored, and left out of the accept rule.
    """

    tasks: ClassVar[tuple[str, ...]] = ()
    kinds: ClassVar[tuple[Kind, ...]] = ALL_KINDS

    @property
    def label(self) -> str:
        """Name of the score; rubric judges use the rubric's name."""
        return self.registered_name

    def applies_to(self, kind: Kind) -> bool:
        """Whether rows of this kind can have the score."""
        return kind in self.kinds

    @abstractmethod
    async def score(self, item: Item, ask: Ask) -> Scored | Unscored:
        """Score one example."""

    def calls_per_example(self) -> Mapping[str, float]:
        """Expected calls by model role, for the dry run: one, or as many as ``samples`` vote."""
        return dict.fromkeys(self.roles(), float(getattr(self, "samples", 1)))

    def assumed(self) -> str:
        """What :meth:`calls_per_example` takes for granted, for people; empty where nothing."""
        return ""


class Reader(Component, ABC):
    """Turns one file into documents. ``suffixes`` (lower case, with dot) decide which files it gets."""

    suffixes: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def read(self, path: Path, uri: str) -> Iterator[Document | FileFailure]:
        """Yield a file's documents (several for jsonl, csv, parquet), and a failure for each row not read.

        Raises:
            gristmill.errors.ReadError: with a reason slug; the file becomes a failure row.
        """


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An example on its way out: edits applied, with scores, sources, review state and its models."""

    example: Example
    scores: Mapping[str, float] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    status: str = "accepted"
    models: tuple[str, ...] = ()


class Export(Component, ABC):
    """Writes rows in one format a trainer reads. ``kinds`` are the example kinds it can hold."""

    kinds: ClassVar[tuple[str, ...]] = ALL_KINDS
    suffix: ClassVar[str] = ".jsonl"

    @abstractmethod
    def write(self, rows: Iterable[ExportRow], path: Path) -> int:
        """Write all rows to ``path`` (temporary name, then rename) and return how many were written."""


def help_line(target: object) -> str:
    """The first line of a docstring."""
    doc = (getattr(target, "__doc__", None) or "").strip()
    return doc.splitlines()[0] if doc else ""


@cache
def _installed() -> dict[str, dict[str, EntryPoint]]:
    """What all packages name, by kind: to read that takes ten milliseconds."""
    found = entry_points()
    groups = {kind: found.select(group=f"gristmill.{kind}") for kind in KINDS}
    return {kind: {entry.name: entry for entry in entries} for kind, entries in groups.items()}


def _entries(kind: ComponentKind) -> dict[str, EntryPoint]:
    return _installed()[kind]


def names(kind: ComponentKind) -> list[str]:
    """Registered names of a kind, sorted."""
    return sorted(_entries(kind))


def load(kind: ComponentKind, name: str) -> Any:
    """The component class (for ``rubrics``: a function giving the YAML text) registered under ``name``.

    Raises:
        UsageError: no such name; the message lists the known ones.
    """
    entry = _entries(kind).get(name)
    if entry is None:
        raise UsageError(f"unknown {kind[:-1]} {name!r}", cure=f"known {kind}: {', '.join(names(kind))}")
    target = entry.load()
    if isinstance(target, type) and issubclass(target, Component):
        target.registered_name = name
    return target


def component_help(kind: ComponentKind) -> list[tuple[str, str]]:
    """Name and line of help of every component of a kind."""
    return [(name, help_line(load(kind, name))) for name in names(kind)]
