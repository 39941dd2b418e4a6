"""What was found for each item of an evaluation in a dataset, and its file ``contamination.jsonl``.

The first line is the head: ``{"dataset", "rows", "min_score", "least", "rejected"}``; all others are marks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from gristmill.errors import UsageError
from gristmill.records import Span
from gristmill_evals.contamination.gate import BLOCKING
from gristmill_evals.jsonl import objects

CURE = "the file is written by gristmill eval: run the evaluation again"


@dataclass(frozen=True, slots=True)
class Mark:
    """The row of the dataset that is most like one item of a task.

    ``score`` is the checker's, 0 where no row comes to the least score that was looked for, and None for an
    item without any text to compare. ``example_id`` is the row's id. ``row_text`` and ``item_text`` are
    cut around the match, which the spans point to in them; ``field`` is the row's field.
    """

    task: str
    item_id: str
    score: float | None
    label: str = ""
    example_id: str = ""
    line: int = 0
    field: str = ""
    row_text: str = ""
    row_span: Span = (0, 0)
    item_text: str = ""
    item_span: Span = (0, 0)

    def contaminated(self, min_score: float) -> bool | None:
        """Whether the dataset gives the item away; None when that is not known.

        A template (the same form with other numbers and names) does not: it shows how, and not what.
        """
        return None if self.score is None else self.score >= min_score and self.label in BLOCKING


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of a run. ``rows`` of the dataset were compared, ``rejected`` counts those that could not be.

    An item counts as contaminated from ``min_score`` on; matches were looked for from ``least`` on.
    """

    dataset: str
    marks: tuple[Mark, ...]
    rows: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    min_score: float = 0.5
    least: float = 0.3

    @property
    def head(self) -> dict[str, Any]:
        """All but the marks."""
        named = ("dataset", "rows", "min_score", "least")
        return {**{name: getattr(self, name) for name in named}, "rejected": dict(self.rejected)}


def write_marks(path: Path, marks: Marks) -> None:
    """Write ``contamination.jsonl``: whole, or not at all."""
    part = path.with_name(path.name + ".part")
    lines = [marks.head, *map(asdict, marks.marks)]
    part.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    part.replace(path)


def read_marks(path: Path) -> Marks:
    """Read what :func:`write_marks` wrote.

    Raises:
        UsageError: no such file, or not one of marks; the line is named.
    """
    if not path.is_file():
        raise UsageError("there are no marks", where=str(path), cure="set clean_against in the plan")
    head: dict[str, Any] | None = None
    marks: list[Mark] = []
    for where, row in objects(path, CURE):
        try:
            if head is None:
                head = row
                Marks(**row, marks=())
            else:
                spans = {name: tuple(row[name]) for name in ("row_span", "item_span")}
                marks.append(Mark(**{**row, **spans}))
        except (TypeError, KeyError) as error:
            raise UsageError(f"not a line of marks: {error}", where=where, cure=CURE) from error
    if head is None:
        raise UsageError("the file of marks is empty", where=str(path), cure=CURE)
    return Marks(**head, marks=tuple(marks))
