"""How far reviewers agree with each other, and with the decisions of the run over time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gristmill_evals.agreement import Agreement
from gristmill_evals.report.frames import groups
from gristmill_evals.reviewing.patterns import fleiss_kappa, kappa_of, nominal_alpha
from gristmill_evals.statistics import wilson

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

SAYS = {"rows": "accepted or rejected", "pairs": "as recorded, the other way round, or neither"}
ALONE = "Only {} has reviewed: it takes two people on the same rows to say how far they agree."
APART = "{} people have reviewed, but never the same row: let some rows have two reviewers (Team page)."
NOBODY = "Nobody has reviewed a row yet."


@dataclass(frozen=True, slots=True)
class Together:
    """Agreement on ``of`` (rows, or pairs): of each two people, and of all, on so many ``rows``."""

    of: str
    rows: int
    pairs: tuple[tuple[str, str, Agreement], ...]
    fleiss: Agreement
    alpha: Agreement


@dataclass(frozen=True, slots=True)
class Window:
    """Some rows in the order they were reviewed: on how many people decided as the run had, and kappa.

    ``low`` and ``high`` are the 95 % Wilson interval of ``share``.
    """

    number: int
    first: datetime
    last: datetime
    n: int
    share: float
    low: float
    high: float
    kappa: Agreement


def together(pairings: pd.DataFrame, ballots: pd.DataFrame) -> list[Together]:
    """Agreement between reviewers, of rows and of pairs apart; nothing where no two people decided a row."""
    found = []
    for of in SAYS:
        mine = ballots[ballots["of_"] == of]
        patterns = [(_votes(votes), int(n)) for votes, n in zip(mine["votes"], mine["n"], strict=True)]
        if patterns:
            every = pairings[pairings["of_"] == of]
            rows, all_, alpha = sum(n for _, n in patterns), fleiss_kappa(patterns), nominal_alpha(patterns)
            found.append(Together(of, rows, _pairs(every), all_, alpha))
    return found


def _votes(text: str) -> dict[str, int]:
    return {one["said"]: int(one["votes"]) for one in json.loads(text) if one["votes"]}


def _pairs(frame: pd.DataFrame) -> tuple[tuple[str, str, Agreement], ...]:
    found = []
    for (one, other), part in groups(frame, "one", "other"):
        counts = {
            (str(a), str(b)): int(n)
            for a, b, n in zip(part["said_one"], part["said_other"], part["n"], strict=True)
        }
        found.append((one, other, kappa_of(counts)))
    return tuple(sorted(found, key=lambda pair: -pair[2].n))


def why_none(reviewers: list[str]) -> str:
    """Why nothing can be said of the agreement of these people."""
    if not reviewers:
        return NOBODY
    return ALONE.format(reviewers[0]) if len(reviewers) == 1 else APART.format(len(reviewers))


def windows(judged: pd.DataFrame) -> list[Window]:
    """The run's decisions beside the first word of people on each row, window by window in their order."""
    found = []
    for (number,), part in groups(judged, "window_"):
        counts: Counter[tuple[str, str]] = Counter()
        for judge, people, n in zip(part["judge"], part["people"], part["n"], strict=True):
            counts[str(judge), str(people)] += int(n)
        n, same = sum(counts.values()), sum(n for (judge, people), n in counts.items() if judge == people)
        low, high = wilson(same, n)
        span = part["first"].min().to_pydatetime(), part["last"].max().to_pydatetime()
        found.append(Window(int(number) + 1, *span, n, same / n, low, high, _kappa(counts)))
    return found


def _kappa(counts: Mapping[tuple[str, str], int]) -> Agreement:
    """Beyond chance, which takes rows of both kinds: people mostly read what the run had accepted."""
    decided = {judge for judge, _ in counts}
    if len(decided) > 1:
        return kappa_of(counts)
    n = sum(counts.values())
    note = f"the run had {decided.pop()} all of them, so that chance cannot be told from agreement"
    return Agreement(None, None, None, n, n, note)


def overall(judged: pd.DataFrame) -> Window | None:
    """The same over all rows; None without any."""
    return windows(judged.assign(window_=0))[0] if len(judged) else None
