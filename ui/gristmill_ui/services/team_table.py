"""How far each person of a team is, as HTML: the table of the Team page, the goal in the line at the top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gristmill_data.store import Store
from gristmill_data.store.people import role_of
from gristmill_ui.services.events import clock
from gristmill_ui.services.markup import escape
from gristmill_ui.services.team import Goal, goal_of, known

COLUMNS = (
    ("Person", "Name, and role where it is not that of a reviewer"),
    ("Today", "Rows decided since midnight UTC, against the goal for a day"),
    ("In all", "Rows with a verdict of this person that counts, against the goal in all"),
    ("Accepted", "Share of those rows that this person accepted"),
    ("Seconds a row", "Median time from one decision to the next; pauses of more than ten minutes left out"),
    ("Agrees", "Of the times somebody else decided the same row: how often with the same result"),
    ("On screen", "Rows reserved for this person now"),
    ("Last decision", "When this person last decided a row"),
)


EXPLAINED = (
    "Today began at midnight UTC. Seconds a row: the median, without pauses of more than ten minutes. "
    "Agrees: how often others decided the same row with the same result. On screen: rows reserved for this "
    "person now. What a lead decided for many rows at once is not counted."
)


def table(store: Store, done: Sequence[Mapping[str, Any]], only: str | None = None) -> str:
    """How far everybody is (or ``only`` one of them), as an HTML table; ``done`` as the store tells it."""
    by_name = {row["reviewer"]: row for row in done}
    names = known(store, done) if only is None else [only]
    head = "".join(f'<th scope="col" title="{escape(why)}">{escape(name)}</th>' for name, why in COLUMNS)
    body = "".join(_line(store, name, by_name.get(name, {})) for name in names)
    return f'<table class="gm-team"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _line(store: Store, name: str, done: Mapping[str, Any]) -> str:
    goal, role = goal_of(store, name), role_of(store, name)
    tag = "" if role == "reviewer" else f' <span class="gm-tag">{role}</span>'
    total = done.get("total", 0)
    cells = [
        _against(done.get("today", 0), goal.day),
        _against(total, goal.all),
        f"{done['accepted'] / total:.0%}" if total else "–",
        f"{done['seconds']:.0f}" if done.get("timed") else "–",
        _agreement(done),
        str(done.get("looking", 0)),
        clock(done["latest"]) if done.get("latest") else "–",
    ]
    return f'<tr><th scope="row">{escape(name)}{tag}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _against(number: int, goal: int) -> str:
    """A number, and a bar when there is a goal."""
    if not goal:
        return f"{number:,}"
    share = f"width:{min(100, 100 * number / goal):.1f}%"
    return f'{number:,} of {goal:,}<div class="gm-bar" aria-hidden="true"><i style="{share}"></i></div>'


def _agreement(done: Mapping[str, Any]) -> str:
    if not done.get("compared"):
        return "–"
    return f"{done['agreed'] / done['compared']:.0%} of {done['compared']:,}"


def goal_line(counts: Mapping[str, int], goal: Goal) -> str:
    """How near one's goals one is, for the line at the top; empty without a goal."""
    parts = [
        f'<b class="{"gm-reached" if number >= wanted else ""}">{number:,}</b> of {wanted:,} {when}'
        for number, wanted, when in (
            (counts["mine_today"], goal.day, "today"),
            (counts["mine"], goal.all, "in all"),
        )
        if wanted
    ]
    return f" · your goal: {', '.join(parts)}" if parts else ""
