"""What a run is asked for: slots, and the ids they are resumed by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gristmill.recipe import Loaded, Task
from gristmill.records import Chunk, Document, content_id
from gristmill.registry import Again


@dataclass(frozen=True, slots=True)
class Remake:
    """A row that a reviewer wants made again: a slot beside those of the plan, the rejected row's for good.

    ``index`` is that of the rejected row; samples are drawn from number ``first`` on, and a row among
    ``known`` (ids) is none that was made anew.
    """

    slot: str
    index: int
    first: int
    again: Again
    known: frozenset[str]


@dataclass(frozen=True, slots=True)
class Job:
    """One chunk to be walked, with the document it came from.

    ``remakes`` are rows to be made again, by index of their task; with ``only_remakes`` nothing else is
    asked of the chunk.
    """

    chunk: Chunk
    document: Document
    remakes: Mapping[int, tuple[Remake, ...]] = field(default_factory=dict)
    only_remakes: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The recipe reduced to what decides a slot's id and the validity of its outcome."""

    tasks: tuple[Task, ...]
    task_keys: tuple[str, ...]
    settings: tuple[str, ...]
    """By task: a row decided under others is decided again, and rows of others are stale."""

    @classmethod
    def of(cls, loaded: Loaded) -> Plan:
        """Fingerprint a loaded recipe."""
        keys = tuple(content_id("task", task.fingerprint) for task in loaded.tasks)
        chunking = loaded.recipe.chunking.model_dump()
        settings = tuple(content_id("settings", key, chunking, loaded.settings) for key in keys)
        return cls(loaded.tasks, keys, settings)

    @property
    def rows_per_chunk(self) -> int:
        """Rows asked of every chunk, over all tasks."""
        return sum(task.generator.per_chunk for task in self.tasks)

    def asked(self, job: Job, task: int) -> int:
        """How many rows the task at index ``task`` is asked for at its own, those to be made again aside."""
        return 0 if job.only_remakes else self.tasks[task].generator.per_chunk

    def slot_ids(self, job: Job, task: int) -> list[str]:
        """Ids of the rows asked of one chunk by the task at index ``task``, those to be made again last."""
        key, count = self.task_keys[task], self.asked(job, task)
        own = [content_id("slot", job.chunk.id, key, index) for index in range(count)]
        return own + [remake.slot for remake in job.remakes.get(task, ())]

    def all_slot_ids(self, job: Job) -> Iterator[str]:
        """Ids of all rows asked of one chunk."""
        for task in range(len(self.tasks)):
            yield from self.slot_ids(job, task)
