"""Answers that arrived but must not be used."""

from __future__ import annotations

from gristmill.errors import ModelAnswerError
from gristmill.models.types import FinishReason

_FAULTS: dict[FinishReason, tuple[str, str]] = {
    "length": ("truncated", "the answer was cut off at the token limit"),
    "refusal": ("refused", "the model refused to answer"),
    "content_filter": ("content-filter", "the provider's content filter withheld the answer"),
    "tool_calls": ("tool-calls", "the model called a tool instead of answering"),
}


def fault(text: str, finish_reason: FinishReason) -> tuple[str, str] | None:
    """Kind and description of what is wrong with an answer as text, None when it can be used."""
    known = _FAULTS.get(finish_reason)
    if known is None and not text.strip():
        return "empty", "the model's answer is empty"
    return known


def check_text(text: str, finish_reason: FinishReason, *, model: str, key: str) -> None:
    """Raise when an answer cannot be used, whatever it should have been.

    Raises:
        ModelAnswerError: kind ``truncated``, ``refused``, ``content-filter``, ``tool-calls`` or ``empty``.
    """
    found = fault(text, finish_reason)
    if found is not None:
        kind, message = found
        cure = "raise max_tokens in the model's params" if kind == "truncated" else ""
        raise ModelAnswerError(message, kind=kind, raw=text, where=model, cure=cure, key=key)
