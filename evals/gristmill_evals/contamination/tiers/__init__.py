"""The tiers, cheapest and surest first; one module each. A tier is added by adding it here."""

from __future__ import annotations

from gristmill_evals.contamination.tiers import exact, fuzzy, ngrams, numbers, options
from gristmill_evals.contamination.tiers.base import Hit, Tier

TIERS: tuple[Tier, ...] = (options.match, exact.match, ngrams.match, numbers.match, fuzzy.match)
SURE = 0.98
"""From this score on, the later tiers are not asked."""

__all__ = ["SURE", "TIERS", "Hit", "Tier"]
