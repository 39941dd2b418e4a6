"""JSON schemas of the answers, in the subset that strict structured output accepts everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

QuestionType = Literal["factual", "definition", "procedure", "comparison", "code", "list", "table", "reason"]
Fault = Literal["unsupported_claim", "omission", "off_topic"]
Style = Literal["bullets", "plain", "steps"]

QUESTION_TYPES: tuple[QuestionType, ...] = get_args(QuestionType)
FAULT_KINDS: tuple[Fault, ...] = get_args(Fault)


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        # strict modes want every property required and nothing else allowed
        "required": list(properties),
        "additionalProperties": False,
    }


_TEXT = {"type": "string"}

PAIRS = _object(
    pairs={
        "type": "array",
        "items": _object(
            question=_TEXT,
            answer=_TEXT,
            evidence=_TEXT,
            type={"type": "string", "enum": list(QUESTION_TYPES)},
        ),
    }
)
SUMMARY = _object(summary=_TEXT)
REWRITE = _object(rewrite=_TEXT)
CORRUPT = _object(response=_TEXT, changed=_TEXT)
COMPARE = _object(explanation=_TEXT, winner={"type": "string", "enum": ["A", "B", "tie"]})
RATE = _object(score={"type": "number", "minimum": 0, "maximum": 10}, reason=_TEXT)
