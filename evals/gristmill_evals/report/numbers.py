"""How figures are written."""

from __future__ import annotations

import math

from gristmill_evals.report.blocks import Figure, Unit

NOT_MEASURED = "–"


def written(value: float | int | str | None, unit: Unit) -> str:
    """A value with its unit."""
    if value is None:
        return NOT_MEASURED
    if isinstance(value, str):
        return value
    if unit == "share" and 0 < value < 0.001:
        return f"{100 * value:.2g} %"
    if unit == "share":
        return f"{100 * value:.1f} %"
    if unit == "usd":
        return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.{_decimals(value)}f}"
    if unit == "score":
        return f"{value:.3f}"
    if unit == "difference":
        return f"{value:+.3f}"
    if unit == "ratio":
        return f"{value:.2f} ×"
    if unit in ("points", "number"):
        return f"{round(value, 2) or 0.0:,.2f}" if abs(value) < 1000 else f"{value:,.0f}"  # never -0.00
    return f"{value:,.0f}"


def _decimals(value: float) -> int:
    """Four, or as many as show two digits of a smaller value."""
    return max(4, 1 - math.floor(math.log10(abs(value))))


def interval(figure: Figure) -> str:
    """The interval, or nothing when there is none."""
    if figure.low is None or figure.high is None:
        return ""
    low, high = written(figure.low, figure.unit), written(figure.high, figure.unit)
    return f"{low.removesuffix(' %')} to {high}" if figure.unit == "share" else f"{low} to {high}"


def small_print(figure: Figure) -> str:
    """Sample size and how the interval was made, or why there is none."""
    size = f"n = {figure.n:,} {figure.of}" if figure.n is not None else ""
    return " · ".join(part for part in (size, figure.note) if part)


def cell(value: object) -> str:
    """A table cell: figures with their interval, whole numbers with separators."""
    if isinstance(value, Figure):
        between = interval(value)
        return written(value.value, value.unit) + (f" ({between})" if between else _reason(value))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}"


def _reason(figure: Figure) -> str:
    return f" ({figure.note})" if figure.note else ""
