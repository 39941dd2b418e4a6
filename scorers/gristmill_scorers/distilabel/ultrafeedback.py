"""UltraFeedback (Cui et al. 2023, arXiv:2310.01377) as distilabel publishes it, one response at a time."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic import Field

from gristmill.models.types import Answer
from gristmill.records import Item
from gristmill_scorers.distilabel.judge import (
    DistilabelJudge,
    Job,
    Rating,
    UnusableRatingError,
    checked,
    whole_number,
)
from gristmill_scorers.distilabel.tasks import Row

Aspect = Literal["helpfulness", "honesty", "instruction-following", "truthfulness", "overall-rating"]

_RATING_LINE = re.compile(r"^[^\w\n]*Rating[^\w\n]*?:(.*)$", re.M | re.I)


class UltraFeedback(DistilabelJudge):
    """A model rates one aspect of a response from 1 to 5 by UltraFeedback's prompt (distilabel's task).

    Of a preference pair it rates ``chosen``. The response is rated alone, without its source.
    """

    tasks: ClassVar[tuple[str, ...]] = ("ultrafeedback",)
    aspect: Aspect = Field(default="overall-rating", description="What is rated.")

    @property
    def label(self) -> str:
        """``ultrafeedback_`` and the aspect, e.g. ``ultrafeedback_instruction_following``."""
        return f"ultrafeedback_{self.aspect.replace('-', '_')}"

    def _job(self, item: Item) -> Job:
        row = {"instruction": item.example.instruction, "generations": [item.example.response]}
        return Job("UltraFeedback", {"aspect": self.aspect}, row)

    def _rating(self, row: Row, answer: Answer) -> Rating:
        rating = stated_rating(answer.text)
        ratings = row.get("ratings")
        if isinstance(ratings, list) and len(ratings) != 1:
            # distilabel cuts at blank lines: one inside a rationale makes two texts of one
            raise UnusableRatingError("wrong-number-of-ratings")
        if ratings != [abs(rating)]:
            raise UnusableRatingError("unreadable-rating")
        (rationale,) = row.get("rationales-for-ratings") or row["rationales"]
        return checked(rating, rationale, aspect=self.aspect)


def stated_rating(text: str) -> int:
    """The rating as the judge wrote it.

    distilabel takes the first number of the line and drops signs, so ``-4``, ``4.5``, ``4/10`` and
    ``4 or 5`` would all be 4.

    Raises:
        UnusableRatingError: ``missing-rating``, ``wrong-number-of-ratings``, ``not-applicable`` or
            ``unreadable-rating``.
    """
    lines = [line.strip(" \t*_`") for line in _RATING_LINE.findall(text)]
    if not any(lines):
        raise UnusableRatingError("missing-rating")
    if len(lines) > 1:
        raise UnusableRatingError("wrong-number-of-ratings")
    if lines[0].casefold() in {"n/a", "none"}:
        raise UnusableRatingError("not-applicable")
    return whole_number(lines[0])
