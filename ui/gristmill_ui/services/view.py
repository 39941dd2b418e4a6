"""What the review page shows of a row, and what it holds back until the reviewer has decided."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from gristmill.records import Match, example_text
from gristmill_data.store import ItemView
from gristmill_data.store.item import CONTEXT_CHARS
from gristmill_ui.services import markup
from gristmill_ui.services.blind import Side

STATUS_LABELS = {
    "pending": "To review",
    "accepted": "Accepted",
    "rejected": "Rejected",
    "machine_rejected": "Run: rejected",
    "failed": "Run: failed",
}


def decided_by(item: ItemView, reviewer: str) -> bool:
    """Whether a verdict of this reviewer on the row stands."""
    return any(
        event["reviewer"] == reviewer and not event["undone"] and event["action"] not in ("skip", "undo")
        for event in item.history
    )


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


def texts(item: ItemView) -> str:
    """The turns of a row as cards: instruction and response, or a whole conversation."""
    labels = {"user": "Instruction", "assistant": "Response", "system": "System"}
    if item.example.kind == "conversation":
        labels |= {"user": "User", "assistant": "Assistant"}
    return "".join(
        markup.card(labels[m["role"]], markup.markdown(m["content"])) for m in item.example.messages
    )


def pair_side(item: ItemView, letter: str, side: Side, *, revealed: bool) -> str:
    """One response of a pair; which one was generated as the better is said only when revealed."""
    text = (item.example.chosen if side == "chosen" else item.example.rejected) or ""
    label = f"Response {letter}" + (f" · recorded as {side}" if revealed else "")
    return markup.card(label, markup.markdown(text))


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


def match_card(item: ItemView, match: Match) -> str:
    """A benchmark item the row resembles, both texts with the shared part highlighted."""
    title = f"Looks like {match.benchmark} · {match.item_id} · {match.label} {match.score:.2f}"
    title += f" · tier {match.tier}" if match.tier else ""
    theirs = markup.excerpt(match.item_text, match.item_span, "gm-match")
    ours = markup.excerpt(example_text(item.original), match.example_span, "gm-match")
    blind = item.example.kind == "preference"
    mine = "" if blind else f'<div class="gm-label">This row</div>{ours}'
    their = f'<div class="gm-label">Benchmark item</div>{theirs}'
    return markup.card(title, their + mine, "gm-warning")


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


def history(item: ItemView) -> str:
    """The events of a row, oldest first."""
    lines = []
    for event in item.history:
        payload = event["payload"]
        why = ", ".join(payload.get("reasons") or []) or payload.get("side") or ""
        text = f"{event['time']:%Y-%m-%d %H:%M} {event['reviewer']}: {event['action']} {why}"
        line = escape(f"{text} {payload.get('note', '')}".strip())
        lines.append(f"<li>{f'<del>{line}</del>' if event['undone'] else line}</li>")
    return f'<div class="gm-prose"><ul>{"".join(lines)}</ul></div>'


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
        title, text = "End of the queue", "Rows passed over are still to review: start over from the top."
    else:
        title = "All done"
        text = (
            f"{counts['reviewed']:,} rows are reviewed. The dashboard shows the result; export writes it out."
        )
    return f'<div class="gm-empty"><h2>{title}</h2><p>{text}</p></div>'
