"""The documents of a dataset as people see them: a list with coverage, and one of them with its passages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gristmill_data.store import Store
from gristmill_data.store.documents import (
    DocumentFilters,
    Show,
    document,
    document_chunks,
    document_counts,
    document_page,
)
from gristmill_ui.services.markup import escape
from gristmill_ui.services.view import STATUS_LABELS

PAGE = 25
CHUNKS = 8
SHOWS: Mapping[Show, str] = {
    "all": "All documents",
    "unused": "Nothing accepted yet",
    "stale": "Changed or removed since",
}
_STATES = {"accepted": "Accepted by the run", "rejected": "Run: rejected", "failed": "Run: failed"}


@dataclass(slots=True)
class Shelf:
    """Where the list is: the document that each page so far began after."""

    store: Store
    filters: DocumentFilters = field(default_factory=DocumentFilters)
    starts: list[tuple[str, str]] = field(default_factory=lambda: [("", "")])
    rows: list[dict[str, Any]] = field(default_factory=list)
    more: bool = False

    @property
    def page(self) -> int:
        """Number of the page shown, from 1."""
        return len(self.starts)

    def refilter(self, filters: DocumentFilters) -> None:
        """Show other documents, from the first page."""
        if filters != self.filters:
            self.filters, self.starts = filters, [("", "")]

    def load(self) -> list[dict[str, Any]]:
        """Fetch the page shown, and whether one follows it."""
        found = document_page(self.store, self.filters, self.starts[-1], PAGE + 1)
        self.rows, self.more = found[:PAGE], len(found) > PAGE
        return self.rows

    def forward(self) -> None:
        """To the next page."""
        if self.more:
            self.starts.append((self.rows[-1]["uri"], self.rows[-1]["id"]))

    def back(self) -> None:
        """To the page before."""
        if self.page > 1:
            self.starts.pop()

    def told(self) -> str:
        """How many documents there are, and how many the filter keeps."""
        counts = document_counts(self.store, self.filters)
        stale = f" · {counts['stale']:,} changed or removed since" if counts["stale"] else ""
        found = "" if counts["found"] == counts["documents"] else f"{counts['found']:,} of "
        return f"{found}{counts['documents']:,} documents · {counts['chunks']:,} passages{stale}"


def cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """A document as the list shows it."""
    return {
        "Document": row["uri"],
        "Title": row["title"],
        "Passages": row["chunks"],
        "Used": row["used"] / row["chunks"] if row["chunks"] else 0.0,
        "Asked": row["asked"],
        "Accepted": row["accepted"],
        "Rejected": row["rejected"],
        "Failed": row["failed"],
        "Reviewed": row["reviewed"],
        "State": "changed or removed" if row["stale"] else "",
    }


@dataclass(frozen=True, slots=True)
class Opened:
    """A document on the screen: what is known of it, some of its passages, and whether more follow."""

    about: Mapping[str, Any]
    chunks: Sequence[Mapping[str, Any]]
    first: int

    @property
    def last(self) -> int:
        """Number of the last passage shown."""
        return self.first + len(self.chunks)

    @property
    def place(self) -> str:
        """Which passages these are."""
        if not self.chunks:
            return "No passages"
        return f"Passages {self.first + 1:,} to {self.last:,} of {self.about['chunks']:,}"


def opened(store: Store, document_id: str, first: int = 0) -> Opened:
    """A document with its passages from number ``first`` (0: the first) on.

    Raises:
        StoreError: it is not in the dataset.
    """
    about = document(store, document_id)
    first = max(0, min(first, about["chunks"] - 1))
    return Opened(about, document_chunks(store, document_id, first, CHUNKS), first)


def summary(about: Mapping[str, Any]) -> str:
    """The figures of one document, as HTML."""
    words = [
        f"{about['chars']:,} characters",
        f"{about['used']:,} of {about['chunks']:,} passages used",
        f"{about['asked']:,} rows asked for: {about['accepted']:,} accepted, {about['rejected']:,} rejected, "
        f"{about['failed']:,} failed",
        f"{about['reviewed']:,} reviewed",
    ]
    if about["stale"]:
        words.append("changed or removed since: its rows leave the exports")
    title = f"<h2>{escape(about['title'] or about['uri'])}</h2>"
    uri = f"{about['uri']} · " if about["title"] else ""
    return f'{title}<div class="gm-meta">{escape(uri + " · ".join(words))}</div>'


def passage(chunk: Mapping[str, Any]) -> str:
    """A passage with its heading, and the text before it that is in none, as HTML."""
    path = " › ".join(chunk["heading_path"] or ())
    head = f"Passage {chunk['number']}" + (f" · {path}" if path else "")
    gap = str(chunk["before"]).strip()
    between = f'<div class="gm-passage gm-context">{escape(gap)}</div>' if gap else ""
    text = f'<div class="gm-passage">{escape(str(chunk["text"]).strip())}</div>'
    return f'<p class="gm-label">{escape(head)}</p>{between}{text}'


def row(made: Mapping[str, Any]) -> str:
    """One row that was asked of a passage, as HTML."""
    status = STATUS_LABELS.get(made["queue_status"] or "", _STATES[made["state"]])
    reason = f" · {made['reason']}" if made["reason"] and made["queue_status"] != "pending" else ""
    stale = " · changed or removed since" if made["stale"] else ""
    said = made["instruction"] or "No text: there was nothing to keep"
    css = "good" if made["queue_status"] == "accepted" else "bad" if made["state"] == "failed" else ""
    tag = f'<span class="gm-tag {css}">{escape(status)}</span>'
    meta = f'<div class="gm-meta">{tag}{escape(made["task"] + reason + stale)}</div>'
    return f"{meta}<div>{escape(said)}</div>"


def empty(chunk: Mapping[str, Any]) -> str:
    """What to say of a passage that no row was asked of, or whose rows have no text."""
    asked = [made for made in chunk["rows"] if made["example_id"] is None]
    if not chunk["rows"]:
        return "No run has asked for rows of this passage."
    reasons = sorted({made["reason"] or made["state"] for made in asked})
    return f"{len(asked)} asked for without a row: {', '.join(reasons)}" if asked else ""
