"""The decision's texts out of rows and items: fields or windows of a row, the three texts of an item."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from gristmill.records import Span
from gristmill_evals.contamination.decision.decide import Subject, Text
from gristmill_evals.contamination.decision.features import TELLING
from gristmill_evals.contamination.decision.views import View
from gristmill_evals.contamination.index import Candidate, Side
from gristmill_evals.contamination.kernel.limits import LONGEST, WINDOW
from gristmill_evals.contamination.normalise import span_of_tokens
from gristmill_evals.contamination.rows import Row

KEPT = 4096


class Subjects:
    """Items as the decision sees them; the last :data:`KEPT` are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Subject] = OrderedDict()

    def of(self, side: Side) -> Subject:
        """The item of a side of kind ``question``."""
        key = side.benchmark, side.item.id
        subject = self._kept.get(key)
        if subject is None:
            subject = self._kept[key] = _subject(key, side)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return subject


def _subject(key: tuple[str, str], side: Side) -> Subject:
    item = side.item
    asked = (0, len(item.question))
    texts = [Text(View(item.question[:LONGEST]), asked)]
    if item.choices:
        texts.append(Text(View(side.text[:LONGEST]), (0, len(side.text))))
    if item.answer and (item.choices or texts[0].view.is_code):
        texts.append(Text(View(f"{item.question}\n{item.answer}"[:LONGEST]), asked))
    return Subject(key, tuple(texts))


def pairs(row: Row, candidates: Sequence[Candidate], subjects: Subjects) -> Iterator[tuple[Text, Subject]]:
    """What :func:`judge` compares for a row: each candidate with the part of the row it was found in."""
    made: dict[tuple[str, Span], Text] = {}
    for candidate in candidates:
        if candidate.side.kind != "question":
            continue
        subject = subjects.of(candidate.side)
        for place in _places(row, candidate):
            if place not in made:
                made[place] = Text(View(row.text[slice(*place[1])][:LONGEST]), place[1])
            if _comparable(made[place].view, subject.views[0]):
                yield made[place], subject


def _comparable(row: View, question: View) -> bool:
    """A question that says little ("Social norms are:") is compared with texts about as short only."""
    size = len(question.content)
    return size >= TELLING or len(row.content) <= 2 * size + 1


def _places(row: Row, candidate: Candidate) -> list[tuple[str, Span]]:
    """The candidate's window; all fields where it has none."""
    if not candidate.field:
        return [(name, span) for name, span in row.fields.items() if span[1] > span[0]]
    start, end = row.fields[candidate.field]
    if candidate.first <= 0 and candidate.last < WINDOW:  # a field that is longer has a longer window
        return [(candidate.field, (start, end))]
    first, last = span_of_tokens(row.text[start:end], candidate.first, candidate.last)
    return [(candidate.field, (start + first, start + last))]
