"""From verdicts to a score: each criterion by what most of them say, the points counted by rule."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gristmill.records import Evidence, Item
from gristmill.registry import Scored, Unscored
from gristmill.voting import Poll, Rule, Vote, majority, mean, median
from gristmill_scorers.imitation import without_orders
from gristmill_scorers.quotes import find
from gristmill_scorers.rubric_file import Criterion, Rubric
from gristmill_scorers.verdict import Finding

_WEIGHED = ("mode", "why", "share", "mass")
Verdict = Sequence[Finding]
Ballot = Sequence[Vote[Finding]]
"""The votes on one criterion, one for each sample."""


def by_criterion(verdicts: Sequence[Vote[Verdict]], count: int) -> list[Ballot]:
    """Verdicts on all ``count`` criteria at once as votes on each; a spoilt one is a spoilt vote on all."""
    return [
        [Vote(None if v.value is None else v.value[index], v.call, v.failed, v.text) for v in verdicts]
        for index in range(count)
    ]


def combine(
    rubric: Rubric, ballots: Sequence[Ballot], item: Item, *, rule: Rule, min_agreement: float
) -> Scored | Unscored:
    """The score that ``ballots`` (the votes of one or more samples on each criterion) give together.

    A yes-or-no criterion counts when more votes count it than do not: in a tie it does not, as for a
    single judge in doubt. Of grades the middle one holds, of shares weighed by log probabilities the mean.
    A criterion on which more abstain than agree leaves the example ``abstained``. The order of the samples
    decides nothing but whose quote is shown. Agreement is that of the criterion that was agreed on least.
    """
    polls = [_poll(criterion, ballot) for criterion, ballot in zip(rubric.criteria, ballots, strict=True)]
    # too few usable votes on any criterion leaves it open, whatever the others say
    broken = [index for index, poll in enumerate(polls) if poll.problem()]
    least = broken[0] if broken else min(range(len(polls)), key=lambda index: polls[index].agreement)
    reason = polls[least].problem(min_agreement)
    panel = Panel(rubric, ballots, polls)
    if reason == "no-agreement":
        criterion = rubric.criteria[least].id
        raw = f"{criterion}: {polls[least].agreement:.2f} < {min_agreement:g}"
        return Unscored(reason, raw, tuple(panel.rows()))
    if reason == "abstained":
        heard = all(any(vote.value for vote in ballot) for ballot in ballots)
        return Unscored(reason, _unsure(rubric, ballots), tuple(panel.rows() if heard else panel.unscored()))
    if reason:
        spoilt = next(vote for vote in ballots[least] if vote.failed)
        return Unscored(reason, spoilt.text, tuple(panel.unscored()))
    return panel.scored(item, rule)


@dataclass(frozen=True, slots=True)
class Panel:
    """All votes on one example, and the poll on each criterion."""

    rubric: Rubric
    ballots: Sequence[Ballot]
    polls: Sequence[Poll[float]]

    @property
    def samples(self) -> int:
        """How many verdicts were drawn on each criterion."""
        return len(self.ballots[0])

    def scored(self, item: Item, rule: Rule) -> Scored:
        """Points earned ÷ points to be had, 0…1."""
        found = [_speaker(poll, ballot) for poll, ballot in zip(self.polls, self.ballots, strict=True)]
        earned = sum(
            criterion.points * (poll.outcome or 0.0)
            for criterion, poll in zip(self.rubric.criteria, self.polls, strict=True)
        )
        value = self._value(earned)
        rationale = f"{earned:g} of {self.rubric.full_points:g} points; {_listed(self.rubric, found)}"
        if rule != "majority":
            values = [self._value(points) for points in self._totals()]
            value = statistics.median(values) if rule == "median" else statistics.fmean(values)
        modes = [finding.mode for finding in found]
        weighed = any(modes)
        if self.samples > 1:
            least = min(poll.agreement for poll in self.polls)
            usable = min(sum(not vote.failed for vote in ballot) for ballot in self.ballots)
            how = "mean" if weighed and rule == "majority" else rule
            rationale += f"; {how} of {usable}/{self.samples} verdicts, least agreement {least:.2f}"
        if weighed:
            sure = sum(mode == "logprobs" for mode in modes)
            rationale += f"; weighed by log probabilities: {sure} of {len(found)} criteria"
        return Scored(value, rationale, tuple(_evidence(found, item)), tuple(self.rows()))

    def rows(self) -> list[dict[str, Any]]:
        """One row for each criterion; of several verdicts with the agreement and every vote in it."""
        return [_row(poll, ballot) for poll, ballot in zip(self.polls, self.ballots, strict=True)]

    def unscored(self) -> list[dict[str, Any]]:
        """What is kept when there is no score: every call, with what it found or why it holds nothing."""
        if self.rubric.calls == "each":
            return [
                {"criterion": criterion.id, **_kept(place, [vote])}
                for criterion, ballot in zip(self.rubric.criteria, self.ballots, strict=True)
                for place, vote in enumerate(ballot)
            ]
        if self.samples == 1:
            return []
        return [_kept(place, [ballot[place] for ballot in self.ballots]) for place in range(self.samples)]

    def _totals(self) -> list[float]:
        """Points of each sample that was usable throughout; of none such, those of the outcome."""
        whole = [
            [ballot[place].value for ballot in self.ballots]
            for place in range(self.samples)
            if not any(_silent(ballot[place]) for ballot in self.ballots)
        ]
        totals = [sum(finding.earned for finding in findings if finding) for findings in whole]
        return totals or [
            sum(c.points * (p.outcome or 0.0) for c, p in zip(self.rubric.criteria, self.polls, strict=True))
        ]

    def _value(self, earned: float) -> float:
        # faults can push below zero; a score must not be negative
        return min(1.0, max(0.0, earned / self.rubric.full_points))


def _silent(vote: Vote[Finding]) -> bool:
    return vote.value is None or vote.value.unsure


def _unsure(rubric: Rubric, ballots: Sequence[Ballot]) -> str:
    """The criteria on which the judge abstained, with its reasons."""
    said = [
        f"{criterion.id}: {vote.value.reason}"
        for criterion, ballot in zip(rubric.criteria, ballots, strict=True)
        for vote in ballot
        if vote.value is not None and vote.value.unsure
    ]
    return "\n".join(said)


def _poll(criterion: Criterion, ballot: Ballot) -> Poll[float]:
    """The share of the points: by majority of yes and no, the middle of grades, the mean of expectations."""
    shares = [
        Vote(None if finding is None or finding.unsure else finding.kept, vote.call, vote.failed, vote.text)
        for vote in ballot
        for finding in [vote.value]
    ]
    # votes agree that are at most half a grade from the middle
    half = 0.5 / (criterion.highest - criterion.lowest)
    if any(vote.value is not None and vote.value.mode for vote in ballot):
        return mean(shares, tolerance=half)
    return median(shares, tolerance=half) if criterion.scale else majority(shares, prefer=0.0)


def _speaker(poll: Poll[float], ballot: Ballot) -> Finding:
    """The first finding nearest to the outcome: its quote and reason stand for it."""
    outcome = poll.outcome or 0.0
    found = [vote.value for vote in ballot if vote.value is not None]
    open_ = poll.outcome is None
    return min(found, key=lambda finding: (finding.unsure != open_, abs(finding.kept - outcome)))


def _listed(rubric: Rubric, found: Verdict) -> str:
    graded = [f for f in found if f.grade is not None and (f.counted or not f.met)]
    highest = {criterion.id: criterion.highest for criterion in rubric.criteria}
    plain = [f for f in found if f.grade is None]
    groups = {
        "graded": [f"{f.criterion} {f.grade}/{highest[f.criterion]}" for f in graded],
        "met": [f.criterion for f in plain if f.counted],
        "not met": [f.criterion for f in plain if not f.met],
        "void (quote not found)": [f.criterion for f in found if f.met and not f.counted],
    }
    return "; ".join(f"{name}: {', '.join(ids)}" for name, ids in groups.items() if ids)


def _row(poll: Poll[float], ballot: Ballot) -> dict[str, Any]:
    row = _speaker(poll, ballot).row()
    if len(ballot) == 1:
        return {**row, "call": ballot[0].call}
    votes = [
        {"sample": place, "call": vote.call, **_shown(vote), "agrees": agrees}
        for place, (vote, agrees) in enumerate(zip(ballot, poll.agrees, strict=True))
    ]
    return {**row, "agreement": poll.agreement, "votes": votes}


def _shown(vote: Vote[Finding]) -> Mapping[str, Any]:
    if vote.value is None:
        return {"failed": vote.failed}
    finding = vote.value.row()
    kept = ("met", "counted", "abstained", "grade", "quote", "quote_in", "reason", *_WEIGHED)
    return {name: finding[name] for name in kept if name in finding}


def _kept(place: int, votes: Ballot) -> dict[str, Any]:
    """One call of an example without a score."""
    row: dict[str, Any] = {"sample": place, "call": votes[0].call}
    if votes[0].failed:
        return {**row, "failed": votes[0].failed}
    return {**row, "verdict": [vote.value.row() for vote in votes if vote.value is not None]}


def _evidence(found: Verdict, item: Item) -> list[Evidence]:
    """Quotes that stand in the source, in offsets of the document."""
    rows: list[Evidence] = []
    source = without_orders(item.chunk.text)
    for finding in found:
        span = find(finding.quote, source) if finding.counted else None
        if span:
            rows.append(
                {
                    "chunk_id": item.chunk.id,
                    "start": item.chunk.start + span[0],
                    "end": item.chunk.start + span[1],
                    "quote": item.chunk.text[span[0] : span[1]],
                    "criterion": finding.criterion,
                }
            )
    return rows
