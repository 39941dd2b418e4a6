"""Long texts cut around what matters in them."""

from __future__ import annotations

from gristmill.records import Span

CONTEXT = 700
"""Characters shown of a text, around a span."""


def window(full: str, start: int, end: int) -> tuple[str, Span]:
    """At most about :data:`CONTEXT` characters around the span, and the span in them."""
    start, end = max(0, min(start, len(full))), max(0, min(end, len(full)))
    end = min(max(start, end), start + CONTEXT)
    margin = max(0, CONTEXT - (end - start)) // 2
    first, last = max(0, start - margin), min(len(full), end + margin)
    before, after = ("…" if first else ""), ("…" if last < len(full) else "")
    shift = len(before) - first
    return before + full[first:last] + after, (start + shift, end + shift)
