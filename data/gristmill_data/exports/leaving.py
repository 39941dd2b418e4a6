"""The rows of one export on their way out: what is held out stays, what leaves is entered in the dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from gristmill.registry import ExportRow
from gristmill_data.store.holdouts import Written, enter_export, held_out, mark, told

if TYPE_CHECKING:
    from gristmill_data.store.core import Store


class Leaving:
    """Passes on the rows that may leave and counts the others in ``skipped``, by reason.

    ``taken`` rows were handed to the format, ``held_out`` of them are of documents that are held out.
    """

    def __init__(self, store: Store, export: Written, include_held_out: bool) -> None:
        self.skipped = Counter[str]()
        self.taken = 0
        self.held_out = 0
        self._store, self._export, self._include = store, export, include_held_out
        self._since = mark(store, "holdouts")
        self._held = held_out(store)
        self._documents = set[str]()
        self._entered = False

    def rows(
        self, rows: Iterable[tuple[ExportRow, tuple[str, ...]]], kinds: Collection[str]
    ) -> Iterator[ExportRow]:
        """Rows for the format. A file appears when its format has had the last one: it is entered then."""
        for row, documents in rows:
            benchmarks = sorted({name for document in documents for name in self._held.get(document, ())})
            if row.example.kind not in kinds:
                self.skipped[f"kind {row.example.kind}"] += 1
            elif benchmarks and not self._include:
                self.skipped[told(benchmarks)] += 1
            else:
                self.taken += 1
                self.held_out += bool(benchmarks)
                self._documents.update(documents)
                yield row
        self.enter()

    def enter(self) -> None:
        """Enter the export; once is enough.

        Raises:
            StoreConflictError: documents were held out since this was made.
        """
        if not self._entered:
            export = replace(self._export, rows=self.taken, held_out_rows=self.held_out)
            enter_export(self._store, export, self._documents, self._since)
            self._entered = True
