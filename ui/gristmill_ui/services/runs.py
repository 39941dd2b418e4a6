"""What people read of runs: what one would cost, how far one is, how one ended."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gristmill_data.store.lives import read_lives
from gristmill_ui.jobs.files import Job
from gristmill_ui.services.markup import escape
from gristmill_ui.services.recipes import Found

CODES: Mapping[int, tuple[str, str]] = {
    0: ("Finished", "Every row that was asked for is accounted for."),
    1: ("Stopped early", "Something went wrong, or it was told to stop; the last lines below say what."),
    2: ("Not started", "The recipe or an option is wrong. Nothing was sent and nothing was paid."),
    3: ("Budget spent", "It stopped before spending more than allowed. Start it again to go on."),
    4: ("Too many rows failed", "More rows failed than the recipe allows (max_failed_share)."),
}
"""Exit codes of ``gristmill run`` in words: what happened, what it means."""
KILLED = ("Killed", "Its process is gone without a word. Start it again: nothing that was answered is lost.")
KEEPS = "Nothing that was answered is lost: start it again to go on."
TAIL_LINES = 30
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_MIN_SECRET = 6


@dataclass(frozen=True, slots=True)
class Progress:
    """One run that goes on: a share from 0 to 1, and what to say beside the bar."""

    run: str
    name: str
    share: float
    state: str
    figures: tuple[tuple[str, str], ...]
    warning: str = ""


def estimate(job: Job | None) -> list[tuple[str, str]]:
    """What a preview found, as (label, value); empty while it is not there."""
    told = job.result if job is not None and job.code == 0 else {}
    if not told:
        return []
    cost = told.get("cost_usd")
    tokens = told["tokens"]
    return [
        ("Rows asked for", f"{told['planned']:,}"),
        ("From", f"{told['documents']:,} documents, {told['chunks']:,} passages"),
        ("Calls", f"{sum(told['calls'].values()):,}"),
        ("Tokens", f"{tokens['input']:,} in, {tokens['output']:,} out"),
        ("Cost at most", "unknown: a model has no price" if cost is None else f"${cost:,.2f}"),
    ]


def notes(job: Job | None) -> list[str]:
    """What else a preview has to say."""
    found = [] if job is None else [str(note) for note in job.result.get("notes", ())]
    return [f"{note[:1].upper()}{note[1:]}." for note in found]


def preview_of(jobs: Sequence[Job], recipe: Found, options: Mapping[str, Any]) -> Job | None:
    """The newest preview of a recipe with these options that its file has not outlived."""
    wanted = {name: options.get(name) for name in ("limit", "regenerate")}
    for job in jobs:
        if job.kind != "preview" or job.recipe != str(recipe.path.resolve()):
            continue
        given = {name: job.options.get(name) for name in wanted}
        if given == wanted and job.started >= recipe.path.stat().st_mtime:
            return job
    return None


def outcome(job: Job) -> tuple[str, str]:
    """How a job ended: in two words, and what that means."""
    if job.state == "killed":
        return KILLED
    title, meaning = CODES.get(job.code or 0, ("Ended", f"with the exit code {job.code}."))
    status = str(job.result.get("status") or "")
    if status == "interrupted":
        return "Stopped", f"It was told to stop. {KEEPS}"
    if status in _STATUSES and job.code == 0:
        return _STATUSES[status]
    return title, meaning


_STATUSES: Mapping[str, tuple[str, str]] = {
    "target": ("Finished", "As many rows as the recipe wants are accepted."),
    "short": ("Finished", "Every document was used, and fewer rows were accepted than the recipe wants."),
    "waiting": ("Waiting", "Calls are with the provider: start it again later to collect them."),
}


def result_line(job: Job) -> str:
    """The figures a run ended with; empty without any."""
    told = job.result
    if job.kind != "run" or "accepted" not in told:
        return ""
    lost = {name: sum(told[name].values()) for name in ("rejected", "failed")}
    return (
        f"{told['accepted']:,} accepted · {lost['rejected']:,} rejected · {lost['failed']:,} failed · "
        f"{told['pending']:,} left · ${told['cost_usd']:,.4f}"
    )


def log_tail(job: Job) -> str:
    """The last lines of what a job said, with every key of this computer's environment blotted out."""
    return masked("\n".join(job.log.splitlines()[-TAIL_LINES:]), os.environ)


def masked(text: str, environment: Mapping[str, str]) -> str:
    """``text`` without the values of variables that are named like secrets."""
    for name, value in environment.items():
        if _SECRET.search(name) and len(value) >= _MIN_SECRET:
            text = text.replace(value, "•••")
    return text


def when(seconds: float) -> str:
    """A moment, in UTC like all times of a dataset."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def going(db: Path) -> list[Progress]:
    """The runs that go on now, whoever started them."""
    return [_progress(life) for life in read_lives(db) if life["state"] == "running"]


def cut_short(db: Path, jobs: Sequence[Job]) -> list[str]:
    """Runs of the command line that were killed or failed; those started here speak for themselves."""
    mine = {job.process.get("pid") for job in jobs}
    lives = [life for life in read_lives(db) if life["state"] != "running" and life["pid"] not in mine]
    return [f"{life['name']} · run {life['run']} · {life['state']}. {KEEPS}" for life in lives]


def job_of(progress: Progress, jobs: Sequence[Job], db: Path) -> Job | None:
    """The job behind a run that goes on; None when it was started elsewhere."""
    for life in read_lives(db):
        if life["run"] == progress.run:
            process = {name: life.get(name) for name in ("host", "pid", "born")}
            return next((job for job in jobs if dict(job.process) == process), None)
    return None


def _progress(life: Mapping[str, Any]) -> Progress:
    rows, calls, target = life["rows"], life["calls"], life["target"] or {}
    wanted, done = target.get("wanted"), target.get("accepted")
    if not wanted:
        wanted, done = rows["planned"], rows["decided"]
    figures = [
        ("Passages", f"{life['chunks']['done']:,} of {life['chunks']['total']:,}"),
        ("Rows decided", f"{rows['decided']:,} of {rows['planned']:,}"),
        ("Accepted", f"{rows['accepted']:,}"),
        ("Rejected", f"{rows['rejected']:,}"),
        ("Failed", f"{rows['failed']:,}"),
        ("Calls", f"{calls['sent']:,} sent, {calls['cached']:,} from the cache"),
        ("Spent", _spent(life)),
        ("Time left", _left(life)),
    ]
    last = life.get("last_error")
    warning = f"Last error: {last['kind']} ({last['role']}): {last['message']}" if last else ""
    share = min(1.0, (done or 0) / wanted) if wanted else 0.0
    return Progress(
        life["run"], life["name"], share, _phase(life), tuple(figures), masked(warning, os.environ)
    )


def _phase(life: Mapping[str, Any]) -> str:
    if life["phase"] == "reading":
        return f"reading documents: {life['documents']:,} so far"
    if life["phase"] == "draining":
        return f"stopping ({life['stopping']}): calls on their way are awaited"
    return "saving" if life["phase"] == "saving" else "running"


def _spent(life: Mapping[str, Any]) -> str:
    limit = life["budget"].get("usd")
    return f"${life['cost_usd']:,.4f}" + (f" of ${limit:,.2f}" if limit is not None else "")


def _left(life: Mapping[str, Any]) -> str:
    seconds = life["eta_seconds"]
    return "not known yet" if seconds is None else f"about {timedelta(seconds=round(seconds))}"


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """Label and value a line, as HTML."""
    cells = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in rows)
    return f'<dl class="gm-facts">{cells}</dl>'


def log_html(text: str) -> str:
    """What a program said, as HTML that wraps."""
    return f'<div class="gm-log" tabindex="0" role="log" aria-label="Log"><pre>{escape(text)}</pre></div>'
