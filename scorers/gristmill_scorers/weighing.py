"""A verdict on criteria, weighed by what else the judge could have said in each place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gristmill.models.types import Answer
from gristmill_scorers.likelihood.chances import LEAST, Likelihood, NoChancesError, expected
from gristmill_scorers.rubric_file import Criterion, Rubric
from gristmill_scorers.verdict import Finding


def weighed(rubric: Rubric, findings: Sequence[Finding], answer: Answer) -> list[Finding]:
    """The same findings with the share that each earns on average over what the judge could have said.

    Yes or no: P(true) ÷ (P(true) + P(false)). Grades: their mean by probability, those under one per cent
    left out (:mod:`gristmill_scorers.likelihood.chances`). Where that cannot be known the verdict counts as
    it is; ``mode`` and ``why`` say so. A verdict that is void stays void, an abstention an abstention.
    """
    likelihood = Likelihood(answer)
    places = {row["id"]: place for place, row in enumerate(answer.data["criteria"])}
    return [
        finding if finding.unsure else _weighed(likelihood, rubric.graded, criterion, finding, places)
        for criterion, finding in zip(rubric.criteria, findings, strict=True)
    ]


def _weighed(
    likelihood: Likelihood, graded: bool, criterion: Criterion, finding: Finding, places: Mapping[Any, int]
) -> Finding:
    lowest, span = criterion.lowest, criterion.highest - criterion.lowest
    values = {"false": 0.0, "true": 1.0}
    if graded:
        values = {str(lowest + step): step / span for step in range(span + 1)}
    key = ("criteria", places[criterion.id], "grade" if graded else "met")
    try:
        chances = likelihood.chances(key, list(values))
        by_value = {values[word]: chance for word, chance in chances.items()}
        share, mass = expected(by_value, LEAST if graded else 0.0)
    except NoChancesError as reason:
        return replace(finding, mode="verdict", why=str(reason))
    return replace(finding, mode="logprobs", share=share, mass=mass)
