"""The two scorers of Deita (Liu et al. 2023, arXiv:2312.15685) as distilabel publishes them."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import ClassVar

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

_MARK = re.compile(r"\[\s*(\d{1,9})\s*\]\W{0,3}score\b\W{0,2}?:", re.I)


class ListJudge(DistilabelJudge):
    """Base of judges that rate a numbered list at once, 1 to one more than it has entries."""

    @abstractmethod
    def _listed(self, item: Item) -> list[str]:
        """The entries; the rating of the first is the row's."""

    def _rating(self, row: Row, answer: Answer) -> Rating:
        listed = row.get("responses") or row["instructions"]
        ratings = stated_ratings(answer.text, len(listed))
        highest = len(listed) + 1
        told = "; ".join(f"[{place}] {rating} of {highest}" for place, rating in enumerate(ratings, 1))
        made = [checked(rating, told, highest, ratings=ratings) for rating in ratings]
        # distilabel takes the n-th line for the n-th entry, whatever number stands there
        if row.get("scores") != ratings:
            raise UnusableRatingError("misplaced-ratings")
        return made[0]


class QualityScorer(ListJudge):
    """A model rates the quality of the response by Deita's prompt, of a pair both responses at once.

    distilabel's task: 1 up to the number of responses, and one more for what cannot be improved. The value
    is that of the response, of a pair that of ``chosen``, which is shown first.
    """

    tasks: ClassVar[tuple[str, ...]] = ("quality_scorer",)

    def _problem(self, item: Item) -> str:
        return "" if all(text.strip() for text in self._listed(item)) else "empty-response"

    def _listed(self, item: Item) -> list[str]:
        rejected = item.example.rejected
        return [item.example.response, *([] if rejected is None else [rejected])]

    def _job(self, item: Item) -> Job:
        row = {"instruction": item.example.instruction, "responses": self._listed(item)}
        return Job("QualityScorer", {}, row)


class ComplexityScorer(ListJudge):
    """A model rates how complex the instruction is by Deita's prompt: 1, or 2 for too complex to answer.

    distilabel's task. The response is not shown. High values are hard instructions, not good ones.
    """

    tasks: ClassVar[tuple[str, ...]] = ("complexity_scorer",)

    def _problem(self, item: Item) -> str:
        return "" if item.example.instruction.strip() else "empty-instruction"

    def _listed(self, item: Item) -> list[str]:
        return [item.example.instruction]

    def _job(self, item: Item) -> Job:
        return Job("ComplexityScorer", {}, {"instructions": self._listed(item)})


def stated_ratings(text: str, count: int) -> list[int]:
    """The ratings as the judge wrote them, ``[1] Score: 3`` for each entry, in their order.

    Raises:
        UnusableRatingError: ``missing-rating``, ``wrong-number-of-ratings``, ``misplaced-ratings`` (they are
            numbered otherwise than 1, 2, 3 …) or ``unreadable-rating``, two on one line for example.
    """
    stated = [(line, mark) for line in text.splitlines() for mark in _MARK.finditer(line)]
    if not stated:
        raise UnusableRatingError("missing-rating")
    if len(stated) != count:
        raise UnusableRatingError("wrong-number-of-ratings")
    if [int(mark[1]) for _, mark in stated] != list(range(1, count + 1)):
        raise UnusableRatingError("misplaced-ratings")
    return [whole_number(line[mark.end() :].strip(" \t*_`"), count + 1) for line, mark in stated]
