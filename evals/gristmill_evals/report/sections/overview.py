"""What the dataset is, and its key figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from gristmill_evals.report.blocks import Block, Figure, Figures, Note, Section, Table
from gristmill_evals.report.frames import Frames, groups, latest_run, text

OFFLINE = "offline:"
NO_MODEL = (
    "No language model was involved: offline:extractive made these rows by rules (spans of the source "
    "text) and judged them by rules (overlap, completeness, form). Scores say how well the rules are met, "
    "not how good the writing is."
)


def about(frames: Frames) -> Section:
    """Recipe, run, versions, and which models made and judged the rows."""
    run = latest_run(frames)
    if run is None:
        return Section("about", "This dataset", (Note("No run is recorded in this dataset.", "warning"),))
    rows: list[tuple[str, str]] = [
        ("Recipe", text(run["name"])),
        ("Run", f"{text(run['run_id'])}, {text(run['status'])}"),
        ("Started", _time(run["started"])),
        ("Finished", _time(run["finished"]) or "not finished"),
        ("Gristmill", text(run["version"])),
        *models(run["recipe"]),
    ]
    others = len(frames["runs"]) - 1
    rows += [("Earlier runs", str(others))] if others else []
    blocks: list[Block] = [Table(("", ""), tuple(rows))]
    blocks += [Note(note, "warning") for note in _warnings(run, used_models(frames, run["recipe"]))]
    return Section("about", "This dataset", tuple(blocks))


def models(recipe: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A line for each model role of the recipe."""
    specs = recipe.get("models") or {}
    return [(f"Model: {role}", _model_name(spec)) for role, spec in specs.items()]


def used_models(frames: Frames, recipe: Mapping[str, Any]) -> list[str]:
    """Models that answered calls, or those of the recipe when no call is recorded."""
    called = sorted(set(frames["calls"]["model"].dropna().astype(str)))
    return called or sorted({_model_name(spec) for spec in (recipe.get("models") or {}).values()})


def _model_name(spec: Any) -> str:
    return str(spec.get("model", "")) if isinstance(spec, Mapping) else str(spec)


def _warnings(run: Mapping[str, Any], used: list[str]) -> list[str]:
    notes = []
    offline = [name for name in used if name.startswith(OFFLINE)]
    if used and len(offline) == len(used):
        notes.append(NO_MODEL)
    elif offline:
        notes.append(
            f"Some rows were made or judged by rules, without a language model: {', '.join(offline)}."
        )
    if run["status"] not in ("done", "finished"):
        notes.append(
            f"The last run is not complete (status: {text(run['status'])}); figures are of what is there."
        )
    return notes


def _time(value: Any) -> str:
    if value is None or pd.isna(value):
        return ""
    return str(pd.Timestamp(value).strftime("%Y-%m-%d %H:%M UTC"))


def key_figures(frames: Frames) -> Section:
    """The handful of numbers to look at first."""
    rows, coverage = frames["rows"], frames["coverage"]
    accepted = int((rows["status"] == "accepted").sum())
    items = [
        _accepted_now(rows),
        _accepted_share(frames),
        *_score_means(frames),
        _contaminated(frames),
        _covered(coverage),
        _reviewed(rows),
        *_cost(frames, accepted),
    ]
    intro = (
        "Intervals are 95 %. Rows from one document are not independent, "
        "so means and shares of rows are clustered by document."
    )
    return Section("figures", "Key figures", (Figures(tuple(items)), *_sampled(frames)), intro)


HEADLINES = {
    ("duplicates", "Have a near copy"): "Accepted rows with a near copy",
    ("leaks", "Rows with any of these"): "Accepted rows with a refusal or leak",
    ("groundedness", "All of it found in the source"): "Rows whose evidence is all found",
    ("diversity", "Likeness to the nearest instruction"): "Likeness to the nearest instruction",
    ("lengths", "Tokens to train on, accepted rows"): "Tokens to train on",
}
"""Figures of other sections (section and label) that are key figures too, and what they are called there."""


def with_headlines(sections: tuple[Section, ...]) -> tuple[Section, ...]:
    """The sections, with the figures of :data:`HEADLINES` among the key figures."""
    found = {
        (section.id, figure.label): figure
        for section in sections
        for block in section.blocks
        if isinstance(block, Figures)
        for figure in block.items
    }
    more = tuple(replace(found[place], label=label) for place, label in HEADLINES.items() if place in found)
    return tuple(_extended(section, more) if section.id == "figures" else section for section in sections)


def _extended(section: Section, more: tuple[Figure, ...]) -> Section:
    first, *others = section.blocks
    assert isinstance(first, Figures)  # of key_figures
    return replace(section, blocks=(Figures((*first.items, *more)), *others))


def _sampled(frames: Frames) -> list[Block]:
    """Large datasets are not read in full; the reader has to know."""
    whole = ("rows", "scores", "matches")
    found = {name: frames[name].attrs["sampled"] for name in whole if "sampled" in frames[name].attrs}
    parts = [f"{name}: every {s['every']}th of {s['of']:,}" for name, s in found.items()]
    return (
        [Note(f"Figures of rows are from a fixed sample ({'; '.join(parts)}).", "warning")] if parts else []
    )


def _accepted_now(rows: pd.DataFrame) -> Figure:
    accepted = rows[rows["status"] == "accepted"]
    every = int(rows.attrs.get("sampled", {}).get("every", 1))
    note = _kinds(accepted) if every == 1 else f"estimated: one in {every} rows was looked at"
    stale = int(rows.attrs.get("stale", 0))
    note += f"; {stale:,} stale rows left out" if stale else ""
    return Figure.counted("Accepted rows now", len(accepted) * every, note=note)


def _kinds(accepted: pd.DataFrame) -> str:
    counts = accepted["kind"].value_counts()
    return ", ".join(f"{n:,} {kind}" for kind, n in counts.items()) or "none yet"


def _accepted_share(frames: Frames) -> Figure:
    outcomes = frames["outcomes"]
    decided = int(outcomes["n"].sum())
    hits = int(outcomes.loc[outcomes["state"] == "accepted", "n"].sum())
    return Figure.share("Accepted of the rows asked for", hits, decided)


def _score_means(frames: Frames) -> list[Figure]:
    scored = frames["scores"].dropna(subset=["value"])
    return [
        Figure.mean(f"Mean score: {name}", list(part["value"].astype(float)), list(part["document_id"]))
        for (name,), part in groups(scored, "scorer")
    ]


def _contaminated(frames: Frames) -> Figure:
    rows, matches = frames["rows"], frames["matches"]
    kept = rows[rows["status"] == "accepted"]
    label = "Accepted rows that match a benchmark"
    if not gates_used(frames, "contamination") and matches.empty:
        return Figure(label, None, "share", note="no contamination gate in the recipe: not checked")
    hit = kept["example_id"].isin(set(matches["example_id"]))
    return Figure.clustered_share(label, list(hit), list(kept["document_id"]), "accepted rows")


def gates_used(frames: Frames, name: str) -> bool:
    """Whether the last run's recipe has the gate ``name``."""
    run = latest_run(frames)
    return run is not None and any(gate.get("use") == name for gate in run["recipe"].get("gates") or [])


def _covered(coverage: pd.DataFrame) -> Figure:
    chars = int(coverage["chars"].sum())
    if not chars:
        return Figure("Source text covered", None, "share", note="no source text")
    share = float(coverage["covered_chars"].sum()) / chars
    note = f"all {chars:,} characters of {len(coverage)} files counted: no interval"
    return Figure("Source text covered", share, "share", note=note)


def _reviewed(rows: pd.DataFrame) -> Figure:
    seen = int(rows["review"].map(text).ne("").sum())
    note = "all rows counted: no interval" if len(rows) else "no rows"
    return Figure(
        "Rows reviewed by people", seen / len(rows) if len(rows) else None, "share", len(rows), note=note
    )


def _cost(frames: Frames, accepted: int) -> list[Figure]:
    calls = frames["calls"]
    if calls.empty:
        return [Figure("Cost", None, "usd", note="no call to a model is recorded")]
    unknown = int(calls.loc[calls["cost"].isna(), "n"].sum())
    usd = float(calls["cost"].fillna(0).astype(float).sum())
    note = f"price unknown for {unknown:,} calls" if unknown else "counted, no interval"
    accepted *= int(frames["rows"].attrs.get("sampled", {}).get("every", 1))
    each = usd / accepted if accepted else None
    return [
        Figure("Cost", usd, "usd", note=note),
        Figure("Cost per accepted row", each, "usd", accepted, note=note),
    ]
