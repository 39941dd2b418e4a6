"""gristmill eval: models on tasks, every answer kept, every figure with its interval."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gristmill.cli.common import JsonOption, print_json, stderr_console
from gristmill.cli.loop import run_async
from gristmill.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from gristmill_evals.evaluation.plan import LoadedPlan
    from gristmill_evals.evaluation.runner import Evaluation, Outcome


class Endpoint(StrEnum):
    """How an openai: model is asked."""

    chat = "chat"
    completions = "completions"


ModelsOption = Annotated[
    list[str] | None,
    typer.Option("--model", help="Without a plan: openai:NAME, vllm:NAME … Repeatable.", show_default=False),
]
TasksOption = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        help="Without a plan: lm-eval:NAME[@FOLDER], or a JSONL file. Repeatable.",
        show_default=False,
    ),
]
RedoOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Ask unusable answers again: truncated, refused or failed (all of them). Repeatable.",
        show_default=False,
    ),
]


def evaluate(
    plan: Annotated[Path | None, typer.Argument(help="The plan (YAML).", show_default=False)] = None,
    model: ModelsOption = None,
    task: TasksOption = None,
    base_url: Annotated[
        str | None, typer.Option(help="With --model: the server's address.", show_default=False)
    ] = None,
    api_key_env: Annotated[
        str | None, typer.Option(help="With --model: the variable that holds the key.", show_default=False)
    ] = None,
    endpoint: Annotated[
        Endpoint | None, typer.Option(help="With --model: chat or completions.", show_default=False)
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N items of each task.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The folder of the results.", show_default=False)
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(min=0, help="Stop before spending more US dollars.")
    ] = None,
    redo: RedoOption = None,
    dry_run: Annotated[
        bool, typer.Option(help="Count items, calls and cost; send and write nothing.")
    ] = False,
    report: Annotated[bool, typer.Option(help="Write report.html, .json and .md beside the results.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Evaluate models on tasks: lm-eval, JSONL, judged prompts, conversations. Run again to go on."""
    from gristmill.models.redo import redo_kinds
    from gristmill_evals.evaluation.plan import load_plan
    from gristmill_evals.evaluation.runner import EvalOptions, Evaluation

    again = redo_kinds(redo or ())
    if plan is None:
        loaded = _quick(model, task, base_url, api_key_env, endpoint, not dry_run)
    else:
        _only_plan(model=model, task=task, base_url=base_url, api_key_env=api_key_env, endpoint=endpoint)
        loaded = load_plan(plan, check_keys=not dry_run)
    if out is not None:
        loaded = loaded.into(out.resolve())
    console = stderr_console()
    for warning in loaded.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    job = Evaluation(loaded, EvalOptions(limit, max_cost, again))
    code = _dry_run(loaded, job, as_json) if dry_run else _run(loaded, job, as_json, report)
    raise typer.Exit(code)


def _only_plan(**given: object) -> None:
    for name, value in given.items():
        if value:
            raise UsageError(
                f"--{name.replace('_', '-')} and a plan exclude each other", cure="write it into the plan"
            )


def _quick(
    models: list[str] | None,
    tasks: list[str] | None,
    base_url: str | None,
    api_key_env: str | None,
    endpoint: Endpoint | None,
    check_keys: bool,
) -> LoadedPlan:
    from gristmill_evals.evaluation.quick import quick_plan

    if not models or not tasks:
        raise UsageError(
            "name a plan, or a model and a task",
            cure="gristmill eval PLAN.yaml, or gristmill eval --model openai:NAME --task questions.jsonl",
        )
    given = {"base_url": base_url, "api_key_env": api_key_env, "endpoint": endpoint and str(endpoint)}
    return quick_plan(models, tasks, given, Path.cwd(), check_keys=check_keys)


def _run(loaded: LoadedPlan, job: Evaluation, as_json: bool, report: bool) -> int:
    from gristmill.cli.evaluate_view import show_outcomes, watch
    from gristmill.pipeline.signals import last_word, two_signals

    console = stderr_console()

    async def both() -> list[Outcome]:
        with two_signals(job.stop):
            async with watch(job, console):
                return await job.execute()

    with last_word(lambda: job.saved):
        outcomes = run_async(both())
        _mark(loaded, outcomes, console)
        reports = _reports(outcomes) if report else {}
    summary, code = show_outcomes(job, outcomes, reports, console)
    if as_json:
        print_json(summary)
    return code


def _mark(loaded: LoadedPlan, outcomes: list[Outcome], console: Console) -> None:
    """Which items the dataset gives away, anew each time: the dataset may have grown."""
    from gristmill.cli.evaluate_dataset import forget_marks, mark_outcomes

    if loaded.dataset is None or loaded.plan.clean_against is None:
        forget_marks(outcomes)
        return
    console.print(f"looking for the items in {loaded.dataset.name} …", markup=False, soft_wrap=True)
    mark_outcomes(loaded.dataset, loaded.plan.clean_against.min_score, outcomes)


def _reports(outcomes: list[Outcome]) -> dict[str, Any]:
    from gristmill_evals.evaluation.report import write_eval_report

    return {outcome.role: write_eval_report(outcome.folder) for outcome in outcomes if outcome.run.tasks}


def _dry_run(loaded: LoadedPlan, job: Evaluation, as_json: bool) -> int:
    from gristmill.cli.evaluate_view import show_projections
    from gristmill_evals.evaluation.rehearsal import rehearse

    projections = run_async(rehearse(loaded, job))
    show_projections(loaded, projections, stderr_console())
    if as_json:
        print_json({"dry_run": True, "models": [projection.as_json() for projection in projections]})
    return 1 if any(projection.failures for projection in projections) else 0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("eval")(evaluate)
