"""Text that runs in circles."""

from __future__ import annotations

import re
from collections import Counter

from gristmill_scorers.checks import View, clipped, without_code

_RUN = re.compile(r"([^\W\d_])\1{9,}")
_LOOP = re.compile(r"\b(\w+(?:\W+\w+){2,15}?)(?:\W+\1\b){3,}", re.IGNORECASE)
_STUTTER = re.compile(r"\b(\w+)(?:\W+\1\b){5,}", re.IGNORECASE)
_SIZE = 5
_LEAST_WORDS = 40


def repetition(view: View) -> str | None:
    """A loop of phrases, a run of one letter, or too large a share of repeated five-word phrases."""
    for text in view.responses:
        # tables repeat cells by nature, code repeats tokens
        prose = "\n".join(line for line in without_code(text).splitlines() if "|" not in line)
        for pattern in (_RUN, _STUTTER, _LOOP):
            # the loop pattern backtracks: bounded input keeps it fast
            found = pattern.search(prose[:8000])
            if found:
                return f"again and again: {clipped(found.group(1))!r}"
        share = repeated_share(prose)
        if share > view.limits.repetition:
            return f"{share:.0%} of its phrases are repeats"
    return None


def repeated_share(text: str) -> float:
    """Share of five-word phrases that occurred before in the text; 0 for short texts."""
    words = re.findall(r"\w+", text.casefold())
    if len(words) < _LEAST_WORDS:
        return 0.0
    phrases = Counter(tuple(words[i : i + _SIZE]) for i in range(len(words) - _SIZE + 1))
    total = sum(phrases.values())
    return (total - len(phrases)) / total
