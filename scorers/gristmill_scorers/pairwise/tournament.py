"""Tournaments whose comparisons a model decides: :func:`gristmill.tournament.best_of` with a judge."""

from __future__ import annotations

from gristmill.models.types import Ask
from gristmill.tournament import Compare, Duel, Place, Ranking, best_of
from gristmill_scorers.pairwise.orders import Judge, Pair, hear

__all__ = ["Compare", "Duel", "Place", "Ranking", "best_of", "judged"]


def judged(ask: Ask, judge: Judge, question: str, *, passage: str = "", reference: str = "") -> Compare[str]:
    """A ``compare`` for responses to one question: what the judge says of them in the order given.

    A verdict that cannot be read is None: it decides nothing and is counted in ``Ranking.unread``.
    """

    async def compare(first: str, second: str) -> Place | None:
        [heard] = await hear(Pair(question, first, second, passage, reference), judge, ask, ["forward"])
        if heard.poll.problem() or heard.poll.outcome is None:
            return None
        places: dict[str, Place] = {"1": "first", "2": "second", "tie": "tie"}
        return places[heard.poll.outcome]

    return compare
