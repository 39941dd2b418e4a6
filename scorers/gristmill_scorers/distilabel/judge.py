"""What all of distilabel's judges share: a role to ask, one row, one rating from 1 up, mostly to 5."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import Any

from pydantic import Field

from gristmill.models.structured import without_thinking
from gristmill.models.types import Answer, Ask, Task
from gristmill.records import Item
from gristmill.registry import Scored, Scorer, Unscored
from gristmill.voting import Poll, Rule, Sampled, SpoiltVoteError, Vote, cast, decide
from gristmill_scorers.distilabel.bridge import Bridge, in_thread
from gristmill_scorers.distilabel.tasks import Row, run_rows

LOWEST, HIGHEST = 1, 5
_WHOLE = re.compile(r"\[?([+-]?\d{1,9})\]?(?:(?:\s*/\s*|\s+out of )(\d{1,9}))?(?:[^\w.,/-]+\D*|\.)?")


class UnusableRatingError(SpoiltVoteError):
    """The judge's text holds no rating that can be trusted; the message is the reason slug."""


@dataclass(frozen=True, slots=True)
class Job:
    """One row for one of distilabel's tasks: the name of its class, its arguments, the row."""

    task: str
    args: Mapping[str, Any]
    row: Row


@dataclass(frozen=True, slots=True)
class Rating:
    """What one answer says; ``about`` is what was rated, for the record, ``highest`` the top of its scale."""

    stars: int
    rationale: str
    about: Mapping[str, Any]
    highest: int = HIGHEST


class DistilabelJudge(Sampled, Scorer):
    """Base of the judges: runs distilabel's task in a thread and turns its rating into 0…1."""

    model: str = Field(description="Role of the recipe's models that judges.")
    temperature: float | None = Field(default=None, ge=0, le=2, description="Sampling temperature.")
    max_tokens: int | None = Field(default=None, ge=1, description="Longest verdict, in tokens.")
    vote: Rule = Field(
        default="median",
        exclude_if=lambda rule: rule == "median",
        description="samples: which of the ratings holds.",
    )

    def fingerprint(self) -> Mapping[str, Any]:
        """Name, version, arguments, and distilabel's version: the prompts are its own."""
        return {**super().fingerprint(), "distilabel": version("distilabel")}

    async def score(self, item: Item, ask: Ask) -> Scored | Unscored:
        """One call for each sample. Errors of ``ask`` are raised as they are, from wherever in distilabel."""
        if problem := self._problem(item):
            return Unscored(problem)
        job = self._job(item)
        given = {"model": self.model, "temperature": self.temperature, "max_tokens": self.max_tokens}
        bridge = Bridge(
            ask,
            Task(self.tasks[0], {**job.args, **job.row}),
            {name: value for name, value in given.items() if value is not None},
        )
        rows = await in_thread(partial(run_rows, job.task, job.args, job.row, self.samples), bridge)
        made_of = {answer.key: row for answer, row in zip(bridge.answers, rows, strict=True)}
        ratings = cast(bridge.answers, lambda answer: self._rating(made_of[answer.key], spoken(answer)))
        return self._scored(ratings)

    def _problem(self, item: Item) -> str:
        """Why the row cannot be judged, a reason slug, else empty."""
        return "" if item.example.response.strip() else "empty-response"

    @abstractmethod
    def _job(self, item: Item) -> Job:
        """The row to judge."""

    @abstractmethod
    def _rating(self, row: Row, answer: Answer) -> Rating:
        """Read distilabel's row; ``answer`` is the text it was made of.

        Raises:
            UnusableRatingError: the rating is missing, doubtful or off the scale.
        """

    def _scored(self, ratings: Sequence[Vote[Rating]]) -> Scored | Unscored:
        stars = [_stars(vote) for vote in ratings]
        poll = decide(self.vote, stars)
        if reason := poll.problem(self.min_agreement):
            texts = (vote.text for vote in ratings if vote.failed)
            text = poll.detail(self.min_agreement) if reason == "no-agreement" else next(texts, "")
            return Unscored(reason, text, tuple(poll.rows(_shown)) if len(ratings) > 1 else ())
        return self._decided(poll, [vote.value for vote in ratings])

    def _decided(self, poll: Poll[float], ratings: Sequence[Rating | None]) -> Scored:
        assert poll.outcome is not None
        outcome = poll.outcome
        # nobody may have given the median of an even count: the nearest speaks for it
        given = [rating for rating in ratings if rating is not None]
        nearest = min(given, key=lambda rating: abs(rating.stars - outcome))
        value = (outcome - LOWEST) / (nearest.highest - LOWEST)
        scale = {"scale": f"{LOWEST}-{nearest.highest}", **nearest.about}
        if len(ratings) == 1:
            row = {"rating": nearest.stars, **scale, "call": poll.votes[0].call}
            return Scored(value, nearest.rationale, votes=(row,))
        votes = [
            {**row, **(_told(rating) if rating else {})}
            for row, rating in zip(poll.rows(_shown), ratings, strict=True)
        ]
        row = {"rating": outcome, **scale, "rule": self.vote, "agreement": poll.agreement, "votes": votes}
        return Scored(value, nearest.rationale, votes=(row,))


def _stars(vote: Vote[Rating]) -> Vote[float]:
    return Vote(None if vote.value is None else float(vote.value.stars), vote.call, vote.failed, vote.text)


def _shown(stars: float) -> Mapping[str, Any]:
    return {"rating": int(stars)}


def spoken(answer: Answer) -> Answer:
    """The answer as distilabel's task has read it: without reasoning in front."""
    return replace(answer, text=without_thinking(answer.text).strip())


def _told(rating: Rating) -> Mapping[str, Any]:
    """What one of several votes said beside its rating."""
    both = {"ratings": rating.about["ratings"]} if "ratings" in rating.about else {}
    return {"rationale": rating.rationale, **both}


def checked(stars: int, rationale: str, highest: int = HIGHEST, **about: Any) -> Rating:
    """A rating on the scale.

    Raises:
        UnusableRatingError: ``rating-out-of-range``.
    """
    if not LOWEST <= stars <= highest:
        raise UnusableRatingError("rating-out-of-range")
    return Rating(stars, rationale.strip(), about, highest)


def whole_number(text: str, highest: int = HIGHEST) -> int:
    """The rating that ``text`` states: ``4``, ``[4]``, ``4/5``, ``4 out of 5`` or ``4 (Highly Informative)``.

    Raises:
        UnusableRatingError: ``unreadable-rating``, for no whole number or a second one that might be meant.
    """
    found = _WHOLE.fullmatch(text)
    if found is None or found[2] not in (None, str(highest)):
        raise UnusableRatingError("unreadable-rating")
    return int(found[1])
