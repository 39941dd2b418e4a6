"""What a run is asked for: slots, and the ids they are resumed by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gristmill.recipe import Loaded, Task
from gristmill.records import Chunk, Document, content_id


@dataclass(frozen=True, slots=True)
class Job:
    """One chunk to be walked, with the document it came from."""

    chunk: Chunk
    document: Document


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

    def slot_ids(self, chunk: Chunk, task: int) -> list[str]:
        """Ids of the rows asked of one chunk by the task at index ``task``."""
        count = self.tasks[task].generator.per_chunk
        return [content_id("slot", chunk.id, self.task_keys[task], index) for index in range(count)]

    def all_slot_ids(self, chunk: Chunk) -> Iterator[str]:
        """Ids of all rows asked of one chunk."""
        for task in range(len(self.tasks)):
            yield from self.slot_ids(chunk, task)
