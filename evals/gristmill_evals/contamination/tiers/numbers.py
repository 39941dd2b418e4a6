"""The same text with other numbers: runs of words with the numbers masked, then the numbers compared.

Most of the item with other numbers is ``number-perturbed``; a smaller part is a ``template``, a form of
words that two questions share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gristmill.records import MatchLabel
from gristmill_evals.contamination.index import Candidate, ItemIndex
from gristmill_evals.contamination.normalise import MASK, Tokens
from gristmill_evals.contamination.rows import Row
from gristmill_evals.contamination.tiers.base import Hit
from gristmill_evals.contamination.tiers.ngrams import coverage

MOST = 0.8


def match(row: Row, candidate: Candidate, index: ItemIndex) -> Hit | None:
    """A hit when numbers inside the shared runs differ; without any difference this is no tier's news."""
    side = candidate.side
    found = coverage(row.tokens, side.tokens, index, exact=False)
    if not found.item or _values(row.tokens, found.row) == _values(side.tokens, found.item):
        return None
    share = found.share(row, side.tokens, side.head)
    row_span = row.tokens.span(found.row[0], found.row[-1])
    item_span = side.tokens.span(found.item[0], found.item[-1])
    label: MatchLabel = "number-perturbed" if share >= MOST else "template"
    return Hit(label, min(found.score(row, side.tokens, side.head), 0.97), row_span, item_span)


def _values(tokens: Tokens, places: Sequence[int]) -> Counter[str]:
    return Counter(tokens.words[n] for n in places if tokens.masked[n] == MASK)
