"""Whether the judges can be trusted: what they left unscored, where they are blind, whom they agree with."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import pandas as pd

from gristmill.records import OTHER_KIND
from gristmill_evals.report import charts
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Figures, Note, Section, Table
from gristmill_evals.report.frames import Frames, groups, parsed, records, text
from gristmill_evals.report.measures import area, rank_correlation
from gristmill_evals.report.sections import verdicts

FEWEST = 20
MOST_ROWS = 20_000
MOST_PAIRS = 20
TOP, BOTTOM = 0.995, 0.005
NEARLY_ALL = 0.95
INTRO = (
    "A judge that gives nearly every row the same value tells nothing apart, one that changes its mind with "
    "the order of two responses judges their places. Agreement between judges shows that they measure the "
    "same, not that they are right; for that there are people."
)


def judges(frames: Frames) -> Section:
    """Unscored rows, ends of the scale, repairs, both orders, criteria, agreement."""
    every = frames["scores"]
    frame = every[every["unscored_reason"].fillna("") != OTHER_KIND]
    if frame.empty:
        return Section(
            "judges", "Judge health", (Note("No scorer has run, so there is no judge to look at."),)
        )
    first, *reasons = health(frames)
    blocks: list[Block] = [
        first,
        _ends(frame),
        *reasons,
        *verdicts.table(frames["verdicts"]),
        *_criteria(frames["criteria"]),
        *_between(frame, frames["seats"]),
        *_people(frame, frames["rows"]),
    ]
    return Section("judges", "Judge health", tuple(blocks), INTRO)


def health(frames: Frames) -> list[Block]:
    """Share of unscored rows and of repairs, and why rows are unscored; of the review app's dashboard too."""
    every = frames["scores"]
    frame = every[every["unscored_reason"].fillna("") != OTHER_KIND]
    return [Figures((_unscored_share(frame), repairs(frames))), *_reasons(frame)]


def _unscored_share(frame: pd.DataFrame) -> Figure:
    flags, documents = list(frame["value"].isna()), _clusters(frame)
    return Figure.clustered_share("Unscored", flags, documents, "rows that reached a scorer")


def _clusters(frame: pd.DataFrame) -> list[str]:
    """The document of each row; a row of unknown document stands for itself."""
    return [text(d) or text(e) for d, e in zip(frame["document_id"], frame["example_id"], strict=True)]


def repairs(frames: Frames) -> Figure:
    """Requests to mend an answer, by the door or by a scorer, in the runs that counted them."""
    counts = [(parsed(run["summary"]) or {}).get("calls") or {} for run in records(frames["runs"])]
    known = [calls for calls in counts if "repairs" in calls]
    label = "Repair requests among calls"
    if not known:
        return Figure(label, None, "share", 0, "calls", note="no run has counted them")
    asked = sum(int(calls["sent"]) + int(calls["cached"]) for calls in known)
    return Figure.share(label, min(asked, sum(int(calls["repairs"]) for calls in known)), asked, "calls")


def _ends(frame: pd.DataFrame) -> Table:
    lines = []
    for (name,), part in groups(frame, "scorer"):
        scored = part.dropna(subset=["value"])
        values, documents = scored["value"].astype(float), _clusters(scored)
        unscored = Figure.clustered_share("", list(part["value"].isna()), _clusters(part))
        ends = [
            Figure.clustered_share("", list(flags), documents) for flags in (values >= TOP, values <= BOTTOM)
        ]
        lines.append((name, len(part), unscored, len(scored), values.nunique(), *ends))
    columns = (
        "scorer",
        "rows",
        "unscored",
        "scored",
        "values used",
        "at the top of the scale",
        "at the bottom",
    )
    return Table(columns, tuple(lines), "Scorers and the ends of their scales", numeric=tuple(range(1, 7)))


def _reasons(frame: pd.DataFrame) -> list[Block]:
    missing = frame[frame["value"].isna()]
    if missing.empty:
        return []
    totals = frame.groupby("scorer", dropna=False).size()
    rows = tuple(
        (
            scorer,
            why or "no reason given",
            n := int(totals[scorer]),
            len(part),
            Figure.share("", len(part), n),
        )
        for (scorer, why), part in groups(missing, "scorer", "unscored_reason")
    )
    columns = ("scorer", "why unscored", "rows", "unscored", "share of the scorer's rows")
    return [Table(columns, rows, "Unscored, by reason", numeric=(2, 3, 4))]


def _criteria(frame: pd.DataFrame) -> list[Block]:
    """Each criterion of rubric judges: how often met, and how often without a quote that can be found."""
    if frame.empty:
        return []
    lines = []
    for (scorer, criterion), part in groups(frame, "scorer", "criterion"):
        asked, met = int(part["n"].sum()), int(part["met"].sum())
        points = float(part["points"].max())
        held = Figure.clustered_share("", *_spread(part["met"], part["n"], part["document_id"]))
        void = Figure.clustered_share("", *_spread(part["void_"], part["met"], part["document_id"]))
        voted = int(part["voted"].sum())
        same = f"{float(part['agreement'].sum()) / voted:.2f} of {voted:,}" if voted else "one vote each"
        lines.append((scorer, criterion, f"{points:g}", asked, held, met, void, same))
    columns = (
        "scorer",
        "criterion",
        "points",
        "n",
        "met",
        "n met",
        "of them without a real quote",
        "votes that agree",
    )
    note = Note(
        "A criterion met by every row or by none tells rows apart as little as if it were not there. A "
        "verdict whose quote stands neither in the response nor in the source does not count."
    )
    return [Table(columns, tuple(lines), "Criteria of rubric judges", numeric=(2, 3, 4, 5, 6, 7)), note]


def _spread(hits: pd.Series, of: pd.Series, documents: pd.Series) -> tuple[list[bool], list[str]]:
    """Counts by document as flags and clusters."""
    flags: list[bool] = []
    clusters: list[str] = []
    for hit, n, document in zip(hits.astype(int), of.astype(int), documents, strict=True):
        flags += [True] * hit + [False] * (n - hit)
        clusters += [text(document)] * n
    return flags, clusters


def _between(frame: pd.DataFrame, seats: pd.DataFrame) -> list[Block]:
    """Rank correlation of each two scorers, and of each two members of a jury, on rows that both scored."""
    found = [("scorers", *pair) for pair in _pairs(frame, "scorer")]
    for (scorer,), part in groups(seats, "scorer"):
        found += [(f"judges of {scorer}", *pair) for pair in _pairs(part, "judge")]
    if not found:
        told = f"No two judges scored the same {FEWEST} rows with values that vary"
        return [Note(f"{told}: agreement cannot be measured.")]
    shown = found[:MOST_PAIRS]
    lines = tuple((of, f"{one} and {other}", figure.n or 0, figure) for of, one, other, figure in shown)
    drawn = [(name, of, figure) for of, name, _, figure in lines if figure.value is not None]
    told = "; ".join(f"{name}: {float(figure.value or 0):.2f}" for name, _, figure in drawn[:8])
    chart = charts.intervals(drawn, "rank correlation (Spearman)")
    more = f" (the first {MOST_PAIRS} of {len(found)})" if len(found) > MOST_PAIRS else ""
    table = Table(("of", "judges", "rows", "rank correlation (95 % interval)"), lines,
                  f"Agreement of judges with each other{more}", numeric=(2, 3))  # fmt: skip
    return [ChartBlock("Agreement of judges with each other", chart, told), table] if drawn else [table]


def _pairs(frame: pd.DataFrame, name: str) -> Iterator[tuple[str, str, Figure]]:
    scored = frame.dropna(subset=["value"])
    if scored[name].nunique() < 2:
        return
    wide = scored.pivot_table(index="example_id", columns=name, values="value", aggfunc="first").astype(float)
    sources = dict(zip(scored["example_id"], _clusters(scored), strict=True))
    for one, other in combinations(wide.columns, 2):
        both = wide[[one, other]].dropna().head(MOST_ROWS)
        if len(both) < FEWEST:
            continue
        clusters = [sources[key] for key in both.index]
        if same := _constant(both, str(one), str(other)):
            yield str(one), str(other), Figure("", None, "number", len(both), note=same)
            continue
        rho = rank_correlation(list(both[one]), list(both[other]), clusters)
        if rho is not None:
            note = f"jackknife of {rho.clusters} documents" if rho.low is not None else ""
            yield str(one), str(other), Figure.estimated("", rho, "number", note=note)


def _constant(both: pd.DataFrame, *names: str) -> str:
    """Why no rank correlation is given: one value for nearly all rows leaves no ranks to compare."""
    for name in names:
        top = float(both[name].value_counts(normalize=True).iloc[0])
        if top > NEARLY_ALL:
            return f"{name} gives {100 * top:.1f} % of the rows one value"
    return ""


def _people(frame: pd.DataFrame, rows: pd.DataFrame) -> list[Block]:
    """Whether each scorer ranks rows that people kept above rows that they rejected."""
    decided = rows[rows["review"].isin(["accepted", "rejected"])]
    if decided.empty:
        return [
            Note(
                "Nobody has reviewed rows: agreement of the judges with people cannot be measured.", "warning"
            )
        ]
    verdict = dict(zip(decided["example_id"], decided["review"], strict=True))
    scored = frame[frame["example_id"].isin(verdict)].dropna(subset=["value"])
    lines: list[tuple[object, ...]] = []
    for (name,), part in groups(scored, "scorer"):
        kept = part[part["example_id"].map(verdict) == "accepted"]
        lost = part[part["example_id"].map(verdict) == "rejected"]
        values = [list(side["value"].astype(float)) for side in (kept, lost)]
        found = area(values[0], values[1], _clusters(kept) + _clusters(lost))
        how = "clustered by document" if found is not None and found.low is not None else ""
        figure = Figure.estimated("", found, "share", "rows of both kinds", how)
        lines.append((name, len(kept), len(lost), figure))
    columns = ("scorer", "kept by people", "rejected by people", "a kept row scores higher (95 % interval)")
    note = Note(
        "The chance that a row which people kept has a higher score than one which they rejected, ties "
        "counting half: 50 % is guessing. People mostly saw rows that the judges had accepted, which makes "
        "it look lower."
    )
    return [Table(columns, tuple(lines), "Agreement of judges with people", numeric=(1, 2, 3)), note]
