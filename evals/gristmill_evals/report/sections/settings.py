"""What is needed to make the dataset again: recipe, versions, runs."""

from __future__ import annotations

import re
from typing import Any

from gristmill_evals.report.blocks import Block, Code, Note, Section, Table
from gristmill_evals.report.frames import Frames, latest_run, parsed, records, text

MOST_SETS = 3
INTRO = (
    "Rows are addressed by their content: the same recipe on the same documents finds what is there and "
    "makes only what is missing. Answers of a model repeat exactly from the response cache; without it, only "
    "as far as the model's server honours a seed."
)
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_SECRET = re.compile(r"(api_?key|token|secret|password|authorization)$", re.I)


def settings(frames: Frames) -> Section:
    """The recipe of the last run, and all runs."""
    import yaml

    run = latest_run(frames)
    if run is None:
        return Section("settings", "Settings to reproduce this", (Note("No run is recorded."),))
    settled = _stated(without_secrets(run["recipe"]))
    recipe = yaml.safe_dump(settled, sort_keys=False, allow_unicode=True, width=100)
    runs = records(frames["runs"].sort_values("started", kind="stable"))
    names = ("run_id", "name", "started", "status", "version")
    rows = tuple(tuple(text(run[name])[: 19 if name == "started" else 80] for name in names) for run in runs)
    blocks = (
        Code(recipe, "Recipe of the last run"),
        *_versions(runs),
        Table(("run", "recipe", "started", "status", "gristmill"), rows, "Runs"),
    )
    return Section("settings", "Settings to reproduce this", blocks, INTRO)


def _versions(runs: list[dict[str, Any]]) -> list[Block]:
    """What was installed where the runs took place, a column for each set of versions."""
    known = [(text(run["run_id"]), (parsed(run["summary"]) or {}).get("versions")) for run in runs]
    sets: dict[str, tuple[str, dict[str, str]]] = {}
    for run, versions in known:
        if versions:
            sets[repr(sorted(versions.items()))] = (run, versions)
    if not sets:
        return [
            Note(
                "The runs were made before versions of packages were recorded with them: only gristmill's is "
                "known."
            )
        ]
    shown = list(sets.values())[-MOST_SETS:]
    names = list(dict.fromkeys(name for _, versions in shown for name in versions))
    lines = tuple((name, *(versions.get(name, "–") for _, versions in shown)) for name in names)
    return [
        Table(("package", *(f"as of run {run}" for run, _ in shown)), lines, "Versions recorded by the runs")
    ]


def _stated(value: Any) -> Any:
    """Settings without those left empty, which are the defaults."""
    if isinstance(value, dict):
        inner = {key: _stated(one) for key, one in value.items()}
        return {key: one for key, one in inner.items() if one not in (None, {}, [])}
    return [_stated(one) for one in value] if isinstance(value, list) else value


def without_secrets(value: Any, name: str = "") -> Any:
    """Settings fit to publish: no credentials in URLs, nothing under a key that names a secret."""
    if isinstance(value, dict):
        return {key: without_secrets(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner) for inner in value]
    if isinstance(value, str):
        return "(removed)" if _SECRET.search(name) and value else _USERINFO.sub("", value)
    return value
