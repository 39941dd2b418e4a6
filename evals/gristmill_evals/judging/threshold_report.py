"""A threshold on the page: figures, a sentence, the curve."""

from __future__ import annotations

from gristmill_evals.judging import charts
from gristmill_evals.judging.threshold import Threshold
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Figures, Note


def threshold_blocks(found: Threshold, of: str = "score") -> list[Block]:
    """What was chosen, how certain it is, and the whole curve; ``of`` says what the threshold is of."""
    if not found.points:
        return [Note("Too few rows for a threshold.")]
    blocks: list[Block] = []
    chosen, unseen = found.chosen, found.unseen
    if chosen is None:
        blocks.append(Note(f"No threshold reaches a precision of {found.target:g}.", "warning"))
    else:
        note = "interval holds at all thresholds at once"
        figures = [
            Figure(
                "Threshold" if of == "score" else of.capitalize(),
                f"{chosen.score:.3f}",
                note=f"for a precision of {found.target:g}",
            ),
            Figure(
                "Precision", chosen.precision, "score", chosen.kept, "rows", chosen.low, chosen.high, note
            ),
            Figure("Share of rows kept", chosen.share, "share", note=f"{chosen.kept:,} rows"),
        ]
        if unseen is not None:
            note = "cross-fitted; how far the choice was luck"
            figures.append(Figure("Precision on unseen rows", unseen.mean, "score", unseen.n, note=note))
        blocks.append(Figures(tuple(figures)))
        blocks.append(Note(_certain(found)))
    told = "; ".join(
        f"from {p.score:.2f} up {p.hits:,} of {p.kept:,} right"
        for p in found.points[:: max(1, len(found.points) // 6)]
    )
    blocks.append(ChartBlock("Precision and rows kept by threshold", charts.thresholds(found, of), told))
    return blocks


def _certain(found: Threshold) -> str:
    if found.certain is None:
        return f"Nowhere does the whole interval lie above {found.target:g}: to be sure, label more rows."
    sure = found.certain
    return (
        f"From {sure.score:.3f} up the whole interval lies above {found.target:g} "
        f"({100 * sure.share:.1f} % of the rows)."
    )
