"""What people see of models in this process: the memory plan, the passes, how the engines did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.markup import escape

if TYPE_CHECKING:
    from rich.console import Console

    from gristmill.models.inprocess.memory import MemoryPlan
    from gristmill.pipeline.run import Run, Summary
    from gristmill.recipe import Loaded


def memory_plan(loaded: Loaded) -> MemoryPlan | None:
    """The plan for the recipe's ``vllm:`` models, None when it has none."""
    if not any(spec.backend == "vllm" for spec in loaded.recipe.models.values()):
        return None
    from gristmill.models.inprocess.memory import plan_memory

    return plan_memory(loaded.recipe.models.values(), loaded.recipe.passes)


def show_memory(plan: MemoryPlan | None, console: Console) -> None:
    """The plan with its numbers."""
    for line in plan.lines() if plan is not None else ():
        console.print(line, soft_wrap=True, markup=False)


def tell_local(run: Run, told: int, console: Console) -> int:
    """Print the plan and the passes begun since ``told`` lines; how many there are now."""
    if run.local is None:
        return 0
    plan, passes = run.local.engines.plan, run.local.passes
    lines = [plan.reason] if plan is not None and plan.mode != "single" else []
    if passes is not None:
        lines += (f"pass {number}: {one.model}" for number, one in enumerate(passes.done, 1))
    for line in lines[told:]:
        console.print(f"models: {line}", soft_wrap=True, markup=False, highlight=False)
    return len(lines)


def local_lines(summary: Summary) -> Iterator[str]:
    """For the end of a run."""
    yield from (escape(line) for line in (summary.local.lines() if summary.local is not None else ()))
