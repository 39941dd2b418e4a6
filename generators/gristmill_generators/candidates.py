"""The candidates strategy: several answers to one question; the best against the worst, or a beaten one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gristmill.errors import ModelAnswerError
from gristmill.fence import restore
from gristmill.models.types import Answer, Ask, Task
from gristmill.records import Chunk
from gristmill.registry import Failed, Rejected
from gristmill.voting import Poll, SpoiltVoteError, cast, decide
from gristmill_generators import schemas
from gristmill_generators.base import together
from gristmill_generators.contrast import Contrast, same
from gristmill_generators.knockout import best_against_beaten
from gristmill_generators.pairs import Pair
from gristmill_generators.prompts import RATE, answering, writing

if TYPE_CHECKING:
    from gristmill_generators.preference import Preference


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer: who gave it, at which temperature."""

    text: str
    role: str
    temperature: float | None
    answer: Answer


@dataclass(frozen=True, slots=True)
class Rated:
    """The judge's rating of one candidate, its reason, and the votes behind it."""

    score: float
    reason: str
    poll: Poll[float]

    @property
    def calls(self) -> list[str]:
        """Calls whose rating counted."""
        return [vote.call for vote in self.poll.votes if not vote.failed]


async def contrast(step: Preference, pair: Pair, chunk: Chunk, ask: Ask) -> Contrast | Rejected | Failed:
    """Best against worst of the candidates, when the judge sees ``step.margin`` points between them.

    By tournament: the winner against one that it beat.
    """
    drawn = await _draw(step, pair, chunk, ask)
    distinct = _distinct(drawn)
    broken = next((c.answer for c in drawn if c.answer.error), None)
    if len(distinct) < 2 and broken:
        return Failed(broken.error, "too few candidates are left to compare", broken.text)
    if not distinct:
        return Failed("empty-candidates", f"{len(drawn)} candidates, all of them empty")
    if len(distinct) < 2:
        return Rejected("identical-candidates", f"{len(drawn)} candidates: {distinct[0].text[:200]}")
    if step.select == "tournament":
        return await best_against_beaten(step, pair, chunk, ask, distinct)
    try:
        ratings = await together([_rate(step, pair, c, chunk, ask) for c in distinct])
    except ModelAnswerError as error:
        return Failed("unratable", str(error), error.raw)
    return _best_against_worst(step, distinct, ratings)


async def _draw(step: Preference, pair: Pair, chunk: Chunk, ask: Ask) -> list[Candidate]:
    inputs = {"question": pair.question, "passage": chunk.text, "heading_path": list(chunk.heading_path)}
    messages, task = answering(pair.question, chunk), Task("answer", inputs)

    async def some(role: str, temperature: float | None) -> list[Candidate]:
        params = step.sampling()
        # None leaves the temperature to the recipe's model
        if temperature is not None:
            params["temperature"] = temperature
        answers = await ask(messages, task=task, model=role, n=step.samples, partial=True, **params)
        return [Candidate(restore(answer.text), role, temperature, answer) for answer in answers]

    groups = await together([some(role, t) for role in step.writers for t in step.settings])
    return [candidate for group in groups for candidate in group]


def _distinct(drawn: list[Candidate]) -> list[Candidate]:
    kept: list[Candidate] = []
    for candidate in drawn:
        if (
            candidate.text
            and not candidate.answer.error
            and not any(same(candidate.text, other.text) for other in kept)
        ):
            kept.append(candidate)
    return kept


async def _rate(step: Preference, pair: Pair, candidate: Candidate, chunk: Chunk, ask: Ask) -> Rated:
    """What the judge thinks of a candidate. It reads at its own temperature, not at the writers'."""
    inputs = {"question": pair.question, "response": candidate.text, "passage": chunk.text}
    messages = writing(RATE, chunk, QUESTION=pair.question, RESPONSE=candidate.text)
    answers = await ask(
        messages,
        task=Task("rate", inputs),
        schema=schemas.RATE,
        model=step.rater,
        n=step.judge_samples,
        partial=True,
    )
    poll = decide(step.vote, cast(answers, _score))
    if problem := poll.problem():
        raw = next((vote.text for vote in poll.votes if vote.failed), "")
        message = f"a rating from 0 to 10 was asked for: {problem}, {poll.detail()}"
        raise ModelAnswerError(message, kind="unratable", raw=raw)
    assert poll.outcome is not None
    outcome = poll.outcome
    given = [(vote.value, answer) for vote, answer in zip(poll.votes, answers, strict=True)]
    # nobody may have given the median of an even count: the nearest gives the reason
    distances = [(abs(value - outcome), answer) for value, answer in given if value is not None]
    nearest = min(distances, key=lambda found: found[0])[1]
    return Rated(outcome, str(nearest.data["reason"]), poll)


def _score(answer: Answer) -> float:
    # a rating outside the scale is a judge that lost the task; clamping would hide it
    score = answer.data["score"]
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 <= score <= 10:
        raise SpoiltVoteError("rating-out-of-range")
    return float(score)


def _best_against_worst(
    step: Preference, candidates: list[Candidate], rated: list[Rated]
) -> Contrast | Rejected:
    scores = [rating.score for rating in rated]
    # ties go to the candidate drawn first, so that a run can be repeated
    best, worst = scores.index(max(scores)), scores.index(min(scores))
    margin = scores[best] - scores[worst]
    if margin < step.margin:
        return Rejected("margin-too-small", f"{margin:g} < {step.margin:g}, ratings {scores}")
    agreement = _superiority(rated[best].poll, rated[worst].poll)
    if agreement < step.min_agreement:
        return Rejected("no-agreement", f"{agreement:.2f} < {step.min_agreement:g}, ratings {scores}")
    metadata: dict[str, Any] = {
        "margin": margin,
        "ratings": scores,
        "candidate_models": [candidates[best].answer.model, candidates[worst].answer.model],
        "temperatures": [candidates[best].temperature, candidates[worst].temperature],
        "judge_reasons": [rated[best].reason, rated[worst].reason],
    }
    if step.judge_samples > 1:
        metadata |= {"votes": _votes(rated), "agreement": round(agreement, 4)}
    calls = [*(c.answer.key for c in candidates), *(call for rating in rated for call in rating.calls)]
    return Contrast(candidates[best].text, candidates[worst].text, tuple(dict.fromkeys(calls)), metadata)


def _superiority(best: Poll[float], worst: Poll[float]) -> float:
    """How often a rating of the one is above a rating of the other, over all pairs of ratings.

    The common language effect size of McGraw and Wong 1992, without their normal distribution.
    """
    pairs = [
        one.value > other.value
        for one in best.votes
        for other in worst.votes
        if one.value is not None and other.value is not None
    ]
    return sum(pairs) / len(pairs)


def _votes(rated: list[Rated]) -> list[dict[str, Any]]:
    return [
        {"candidate": place, **row}
        for place, rating in enumerate(rated)
        for row in rating.poll.rows(lambda value: {"rating": value})
    ]
