"""Chunks in a shuffled order, the same one every time; texts stay on disk."""

from __future__ import annotations

import random
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from itertools import accumulate

from gristmill.pipeline.plan import Job
from gristmill.pipeline.spool import Spool, Spooled
from gristmill.quota import Target

SEED = 1
KEPT_CHARS = 16_000_000


def jobs_of(spool: Spool, target: Target) -> Iterator[Job]:
    """All chunks in the order the recipe's target asks for; without one, that of the documents."""
    return shuffled(spool) if target.active and target.order == "shuffled" else spool.jobs()


def shuffled(spool: Spool) -> Iterator[Job]:
    """All chunks of a spool in an order that only their number decides.

    Eight bytes a chunk are held in memory; documents are read again as their chunks come up, the last
    few million characters of them kept.
    """
    ends = array("Q", accumulate(spool.counts))
    order = array("Q", range(ends[-1] if ends else 0))
    random.Random(SEED).shuffle(order)  # noqa: S311 - a sample, no secret
    pages = _Pages(spool)
    for number in order:
        document = bisect_right(ends, number)
        place = number - (ends[document] - spool.counts[document])
        yield pages.get(document).job(place)


class _Pages:
    """Documents read lately."""

    def __init__(self, spool: Spool) -> None:
        self._spool, self._chars = spool, 0
        self._kept: OrderedDict[int, Spooled] = OrderedDict()

    def get(self, number: int) -> Spooled:
        page = self._kept.get(number)
        if page is not None:
            self._kept.move_to_end(number)
            return page
        page = self._kept[number] = self._spool.document(number)
        self._chars += len(page.document.text)
        while self._chars > KEPT_CHARS and len(self._kept) > 1:
            self._chars -= len(self._kept.popitem(last=False)[1].document.text)
        return page
