"""What was evaluated, and the figures to look at first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from gristmill_evals.evaluation.records import TaskInfo
from gristmill_evals.evaluation.report.data import Evaluation, cluster_of, scored
from gristmill_evals.evaluation.report.figures import fixed, score, share
from gristmill_evals.report.blocks import Block, Figure, Figures, Note, Section, Table

MOST = 12


def overview(found: Evaluation) -> Iterator[Section]:
    """The run, warnings, and the main metric of each task."""
    blocks: list[Block] = [Table(("", ""), tuple(_about(found)))]
    blocks += [Note(text, "warning") for text in _warnings(found)]
    yield Section("about", "This evaluation", tuple(blocks))
    intro = (
        "Intervals are 95 %. Items that share a source (a document, a passage, an original) are not"
        " independent: they count as one cluster. Items without a value count as neither right nor wrong."
    )
    yield Section("figures", "Key figures", tuple(_figures(found)), intro)


def _about(found: Evaluation) -> Iterator[tuple[str, str]]:
    run = found.run
    yield "Model", str(run.model.get("model") or "not recorded")
    yield "Role", str(run.model.get("role") or "not recorded")
    for role, spec in run.judges.items():
        yield f"Asked as {role}", str(spec.get("model") or "not recorded")
    yield "Evaluation", f"{run.name}, {run.id}, {run.status}"
    yield "Started", moment(run.started)
    yield "Finished", moment(run.finished) or "not finished"
    yield "Gristmill", run.versions.get("gristmill", "not recorded")


def moment(text: str) -> str:
    """An ISO time to the minute."""
    return f"{text[:16].replace('T', ' ')} UTC" if text else ""


def minutes(found: Evaluation) -> float | None:
    """How long the run took."""
    if not (found.run.started and found.run.finished):
        return None
    start, end = (datetime.fromisoformat(text) for text in (found.run.started, found.run.finished))
    return (end - start).total_seconds() / 60


def _warnings(found: Evaluation) -> Iterator[str]:
    run = found.run
    model = str(run.model.get("model") or "")
    if not run.finished:
        yield f"This evaluation is not complete (status: {run.status}); figures are of what is there."
    for task, reason in run.failures.items():
        yield f"The task {task} could not be run: {reason}"
    if model.startswith("offline:"):
        yield f"No language model: {model} answers by rules. These figures say nothing about a model."
    judges = [str(spec.get("model")) for spec in run.judges.values()]
    offline = sorted({name for name in judges if name.startswith("offline:")})
    if offline:
        yield f"Judged by rules, without a language model: {', '.join(offline)}."
    if model and model in judges:
        yield "The model judges its own answers: judges prefer what they wrote themselves."
    guessed = [task.name for task in found.tasks if task.name not in {known.name for known in run.tasks}]
    if guessed:
        yield f"Cut off before they were described, so without their settings: {', '.join(guessed)}."


def _figures(found: Evaluation) -> Iterator[Block]:
    items = [_main(found, task) for task in found.tasks[:MOST] if task.metrics and found.of(task)]
    samples = found.samples
    clusters = [f"{sample.task} {cluster_of(sample)}" for sample in samples]
    failed = share("Items without an answer", [bool(sample.error) for sample in samples], clusters)
    usage = found.run.usage
    items += [failed, *_cost(usage.get("cost_usd"), int(usage.get("unpriced") or 0), len(samples))]
    if (taken := minutes(found)) is not None:
        items.append(Figure("Minutes from start to end", f"{taken:.1f}", note="by the clock, no interval"))
    yield Figures(tuple(items))
    left = len(found.tasks) - MOST
    if left > 0:
        yield Note(f"{left} more tasks are in the table below.")


def _main(found: Evaluation, task: TaskInfo) -> Figure:
    metric, label = task.metrics[0], f"{task.name}: {task.metrics[0].name}"
    if not metric.mean:
        return fixed(label, metric, len(found.of(task)))
    return score(label, *scored(found.of(task), metric.name), metric)


def _cost(usd: float | None, unpriced: int, items: int) -> list[Figure]:
    if usd is None:
        return [Figure("Cost", None, "usd", note="not recorded")]
    note = f"price unknown for {unpriced:,} calls" if unpriced else "counted, no interval"
    each = Figure("Cost per item", usd / items, "usd", items, "items", note=note) if items else None
    return [Figure("Cost", usd, "usd", note=note), *([each] if each else [])]
