"""The chapters of a report, in order; one function each, from frames to a section."""

from __future__ import annotations

from collections.abc import Callable

from gristmill_evals.report.blocks import Section
from gristmill_evals.report.frames import Frames
from gristmill_evals.report.sections import (
    diversity,
    duplicates,
    flow,
    grounds,
    judges,
    leaks,
    lengths,
    matches,
    overview,
    pairs,
    people,
    quality,
    reading,
    settings,
    sources,
    spending,
)

SECTIONS: tuple[Callable[[Frames], Section], ...] = (
    overview.about,
    overview.key_figures,
    flow.accounting,
    flow.funnel,
    flow.failures,
    quality.scores,
    judges.judges,
    grounds.groundedness,
    leaks.refusals,
    diversity.diversity,
    duplicates.duplicates,
    lengths.lengths,
    pairs.audit,
    matches.contamination,
    sources.coverage,
    people.review,
    spending.cost,
    spending.time,
    settings.settings,
    reading.samples,
)
