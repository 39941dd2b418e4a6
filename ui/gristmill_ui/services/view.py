"""What the review page shows of a row, and what it holds back until the reviewer has decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gristmill_data.store import ItemView
from gristmill_data.store.item import CONTEXT_CHARS
from gristmill_ui.services import markup
from gristmill_ui.services.edits import Field
from gristmill_ui.services.markup import escape
from gristmill_ui.services.rounds import began

STATUS_LABELS = {
    "pending": "To review",
    "accepted": "Accepted",
    "rejected": "Rejected",
    "machine_rejected": "Run: rejected",
    "failed": "Run: failed",
    "disputed": "Reviewers disagree",
}
SAY_NOTHING = ("skip", "undo", "requeue")
"""Actions that are no word on the row."""
LONG_SYSTEM = 400
"""Characters from which a system prompt is folded."""


def decided_by(item: ItemView, reviewer: str) -> bool:
    """Whether a verdict of this reviewer on the row stands."""
    first = began(item)
    return any(
        event["reviewer"] == reviewer and not event["undone"] and event["action"] not in SAY_NOTHING
        for event in item.history
        if event["seq"] > first
    )


def own_ratings(item: ItemView, reviewer: str) -> Mapping[str, Any]:
    """The grades this reviewer saved with their last verdict that stands."""
    mine = [e for e in item.history if e["reviewer"] == reviewer and not e["undone"]]
    return next((e["payload"]["ratings"] for e in reversed(mine) if e["payload"].get("ratings")), {})


def meta_line(item: ItemView, *, revealed: bool, draft: bool = False) -> str:
    """Kind, generator, type and state of a row, as HTML. Nothing that tells the sides of a pair apart."""
    example = item.example
    origin = example.generator
    tags = [markup.tag(example.kind), markup.tag(f"{origin.name} {origin.version}")]
    if kind := example.metadata.get("type"):
        tags.append(markup.tag(str(kind)))
    tags += [markup.tag(model) for model in item.models]
    if draft:
        tags.append(markup.tag("unsaved edit: press E", "bad"))
    if item.revision:
        tags.append(markup.tag(f"revision {item.revision}"))
    if item.stale:
        tags.append(markup.tag("source has changed", "bad"))
    if revealed or item.status in ("machine_rejected", "failed"):
        good = {"accepted": "good", "pending": ""}.get(item.status, "bad")
        tags.append(markup.tag(STATUS_LABELS[item.status], good))
    if item.reason:
        tags.append(markup.tag(f"{item.reason}: {item.detail}" if item.detail else item.reason, "bad"))
    return f'<div class="gm-meta">{"".join(tags)}</div>'


def company(others: Sequence[str]) -> str:
    """Who else has the row on their screen, as HTML; empty when nobody has."""
    if not others:
        return ""
    verb = "has" if len(others) == 1 else "have"
    said = f"{' and '.join(others)} {verb} this row on the screen too"
    return f'<div class="gm-meta" role="status">{markup.tag(said, "bad")}</div>'


def texts(fields: Sequence[Field], roles: Sequence[str], changed: Mapping[str, str] | None = None) -> str:
    """The turns of a row as cards: instruction and response, or a whole conversation.

    ``changed`` are texts, by slot, to show in place of those stored.
    """
    turns = [field for field in fields if field.slot.isdigit()]
    return "".join(
        _turn(field.label, role, (changed or {}).get(field.slot, field.text))
        for field, role in zip(turns, roles, strict=True)
    )


def _turn(label: str, role: str, text: str) -> str:
    inner = markup.markdown(text)
    if role == "system" and len(text) > LONG_SYSTEM:
        head = f"{len(text):,} characters: {escape(text[:120])} …"
        inner = f"<details><summary>{head}</summary>{inner}</details>"
    return markup.card(label, inner, f"gm-turn-{role}")


def sides(
    fields: Sequence[Field], *, revealed: bool, changed: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """The responses of a pair, left and right; which was made as the better is said only when revealed."""
    left, right = (field for field in fields if not field.slot.isdigit())
    first, second = (
        markup.card(
            field.label + (f" · recorded as {field.slot}" if revealed else ""),
            markup.markdown((changed or {}).get(field.slot, field.text)),
        )
        for field in (left, right)
    )
    return first, second


def source(item: ItemView) -> str:
    """File, heading path and passage with its evidence highlighted."""
    place = " › ".join(escape(part) for part in item.heading_path)
    head = f'<div class="gm-source"><b>{escape(item.uri)}</b>{" · " + place if place else ""}</div>'
    spans = [(span.start, span.end) for span in item.evidence]
    after = len(item.passage) - item.chunk_end
    cut = (item.chunk_start >= CONTEXT_CHARS, after >= CONTEXT_CHARS)
    body = markup.passage(item.passage, spans, (item.chunk_start, item.chunk_end), cut=cut)
    quotes = "".join(f"<blockquote>{escape(quote)}</blockquote>" for quote in item.other_quotes)
    more = f'<div class="gm-label">Evidence elsewhere in the document</div>{quotes}' if quotes else ""
    shown = f'<div data-example="{escape(item.example.id)}">{head}{body}{more}</div>'
    return markup.card("Source", shown)


def scores(item: ItemView) -> str:
    """What the judges said: value or why there is none, and the reasons given."""
    lines = [
        f"<p><b>{escape(score.scorer)}</b> {escape(score.shown)}<br>{_lines(score.rationale)}</p>"
        for score in item.scores
    ]
    return f'<div class="gm-prose">{"".join(lines) or "<p>No scores.</p>"}</div>'


def _lines(text: str) -> str:
    """A jury's rationale has a line for each judge."""
    return escape(text).replace("\n", "<br>")


def nothing_left(counts: Mapping[str, int], *, filtered: bool) -> str:
    """What the end of the queue says: why there is nothing, and what to do about it."""
    if not counts["total"]:
        title, text = "No rows yet", "Start a run with this dataset: its rows appear here while it works."
    elif filtered:
        title, text = (
            "No more rows with these filters",
            "Change the filters or the search above to see others.",
        )
    elif counts["skipped"]:
        title = f"Only skipped rows are left ({counts['skipped']:,})"
        text = "Start over from the top to meet them again."
    elif counts["pending"]:
        title = "Nothing left for you now"
        text = (
            "Still to review are rows you passed over, rows on other people's screens, and rows you decided "
            "that others have yet to. Start over from the top to meet the first."
        )
    else:
        title = "All done"
        text = (
            f"{counts['reviewed']:,} rows are reviewed. The dashboard shows the result; export writes it out."
        )
    return f'<div class="gm-empty"><h2>{title}</h2><p>{text}</p></div>'
