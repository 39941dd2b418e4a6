"""The same text with other numbers: runs of words with the numbers masked, then the numbers compared.

With its names it is ``number-perturbed``; with other names, or when only a part of the words agrees, it is a
``template``, a form that two questions share.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from gristmill_evals.contamination.decision.decide import template_score
from gristmill_evals.contamination.index import Candidate, ItemIndex, Side
from gristmill_evals.contamination.normalise import MASK, Tokens, tokenise
from gristmill_evals.contamination.rows import Row
from gristmill_evals.contamination.tiers.base import Hit
from gristmill_evals.contamination.tiers.exact import MIN_INFORMATIVE
from gristmill_evals.contamination.tiers.ngrams import coverage
from gristmill_evals.contamination.vocabulary import STOPWORDS

_CAPITAL = re.compile(r"\b[A-Z][a-z]+\b")
_SMALL = re.compile(r"\b[a-z]+\b")
BESIDE = 40
"""Characters beside a shared run where another name may stand in the place of the item's."""
WHOLE = 0.97
MOST = 0.9
"""Share of the question's words (rare ones weigh more) that must be kept when only the numbers change."""


def match(row: Row, candidate: Candidate, index: ItemIndex) -> Hit | None:
    """A hit when numbers inside the shared runs differ; without any difference this is no tier's news."""
    side = candidate.side
    whole = _whole(row, side)
    if whole is not None:
        return whole
    found = coverage(row, side, index, exact=False)
    if not found.item or _values(row.tokens, found.row) == _values(side.tokens, found.item):
        return None
    row_span = row.tokens.span(found.row[0], found.row[-1])
    item_span = side.tokens.span(found.item[0], found.item[-1])
    share = found.share(side, index)
    start, end = next(span for span in row.fields.values() if span[0] <= row_span[0] < span[1])
    text = row.text[max(start, row_span[0] - BESIDE) : min(end, row_span[1] + BESIDE)]
    # An answer with other numbers is a way of writing (a loop, "half of it is"), and not the answer.
    asks = side.kind == "question"
    if asks and share >= MOST and _same_words(text, side, index) and _same_names(text, side):
        return Hit("number-perturbed", found.probability(row, side, index), row_span, item_span, "numbers")
    return Hit("template", template_score(100 * share), row_span, item_span, "numbers")


def _whole(row: Row, side: Side) -> Hit | None:
    """The whole question with other numbers, even when its words are boilerplate run by run."""
    if side.kind != "question" or side.informative < MIN_INFORMATIVE:
        return None
    at = row.tokens.find_masked(side.tokens.masked[: side.head])
    if at is None:
        return None
    end = at + side.head
    if row.tokens.words[at:end] == side.tokens.words[: side.head]:
        return None
    spans = row.tokens.span(at, end - 1), side.tokens.span(0, side.head - 1)
    return Hit("number-perturbed", WHOLE, *spans, "numbers")


def _same_words(text: str, side: Side, index: ItemIndex) -> bool:
    """Whether the question's words are there, not counting numbers."""
    kept = set(tokenise(text).masked)
    words = set(side.tokens.masked[: side.head]) - {MASK}
    weights = {word: index.weight(word) for word in words}
    total = math.fsum(weights.values())
    return math.fsum(heavy for word, heavy in weights.items() if word in kept) >= MOST * total


def _values(tokens: Tokens, places: Sequence[int]) -> list[str]:
    return [tokens.words[n] for n in places if tokens.masked[n] == MASK]


def _same_names(text: str, side: Side) -> bool:
    """Whether the row has the item's names; a name is a word that is never written small."""
    item = side.item.question
    gone = set(_CAPITAL.findall(item)) - set(_CAPITAL.findall(text))
    come = set(_CAPITAL.findall(text)) - set(_CAPITAL.findall(item))
    small = set(_SMALL.findall(item)) | set(_SMALL.findall(text)) | STOPWORDS
    return not any(word.lower() not in small for word in gone) or not come
