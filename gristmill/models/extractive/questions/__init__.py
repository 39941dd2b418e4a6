"""The rules that ask: one module each, all of the form ``propose(passage) -> Iterator[Candidate]``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gristmill.models.extractive.passage import Passage
from gristmill.models.extractive.questions import (
    attributes,
    comparison,
    conditions,
    definitions,
    facts,
    headings,
    lists,
    means,
    polar,
    procedures,
    purpose,
    reasons,
    tables,
    terms,
)
from gristmill.models.extractive.questions.candidate import Candidate

RULES: tuple[Callable[[Passage], Iterator[Candidate]], ...] = (
    definitions.propose,
    attributes.propose,
    terms.propose,
    headings.propose,
    lists.propose,
    tables.propose,
    procedures.propose,
    reasons.propose,
    comparison.propose,
    conditions.propose,
    purpose.propose,
    means.propose,
    facts.propose,
    polar.propose,
)
__all__ = ["RULES", "Candidate"]
