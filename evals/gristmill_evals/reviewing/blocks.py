"""What the report and the review app say of a review: figures with their n and interval, tables, charts."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from gristmill_evals.agreement import Agreement
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Figures, Note, Table
from gristmill_evals.report.frames import Frames, groups, records, sums, text
from gristmill_evals.reviewing import charts
from gristmill_evals.reviewing.people import SAYS, Together, Window, overall, together, why_none, windows

MOST_DAYS, MOST_PAIRS = 30, 20
PACE = (
    "Time from one decision of a person to the next; more than ten minutes is a pause and not counted, nor "
    "is what was decided for many rows at once."
)


def stages(frames: Frames) -> list[Block]:
    """From rows the runs accepted to rows that people keep."""
    states = frames["states"]
    made = states[states["judge_state"] == "accepted"]
    accepted, decided = int(made["n"].sum()), int(made[made["review"].map(text) != ""]["n"].sum())
    kept = int(made[made["review"] == "accepted"]["n"].sum())
    rescued = int(states[(states["judge_state"] != "accepted") & (states["review"] == "accepted")]["n"].sum())
    if not accepted:
        return [Note("No run has accepted a row yet.")]
    disputed = int(states[states["queue_status"] == "disputed"]["n"].sum())
    more = f", {disputed:,} are disputed" if disputed else ""
    counts = [("accepted by the runs", accepted), ("settled by people", decided), ("kept by people", kept)]
    told = ", ".join(f"{n:,} {stage}" for stage, n in counts)
    figures = (
        Figure.counted("Settled", decided, note=f"of {accepted:,} accepted rows{more}; counted, no interval"),
        Figure.share("Kept by people", kept, decided, "rows settled"),
        Figure.counted("Taken back in", rescued, note="rejected or failed by a run, accepted by people"),
    )
    return [ChartBlock("From accepted to kept", charts.stages(counts), told), Figures(figures)]


def agreement(frames: Frames) -> list[Block]:
    """How far reviewers agree on rows that several of them decided, without seeing each other's words."""
    blocks: list[Block] = []
    for found in together(frames["pairings"], frames["ballots"]):
        blocks += _together(found)
    if not blocks:
        return [Note(f"No agreement between reviewers: {_first_lower(why_none(_names(frames)))}")]
    return blocks


def _together(found: Together) -> list[Block]:
    of = f"{found.of} decided by several"
    figures = (_figure("Fleiss' kappa", found.fleiss, of), _figure("Krippendorff's alpha", found.alpha, of))
    lines: list[tuple[object, ...]] = [("everybody", found.rows, figures[0], figures[1])]
    lines += [
        (f"{one} and {other}", kappa.n, _figure("", kappa), "")
        for one, other, kappa in found.pairs[:MOST_PAIRS]
    ]
    more = f" (the first {MOST_PAIRS} of {len(found.pairs)})" if len(found.pairs) > MOST_PAIRS else ""
    table = Table(
        ("reviewers", "rows", "kappa (95 % interval)", "alpha (95 % interval)"), tuple(lines),
        f"Agreement on {found.of}{more}: {SAYS[found.of]}", numeric=(1, 2, 3),
    )  # fmt: skip
    blocks: list[Block] = [Figures(figures)]
    if any(one.value is not None for one in (found.fleiss, *(kappa for *_, kappa in found.pairs))):
        told = f"{found.rows:,} {found.of} decided by several people; everybody: {_told(found.fleiss)}"
        title = f"Agreement between reviewers on {found.of}"
        blocks.insert(0, ChartBlock(title, charts.agreement(found), told))
    return [*blocks, table]


def judges(frames: Frames) -> list[Block]:
    """The decisions of the runs beside those of people, over time."""
    judged = frames["judged"]
    every, parts = overall(judged), windows(judged)
    if every is None:
        return [Note("Nobody has decided a row that a run decided: nothing to compare.")]
    blocks: list[Block] = []
    if len(parts) > 1:
        title = "The run's decisions and people's, over time"
        blocks.append(ChartBlock(title, charts.judge_over_time(parts), _spread(parts)))
    limits = (every.low, every.high, "Wilson interval")
    same = Figure("Same decision", every.share, "share", every.n, "rows", *limits)
    blocks.append(Figures((same, _figure("Beyond chance (kappa)", every.kappa))))
    if len(parts) < 2:
        blocks.append(Note(f"{every.n:,} rows: a course over time takes 40, in windows of at least 20."))
    return blocks


def _spread(parts: Sequence[Window]) -> str:
    shares = [part.share for part in parts]
    return (
        f"{len(parts)} windows of about {parts[0].n:,} rows each, {parts[0].first:%Y-%m-%d} to "
        f"{parts[-1].last:%Y-%m-%d}: the same decision on {min(shares):.0%} to {max(shares):.0%} of them"
    )


def pace(frames: Frames) -> list[Block]:
    """Seconds a decision, by person and day."""
    frame = frames["pace"]
    timed = frame[frame["timed"] > 0]
    if timed.empty:
        return [Note("No speed yet: it is measured from one decision to the next.")]
    days = sorted(set(timed["day"]))[-MOST_DAYS:]
    shown = timed[timed["day"].isin(days)]
    rows = tuple(
        (row["reviewer"], f"{pd.Timestamp(row['day']):%Y-%m-%d}", int(row["n"]), int(row["timed"]),
         *(f"{row[name]:.0f}" for name in ("quarter", "median", "three_quarters")))
        for row in records(shown)
    )  # fmt: skip
    medians = [float(value) for value in shown["median"]]
    people = len(set(shown["reviewer"]))
    told = f"People: {people}; days: {len(days)}; medians of {min(medians):.0f} to {max(medians):.0f} seconds"
    columns = (
        "reviewer",
        "day",
        "decisions",
        "timed",
        "quarter below (s)",
        "median (s)",
        "quarter above (s)",
    )
    return [
        ChartBlock("Seconds a decision", charts.pace(shown), told),
        Note(f"{PACE} Shown are the median and the middle half, which are counted and have no interval."),
        Table(columns, rows, "Speed by person and day", numeric=(2, 3, 4, 5, 6)),
    ]


def reasons(frames: Frames) -> list[Block]:
    """Why people rejected rows, one by one; a row may have several reasons."""
    frame = frames["reasons"]
    single, many = (frame[frame["bulk"].astype(bool) == bulk] for bulk in (False, True))
    at_once = int(many["n"].sum())
    more = f" Reasons given for many rows at once are not in it: {at_once:,}." if at_once else ""
    if single.empty:
        return [Note(f"Nobody has rejected a row by itself.{more}")]
    told = ", ".join(f"{reason} {n:,}" for reason, n in sums(single, "reason").items())
    note = Note(f"A row may have several reasons, so they are counted and have no interval.{more}")
    return [ChartBlock("Why people rejected rows", charts.reasons(single), told), note]


def sources(frames: Frames) -> list[Block]:
    """How much of each file's rows people have seen."""
    frame = frames["coverage"]
    if "reviewed" not in frame or not int(frame["rows"].sum()):
        return []
    made = frame[frame["rows"] > 0]
    unseen = int((made["reviewed"] == 0).sum())
    told = f"{len(made):,} files with rows, {unseen:,} of which nobody has reviewed a row"
    return [ChartBlock("Files by share of their rows reviewed", charts.sources_reviewed(made), told)]


def cost_per_row(frames: Frames) -> list[Block]:
    """What a row that was accepted, and one that is accepted now, has cost."""
    spent = frames["spent"]
    paid = spent[spent["cost"].fillna(0).astype(float) > 0]
    cost, accepted, kept = float(paid["cost"].sum()), int(paid["accepted"].sum()), int(paid["kept"].sum())
    if paid.empty:  # runs of before the log of calls
        cost = float(frames["calls"]["cost"].fillna(0).astype(float).sum())
        accepted, kept = _accepted(frames)
    if cost <= 0:
        return [Note("No call of a known price is recorded, so a row has no cost.")]
    unpriced = int(spent["unpriced"].fillna(0).sum())
    without = f"; {unpriced:,} calls without a known price are not in it" if unpriced else ""
    figures = Figures((_a_row("Cost a row, accepted by the run", cost, accepted, without),
                       _a_row("Cost a row, accepted now", cost, kept, without)))  # fmt: skip
    each = paid[paid["accepted"] > 0]
    if len(each) < 2:
        return [figures]
    rows = [(text(run["name"]) or text(run["run_id"]), run) for run in records(each.tail(12))]
    frame = pd.DataFrame(
        [
            (f"{name}, {pd.Timestamp(run['started']):%m-%d %H:%M}", run["cost"] / run["accepted"])
            for name, run in rows
        ],
        columns=["run", "dollars"],
    )
    told = ", ".join(
        f"{run} ${dollars:.4f}" for run, dollars in zip(frame["run"], frame["dollars"], strict=True)
    )
    return [figures, ChartBlock("Cost of a row, by run", charts.cost_per_row(frame), told)]


def _accepted(frames: Frames) -> tuple[int, int]:
    """Rows accepted by runs, and accepted now."""
    outcomes, states = frames["outcomes"], frames["states"]
    kept = (states["review"] == "accepted") | (states["queue_status"] == "pending")
    return int(outcomes[outcomes["state"] == "accepted"]["n"].sum()), int(states[kept]["n"].sum())


def _a_row(label: str, cost: float, rows: int, without: str) -> Figure:
    if not rows:
        return Figure(label, None, "usd", 0, note="no such row")
    return Figure(label, cost / rows, "usd", rows, note=f"${cost:,.2f} in all{without}; counted, no interval")


def _figure(label: str, found: Agreement, of: str = "rows") -> Figure:
    return Figure(label, found.value, "score", found.n, of, found.low, found.high, found.note)


def _told(found: Agreement) -> str:
    if found.value is None:
        return found.note
    between = (
        f" ({found.low:.2f} to {found.high:.2f})" if found.low is not None and found.high is not None else ""
    )
    return f"kappa {found.value:.2f}{between}"


def _names(frames: Frames) -> list[str]:
    """Reviewers who have decided something."""
    events = frames["reviews"]
    return [name for (name,), _ in groups(events[~events["action"].isin(["skip", "undo"])], "reviewer")]


def _first_lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
