"""Rows of two datasets made from the same slots: the same chunk, task and place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

KEY = ["chunk_id", "task", "place"]
SAME, OTHER_TEXT = "same row", "other text"
ACCEPTED, LOST = "accepted now", "no longer accepted"
ONLY_A, ONLY_B = "only in the first", "only in the other"
KINDS = (SAME, OTHER_TEXT, ACCEPTED, LOST, ONLY_A, ONLY_B)
MEANINGS = {
    SAME: "the same text, decided alike",
    OTHER_TEXT: "another text from the same slot, decided alike",
    ACCEPTED: "not accepted in the first, accepted in the other",
    LOST: "accepted in the first, not in the other",
    ONLY_A: "the first has a row, the other has none from that slot",
    ONLY_B: "the other has a row, the first has none from that slot",
}


@dataclass(frozen=True, slots=True)
class RowChanges:
    """``slots`` has chunk_id, task, place, uri, change and of both sides (``_a``, ``_b``) state, reason,
    example_id; only those where one side has a row. ``chunks`` are the chunks in both, in the first, in the
    other."""

    other: str
    slots: pd.DataFrame = field(repr=False)
    chunks: tuple[int, int, int]

    @property
    def counts(self) -> dict[str, int]:
        """Slots by what became of them."""
        found = self.slots["change"].value_counts()
        return {kind: int(found.get(kind, 0)) for kind in KINDS}


def row_changes(a: Mapping[str, pd.DataFrame], b: Mapping[str, pd.DataFrame], other: str) -> RowChanges:
    """Lay the slots of two datasets side by side."""
    ours, theirs = _with_text(a), _with_text(b)
    both = ours.merge(theirs, on=KEY, how="outer", suffixes=("_a", "_b"))
    held = both[both["text_a"].notna() | both["text_b"].notna()].reset_index(drop=True)
    slots = held.assign(change=_change(held), uri=held["uri_a"].fillna(held["uri_b"]))
    mine, their = set(ours["chunk_id"]), set(theirs["chunk_id"])
    return RowChanges(other, slots, (len(mine & their), len(mine), len(their)))


def _with_text(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Slots with the hash of the row's text, if there is a row; its state is the people's word, if any."""
    rows = frames["rows"][["example_id", "text", "status"]].drop_duplicates("example_id")
    slots = frames["slots"].merge(rows, on="example_id", how="left")
    decided = slots["status"].where(slots["text"].notna(), slots["state"])
    return slots.assign(state=decided).drop(columns=["status", "document_id"])


def _change(held: pd.DataFrame) -> pd.Series:
    accepted_a, accepted_b = (held[f"state_{side}"] == "accepted" for side in "ab")
    change = pd.Series(OTHER_TEXT, index=held.index, dtype=object)
    change[held["text_a"] == held["text_b"]] = SAME
    change[accepted_b & ~accepted_a] = ACCEPTED
    change[accepted_a & ~accepted_b] = LOST
    change[held["text_b"].isna()] = ONLY_A
    change[held["text_a"].isna()] = ONLY_B
    return change
