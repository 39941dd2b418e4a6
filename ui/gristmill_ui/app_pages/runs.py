"""The runs page: start a recipe, see what it would cost and how far it is, take the data out."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gristmill.errors import GristmillError
from gristmill_data.store import Store
from gristmill_data.store.regenerate import waiting
from gristmill_ui import session
from gristmill_ui.jobs import office
from gristmill_ui.jobs.files import Job, Kind
from gristmill_ui.services import recipes, runs
from gristmill_ui.services.markup import escape
from gristmill_ui.services.recipes import Found
from gristmill_ui.views import takeout

EVERY = 2
"""Seconds between two looks at what runs."""
AT_MOST = "At most: rows that a gate rejects are not judged, and answers that are cached cost nothing."
NO_RECIPE = (
    '<div class="gm-card"><p class="gm-label">No recipe</p><p>There is no recipe beside this dataset that '
    "writes to it. Put one there (a YAML file, see the guide), or start the app with "
    "<code>--recipes FOLDER</code>.</p></div>"
)


def render() -> None:
    """Draw the page."""
    store, lead = session.store(), session.role() == "lead"
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.subheader("Start a run", anchor=False)
        _begin(store, lead)
    with right:
        _going(lead)
        takeout.section(store, lead)


def _begin(store: Store, lead: bool) -> None:
    found = recipes.recipes(store.path)
    for broken in (one for one in found if one.problem):
        _warn(f"{broken.shown}: {broken.problem}")
    usable = [one for one in found if not one.problem]
    if not usable:
        st.html(NO_RECIPE)
        return
    if not lead:
        st.caption("Only leads can start and stop runs: a run may cost money. You can watch them here.")
    chosen = st.selectbox(
        "Recipe", usable, format_func=lambda one: f"{one.name} ({one.shown})", key="gm_recipe",
        persist_state="session",
    )  # fmt: skip
    st.html(runs.facts(chosen.facts))
    options = _options(store, chosen, lead)
    _steps(store, chosen, options, lead)


def _options(store: Store, recipe: Found, lead: bool) -> dict[str, Any]:
    asked = waiting(store).get(recipe.name, 0)
    again = st.checkbox(
        f"Only make rows again that reviewers sent back ({asked:,} waiting)", key="gm_run_again",
        disabled=not lead or not asked, persist_state="session",
        help="Asks for each of these rows once more, told what was wrong with it. Other work is left alone.",
    )  # fmt: skip
    first, second = st.columns(2, gap="small")
    limit = first.number_input(
        "Only so many passages", min_value=1, value=None, placeholder="All", key="gm_run_limit",
        disabled=not lead or (again and asked > 0), persist_state="session",
        help="For a first try: the first ones. Run again without it to go on with the rest.",
    )  # fmt: skip
    money = second.number_input(
        "Stop before spending ($)", min_value=0.0, value=None, placeholder="The recipe's budget",
        key="gm_run_money", disabled=not lead, persist_state="session",
    )  # fmt: skip
    regenerate = bool(again and asked)
    return {"regenerate": regenerate, "limit": None if regenerate else limit, "max_cost": money}


def _steps(store: Store, recipe: Found, options: dict[str, Any], lead: bool) -> None:
    preview = runs.preview_of(office.all_jobs(store.path), recipe, options)
    ready, busy = preview is not None and preview.code == 0, office.running(store.path, recipe.name)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "1 · What will it cost?", key="gm_run_preview", disabled=not lead, on_click=_start,
            args=(store, recipe, "preview", options), type="secondary" if ready else "primary",
        )  # fmt: skip
        st.button(
            "2 · Start the run", key="gm_run_start", on_click=_start,
            disabled=not lead or not ready or bool(busy),
            args=(store, recipe, "run", options), type="primary" if ready else "secondary",
            help=None if ready else "Look first at what it will cost.",
        )  # fmt: skip
    if busy:
        st.caption("This recipe is being run: it can be started again when that is over.")
    if message := st.session_state.pop("gm_run_message", ""):
        st.html(f'<div class="gm-message" role="alert">{escape(message)}</div>')
    if preview is not None:
        _preview(preview)


@st.fragment(run_every=EVERY)
def _preview(preview: Job) -> None:
    if preview.state in ("starting", "running"):
        st.session_state["gm_previewing"] = preview.id
        st.caption("Reading the documents and counting …")
        return
    if st.session_state.pop("gm_previewing", "") == preview.id:
        st.rerun()
    if preview.code == 0:
        st.html(runs.facts(runs.estimate(preview)))
        for note in (AT_MOST, *runs.notes(preview)):
            st.html(f'<div class="gm-meta">{escape(note)}</div>')
    else:
        _ended(preview)


def _start(store: Store, recipe: Found, kind: Kind, options: dict[str, Any]) -> None:
    try:
        office.start(store, recipe, kind, session.reviewer(), options)
    except GristmillError as error:
        st.session_state["gm_run_message"] = f"Not started: {error.message}. {error.cure}".strip()
    except OSError as error:
        st.session_state["gm_run_message"] = f"Not started: {error.strerror or error}."


@st.fragment(run_every=EVERY)
def _going(lead: bool) -> None:
    store = session.store()
    jobs = [job for job in office.all_jobs(store.path) if job.kind == "run"]
    going = runs.going(store.path)
    _notice([job.id for job in jobs if job.state in ("starting", "running")] + [one.run for one in going])
    st.subheader("Running now", anchor=False)
    if message := st.session_state.pop("gm_stop_message", ""):
        _warn(message)
    for progress in going:
        _card(store, progress, runs.job_of(progress, jobs, store.path), lead)
    starting = [job for job in jobs if job.state == "starting" or (job.state == "running" and not going)]
    for job in starting:
        st.html(f'<div class="gm-card">{escape(job.name)} is starting …</div>')
    if not going and not starting:
        st.caption("Nothing runs now.")
    for line in runs.cut_short(store.path, jobs):
        _warn(line)
    over = [job for job in jobs if job.state in ("ended", "killed")]
    if over:
        st.subheader("Started here before", anchor=False)
    for number, job in enumerate(over[:8]):
        _ended(job, opened=number == 0 and job.code != 0)


def _notice(busy: list[str]) -> None:
    """What can be started depends on what runs: the whole page is drawn again when that changes."""
    before = st.session_state.get("gm_runs_busy")
    st.session_state["gm_runs_busy"] = busy
    if before is not None and before != busy:
        st.rerun()


def _card(store: Store, progress: runs.Progress, job: Job | None, lead: bool) -> None:
    with st.container(border=True):
        head, button = st.columns([4, 1], vertical_alignment="center")
        head.html(f"<b>{escape(progress.name)}</b> · {escape(progress.state)}")
        if job is not None:
            with button:
                _stop_button(store, job, lead)
        st.progress(progress.share, text=f"{100 * progress.share:.0f} %")
        st.html(runs.facts(progress.figures))
        if progress.warning:
            _warn(progress.warning)
        whence = f"here by {job.by}" if job is not None else "from the command line"
        whence += f", stopped by {job.stopper}" if job is not None and job.stopper else ""
        st.html(f'<div class="gm-meta">Started {escape(whence)} · run {escape(progress.run)}</div>')


def _stop_button(store: Store, job: Job, lead: bool) -> None:
    """The second button has a name of its own: a double click on the first must not drop paid calls."""
    if job.stopper:
        st.button(
            "Stop now", key=f"gm_stop_now_{job.id}", disabled=not lead, on_click=_stop,
            args=(store, job, True), width="stretch", help="Drops the calls on their way.",
        )  # fmt: skip
    else:
        st.button(
            "Stop", key=f"gm_stop_{job.id}", disabled=not lead, on_click=_stop, args=(store, job, False),
            width="stretch", help="Waits for the calls on their way; what was answered is kept.",
        )  # fmt: skip


def _stop(store: Store, job: Job, now: bool) -> None:
    try:
        office.stop(store, job, session.reviewer(), now=now)
    except GristmillError as error:
        st.session_state["gm_stop_message"] = f"Not stopped: {error.message}. {error.cure}".strip()


def _warn(text: str) -> None:
    """Words of files and providers: never as Markdown."""
    st.html(f'<div class="gm-card gm-warning" role="alert">{escape(text)}</div>')


def _ended(job: Job, opened: bool = True) -> None:
    title, meaning = runs.outcome(job)
    line = runs.result_line(job)
    with st.expander(f"{job.name} · {title} · {runs.when(job.started)}", expanded=opened):
        st.caption(meaning)
        st.html(f'<div class="gm-meta">{escape(f"Started by {job.by}")}{" · " if line else ""}{line}</div>')
        if text := runs.log_tail(job):
            st.html(runs.log_html(text))
