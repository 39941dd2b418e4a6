"""The tiers, cheapest and surest first; one module each. A tier is added by adding it here.

Those in :data:`TIERS` look at one candidate each; :class:`Reworded` decides on all of a row's together.
"""

from __future__ import annotations

from gristmill_evals.contamination.tiers import exact, ngrams, numbers, options
from gristmill_evals.contamination.tiers.base import Hit, Tier
from gristmill_evals.contamination.tiers.reworded import Reworded
from gristmill_evals.contamination.tiers.worth import Worth

TIERS: tuple[Tier, ...] = (options.match, exact.match, numbers.match, ngrams.match)
SURE = 0.98
"""From this score on, the later tiers are not asked."""

__all__ = ["SURE", "TIERS", "Hit", "Reworded", "Tier", "Worth"]
