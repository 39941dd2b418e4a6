"""Rewordings: the calibrated decision on all candidates of a row at once, because they compete.

What a row and an item share word for word in longer runs is no rewording: it is a copy, which other tiers
judge, or boilerplate that stands around different questions. So a row that looks reworded is looked at again
without such runs on both sides, and what is left has to agree.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gristmill.records import Span
from gristmill_evals.contamination.decision.decide import Judgement, Subject, Text, judge
from gristmill_evals.contamination.decision.features import heaviest
from gristmill_evals.contamination.decision.sides import Subjects, pairs
from gristmill_evals.contamination.decision.views import View
from gristmill_evals.contamination.index import Candidate, ItemIndex, Side
from gristmill_evals.contamination.kernel.limits import FLOOR, RELATIVE, SUSPECT
from gristmill_evals.contamination.normalise import MASK, Tokens
from gristmill_evals.contamination.options import option_key
from gristmill_evals.contamination.rows import Row, grams
from gristmill_evals.contamination.tiers.base import Hit
from gristmill_evals.contamination.tiers.ngrams import Coverage, coverage

TEMPLATE = 0.6
"""Share of an item in shared runs (numbers masked, by rarity) from which they are its own form."""
RUN = 6
"""Words that a run must have to be left out."""
LEFT = 3
"""Content words that must be left for a second look; with fewer, the copy is all there is to judge."""
Key = tuple[str, str]


class Reworded:
    """The last tier. It keeps the items it has seen, so that they are cut only once."""

    def __init__(self, index: ItemIndex) -> None:
        self._index = index
        self._most = heaviest(index.items)
        self.subjects = Subjects()
        self.weight = functools.lru_cache(maxsize=1 << 16)(self._weight)

    def _weight(self, word: str) -> float:
        """Rarity of a stem among the items, from 0 to 1."""
        return min(1.0, self._index.weight(word) / self._most)

    def match(
        self, row: Row, candidates: Sequence[Candidate], first: Sequence[Candidate] | None = None
    ) -> list[tuple[Side, Hit]]:
        """``paraphrase``, ``template`` or ``near`` for every item among the candidates, however unlikely.

        ``first``: those that the first look can be left to (None: all), because the others are known to score
        less than :data:`SUSPECT` and to be no rivals of these.
        """
        near = worth_comparing(candidates)
        sides = {(c.side.benchmark, c.side.item.id): c.side for c in near}
        compared = list(pairs(row, near, self.subjects))
        looked = {(c.side.benchmark, c.side.item.id) for c in (near if first is None else first)}
        judged = judge([pair for pair in compared if pair[1].key in looked], self.weight)
        suspects = {one.subject.key: sides[one.subject.key] for one in judged if one.score >= SUSPECT}
        if suspects:
            judged = self._again(row, judged, compared, suspects)
        hits = [(sides[one.subject.key], _hit(one, sides[one.subject.key])) for one in judged]
        compared_items = {one.subject.key for one in judged}
        others = (c.side for c in candidates if (c.side.benchmark, c.side.item.id) not in compared_items)
        return hits + [(side, _unlike(row, side)) for side in others]

    def _again(
        self,
        row: Row,
        judged: list[Judgement],
        compared: Iterable[tuple[Text, Subject]],
        suspects: Mapping[Key, Side],
    ) -> list[Judgement]:
        """The judgements, those of the suspects made without what they share with the row word for word."""
        runs = {key: _shared(row, side) for key, side in suspects.items()}
        gone = sorted({n for shared in runs.values() for n in shared.row})
        if not gone:
            return judged
        texts: dict[Span, Text] = {}
        left = []
        for text, subject in compared:
            if text.span not in texts:
                texts[text.span] = _without(row, gone, text)
            shared = runs.get(subject.key)
            left.append((texts[text.span], subject if shared is None else _rest(subject, suspects, shared)))
        second = {one.subject.key: one for one in judge(left, self.weight)}
        return [
            self._combined(row, one, second.get(one.subject.key), suspects[one.subject.key], runs)
            if one.subject.key in runs
            else one
            for one in judged
        ]

    def _mostly_shared(self, side: Side, shared: Coverage) -> bool:
        """Whether the runs are the item and not something that stands around it."""
        return shared.share(side, self._index) >= TEMPLATE

    def _combined(
        self, row: Row, one: Judgement, second: Judgement | None, side: Side, runs: Mapping[Key, Coverage]
    ) -> Judgement:
        """What the rest says, and what the copied part says, taken as independent evidence."""
        if not runs[one.subject.key].row:
            return one
        if one.label == "template" and self._mostly_shared(side, runs[one.subject.key]):
            return one
        again = 0.0 if second is None or not _enough(second) else second.score
        if second is not None and second.label == "template" and again:
            return replace(one, label=second.label, score=again, probability=second.probability)
        copied = coverage(row, side, self._index, exact=True)
        share = copied.probability(row, side, self._index) if copied.item else 0.0
        score = 1 - (1 - again) * (1 - share)
        return replace(one, score=min(score, one.score), label="paraphrase")


def worth_comparing(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Questions like enough to the row, and not much less like it than others are to the same words of it."""
    best: dict[tuple[str, int], float] = {}
    for one in candidates:
        place = one.field, one.first
        best[place] = max(best.get(place, 0.0), one.cosine)
    return [
        one
        for one in candidates
        if one.side.kind == "question" and one.cosine >= max(FLOOR, RELATIVE * best[one.field, one.first])
    ]


def _enough(second: Judgement) -> bool:
    return min(len(second.text.view.content), len(second.subject.views[0].content)) >= LEFT


def _unlike(row: Row, side: Side) -> Hit:
    """The best candidate of a row may still be none at all."""
    return Hit("paraphrase", 0.0, (0, len(row.text)), (0, len(side.text)), "reworded")


def _hit(one: Judgement, side: Side) -> Hit:
    return Hit(one.label, one.score, one.text.span, (0, len(side.text)), "reworded")


def _shared(row: Row, side: Side) -> Coverage:
    """Tokens of longer runs that both have, and of equal sets of choices."""
    found = shared_runs(row.tokens.masked, side.tokens.masked, RUN)
    if len(side.item.choices) > 1:
        wanted = option_key(side.item.choices)
        for options in row.options:
            if options.key == wanted:
                first, end = row.tokens.between(*options.span)
                found[0].update(range(first, end))
                found[1].update(range(side.head, len(side.tokens)))
    return Coverage(sorted(found[0]), sorted(found[1]))


def shared_runs(ours: Sequence[str], theirs: Sequence[str], size: int) -> tuple[set[int], set[int]]:
    """Places of both sequences that lie in runs of at least ``size`` that the other has too."""
    places: dict[tuple[str, ...], list[int]] = {}
    for at, run in enumerate(grams(list(theirs), size)):
        if run.count(MASK) <= size // 2:  # runs of numbers say nothing
            places.setdefault(run, []).append(at)
    found: tuple[set[int], set[int]] = set(), set()
    for at, run in enumerate(grams(list(ours), size)):
        for place in places.get(run, ()):
            found[0].update(range(at, at + size))
            found[1].update(range(place, place + size))
    return found


def _without(row: Row, gone: Sequence[int], text: Text) -> Text:
    """A text of the row without some of the row's tokens."""
    start, end = text.span
    cuts = [(a - start, b - start) for a, b in _spans(row.tokens, gone) if a < end and b > start]
    return Text(View(_cut(row.text[start:end], cuts)), text.span)


def _rest(subject: Subject, sides: Mapping[Key, Side], shared: Coverage) -> Subject:
    """An item's texts without the tokens that a row shares."""
    side = sides[subject.key]
    cuts = _spans(side.tokens, shared.item)
    return Subject(
        subject.key, tuple(Text(View(_cut(text.view.text, cuts)), text.span) for text in subject.texts)
    )


def _spans(tokens: Tokens, places: Sequence[int]) -> list[Span]:
    """The characters of runs of tokens."""
    found: list[Span] = []
    for place in places:
        if found and place > 0 and found[-1][1] == tokens.ends[place - 1]:
            found[-1] = found[-1][0], tokens.ends[place]
        else:
            found.append((tokens.starts[place], tokens.ends[place]))
    return found


def _cut(text: str, spans: Iterable[Span]) -> str:
    parts, at = [], 0
    for start, end in spans:
        parts.append(text[at : max(at, start)])
        at = max(at, end)
    return "\n".join([*parts, text[at:]])
