"""One reviewer going through matches with benchmark items: where they are, and what they said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Any
from uuid import uuid4

import orjson

from gristmill.errors import StoreError
from gristmill.records import Span
from gristmill_data.store import Store
from gristmill_data.store.matches import (
    Key,
    MatchFilters,
    MatchVerdict,
    judge_match,
    match_page,
    match_verdicts,
)
from gristmill_ui.services import likeness, markup

PAGE = 10
AROUND = 400
WORDS = {True: "right", False: "wrong", None: "taken back"}


@dataclass(slots=True)
class MatchDesk:
    """The state of one session on the contamination page.

    ``ids`` holds, for each match shown, the id its next verdict will have: a second click of the same
    button sends the same id, which the store saves once.
    """

    store: Store
    reviewer: str
    filters: MatchFilters = field(default_factory=MatchFilters)
    rows: list[dict[str, Any]] = field(default_factory=list)
    more: bool = False
    message: str = ""
    receipt: str = ""
    ids: dict[Key, str] = field(default_factory=dict)
    _starts: list[tuple[float, Key] | None] = field(default_factory=lambda: [None])

    @property
    def page(self) -> int:
        """Number of the page shown, from 1."""
        return len(self._starts)

    def refilter(self, filters: MatchFilters) -> None:
        """Show other matches, from the first."""
        if filters != self.filters:
            self.filters, self._starts, self.message = filters, [None], ""

    def load(self) -> list[dict[str, Any]]:
        """Fetch the page shown, and whether one follows it."""
        found = match_page(self.store, self.filters, self._starts[-1], PAGE + 1, self.reviewer)
        self.rows, self.more = found[:PAGE], len(found) > PAGE
        self.ids = {key_of(row): self.ids.get(key_of(row)) or uuid4().hex for row in self.rows}
        return self.rows

    def forward(self) -> None:
        """To the next page."""
        if self.more:
            self._starts.append((self.rows[-1]["key_"], key_of(self.rows[-1])))

    def back(self) -> None:
        """To the page before."""
        if self.page > 1:
            self._starts.pop()

    def judge(self, verdict_id: str, row: Mapping[str, Any], is_right: bool | None) -> bool:
        """Save whether the label is right (None takes the word back); False when it was not saved."""
        key = key_of(row)
        if self.ids.get(key) != verdict_id:
            return False
        verdict = MatchVerdict(verdict_id, key, row["label"], is_right, self.reviewer, datetime.now(UTC))
        try:
            judge_match(self.store, verdict)
        except StoreError as error:
            self.message = f"Not saved: {error.message}. {error.cure}".strip()
            return False
        self.ids[key] = uuid4().hex
        self.message = ""
        self.receipt = f"Saved: {row['label']} of {row['item_id']} {WORDS[is_right]} · verdict {verdict_id}"
        return True


def key_of(row: Mapping[str, Any]) -> Key:
    """What names a match."""
    return row["example_id"], row["benchmark"], row["item_id"]


def export(store: Store) -> bytes:
    """Verdicts that stand, one JSON object a line."""
    return b"".join(orjson.dumps(row) + b"\n" for row in match_verdicts(store))


def headline(row: Mapping[str, Any]) -> str:
    """Label, score, tier and what reviewers said, as HTML."""
    tags = [markup.tag(f"{row['label']} {row['score']:.2f}"), markup.tag(row["benchmark"])]
    if row["tier"]:
        tags.append(markup.tag(f"tier {row['tier']}"))
    tags.append(markup.tag(f"row {row['status']}", {"accepted": "good"}.get(row["status"], "bad")))
    if row["mine"] is not None:
        tags.append(markup.tag(f"you: {WORDS[row['mine']]}", "good" if row["mine"] else "bad"))
    if row["said_right"] or row["said_wrong"]:
        tags.append(markup.tag(f"reviewers: {row['said_right']} right, {row['said_wrong']} wrong"))
    return f'<div class="gm-meta">{"".join(tags)}</div>'


def row_side(row: Mapping[str, Any]) -> str:
    """The turn of the row that was matched, around the span. Sides of a pair are not told apart."""
    name, text, span = _part(row)
    inner = markup.excerpt(text, span, "gm-match", AROUND)
    return markup.card(f"Row · {name}", f"{inner}{_place(row['uri'] or '')}")


def item_side(row: Mapping[str, Any]) -> str:
    """The benchmark item, around the span."""
    inner = markup.excerpt(row["item_text"], (row["item_start"], row["item_end"]), "gm-match", AROUND)
    return markup.card(f"{row['benchmark']} · {row['item_id']} · {row['side']}", inner)


def told(facets: Mapping[str, Any]) -> str:
    """The counts above the list, as HTML."""
    said = f"<b>{facets['verdicts']:,}</b> verdicts ({facets['right']:,} right)"
    found = f"<b>{facets['total']:,}</b> matches · {facets['uncertain']:,} uncertain"
    return f'<div class="gm-progress">{found} · {facets["judged"]:,} judged · {said}</div>'


def _place(uri: str) -> str:
    return f'<div class="gm-source">{escape(uri)}</div>' if uri else ""


def _part(row: Mapping[str, Any]) -> tuple[str, str, Span]:
    """Name and text of the part with most of the span, and the span in it."""
    turns = [(message["role"], message["content"]) for message in orjson.loads(row["messages"])]
    texts = likeness.parts(turns, [row["chosen"], row["rejected"]])
    return likeness.matched_part(texts, (row["example_start"], row["example_end"]))
