"""The rubric judge: a model decides binary criteria and quotes its evidence; the points are ours to count.

Criteria with signed points after HealthBench: points met ÷ positive points, clipped to 0…1. What no
one enforces elsewhere: a verdict whose quote stands neither in the response nor in the source is void.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr

from gristmill.errors import ModelAnswerError
from gristmill.models.types import Ask, Task
from gristmill.records import Evidence, Item
from gristmill.registry import Scored, Scorer, Unscored
from gristmill_scorers.judge_prompt import judge_messages, verdict_schema
from gristmill_scorers.quotes import find
from gristmill_scorers.rubric_file import Criterion, Rubric, load_rubric


@dataclass(frozen=True, slots=True)
class Vote:
    """The verdict on one criterion. ``counted`` is false when it was met but its quote was not found."""

    criterion: str
    points: float
    met: bool
    counted: bool
    quote: str
    quote_in: Literal["response", "source", ""]
    reason: str


class MalformedVerdictError(ValueError):
    """The judge's rows do not fit the rubric; the message is the reason slug."""


class RubricJudge(Scorer):
    """A model judges yes-or-no criteria of a rubric and quotes its evidence; points are counted by rule.

    Of a preference pair it judges ``chosen`` as the response to the last user turn. A verdict that cannot
    be read, lacks a criterion or names a strange one leaves the example unscored, with the raw text.
    """

    tasks: ClassVar[tuple[str, ...]] = ("rubric",)
    rubric: str = Field(default="answer", description="Name of a registered rubric, or path of a YAML file.")
    model: str = Field(description="Role of the recipe's models that judges.")
    temperature: float | None = Field(default=None, ge=0, le=2, description="Sampling temperature.")
    max_tokens: int | None = Field(default=None, ge=1, description="Longest verdict, in tokens.")
    _rubric: Rubric | None = PrivateAttr(default=None)

    def prepare(self, root: Path) -> None:
        self._rubric = load_rubric(self.rubric, root)

    @property
    def loaded(self) -> Rubric:
        """The rubric; read from the current folder when the recipe did not prepare it."""
        if self._rubric is None:
            self.prepare(Path())
        assert self._rubric is not None
        return self._rubric

    @property
    def label(self) -> str:
        """The rubric's name."""
        return self.loaded.name

    def fingerprint(self) -> Mapping[str, Any]:
        """Name, version, arguments, and the content of the rubric."""
        content = self.loaded.model_dump_json().encode()
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        return {**super().fingerprint(), "rubric_content": digest}

    async def score(self, item: Item, ask: Ask) -> Scored | Unscored:
        """One call: all criteria of the rubric."""
        inputs = _inputs(item, self.loaded)
        material = {name.upper(): inputs[name] for name in ("question", "passage", "response", "reference")}
        material = {name: text for name, text in material.items() if text or name != "REFERENCE"}
        given: dict[str, Any] = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        try:
            answers = await ask(
                judge_messages(self.loaded, material),
                task=Task("rubric", inputs),
                schema=verdict_schema(self.loaded),
                model=self.model,
                **{name: value for name, value in given.items() if value is not None},
            )
        except ModelAnswerError as error:
            return Unscored(error.kind, error.raw)
        try:
            votes = count(self.loaded, answers[0].data, inputs["response"], inputs["passage"])
        except MalformedVerdictError as error:
            return Unscored(str(error), answers[0].text)
        return _scored(self.loaded, votes, item)


def _inputs(item: Item, rubric: Rubric) -> dict[str, Any]:
    passage = item.chunk.text.strip()
    question = item.example.instruction
    if passage:
        # a summary's instruction holds the whole passage; the judge need not read it twice
        question = question.replace(passage, "(the PASSAGE)")
    return {
        "question": question,
        "response": item.example.response,
        "passage": item.chunk.text,
        "reference": str(item.example.metadata.get("reference") or ""),
        "criteria": [{"id": c.id, "text": c.text, "points": c.points} for c in rubric.criteria],
    }


def count(rubric: Rubric, data: object, response: str, passage: str) -> list[Vote]:
    """One vote for each criterion, in the rubric's order.

    Raises:
        MalformedVerdictError: ``malformed-verdict``, ``unknown-criterion``, ``duplicate-criterion`` or
            ``missing-criterion``.
    """
    rows = _rows(data)
    ids = [row["id"] for row in rows]
    known = [criterion.id for criterion in rubric.criteria]
    if set(ids) - set(known):
        raise MalformedVerdictError("unknown-criterion")
    if len(set(ids)) < len(ids):
        raise MalformedVerdictError("duplicate-criterion")
    if set(known) - set(ids):
        raise MalformedVerdictError("missing-criterion")
    # order is the judge's affair, completeness is ours
    by_id = {row["id"]: row for row in rows}
    return [_vote(criterion, by_id[criterion.id], response, passage) for criterion in rubric.criteria]


def _rows(data: object) -> Sequence[Mapping[str, Any]]:
    rows = data.get("criteria") if isinstance(data, Mapping) else None
    if not isinstance(rows, list):
        raise MalformedVerdictError("malformed-verdict")
    for row in rows:
        texts = isinstance(row, Mapping) and all(
            isinstance(row.get(k), str) for k in ("id", "quote", "reason")
        )
        if not texts or not isinstance(row.get("met"), bool):
            raise MalformedVerdictError("malformed-verdict")
    return rows


def _vote(criterion: Criterion, row: Mapping[str, Any], response: str, passage: str) -> Vote:
    place: Literal["response", "source", ""] = ""
    if find(row["quote"], response):
        place = "response"
    elif find(row["quote"], passage):
        place = "source"
    # also for faults: what cannot be shown neither earns nor costs
    counted = row["met"] and bool(place)
    return Vote(criterion.id, criterion.points, row["met"], counted, row["quote"], place, row["reason"])


def _scored(rubric: Rubric, votes: Sequence[Vote], item: Item) -> Scored:
    earned = sum(vote.points for vote in votes if vote.counted)
    # faults can push below zero; a score must not be negative
    value = min(1.0, max(0.0, earned / rubric.full_points))
    groups = {
        "met": [v.criterion for v in votes if v.counted],
        "not met": [v.criterion for v in votes if not v.met],
        "void (quote not found)": [v.criterion for v in votes if v.met and not v.counted],
    }
    listed = "; ".join(f"{name}: {', '.join(ids)}" for name, ids in groups.items() if ids)
    rationale = f"{earned:g} of {rubric.full_points:g} points; {listed}"
    return Scored(value, rationale, tuple(_evidence(votes, item)), tuple(asdict(vote) for vote in votes))


def _evidence(votes: Sequence[Vote], item: Item) -> list[Evidence]:
    """Quotes that stand in the source, in offsets of the document."""
    rows: list[Evidence] = []
    for vote in votes:
        span = find(vote.quote, item.chunk.text) if vote.counted else None
        if span:
            rows.append(
                {
                    "chunk_id": item.chunk.id,
                    "start": item.chunk.start + span[0],
                    "end": item.chunk.start + span[1],
                    "quote": item.chunk.text[span[0] : span[1]],
                    "criterion": vote.criterion,
                }
            )
    return rows
