"""The best of several candidates by comparing them in pairs, and one that it beat to go with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gristmill.errors import ModelAnswerError
from gristmill.models.types import Answer, Ask, Task
from gristmill.records import Chunk
from gristmill.registry import Failed, Rejected
from gristmill.tournament import Duel, Place, Ranking, best_of
from gristmill_generators import schemas
from gristmill_generators.contrast import Contrast
from gristmill_generators.pairs import Pair
from gristmill_generators.prompts import COMPARE, writing

if TYPE_CHECKING:
    from gristmill_generators.candidates import Candidate
    from gristmill_generators.preference import Preference

_PLACES: dict[str, Place] = {"A": "first", "B": "second", "tie": "tie"}
_STATED = re.compile(r'"winner"\s*:\s*"(\w+)"')


@dataclass(frozen=True, slots=True)
class Said:
    """What the judge answered about two candidates in one order; ``place`` None: it could not be read."""

    place: Place | None
    call: str
    text: str
    reason: str = ""


@dataclass(slots=True)
class Court:
    """Compares the candidates to one question and remembers what was said, by the indices shown."""

    step: Preference
    pair: Pair
    chunk: Chunk
    ask: Ask
    candidates: Sequence[Candidate]
    said: dict[tuple[int, int], Said] = field(default_factory=dict)

    async def compare(self, first: int, second: int) -> Place | None:
        """The verdict with ``first`` shown first."""
        said = self.said[first, second] = await self._ask(*(self.candidates[i].text for i in (first, second)))
        return said.place

    async def _ask(self, first: str, second: str) -> Said:
        question = self.pair.question
        inputs = {
            "question": question,
            "passage": self.chunk.text,
            "first": first,
            "second": second,
            "reference": "",
            "scale": 0,
            "fields": list(schemas.COMPARE["properties"]),
        }
        messages = writing(COMPARE, self.chunk, QUESTION=question, RESPONSE_A=first, RESPONSE_B=second)
        try:
            [answer] = await self.ask(
                messages,
                task=Task("pair", inputs),
                schema=schemas.COMPARE,
                model=self.step.rater,
            )
        except ModelAnswerError as error:
            return Said(None, error.key, error.raw)
        return _read(answer)


async def best_against_beaten(
    step: Preference, pair: Pair, chunk: Chunk, ask: Ask, candidates: list[Candidate]
) -> Contrast | Rejected | Failed:
    """The winner of a knockout as ``chosen``; ``rejected`` is whom it beat most clearly.

    That is one whom it beat in both orders, else in one with a tie in the other; of several the one it met
    first. So the judge has compared the very pair that is made. A winner that only had luck (all its
    comparisons were level) makes no pair.
    """
    court = Court(step, pair, chunk, ask, candidates)
    ranking = await best_of(range(len(candidates)), court.compare, key=lambda index: candidates[index].text)
    if ranking.unread == len(court.said):
        raw = next(said.text for said in court.said.values())
        return Failed("unreadable-verdicts", f"{ranking.unread} comparisons, none could be read", raw)
    # with one order unread a judge that looks at the place alone would decide
    won = [duel for duel in ranking.path if duel.decided and None not in duel.verdicts]
    if not won:
        return Rejected("no-winner", f"{len(ranking.duels)} comparisons, none decided for the best")
    return _contrast(court, ranking, max(won, key=_clearness))


def _read(answer: Answer) -> Said:
    winner = answer.data["winner"]
    # a verdict and its opposite in one answer are no verdict
    clear = len(set(_STATED.findall(answer.text))) <= 1
    return Said(_PLACES[winner] if clear else None, answer.key, answer.text, answer.data["explanation"])


def _clearness(duel: Duel) -> int:
    """In how many orders the winner won."""
    own: tuple[Place, Place] = ("first", "second") if duel.winner == duel.left else ("second", "first")
    return sum(said == mine for said, mine in zip(duel.verdicts, own, strict=True))


def _contrast(court: Court, ranking: Ranking, duel: Duel) -> Contrast:
    best, beaten = court.candidates[duel.winner], court.candidates[duel.loser]
    asked = [(held, court.said[order]) for held in ranking.duels for order in _orders(held)]
    metadata: dict[str, Any] = {
        "candidates": len(court.candidates),
        "candidate_models": [best.answer.model, beaten.answer.model],
        "temperatures": [best.temperature, beaten.temperature],
        "orders_won": _clearness(duel),
        "judge_reasons": [said.reason for held, said in asked if held is duel],
        "duels": [_row(court, held) for held in ranking.duels],
        "undecided": ranking.undecided,
        "unread": ranking.unread,
    }
    calls = [*(one.answer.key for one in court.candidates), *(said.call for _, said in asked)]
    return Contrast(best.text, beaten.text, tuple(dict.fromkeys(filter(None, calls))), metadata)


def _row(court: Court, duel: Duel) -> dict[str, Any]:
    """One comparison: the candidates by number, who won, and the verdict of each order with its call."""
    verdicts = [_verdict(court.said[order], *order) for order in _orders(duel)]
    return {"winner": duel.winner, "loser": duel.loser, "decided": duel.decided, "verdicts": verdicts}


def _orders(duel: Duel) -> list[tuple[int, int]]:
    return [(duel.left, duel.right), (duel.right, duel.left)]


def _verdict(said: Said, first: int, second: int) -> dict[str, Any]:
    better = {"first": first, "second": second, "tie": "tie", None: None}[said.place]
    return {"shown": [first, second], "better": better, "call": said.call}
