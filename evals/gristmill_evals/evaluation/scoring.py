"""Scorers of the registry on a model's answers: each is a metric, what it cannot score stays unscored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from gristmill.errors import ModelError, RecipeError
from gristmill.models import Door
from gristmill.models.spec import ModelSpec
from gristmill.recipe import Step, build_component, check_offline, nearest, prepare_component
from gristmill.records import OTHER_KIND, Chunk, Document, Example, Item, Kind, Message, Origin
from gristmill.registry import Scored, Scorer, Unscored
from gristmill.yaml_lines import Loc, Source
from gristmill_evals.evaluation.each import STOPS

ORIGIN = Origin("evaluation", "1")


def build_scorers(
    steps: Sequence[Step], models: Mapping[str, ModelSpec], source: Source, at: Loc
) -> tuple[tuple[Scorer, ...], list[str]]:
    """The scorers that stand at ``at`` in a plan, prepared, and warnings.

    Raises:
        RecipeError: with file and line.
    """
    scorers: list[Scorer] = []
    warnings: list[str] = []
    for index, step in enumerate(steps):
        place: Loc = (*at, index)
        scorer = build_component(Scorer, "scorers", step, source, place)
        _check_roles(scorer, models, source, place)
        scorer.meet({role: spec.model for role, spec in models.items()})
        prepare_component(scorer, source, place)
        if any(other.label == scorer.label for other in scorers):
            raise RecipeError(
                f"two scores have the same name: {scorer.label}", where=source.where(place), cure="remove one"
            )
        scorers.append(scorer)
        warnings += (f"{source.where(place)}: {step.use}: {doubt}" for doubt in scorer.doubts())
    return tuple(scorers), warnings


def _check_roles(scorer: Scorer, models: Mapping[str, ModelSpec], source: Source, at: Loc) -> None:
    for role in scorer.roles():
        where = source.where((*at, "model"))
        if role not in models:
            raise RecipeError(f"unknown model {role!r}", where=where, cure=nearest(role, list(models)))
        if models[role].backend == "offline":
            check_offline(scorer, where)


def roles_of(scorers: Sequence[Scorer]) -> list[str]:
    """Models that the scorers ask."""
    return list(dict.fromkeys(role for scorer in scorers for role in scorer.roles()))


def item_of(
    place: str,
    messages: Sequence[Message],
    response: str,
    *,
    context: str = "",
    reference: str = "",
    kind: Kind | None = None,
) -> Item:
    """An answer as scorers see any row: ``messages`` end with the user's turn that it answers.

    ``kind`` is told by the number of the user's turns unless it is given.
    """
    turns: list[Message] = [*messages, {"role": "assistant", "content": response}]
    asked = sum(turn["role"] == "user" for turn in messages)
    document, chunk = source_of(place, context)
    example = Example.make(
        kind or ("conversation" if asked > 1 else "instruction"),
        turns,
        generator=ORIGIN,
        chunk_ids=[chunk.id],
        metadata={"reference": reference} if reference else {},
    )
    return Item(example, chunk, document)


def source_of(place: str, context: str) -> tuple[Document, Chunk]:
    """The text that an item is about, as a document of one chunk."""
    document = Document.make(place, context, "text/plain")
    return document, Chunk.make(document, 0, len(document.text), ())


async def score_all(scorers: Sequence[Scorer], item: Item, door: Door) -> dict[str, Scored | Unscored]:
    """What each scorer says of one item; one that fails is unscored.

    Raises:
        GristmillError: one of :data:`gristmill_evals.evaluation.each.STOPS`.
    """
    results = await asyncio.gather(*(_one(scorer, item, door) for scorer in scorers), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    said = [result for result in results if not isinstance(result, BaseException)]
    return {scorer.label: result for scorer, result in zip(scorers, said, strict=True)}


async def _one(scorer: Scorer, item: Item, door: Door) -> Scored | Unscored:
    if not scorer.applies_to(item.example.kind):
        return Unscored(OTHER_KIND)
    roles = scorer.roles()
    try:
        return await scorer.score(item, door.ask_for(roles[0] if roles else None))
    except STOPS:
        raise
    except ModelError as error:
        return Unscored(error.kind, error.raw or error.message)
    except Exception as error:  # noqa: BLE001 - per-item boundary: a scorer's crash is "unscored"
        return Unscored(f"crash:{type(error).__name__}", str(error))


def shown(result: Scored | Unscored) -> dict[str, Any]:
    """What is kept of a score in a sample's details, plain JSON."""
    votes = {"votes": [dict(row) for row in result.votes]} if result.votes else {}
    if isinstance(result, Unscored):
        return {
            "value": None,
            "unscored": result.reason,
            **({"raw": result.raw} if result.raw else {}),
            **votes,
        }
    evidence = {"evidence": [dict(one) for one in result.evidence]} if result.evidence else {}
    return {"value": result.value, "rationale": result.rationale, **evidence, **votes}


def value_of(result: Scored | Unscored) -> float | None:
    """The value, None for what is unscored."""
    return result.value if isinstance(result, Scored) else None
