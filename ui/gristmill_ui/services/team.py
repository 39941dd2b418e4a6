"""A team at work: how it reviews, who may do what, how far each of them is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gristmill_data.store import Store
from gristmill_data.store.people import Role, people, set_role
from gristmill_data.store.settings import set_setting, setting, settings, settings_log
from gristmill_ui.services.events import clock
from gristmill_ui.services.markup import escape

ROLES: dict[Role, str] = {
    "reader": "Reader: sees everything, decides nothing",
    "reviewer": "Reviewer: decides rows",
    "lead": "Lead: has the last word, acts on many rows, sets up the team",
}

HIDDEN = "after the verdict, unless a reviewer chooses otherwise"
LABELS = {
    "overlap": "reviewers a row",
    "lease_minutes": "minutes of a reservation",
    "goals": "goals",
    "hide_scores": "scores wait for the verdict",
}


@dataclass(frozen=True, slots=True)
class Goal:
    """How many rows somebody is to decide, a day and in all; 0 for no goal."""

    day: int = 0
    all: int = 0


@dataclass(frozen=True, slots=True)
class Ways:
    """How the team reviews, as one form shows it. ``percent`` of the rows get several reviewers."""

    reviewers: int
    percent: int
    lease_minutes: int
    hide_scores: bool
    goal: Goal


def ways(store: Store) -> Ways:
    """The settings as they stand."""
    now = settings(store)
    goal = Goal(now["goals"].get("day", 0), now["goals"].get("all", 0))
    overlap = now["overlap"]
    percent = round(100 * overlap["share"])
    return Ways(overlap["reviewers"], percent, now["lease_minutes"], now["hide_scores"], goal)


def save_ways(store: Store, author: str, wanted: Ways) -> int:
    """Save what differs from now; how many settings that were.

    Raises:
        StoreError: the author is no lead, or a value makes no sense.
    """
    goals = {**setting(store, "goals"), "day": wanted.goal.day, "all": wanted.goal.all}
    overlap = {"reviewers": wanted.reviewers, "share": wanted.percent / 100}
    values = {
        "overlap": overlap,
        "lease_minutes": wanted.lease_minutes,
        "hide_scores": wanted.hide_scores,
        "goals": goals,
    }
    return sum(set_setting(store, name, value, author) for name, value in values.items())


def save_person(store: Store, author: str, name: str, role: Role, goal: Goal | None) -> None:
    """Say what ``name`` may do, and their own goal (None: that of the team).

    Raises:
        StoreError: the author is no lead, the name is none, or nobody would lead.
    """
    set_role(store, name, role, author)
    goals = setting(store, "goals")
    own = {who: numbers for who, numbers in goals.get("people", {}).items() if who != name}
    if goal is not None:
        own[name] = {"day": goal.day, "all": goal.all}
    set_setting(store, "goals", {**goals, "people": own}, author)


def goal_of(store: Store, name: str) -> Goal:
    """What ``name`` is to do: their own goal, or that of everybody."""
    goals = setting(store, "goals")
    own = goals.get("people", {}).get(name, goals)
    return Goal(own.get("day", 0), own.get("all", 0))


def own_goal(store: Store, name: str) -> Goal | None:
    """The goal set for ``name`` alone."""
    return goal_of(store, name) if name in setting(store, "goals").get("people", {}) else None


def known(store: Store, done: Sequence[Mapping[str, Any]]) -> list[str]:
    """Everybody who is listed or is in ``done`` (see :func:`progress_by_person`), by name."""
    names = {person.name for person in people(store)} | {row["reviewer"] for row in done}
    return sorted(names, key=lambda name: (name.lower(), name))


def told(store: Store) -> list[str]:
    """The settings in sentences, for those who cannot change them."""
    now = ways(store)
    several = f"{now.percent} % of the rows get {now.reviewers} reviewers each, the others one."
    sentences = [
        "Every row gets one reviewer." if now.reviewers == 1 or not now.percent else several,
        f"A row on a screen is kept from others until {now.lease_minutes} minutes after the last action.",
        f"Scores of the judges are shown {HIDDEN if now.hide_scores else 'from the start'}.",
    ]
    leads = [person.name for person in people(store) if person.role == "lead"]
    return [*sentences, f"Leads: {', '.join(leads) or 'nobody yet'}."]


def changes(store: Store) -> list[str]:
    """What was changed, by whom and when, newest first."""
    return [
        f"{clock(change['time'])} {change['author']}: {LABELS.get(change['name'], change['name'])} "
        f"is {_value(change['value'])}"
        + (f" (was {_value(change['before'])})" if change["before"] is not None else "")
        for change in settings_log(store)
    ]


def _value(value: Any) -> str:
    if isinstance(value, Mapping) and "share" in value:
        return f"{value['reviewers']} for {value['share']:.0%} of the rows"
    if isinstance(value, Mapping):
        own = [f"{who}: {_value(goal)}" for who, goal in value.get("people", {}).items()]
        return "; ".join([f"{value.get('day', 0)} a day, {value.get('all', 0)} in all", *own])
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def sentences(lines: Sequence[str]) -> str:
    """Lines as an HTML list."""
    return f'<div class="gm-prose"><ul>{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul></div>'
