"""Preference pairs: one question, a response to prefer and one to avoid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from gristmill.errors import ModelAnswerError, ModelUnavailableError
from gristmill.models.types import Ask
from gristmill.records import Chunk, Document, Example, Kind
from gristmill.registry import Again, Failed, Rejected
from gristmill.voting import MOST_SAMPLES, Voted
from gristmill_generators import candidates, corruption, pairs, schemas
from gristmill_generators.base import Writer, title, together
from gristmill_generators.contrast import Contrast
from gristmill_generators.schemas import FAULT_KINDS, Fault, QuestionType

Outcome = Example | Rejected | Failed


class Preference(Voted, Writer):
    """Preference pairs: the best against the worst candidate, or a good answer against a spoiled one.

    ``corruption`` (the default: it needs one model and no judge) takes a grounded answer as ``chosen``
    and spoils it in one known way (``metadata["fault"]``). ``candidates`` draws answers from one or more
    models and temperatures, lets ``judge`` rate each from 0 to 10 and pairs the best with the worst when
    they are ``margin`` apart. With ``judge_samples`` each is rated several times, and the ratings vote.
    With ``select: tournament`` the judge compares them in pairs instead, and the winner is paired with one
    that it beat (:mod:`gristmill_generators.knockout`).
    """

    tasks: ClassVar[tuple[str, ...]] = ("qa", "answer", "rate", "corrupt", "pair")
    kinds: ClassVar[tuple[Kind, ...]] = ("preference",)
    strategy: Literal["corruption", "candidates"] = Field(
        default="corruption", description="Where the two responses come from."
    )
    types: list[QuestionType] = Field(default=[], description="Kinds of questions wanted; all when empty.")
    faults: list[Fault] = Field(
        default=list(FAULT_KINDS), min_length=1, description="corruption: the faults to choose from."
    )
    models: list[str] = Field(default=[], description="candidates: roles that answer (default: model).")
    temperatures: list[float] = Field(
        default=[], description="candidates: temperatures to draw at (default: temperature)."
    )
    samples: int = Field(default=2, ge=1, le=16, description="candidates: answers per model and temperature.")
    judge: str | None = Field(default=None, description="candidates: role that rates (default: model).")
    select: Literal["ratings", "tournament"] = Field(
        default="ratings",
        exclude_if=lambda select: select == "ratings",
        description="candidates: the pair by ratings of each, or by comparing them in a knockout.",
    )
    margin: float = Field(
        default=2.0, gt=0, le=10, description="candidates: least distance of best and worst, in points of 10."
    )
    judge_samples: int = Field(
        default=1,
        ge=1,
        le=MOST_SAMPLES,
        exclude_if=lambda samples: samples == 1,
        description="candidates: ratings drawn of each candidate.",
    )
    vote: Literal["median", "mean"] = Field(
        default="median",
        exclude_if=lambda rule: rule == "median",
        description="judge_samples: which of a candidate's ratings holds.",
    )

    @model_validator(mode="after")
    def _judge_is_asked(self) -> Self:
        if self.strategy == "corruption" and self.judge_samples > 1:
            raise ValueError("judge_samples: corruption asks no judge, so nothing is voted on")
        return self

    @model_validator(mode="after")
    def _compared_or_rated(self) -> Self:
        if self.select == "ratings":
            return self
        if self.strategy == "corruption":
            raise ValueError("select: corruption has no candidates to choose from; set strategy: candidates")
        if idle := sorted(self.model_fields_set & {"judge_samples", "margin", "vote"}):
            raise ValueError(f"{idle[0]} is about ratings, and a tournament asks for none")
        return self

    @model_validator(mode="after")
    def _two_candidates(self) -> Self:
        if self.strategy == "candidates" and self.candidates_each < 2:
            raise ValueError(
                "one candidate cannot be compared: raise samples, or name models or temperatures"
            )
        return self

    @property
    def writers(self) -> list[str]:
        """Roles that answer, each once."""
        return list(dict.fromkeys(self.models)) or [self.model]

    @property
    def settings(self) -> list[float | None]:
        """Temperatures to draw at, each once; None leaves it to the recipe."""
        return [*dict.fromkeys(self.temperatures)] or [self.temperature]

    @property
    def candidates_each(self) -> int:
        """Candidates drawn for one question."""
        return len(self.writers) * len(self.settings) * self.samples

    @property
    def rater(self) -> str:
        """Role that rates."""
        return self.judge or self.model

    @property
    def draws(self) -> int:
        """Ratings drawn of each candidate."""
        return self.judge_samples

    def drawn_from(self) -> tuple[str | None, float | None]:
        """The role that rates; it reads at the recipe's temperature."""
        return self.rater, None

    # the corruption strategy must not demand a judge that it never asks
    def roles(self) -> Sequence[str]:
        """The roles this strategy really asks."""
        if self.strategy == "corruption":
            return [self.model]
        return list(dict.fromkeys([self.model, *self.writers, self.rater]))

    def calls_per_chunk(self) -> Mapping[str, float]:
        """Calls when every question asked for is found (the most there can be)."""
        calls = dict.fromkeys(self.roles(), 0.0)
        calls[self.model] += 1
        if self.strategy == "corruption":
            calls[self.model] += self.per_chunk
            return calls
        for role in self.writers:
            calls[role] += self.per_chunk * len(self.settings) * self.samples
        asked = self.candidates_each * self.judge_samples
        if self.select == "tournament":
            asked = 2 * (self.candidates_each - 1)
        calls[self.rater] += self.per_chunk * asked
        return calls

    async def generate(self, chunk: Chunk, document: Document, ask: Ask) -> Sequence[Outcome]:
        """Ask for questions, then make a pair of responses to each."""
        return await self._rows(chunk, document, ask, self.per_chunk)

    async def regenerate(self, chunk: Chunk, document: Document, ask: Ask, again: Again) -> Sequence[Outcome]:
        """Ask for one question, told what was wrong with the rejected pair, and make a pair of responses."""
        return await self._rows(chunk, document, ask, 1, again)

    async def _rows(
        self, chunk: Chunk, document: Document, ask: Ask, count: int, again: Again | None = None
    ) -> Sequence[Outcome]:
        messages, task = pairs.request(chunk, document, count, self.types, again)
        answers = await ask(messages, task=task, schema=schemas.PAIRS, model=self.model, **self.sampling())
        found = pairs.read(answers[0], chunk, count, again)
        rows = [self._row(pair, i, answers[0].text, (chunk, document), ask) for i, pair in enumerate(found)]
        return await together(rows)

    async def _row(
        self, pair: pairs.Pair, index: int, raw: str, source: tuple[Chunk, Document], ask: Ask
    ) -> Outcome:
        if pair.problem == "empty-field":
            return Failed("empty-field", "a pair without question or answer", raw)
        if pair.problem:
            # no example to keep: there is only half of a pair yet
            return Rejected(pair.problem, f"{pair.question}\n{pair.quote}")
        try:
            made: Contrast | Rejected | Failed
            if self.strategy == "corruption":
                made = await corruption.contrast(self, pair, index, source[0], ask)
            else:
                made = await candidates.contrast(self, pair, source[0], ask)
        except (ModelAnswerError, ModelUnavailableError) as error:
            # one broken answer costs its own row, not the chunk's other rows
            return Failed(error.kind, str(error), error.raw)
        return self._example(pair, made, source) if isinstance(made, Contrast) else made

    def _example(self, pair: pairs.Pair, made: Contrast, source: tuple[Chunk, Document]) -> Example:
        metadata: dict[str, Any] = {
            "evidence": list(pair.evidence),
            "type": pair.type,
            "title": title(source[1]),
            "strategy": self.strategy,
            "chosen_chars": len(made.chosen),
            "rejected_chars": len(made.rejected),
            **made.metadata,
        }
        return Example.make(
            "preference",
            [{"role": "user", "content": pair.question}],
            chosen=made.chosen,
            rejected=made.rejected,
            generator=self.origin,
            chunk_ids=[source[0].id],
            calls=[pair.call, *made.calls],
            metadata=metadata,
        )
