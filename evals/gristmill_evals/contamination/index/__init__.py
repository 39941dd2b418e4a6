"""The benchmark side of the comparison: texts of the items, and where to look for candidates.

Look-ups: runs of eight words with the numbers masked, whole short items, sets of choices, and rare words,
word pairs and numbers weighted by inverse document frequency. What is frequent across items is boilerplate
("how many ... are left in total") and points nowhere.
"""

from __future__ import annotations

from gristmill_evals.contamination.index.features import features
from gristmill_evals.contamination.index.item_index import ItemIndex
from gristmill_evals.contamination.index.sides import Candidate, Side

__all__ = ["Candidate", "ItemIndex", "Side", "features"]
