"""Prometheus 2 (Kim et al. 2024, arXiv:2405.01535), absolute grading, as distilabel publishes it."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic import Field

from gristmill.models.types import Answer
from gristmill.records import Item
from gristmill_scorers.distilabel.judge import DistilabelJudge, Job, Rating, UnusableRatingError, checked
from gristmill_scorers.distilabel.tasks import Row

PublishedRubric = Literal["helpfulness", "harmlessness", "honesty", "factual-validity", "reasoning"]

_MARK = "[RESULT]"


class Prometheus(DistilabelJudge):
    """A model grades a response from 1 to 5 by one of Prometheus' published rubrics (distilabel's task).

    Of a preference pair it grades ``chosen``. ``metadata["reference"]`` of the example is shown as the
    answer that deserves a 5 when there is one.
    """

    tasks: ClassVar[tuple[str, ...]] = ("prometheus",)
    rubric: PublishedRubric = Field(default="helpfulness", description="Which published rubric.")

    @property
    def label(self) -> str:
        """``prometheus_`` and the rubric, e.g. ``prometheus_factual_validity``."""
        return f"prometheus_{self.rubric.replace('-', '_')}"

    def _job(self, item: Item) -> Job:
        example = item.example
        row: Row = {"instruction": example.instruction, "generation": example.response}
        reference = str(example.metadata.get("reference") or "")
        if reference:
            row["reference"] = reference
        args = {"mode": "absolute", "rubric": self.rubric, "reference": bool(reference)}
        return Job("PrometheusEval", args, row)

    def _rating(self, row: Row, answer: Answer) -> Rating:
        if row.get("result") is None:
            raise UnusableRatingError(_fault(answer.text))
        reference = "reference" in row
        return checked(row["result"], row["feedback"], rubric=self.rubric, reference=reference)


def _fault(text: str) -> str:
    """Why distilabel found no result; it takes nothing but one mark with a bare 1 to 5 after it."""
    after = text.split(_MARK)[1:]
    if not after or not any(part.strip() for part in after):
        return "missing-rating"
    if len(after) > 1:
        return "wrong-number-of-ratings"
    whole = re.fullmatch(r"[+-]?\d+", after[0].strip())
    return "rating-out-of-range" if whole else "unreadable-rating"
