"""One run of ``lm_eval.simple_evaluate``: tasks in, samples and what is known of each task out."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from gristmill.errors import GristmillError, MissingExtraError, UsageError
from gristmill_evals.evaluation.lm.worker import Bridge, in_thread
from gristmill_evals.evaluation.records import EvalContext, EvalSample, TaskInfo
from gristmill_evals.lm_tasks import manager

if TYPE_CHECKING:
    from gristmill_evals.contamination.lm_eval_render import Rendered
    from gristmill_evals.evaluation.lm.model import GristmillLM, Wishes


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run and how.

    ``load`` gives the leaf tasks by name; it is called in lm-eval's thread. ``name`` stands in place of the
    task's own, or in front of those of several. ``item_id`` is told a task's
    name, a document and its number, ``cluster`` a document and its id. ``parts`` are an item's question,
    answer and choices; without it they are had of the task's templates. ``chat``: prompts are chat turns.
    """

    kind: str
    where: str
    load: Callable[[], Mapping[str, Any]]
    wishes: Wishes
    chat: bool
    seed: int
    limit: int | None = None
    num_fewshot: int | None = None
    multiturn: bool = True
    system: str = ""
    allow_code: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    item_id: Callable[[str, Mapping[str, Any], int], str] = lambda name, _, number: f"{name}-{number}"
    cluster: Callable[[Mapping[str, Any], str], str] = lambda _, item: item
    parts: Callable[[Mapping[str, Any]], Rendered] | None = None


def check_installed(feature: str) -> None:
    """Make sure that lm-eval is there.

    Raises:
        MissingExtraError: it is not.
    """
    if importlib.util.find_spec("lm_eval") is None:
        raise MissingExtraError(feature, "eval")


async def run(order: Order, context: EvalContext) -> tuple[TaskInfo, ...]:
    """Run the tasks, emit their samples, and say what was run.

    Samples come when all requests of all tasks are answered: lm-eval measures at the end. Answers are in the
    door's cache as they come, so a run that was stopped goes on where it was.

    Raises:
        GristmillError: nothing of it can be run, or it was stopped (a spent budget, a wrong key).
    """
    outcome = await in_thread(lambda bridge: _evaluated(order, context, bridge))
    for _, samples in outcome:
        for sample in samples:
            context.emit(sample)
    return tuple(info for info, _ in outcome)


Outcome = list[tuple[TaskInfo, list[EvalSample]]]


def _evaluated(order: Order, context: EvalContext, bridge: Bridge) -> Outcome:
    from gristmill_evals.evaluation.lm.guard import Guard
    from gristmill_evals.evaluation.lm.loading import as_told, check
    from gristmill_evals.evaluation.lm.model import GristmillLM

    model = GristmillLM(context.door, context.model, bridge, order.wishes)
    with as_told(order.seed, allow_code=order.allow_code):
        tasks = order.load()
        check(tasks, context.door.spec_of(context.model), order.where, allow_code=order.allow_code)
        guards = {name: Guard(task) for name, task in tasks.items()}
        for name, guard in guards.items():
            guard.watch(model.notes)
            order.cluster(guard.task.eval_docs[0], "")  # a wrong column must not come out at the end
            bridge.tell(context.expect, _title(order, name, len(tasks)), _count(guard.task, order.limit))
        results = _simple_evaluate(order, model, tasks)
        return [_outcome(order, name, guard, model, results) for name, guard in guards.items()]


def _simple_evaluate(order: Order, model: GristmillLM, tasks: Mapping[str, Any]) -> Mapping[str, Any]:
    import lm_eval

    try:
        results = lm_eval.simple_evaluate(
            model=model,
            tasks=list(tasks.values()),
            task_manager=manager(None, False),  # the tasks are loaded already
            num_fewshot=order.num_fewshot,
            limit=order.limit,
            log_samples=True,
            bootstrap_iters=0,
            system_instruction=order.system or None,
            apply_chat_template=order.chat,
            fewshot_as_multiturn=order.multiturn,
            gen_kwargs=dict(order.wishes.params) or None,
            random_seed=order.seed,
            numpy_random_seed=order.seed,
            torch_random_seed=None,
            fewshot_random_seed=order.seed,
            confirm_run_unsafe_code=order.allow_code,
        )
    except GristmillError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"[:500]
        raise UsageError(
            f"lm-eval cannot run it: {reason}", where=order.where, cure="see docs/lm-eval.md"
        ) from error
    found: Mapping[str, Any] = results
    return found


def _outcome(
    order: Order, name: str, guard: Any, model: GristmillLM, results: Mapping[str, Any]
) -> tuple[TaskInfo, list[EvalSample]]:
    from gristmill_evals.evaluation.lm.metrics import infos
    from gristmill_evals.evaluation.lm.samples import Reading, found_metrics, read

    task, logged = guard.task, results["samples"][name]
    title = _title(order, name, len(results["samples"]))
    reading = Reading(
        title,
        task,
        model.notes,
        guard,
        lambda document, number: order.item_id(name, document, number),
        order.cluster,
        order.parts,
    )
    samples = read(reading, logged)
    metrics = infos(task, samples, results["results"][name], found_metrics(logged))
    told = "" if task.VERSION in (None, "Yaml") else str(task.VERSION)
    info = TaskInfo(title, order.kind, metrics, len(samples), told, _settings(order, task, model))
    return info, samples


def _title(order: Order, name: str, count: int) -> str:
    return name if not order.name else order.name if count == 1 else f"{order.name}/{name}"


def _settings(order: Order, task: Any, model: GristmillLM) -> dict[str, Any]:
    """What lm-eval really did: some settings a task does not let anybody change."""
    shots = int(task.config.num_fewshot or 0)
    notes = []
    if order.num_fewshot is not None and shots != order.num_fewshot:
        notes.append(f"the task fixes num_fewshot at {shots}: {order.num_fewshot} was not used")
    if shots and not (task.has_training_docs() or task.has_validation_docs() or _has_own_examples(task)):
        notes.append("examples in prompts come from the evaluated items themselves")
    if model.notes.ignored:
        notes.append(f"no API knows these settings of the task: {', '.join(sorted(model.notes.ignored))}")
    return {
        **order.settings,
        "num_fewshot": shots,
        "chat_template": order.chat,
        "seed": order.seed,
        "output_type": str(task.OUTPUT_TYPE),
        "generation": dict(getattr(task.config, "generation_kwargs", None) or {}),
        "lm_eval": version("lm_eval"),
        "notes": notes,
    }


def _has_own_examples(task: Any) -> bool:
    told = getattr(task, "fewshot_cfg", None)
    split = getattr(told, "split", None)
    other = split is not None and split != task.config.test_split
    return other or getattr(told, "samples", None) is not None


def _count(task: Any, limit: int | None) -> int:
    whole = len(task.eval_docs)
    return whole if limit is None else min(whole, limit)
