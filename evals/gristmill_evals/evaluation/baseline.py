"""Conversations of one model against those of another, by the judge of pairs, in both orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gristmill.errors import UsageError
from gristmill.models import Door
from gristmill.records import Example, Item
from gristmill.registry import Scored, Scorer, Unscored
from gristmill_evals.evaluation.folder import read_run
from gristmill_evals.evaluation.items import Prompt
from gristmill_evals.evaluation.records import EvalSample, MetricInfo
from gristmill_evals.evaluation.scoring import ORIGIN, score_all, source_of
from gristmill_evals.statistics import Estimate, win_rate

CONTROLLED = "win_length_controlled"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The answers of an earlier evaluation, by item; ``judge`` is a scorer ``pair``."""

    name: str
    answers: Mapping[str, tuple[str, ...]]
    judge: Scorer

    @classmethod
    def read(cls, folder: Path, task: str, judge: Scorer) -> Baseline:
        """The conversations of ``task`` in a run folder.

        Raises:
            UsageError: no run folder, or no such conversations in it.
        """
        run, samples = read_run(folder)
        answers = {
            sample.item_id: tuple(str(turn["response"]) for turn in sample.details["turns"])
            for sample in samples
            if sample.task == task and not sample.error and "turns" in sample.details
        }
        if not answers:
            known = ", ".join(info.name for info in run.tasks) or "none"
            raise UsageError(
                f"against: no conversations of a task {task!r} in this evaluation",
                where=str(folder),
                cure=f"it has the tasks: {known}; the names must be equal (name: in the plan)",
            )
        return cls(str(run.model.get("model", folder.name)), answers, judge)

    async def compare(self, prompt: Prompt, answers: Sequence[str], door: Door) -> Scored | Unscored:
        """1 where ``answers`` are better in both orders, 0 where the baseline's are, 0.5 otherwise."""
        other = self.answers.get(prompt.id)
        if other is None or len(other) != len(answers):
            return Unscored("no-baseline")
        document, chunk = source_of(prompt.id, prompt.context)
        reference = _numbered("REFERENCE FOR TURN", prompt.references)
        example = Example.make(
            "preference",
            [*prompt.said, {"role": "user", "content": _numbered("TURN", prompt.turns)}],
            generator=ORIGIN,
            chunk_ids=[chunk.id],
            chosen=_numbered("ANSWER TO TURN", answers),
            rejected=_numbered("ANSWER TO TURN", other),
            metadata={"reference": reference} if reference else {},
        )
        (result,) = (await score_all([self.judge], Item(example, chunk, document), door)).values()
        return result


def _numbered(name: str, texts: Sequence[str]) -> str:
    """Several texts as one: both sides of a comparison have the same form."""
    if len(texts) == 1:
        return texts[0]
    return "\n\n".join(f"[{name} {number}]\n{text}" for number, text in enumerate(texts, 1) if text)


def win_metrics(samples: Sequence[EvalSample]) -> tuple[MetricInfo, ...]:
    """The win rate, and what it would be with answers of equal length, which has no value for one item.

    Ties count half. Lengths are in characters, over all turns.
    """
    rows = [
        (float(value), sample.cluster, sample.details["win"]["votes"][0]["chars"])
        for sample in samples
        if (value := sample.metrics.get("win")) is not None
    ]
    plain = MetricInfo("win")
    if not rows:
        return (plain,)
    outcomes, clusters, chars = zip(*rows, strict=True)
    rate = win_rate(outcomes, clusters, [(ours, theirs) for ours, theirs in chars])
    found = rate.controlled
    if found is None or (rate.length_effect is None and found.note):  # then it is the raw rate
        note = "not estimated" if found is None else found.note
        return plain, MetricInfo(CONTROLLED, mean=False, value=None, note=note)
    return plain, MetricInfo(CONTROLLED, mean=False, value=found.mean, note=_note(found))


def _note(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return found.note
    interval = f"95 % interval {found.low:.3f} to {found.high:.3f}, of {found.n} comparisons"
    return f"{interval}; {found.note}" if found.note else interval
