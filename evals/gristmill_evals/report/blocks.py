"""What a report is made of, apart from how it looks: sections of figures, tables, charts and examples.

The HTML, Markdown and JSON writers all walk the same blocks, so the three can not disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from gristmill_evals.report.browse import Browse
from gristmill_evals.statistics import Estimate, bounded_mean, clustered_mean, clustered_share, wilson

if TYPE_CHECKING:
    from gristmill_evals.charts import Chart

Unit = Literal["count", "share", "score", "usd", "tokens", "chars", "ratio", "difference", "points", "number"]
"""``score`` lies in [0, 1]; ``points`` and ``number`` need not, and are written with two decimals."""
Tone = Literal["plain", "good", "warning"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its sample size and 95 % interval; ``note`` says why there is none.

    ``value`` is None when it could not be measured.
    """

    label: str
    value: float | int | str | None
    unit: Unit = "count"
    n: int | None = None
    of: str = "rows"
    low: float | None = None
    high: float | None = None
    note: str = ""

    @classmethod
    def share(cls, label: str, hits: int, n: int, of: str = "rows") -> Figure:
        """A proportion with its Wilson interval."""
        if n == 0:
            return cls(label, None, "share", 0, of, note=f"no {of} to count")
        low, high = wilson(hits, n)
        return cls(label, hits / n, "share", n, of, low, high, "Wilson interval")

    @classmethod
    def clustered_share(
        cls, label: str, flags: Sequence[bool], clusters: Sequence[str], of: str = "rows"
    ) -> Figure:
        """A proportion of rows that come from documents."""
        if not len(flags):
            return cls(label, None, "share", 0, of, note=f"no {of} to count")
        return cls._of(label, clustered_share(flags, clusters), "share", of)

    @classmethod
    def mean(
        cls,
        label: str,
        values: Sequence[float],
        clusters: Sequence[str],
        unit: Unit = "score",
        of: str = "rows",
    ) -> Figure:
        """A mean with the interval clustered by source document."""
        if not len(values):
            return cls(label, None, unit, 0, of, note=f"no {of} to measure")
        bounded = unit == "score" and min(values) >= 0 and max(values) <= 1
        return cls._of(label, (bounded_mean if bounded else clustered_mean)(values, clusters), unit, of)

    @classmethod
    def counted(cls, label: str, value: float | int, unit: Unit = "count", note: str = "") -> Figure:
        """A complete count, which has no sampling error."""
        return cls(label, value, unit, note=note or "counted, no interval")

    @classmethod
    def estimated(
        cls, label: str, found: Estimate | None, unit: Unit, of: str = "rows", note: str = ""
    ) -> Figure:
        """What was estimated elsewhere; ``note`` says how its interval was made."""
        if found is None:
            return cls(label, None, unit, 0, of, note=f"too few {of} to measure")
        told = "; ".join(part for part in (found.note, note) if part)
        return cls(label, found.mean, unit, found.n, of, found.low, found.high, told)

    @classmethod
    def _of(cls, label: str, estimate: Estimate, unit: Unit, of: str) -> Figure:
        note = estimate.note or f"clustered by {estimate.clusters:,} documents"
        low, high = estimate.low, estimate.high
        if unit == "score" and low is not None and high is not None:
            low, high = max(0.0, low), min(1.0, high)  # scores can not leave [0, 1], nor can their mean
        return cls(label, estimate.mean, unit, estimate.n, of, low, high, note)


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures side by side."""

    items: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of plain values or :class:`Figure`; ``numeric`` are the columns aligned to the right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    caption: str = ""
    numeric: tuple[int, ...] = ()
    total: bool = False
    """The last row is a total."""


@dataclass(frozen=True, slots=True)
class ChartBlock:
    """A chart and what it shows, in words, for those who can not see it."""

    title: str
    chart: Chart
    description: str


@dataclass(frozen=True, slots=True)
class Note:
    """A paragraph; ``warning`` for what a reader must not miss."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Pair:
    """A row and a benchmark item side by side, the matching spans marked."""

    heading: str
    left_title: str
    left: str
    left_span: tuple[int, int]
    right_title: str
    right: str
    right_span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Code:
    """Preformatted text."""

    text: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One row to read; ``parts`` are (name, text), ``facts`` small print."""

    id: str
    kind: str
    status: str
    generator: str
    reason: str
    parts: tuple[tuple[str, str], ...]
    quotes: tuple[str, ...]
    source: str
    scores: tuple[tuple[str, str], ...] = ()
    type: str = ""


@dataclass(frozen=True, slots=True)
class Samples:
    """Rows to browse."""

    items: tuple[Sample, ...]


Block = Figures | Table | ChartBlock | Note | Pair | Code | Samples | Browse


@dataclass(frozen=True, slots=True)
class Section:
    """A chapter: ``id`` is its anchor."""

    id: str
    title: str
    blocks: tuple[Block, ...] = field(default_factory=tuple)
    intro: str = ""
