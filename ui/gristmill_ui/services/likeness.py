"""A row beside the benchmark item it resembles: which part of the row was matched, both spans highlighted."""

from __future__ import annotations

from collections.abc import Sequence

from gristmill.records import Match, Span
from gristmill_data.store import ItemView
from gristmill_ui.services import markup

ROLES = {"user": "user", "assistant": "assistant", "system": "system"}
ONE_SIDE = "one of the responses"
"""Sides of a pair are not told apart before the verdict."""
AROUND = 200


def parts(messages: Sequence[tuple[str, str]], sides: Sequence[str | None]) -> list[tuple[str, str]]:
    """Name and text of all that an example's text is joined of, in its order. ``messages``: (role, text)."""
    turns = [(ROLES.get(role, "turn"), text) for role, text in messages]
    return turns + [(ONE_SIDE, text) for text in sides if text is not None]


def matched_part(texts: Sequence[tuple[str, str]], span: Span) -> tuple[str, str, Span]:
    """Name and text of the part with most of a span of the joined text, and the span within it."""
    start, end = span
    best: tuple[int, str, str, Span] | None = None
    at = 0
    for name, text in texts:
        shared = min(end, at + len(text)) - max(start, at)
        if best is None or shared > best[0]:
            best = shared, name, text, (max(start - at, 0), min(end - at, len(text)))
        at += len(text) + 2
    return ("no text", "", (0, 0)) if best is None else best[1:]


def match_card(item: ItemView, match: Match) -> str:
    """The part of the row and the benchmark item side by side, what they share highlighted."""
    title = f"Looks like {match.benchmark} · {match.item_id} · {match.label} {match.score:.2f}"
    title += f" · tier {match.tier}" if match.tier else ""
    row = item.original
    texts = parts([(m["role"], m["content"]) for m in row.messages], [row.chosen, row.rejected])
    name, ours, span = matched_part(texts, match.example_span)
    inner = (
        _side(f"This row · {name}", markup.excerpt(ours, span, "gm-match", AROUND)),
        _side("Benchmark item", markup.excerpt(match.item_text, match.item_span, "gm-match", AROUND)),
    )
    return markup.card(title, f'<div class="gm-sides">{"".join(inner)}</div>', "gm-warning")


def _side(label: str, inner: str) -> str:
    return f'<div><div class="gm-label">{markup.escape(label)}</div>{inner}</div>'
