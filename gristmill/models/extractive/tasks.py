"""Task inputs in, reply text out: what a model would have answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from gristmill.errors import ModelAnswerError
from gristmill.models.extractive.answering import answer
from gristmill.models.extractive.corrupt import corrupt
from gristmill.models.extractive.judge import judge
from gristmill.models.extractive.pair import compare
from gristmill.models.extractive.passage import Passage
from gristmill.models.extractive.rank import find_pairs, pick
from gristmill.models.extractive.rewrite import rewrite
from gristmill.models.extractive.rubric import assess, family, graded
from gristmill.models.extractive.summary import summarise

Inputs = Mapping[str, Any]


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _text(inputs: Inputs, key: str) -> str:
    return str(inputs.get(key) or "")


def qa(inputs: Inputs, sample: int) -> str:
    """``{"pairs": [{"question", "answer", "evidence", "type"}]}``."""
    count = max(1, int(inputs.get("count") or 1))
    chosen = pick(find_pairs(Passage.of(inputs)), count, tuple(inputs.get("types") or ()), sample)
    rows = [
        {"question": c.question, "answer": c.answer.text, "evidence": c.answer.evidence, "type": c.type}
        for c in chosen
    ]
    return _json({"pairs": rows})


def summary(inputs: Inputs, sample: int) -> str:
    """``{"summary": str}``."""
    return _json({"summary": summarise(Passage.of(inputs), sample)})


def rewriting(inputs: Inputs, sample: int) -> str:
    """``{"rewrite": str}``; there is one rewriting only."""
    return _json({"rewrite": rewrite(Passage.of(inputs), _text(inputs, "style") or "bullets")})


def answering(inputs: Inputs, sample: int) -> str:
    """Plain text."""
    return answer(Passage.of(inputs), _text(inputs, "question"), sample)


def corrupting(inputs: Inputs, sample: int) -> str:
    """``{"response": str, "changed": str}``."""
    response, changed = corrupt(
        Passage.of(inputs),
        _text(inputs, "question"),
        _text(inputs, "response"),
        _text(inputs, "fault"),
        sample,
    )
    return _json({"response": response, "changed": changed})


def rating(inputs: Inputs, sample: int) -> str:
    """``{"score": 0..10, "reason": str}``."""
    verdict = judge(Passage.of(inputs), _text(inputs, "question"), _text(inputs, "response"))
    parts = ("grounded", "complete", "relevant", "form")
    reason = "; ".join(f"{name}: {getattr(verdict, name).reason}" for name in parts)
    return _json({"score": verdict.score, "reason": reason})


def rubric(inputs: Inputs, sample: int) -> str:
    """``{"criteria": [{"id", "met" or "grade", "quote", "reason"}]}``.

    Raises:
        ModelAnswerError: ``cannot-assess``, if ``must_assess`` is set and there is no rule for a criterion.
    """
    asked = list(inputs.get("criteria") or ())
    if inputs.get("must_assess"):
        _need_rules(asked, _text(inputs, "judges") or "response")
    rows = (graded if any("highest" in criterion for criterion in asked) else assess)(
        Passage.of(inputs),
        _text(inputs, "question"),
        _text(inputs, "response"),
        _text(inputs, "reference"),
        asked,
    )
    return _json({"criteria": rows})


def criteria(inputs: Inputs, sample: int) -> str:
    """Nothing: what an answer must hold, only somebody who understands the passage can say.

    Raises:
        ModelAnswerError: ``cannot-write``, always; one row without criteria must not stop a run.
    """
    said = "offline:extractive cannot write criteria"
    raise ModelAnswerError(said, kind="cannot-write", raw=said)


def _need_rules(criteria: Sequence[Mapping[str, Any]], judges: str) -> None:
    missing = [str(c.get("id")) for c in criteria if judges != "response" or family(c) is None]
    if missing:
        said = f"offline:extractive has no rules for: {', '.join(missing)} (of the {judges})"
        raise ModelAnswerError(said, kind="cannot-assess", raw=said)


def pair(inputs: Inputs, sample: int) -> str:
    """``{"explanation", "winner": "A" | "B" | "tie"}``, or ``rating_a`` and ``rating_b`` for a scale."""
    found = compare(
        Passage.of(inputs),
        _text(inputs, "question"),
        (_text(inputs, "first"), _text(inputs, "second")),
        _text(inputs, "reference"),
        int(inputs.get("scale") or 0),
    )
    return _json({name: found[name] for name in inputs.get("fields") or found})


TASKS: Mapping[str, Callable[[Inputs, int], str]] = {
    "qa": qa,
    "summary": summary,
    "rewrite": rewriting,
    "answer": answering,
    "corrupt": corrupting,
    "rate": rating,
    "rubric": rubric,
    "criteria": criteria,
    "pair": pair,
}
