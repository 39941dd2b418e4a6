"""What people see of a target: the forecast while a run lasts, and whether it was reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.markup import escape

if TYPE_CHECKING:
    from rich.console import Console

    from gristmill.pipeline.run import Summary
    from gristmill.pipeline.target import Goal


def goal_state(goal: Goal, seconds: float) -> str:
    """For the progress line: the yield, how many chunks are still needed, and how long they take."""
    found = goal.forecast()
    if found is None:
        return ""
    return f" · {found.line(found.based_on / max(seconds, 1e-9))}"


def tell(goal: Goal, told: int, console: Console) -> int:
    """Print what the run noticed since ``told`` notices; how many there are now."""
    for notice in goal.notices[told:]:
        console.print(f"[bold yellow]warning:[/] {escape(notice)}", soft_wrap=True, highlight=False)
    return len(goal.notices)


def goal_lines(summary: Summary) -> Iterator[str]:
    """For the end of a run: was the target reached, and what to do when it was not."""
    goal = summary.goal
    if goal is None or goal.spec.goal is None:
        return
    earlier = f", {goal.before} of them by earlier runs" if goal.before else ""
    counted = f"{goal.accepted} of {goal.spec.goal} rows wanted are accepted{earlier}"
    if summary.status == "short":
        yield f"[bold yellow]short of the target:[/] {counted}; every chunk was walked"
        yield "  → add documents, loosen accept or raise per_chunk, and run again: nothing is asked twice"
    else:
        yield f"target: {counted}"
    for quota in goal.quotas:
        for label in () if goal.full else quota.limits or ():
            if (missing := quota.room(label)) > 0:
                yield f"  {escape(f'{quota.field}={label}')}: {quota.counts[label]}, {missing} missing"
