"""The accounting of a run: every file and every row asked for ends in exactly one cell."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from gristmill.quota import grouped
from gristmill.records import State


@dataclass(slots=True)
class Tally:
    """Counts of one run. ``planned`` rows = accepted + rejected + failed + pending, or it does not balance.

    ``resumed`` rows were decided by an earlier run and are counted in the states as well. ``unsaved`` rows
    were counted here, but are not in the store.
    """

    files: int = 0
    files_read: int = 0
    files_failed: Counter[str] = field(default_factory=Counter)
    files_pending: int = 0
    rows_unread: Counter[str] = field(default_factory=Counter)
    documents: int = 0
    chunks: int = 0
    planned: int = 0
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    pending: int = 0
    resumed: int = 0
    unsaved: int = 0

    def count(self, state: State, reason: str, *, resumed: bool = False) -> None:
        """Count one decided row."""
        self.resumed += resumed
        if state == "accepted":
            self.accepted += 1
        else:
            (self.rejected if state == "rejected" else self.failed)[reason or "unknown"] += 1

    @property
    def decided(self) -> int:
        """Rows that have an outcome."""
        return self.accepted + self.rejected.total() + self.failed.total()

    @property
    def balanced(self) -> bool:
        """Do files and rows add up?"""
        files = self.files == self.files_read + self.files_failed.total() + self.files_pending
        rows = self.pending >= 0 and self.planned == self.decided + self.pending
        return files and rows and self.unsaved == 0

    @property
    def failed_share(self) -> float:
        """Share of the decided rows that failed."""
        return self.failed.total() / self.decided if self.decided else 0.0

    def as_json(self) -> dict[str, Any]:
        """The row part of ``--json``; reasons sorted by count."""
        return {
            "planned": self.planned,
            "accepted": self.accepted,
            "rejected": dict(grouped(self.rejected)),
            "failed": dict(self.failed.most_common()),
            "pending": self.pending,
            "balanced": self.balanced,
            "resumed": self.resumed,
            "unsaved": self.unsaved,
            "files": {
                "found": self.files,
                "read": self.files_read,
                "failed": dict(self.files_failed.most_common()),
                "pending": self.files_pending,
                "rows_unread": dict(self.rows_unread.most_common()),
            },
            "documents": self.documents,
            "chunks": self.chunks,
        }
