"""The table of the browse page: one page of rows at a time, found by keyset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gristmill_data.store import Filters, Store
from gristmill_ui.services.desk import Desk
from gristmill_ui.services.view import STATUS_LABELS

PAGE = 50
BLIND = "(pair: shown blind on the review page)"


@dataclass(slots=True)
class Table:
    """Where the table is: the cursor each page so far began after."""

    store: Store
    filters: Filters
    starts: list[str | None] = field(default_factory=lambda: [None])
    rows: list[dict[str, Any]] = field(default_factory=list)
    more: bool = False

    @property
    def page(self) -> int:
        """Number of the page shown, from 1."""
        return len(self.starts)

    def refilter(self, filters: Filters) -> None:
        """Show other rows, from the first page."""
        if filters != self.filters:
            self.filters, self.starts = filters, [None]

    def load(self) -> list[dict[str, Any]]:
        """Fetch the page shown, and whether one follows it."""
        found = self.store.queue_page(self.filters, self.starts[-1], PAGE + 1)
        self.rows, self.more = found[:PAGE], len(found) > PAGE
        return self.rows

    def forward(self) -> None:
        """To the next page."""
        if self.more:
            self.starts.append(self.rows[-1]["cursor"])

    def back(self) -> None:
        """To the page before."""
        if self.page > 1:
            self.starts.pop()


def display(rows: Sequence[Mapping[str, Any]], desk: Desk) -> list[dict[str, Any]]:
    """Rows as the table shows them to the reviewer at ``desk``.

    A pair's response would tell which one is recorded as better, and a score seen first pulls the verdict
    towards it: neither is shown before the verdict.
    """
    shown = [_cells(row) for row in rows]
    scores = [r["score"] if desk.show_scores or r["reviewer"] == desk.reviewer else None for r in rows]
    if any(score is not None for score in scores):
        shown = [{**cells, "Score": score} for cells, score in zip(shown, scores, strict=True)]
    return shown


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Status": STATUS_LABELS[row["queue_status"]],
        "Kind": row["kind"],
        "Type": row["type"] or "",
        "Instruction": row["instruction"],
        "Response": BLIND if row["kind"] == "preference" else row["response"],
        "Source": _tail(row["uri"] or ""),
        "Heading": " › ".join(row["heading_path"] or ()),
        "Reviewer": row["reviewer"] or "",
        "Reason": row["reason"] or "",
    }


def _tail(uri: str) -> str:
    """The file and its folder: the end of a path tells more than its beginning."""
    parts = uri.split("/")
    return uri if len(parts) <= 2 else "…/" + "/".join(parts[-2:])
