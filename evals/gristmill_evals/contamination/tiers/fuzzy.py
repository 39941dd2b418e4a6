"""String distance, on candidates only: rewordings that keep no run of words.

The score is the plain mean of three figures that mean the same on every benchmark: the cosine over rare
words, rapidfuzz's token_sort_ratio, and how far the numbers agree. The weights are not fitted; that it is
these three was settled by trying six combinations on GSM8K rows (docs/contamination.md).
"""

from __future__ import annotations

from gristmill.records import MatchLabel
from gristmill_evals.contamination.index import Candidate, ItemIndex, Side
from gristmill_evals.contamination.normalise import Tokens
from gristmill_evals.contamination.rows import Row
from gristmill_evals.contamination.tiers.base import Hit

SAME = 0.9
ALIKE = 0.75


def match(row: Row, candidate: Candidate, index: ItemIndex) -> Hit | None:
    """The field of the row that is most like the item; always a hit, if a weak one."""
    side = candidate.side
    if side.kind != "question" or not len(side.tokens):
        return None
    hits = [hit for name in row.parts if (hit := _field(row, name, candidate)) is not None]
    return max(hits, key=lambda hit: hit.score, default=None)


def _field(row: Row, name: str, candidate: Candidate) -> Hit | None:
    from rapidfuzz import fuzz

    part, side = row.parts[name], candidate.side
    if not len(part):
        return None
    order = fuzz.token_sort_ratio(part.sentence, side.tokens.sentence) / 100
    agreement = _agreement(part, side)
    known = [candidate.cosine, order] if agreement is None else [candidate.cosine, order, agreement]
    masked = fuzz.token_sort_ratio(part.masked_sentence, side.tokens.masked_sentence) / 100
    offset = row.fields[name][0]
    start, end = part.span(0, len(part) - 1)
    label = _label(order, masked, agreement)
    return Hit(label, min(0.94, sum(known) / len(known)), (start + offset, end + offset), _whole(side))


def _agreement(part: Tokens, side: Side) -> float | None:
    """Shared numbers over all numbers, with repetition; None when neither side has any."""
    ours, theirs = part.numbers(), side.tokens.numbers()
    total = sum((ours | theirs).values())
    return sum((ours & theirs).values()) / total if total else None


def _label(order: float, masked: float, agreement: float | None) -> MatchLabel:
    differ = agreement is not None and agreement < 1
    if masked >= SAME:
        return "number-perturbed" if differ else "near"
    if masked >= ALIKE and agreement is not None and agreement < 0.5:
        return "template"
    return "near" if order >= SAME else "paraphrase"


def _whole(side: Side) -> tuple[int, int]:
    return side.tokens.span(0, len(side.tokens) - 1)
