"""The candidates strategy: several answers to one question, rated; the best against the worst."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gristmill.errors import ModelAnswerError
from gristmill.fence import restore
from gristmill.models.types import Answer, Ask, Task
from gristmill.records import Chunk
from gristmill.registry import Failed, Rejected
from gristmill_generators import schemas
from gristmill_generators.base import together
from gristmill_generators.contrast import Contrast, same
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


async def contrast(step: Preference, pair: Pair, chunk: Chunk, ask: Ask) -> Contrast | Rejected | Failed:
    """Best against worst of the candidates, when the judge sees ``step.margin`` points between them."""
    drawn = await _draw(step, pair, chunk, ask)
    distinct = _distinct(drawn)
    if not distinct:
        return Failed("empty-candidates", f"{len(drawn)} candidates, all of them empty")
    if len(distinct) < 2:
        return Rejected("identical-candidates", f"{len(drawn)} candidates: {distinct[0].text[:200]}")
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
        answers = await ask(messages, task=task, model=role, n=step.samples, **params)
        return [Candidate(restore(answer.text), role, temperature, answer) for answer in answers]

    groups = await together([some(role, t) for role in step.writers for t in step.settings])
    return [candidate for group in groups for candidate in group]


def _distinct(drawn: list[Candidate]) -> list[Candidate]:
    kept: list[Candidate] = []
    for candidate in drawn:
        if candidate.text and not any(same(candidate.text, other.text) for other in kept):
            kept.append(candidate)
    return kept


async def _rate(
    step: Preference, pair: Pair, candidate: Candidate, chunk: Chunk, ask: Ask
) -> tuple[float, str, str]:
    """Score, reason and call. The judge reads at its own temperature, not at the writers'."""
    inputs = {"question": pair.question, "response": candidate.text, "passage": chunk.text}
    messages = writing(RATE, chunk, QUESTION=pair.question, RESPONSE=candidate.text)
    answers = await ask(messages, task=Task("rate", inputs), schema=schemas.RATE, model=step.rater)
    return _score(answers[0]), str(answers[0].data["reason"]), answers[0].key


def _score(answer: Answer) -> float:
    # a rating outside the scale is a judge that lost the task; clamping would hide it
    score = answer.data["score"]
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 <= score <= 10:
        raise ModelAnswerError(
            f"a rating from 0 to 10 was asked for, not {score!r}", kind="unratable", raw=answer.text
        )
    return float(score)


def _best_against_worst(
    step: Preference, candidates: list[Candidate], ratings: list[tuple[float, str, str]]
) -> Contrast | Rejected:
    scores = [rating[0] for rating in ratings]
    # ties go to the candidate drawn first, so that a run can be repeated
    best, worst = scores.index(max(scores)), scores.index(min(scores))
    margin = scores[best] - scores[worst]
    if margin < step.margin:
        return Rejected("margin-too-small", f"{margin:g} < {step.margin:g}, ratings {scores}")
    metadata: Mapping[str, Any] = {
        "margin": margin,
        "ratings": scores,
        "candidate_models": [candidates[best].answer.model, candidates[worst].answer.model],
        "temperatures": [candidates[best].temperature, candidates[worst].temperature],
        "judge_reasons": [ratings[best][1], ratings[worst][1]],
    }
    calls = [*(c.answer.key for c in candidates), *(rating[2] for rating in ratings)]
    return Contrast(candidates[best].text, candidates[worst].text, tuple(dict.fromkeys(calls)), metadata)
