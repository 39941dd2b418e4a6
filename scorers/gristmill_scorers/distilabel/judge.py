"""What all of distilabel's judges share: a role to ask, one row, one rating from 1 to 5."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from pydantic import Field

from gristmill.models.types import Answer, Ask, Task
from gristmill.records import Item
from gristmill.registry import Scored, Scorer, Unscored
from gristmill_scorers.distilabel.bridge import Bridge, in_thread
from gristmill_scorers.distilabel.tasks import Row, run_row

LOWEST, HIGHEST = 1, 5


class UnusableRatingError(ValueError):
    """The judge's text holds no rating that can be trusted; the message is the reason slug."""


@dataclass(frozen=True, slots=True)
class Job:
    """One row for one of distilabel's tasks: the name of its class, its arguments, the row."""

    task: str
    args: Mapping[str, Any]
    row: Row


class DistilabelJudge(Scorer):
    """Base of the judges: runs distilabel's task in a thread and turns its rating into 0…1."""

    model: str = Field(description="Role of the recipe's models that judges.")
    temperature: float | None = Field(default=None, ge=0, le=2, description="Sampling temperature.")
    max_tokens: int | None = Field(default=None, ge=1, description="Longest verdict, in tokens.")

    def fingerprint(self) -> Mapping[str, Any]:
        """Name, version, arguments, and distilabel's version: the prompts are its own."""
        return {**super().fingerprint(), "distilabel": version("distilabel")}

    async def score(self, item: Item, ask: Ask) -> Scored | Unscored:
        """One call. Errors of ``ask`` are raised as they are, from wherever in distilabel."""
        if not item.example.response.strip():
            return Unscored("empty-response")
        job = self._job(item)
        given = {"model": self.model, "temperature": self.temperature, "max_tokens": self.max_tokens}
        bridge = Bridge(
            ask,
            Task(self.tasks[0], {**job.args, **job.row}),
            {name: value for name, value in given.items() if value is not None},
        )
        row = await in_thread(partial(run_row, job.task, job.args, job.row), bridge)
        (answer,) = bridge.answers
        try:
            return self._verdict(row, answer)
        except UnusableRatingError as error:
            return Unscored(str(error), answer.text)

    @abstractmethod
    def _job(self, item: Item) -> Job:
        """The row to judge."""

    @abstractmethod
    def _verdict(self, row: Row, answer: Answer) -> Scored:
        """Read distilabel's row; ``answer`` is the text it was made of.

        Raises:
            UnusableRatingError: the rating is missing, doubtful or off the scale.
        """


def scored(rating: int, rationale: str, answer: Answer, **more: Any) -> Scored:
    """``(rating - 1) / 4``, with the rating as given and the id of the call on record.

    Raises:
        UnusableRatingError: ``rating-out-of-range``.
    """
    if not LOWEST <= rating <= HIGHEST:
        raise UnusableRatingError("rating-out-of-range")
    value = (rating - LOWEST) / (HIGHEST - LOWEST)
    vote = {"rating": rating, "scale": f"{LOWEST}-{HIGHEST}", **more, "call": answer.key}
    return Scored(value, rationale.strip(), votes=(vote,))
