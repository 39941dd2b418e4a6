"""Rows that reviewers rejected and want made again: which they are, and what is made in their place.

Every such row has a slot of its own beside those of the plan, the same one however often it is asked for: it
is made once, and a run that was killed goes on with it. The rejected row keeps its slot and stays rejected.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from operator import itemgetter
from os import SEEK_END
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

import orjson

from gristmill.errors import StoreError
from gristmill.pipeline.plan import Job, Plan, Remake
from gristmill.quota import FULL, REACHED
from gristmill.records import Example, Lineage, Outcome, content_id
from gristmill.registry import Again, Failed, Rejected

if TYPE_CHECKING:
    from gristmill.pipeline.target import Asks

PAGE_CHUNKS = 1000
FURTHER = 10_000
"""Samples of a further try lie beyond those of all rows of a chunk that may be sent back."""
Result = Example | Rejected | Failed


def chosen(results: Sequence[Result], remake: Remake) -> Result:
    """The first of a generator's results that is new, linked to the rejected row; else why there is none."""
    fresh = [result for result in results if isinstance(result, Example) and result.id not in remake.known]
    if fresh:
        return _linked(fresh[0], remake)
    for result in results:
        if isinstance(result, Failed):
            return result
        if isinstance(result, Rejected):
            example = result.example
            if example is None or example.id in remake.known:
                return replace(result, example=None)
            return replace(result, example=_linked(example, remake))
    if not results:
        return Rejected("nothing-to-ask")
    return Rejected("same-as-before", "asked again, the generator gave rows that were there already")


def _linked(example: Example, remake: Remake) -> Example:
    parent = remake.again.example.id
    return replace(example, metadata={**example.metadata, "revision_of": parent})


def lineage_of(remake: Remake, outcome: Outcome) -> list[Lineage]:
    """The record that a row was made in place of another, or that none could be; none while one still may."""
    parent, reason = remake.again.example.id, outcome.reason
    if outcome.example_id is not None:
        return [Lineage(outcome.example_id, parent, remake.again.reason)]
    if outcome.state == "failed" or reason == REACHED or reason.startswith(FULL):
        return []
    return [Lineage("", parent, reason)]


@dataclass(slots=True)
class Counts:
    """What became of the wishes of reviewers, in rows.

    ``wanted`` are to be made again, ``made`` of them were by earlier runs. ``gone``: the source no longer
    has their passage; ``no_step``: the recipe has no step that makes such rows.
    """

    wanted: int = 0
    made: int = 0
    gone: int = 0
    no_step: int = 0

    def as_json(self) -> dict[str, int]:
        """For ``--json``."""
        return {name: getattr(self, name) for name in ("wanted", "made", "gone", "no_step")}

    def lines(self) -> list[str]:
        """For people."""
        earlier = f", {self.made} of them were by earlier runs" if self.made else ""
        said = [f"reviewers want {self.wanted} rows made again{earlier}"]
        if self.gone:
            said.append(f"{self.gone} of them cannot be: the documents no longer hold their passage")
        if self.no_step:
            said.append(f"{self.no_step} of them cannot be: no generate step of the recipe makes such rows")
        return said


@dataclass(slots=True)
class Remakes:
    """The rows that a run makes again, by chunk; their texts stay on disk.

    ``only``: nothing else is asked (``run --regenerate``). Otherwise these are rows that were made again
    before, which a run under other settings has to decide like all the others. ``unmade``: only rows that
    no run has made again yet, for a dry run.
    """

    plan: Plan
    only: bool
    unmade: bool = False
    counts: Counts = field(default_factory=Counts)
    rows: int = 0
    _file: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    _places: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def chunks(self) -> int:
        """Chunks with rows to be made again."""
        return len(self._places)

    async def load(self, name: str, store: Asks) -> None:
        """Learn from the store what reviewers of the recipe ``name`` want made again."""
        asked = await store.query("regenerations", name=name)
        chunks = groupby(asked, key=itemgetter("chunk_id"))
        while rows := [row for _, group in islice(chunks, PAGE_CHUNKS) for row in group]:
            await self._take(await store.query("regeneration_texts", rows=rows), store)

    async def _take(self, page: Sequence[Mapping[str, Any]], store: Asks) -> None:
        found = [(chunk, self._rows(chunk)) for chunk in page]
        ids = [row["slot"] for _, rows in found for row in rows]
        made = set(await store.query("decided", slot_ids=ids)) if ids else set()
        for chunk, rows in found:
            kept = [row for row in rows if self._counts(row, row["slot"] in made)]
            self.counts.made += sum(row["wanted"] and row["slot"] in made for row in rows)
            if kept:
                line = orjson.dumps({"rows": kept, "examples": chunk["examples"]})
                self._places[chunk["chunk_id"]] = self._write(line)

    def _counts(self, row: Mapping[str, Any], made: bool) -> bool:
        if self.unmade:
            return bool(row["wanted"]) and not made
        return made or (self.only and bool(row["wanted"]))

    def _write(self, line: bytes) -> tuple[int, int]:
        try:
            place = self._file.seek(0, SEEK_END)
            self._file.write(line)
        except OSError as error:
            raise StoreError(
                f"rows to be made again cannot be set down in a temporary file: {error.strerror or error}",
                where=tempfile.gettempdir(),
                cure="free some disk space there, or name another folder in TMPDIR, then run again",
            ) from error
        return place, len(line)

    def _rows(self, chunk: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Rows of a chunk that a step of the recipe can make, each with its task and slot."""
        rows = []
        for row in chunk["rows"]:
            self.counts.wanted += row["wanted"]
            task = task_for(self.plan, chunk["examples"][row["id"]])
            if task is None:
                self.counts.no_step += row["wanted"]
                continue
            key = self.plan.task_keys[task]
            slot = content_id("slot-again", chunk["chunk_id"], key, row["id"], row["tries"])
            rows.append({**row, "task": task, "slot": slot})
        return rows

    def keep(self, jobs: Iterator[Job]) -> None:
        """Count the rows of those chunks that are still there; the others are gone."""
        there = {job.chunk.id for job in jobs if job.chunk.id in self._places}
        for chunk in self._places.keys() - there:
            self.counts.gone += sum(row["wanted"] for row in self._read(chunk)["rows"])
            del self._places[chunk]
        self.rows = sum(len(self._read(chunk)["rows"]) for chunk in there)

    def rows_of(self, task: int) -> int:
        """Rows that one step of the recipe is to make again."""
        return sum(row["task"] == task for chunk in self._places for row in self._read(chunk)["rows"])

    def among(self, jobs: Iterator[Job]) -> Iterator[Job]:
        """``jobs`` with the rows to be made again; with ``only`` none but those that have some."""
        for job in jobs:
            if job.chunk.id in self._places:
                yield replace(job, remakes=self._remakes(job.chunk.id), only_remakes=self.only)
            elif not self.only:
                yield job

    def _read(self, chunk: str) -> dict[str, Any]:
        start, length = self._places[chunk]
        self._file.seek(start)
        found: dict[str, Any] = orjson.loads(self._file.read(length))
        return found

    def _remakes(self, chunk: str) -> dict[int, tuple[Remake, ...]]:
        from gristmill_data.store import example_from_json

        read = self._read(chunk)
        examples = {key: example_from_json(text) for key, text in read["examples"].items()}
        found: dict[int, tuple[Remake, ...]] = {}
        for row in read["rows"]:
            found[row["task"]] = (*found.get(row["task"], ()), self._remake(row, examples))
        return found

    def _remake(self, row: Mapping[str, Any], examples: Mapping[str, Example]) -> Remake:
        example = examples[row["id"]]
        again = Again(example, row["reason"], row["note"], tuple(examples[key] for key in row["others"]))
        per_chunk = self.plan.tasks[row["task"]].generator.per_chunk
        known = frozenset([example.id, *row["known"]])
        # Samples up to the number of rows a chunk is asked for were drawn by the plan's own slots.
        first = per_chunk * (1 + row["turn"] + FURTHER * row["tries"])
        return Remake(row["slot"], row["idx"], first, again, known)


def task_for(plan: Plan, example: Mapping[str, Any]) -> int | None:
    """The step that made a row, or one like it with other arguments; None when the recipe has none."""
    origin = example["generator"]
    same = [
        index for index, task in enumerate(plan.tasks) if task.generator.registered_name == origin["name"]
    ]
    exact = [index for index in same if plan.tasks[index].generator.origin.args == origin["args"]]
    return next(iter(exact or same), None)
