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
    """Where the table is: the cursor each page so far began after.

    With ``ranks`` (how alike rows are to one of them, by id) the rows with the highest come first.
    """

    store: Store
    filters: Filters
    starts: list[str | None] = field(default_factory=lambda: [None])
    rows: list[dict[str, Any]] = field(default_factory=list)
    more: bool = False
    ranks: Mapping[str, float] = field(default_factory=dict)

    @property
    def page(self) -> int:
        """Number of the page shown, from 1."""
        return len(self.starts)

    @property
    def fingerprint(self) -> int:
        """Changes with the rows shown: what was ticked in other rows is not ticked in these."""
        return hash(tuple(row["example_id"] for row in self.rows))

    def refilter(self, filters: Filters, ranks: Mapping[str, float] | None = None) -> None:
        """Show other rows, from the first page."""
        if filters != self.filters or (ranks or {}) != self.ranks:
            self.filters, self.ranks, self.starts = filters, ranks or {}, [None]

    def load(self) -> list[dict[str, Any]]:
        """Fetch the page shown, and whether one follows it."""
        if self.ranks:
            found = self._ranked()[(self.page - 1) * PAGE :]
        else:
            found = self.store.queue_page(self.filters, self.starts[-1], PAGE + 1)
        self.rows, self.more = found[:PAGE], len(found) > PAGE
        return self.rows

    def _ranked(self) -> list[dict[str, Any]]:
        """All rows, most alike first: as few as the filter names."""
        found = self.store.queue_page(self.filters, None, len(self.ranks))
        rows = [{**row, "alike": self.ranks.get(row["example_id"], 0.0)} for row in found]
        return sorted(rows, key=lambda row: -row["alike"])

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
    if any("alike" in row for row in rows):
        alike = [row.get("alike") for row in rows]
        shown = [{"Alike": value, **cells} for value, cells in zip(alike, shown, strict=True)]
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


def short(store: Store, example_id: str, chars: int = 70) -> str:
    """The beginning of a row's instruction, to tell which row is meant; its id if there is no such row."""
    rows = store.queue_page(Filters(status=(), ids=(example_id,), stale=True), None, 1)
    text = " ".join(rows[0]["instruction"].split()) if rows else ""
    return (text[: chars - 1] + "…" if len(text) > chars else text) or example_id


def _tail(uri: str) -> str:
    """The file and its folder: the end of a path tells more than its beginning."""
    parts = uri.split("/")
    return uri if len(parts) <= 2 else "…/" + "/".join(parts[-2:])
