"""Two responses to one question, and what makes two texts the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Contrast:
    """A response to prefer and one to avoid, with the calls that made them."""

    chosen: str
    rejected: str
    calls: tuple[str, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)


def words(text: str) -> list[str]:
    """Words and numbers of a text without case and punctuation; operators of code count as words."""
    return re.findall(r"\w+(?:[.,]\d+)*|[=<>]=?|!=|[+/%]", text.casefold())


def same(one: str, other: str) -> bool:
    """Whether two responses differ in nothing but case, space and punctuation."""
    return words(one) == words(other)
