"""Several samples in one scripted chat completion."""

from __future__ import annotations

import json
from typing import Any

from support.openai_server import Scripted

CUT = object()
"""A sample that was cut off."""


def samples(*contents: Any) -> Scripted:
    """One choice each: a text, JSON, None (empty content) or CUT."""
    choices = [_choice(index, content) for index, content in enumerate(contents)]
    usage = {"prompt_tokens": 7, "completion_tokens": 3 * len(choices), "total_tokens": 7 + 3 * len(choices)}
    return Scripted({"choices": choices, "usage": usage})


def _choice(index: int, content: Any) -> dict[str, Any]:
    text = '{"cut": "o' if content is CUT else content if isinstance(content, str) else json.dumps(content)
    message = {"role": "assistant", "content": None if content is None else text, "refusal": None}
    return {"index": index, "message": message, "finish_reason": "length" if content is CUT else "stop"}
