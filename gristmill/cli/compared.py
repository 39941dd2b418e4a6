"""A comparison as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from gristmill_evals.comparing import DatasetComparison, ModelComparison
    from gristmill_evals.comparing.datasets import ComparedMeasure
    from gristmill_evals.comparing.measures import Measure
    from gristmill_evals.comparing.models import Compared

STYLES = {"better": "green", "worse": "red", "not known": "yellow"}


def tables(found: ModelComparison | DatasetComparison) -> Iterator[Table]:
    """One table for everything that is compared with the first; p values are the corrected ones."""
    from gristmill_evals.comparing import ModelComparison

    first = found.sides[0].label
    for side in found.sides[1:]:
        sides = (first, side.label)
        if isinstance(found, ModelComparison):
            rows = [_model_row(one) for one in found.compared if one.other == side.label]
            heads = ("task, metric", *sides, "difference", "p", "verdict", "visible", "n")
        else:
            rows = [_dataset_row(one) for one in found.compared if one.other == side.label]
            heads = ("figure", *sides, "difference", "p", "verdict", "visible", "n")
        yield _table(f"{side.label} beside {first}", heads, rows)


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    table = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, head in enumerate(heads):
        words = place == 0 or head == "verdict"
        table.add_column(
            escape(head),
            justify="left" if words else "right",
            no_wrap=place > 0,
            min_width=11 if place == 0 else None,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(str(cell), style=STYLES.get(str(cell), "")) for cell in row))
    return table


def _model_row(one: Compared) -> tuple[Any, ...]:
    found, name = one.difference, f"{one.task} {one.metric.name}"
    if found is None:
        values = [_number(value) for value in one.values]
        return (name, *values, "–", "–", one.verdict, "–", len(one.scored.a))
    return (
        name,
        _number(found.mean_b),
        _number(found.mean_a),
        _step(found),
        _p(one.adjusted),
        one.verdict,
        _number(one.detectable),
        len(one.scored.a),
    )


def _dataset_row(one: ComparedMeasure) -> tuple[Any, ...]:
    chars = one.a.unit == "chars"
    found, n = one.decides, f"{_count(one.a)}/{_count(one.b)}"
    means = [_number(_mean(measure.values["value"]), chars) for measure in (one.a, one.b)]
    if found is None:
        return (one.a.name, *means, "–", "–", one.verdict, "–", n)
    return (
        one.a.name,
        *means,
        _step(found, chars),
        _p(one.adjusted),
        one.verdict,
        _number(one.detectable, chars),
        n,
    )


def _count(measure: Measure) -> str:
    n = len(measure.values)
    return f"{n / 1000:.0f}k" if n >= 10_000 else str(n)


def _mean(values: Any) -> float | None:
    return float(values.mean()) if len(values) else None


def _number(value: float | None, chars: bool = False) -> str:
    return "–" if value is None else f"{value:,.0f}" if chars else f"{value:.3f}"


def _step(found: Any, chars: bool = False) -> str:
    """The difference and half of its interval, which is symmetric."""
    form = ",.0f" if chars else ".3f"
    half = "" if found.low is None else f" ± {(found.high - found.low) / 2:{form}}"
    return f"{found.mean:+{form}}{half}"


def _p(p: float | None) -> str:
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"
