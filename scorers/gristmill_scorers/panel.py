"""From verdicts to a score: each criterion by the majority of them, the points counted by rule."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gristmill.records import Evidence, Item
from gristmill.registry import Scored, Unscored
from gristmill.voting import Poll, Rule, Vote, majority
from gristmill_scorers.quotes import find
from gristmill_scorers.rubric_file import Rubric
from gristmill_scorers.verdict import Finding

Verdict = Sequence[Finding]


def combine(
    rubric: Rubric, verdicts: Sequence[Vote[Verdict]], item: Item, *, rule: Rule, min_agreement: float
) -> Scored | Unscored:
    """The score that ``verdicts`` (the votes of one or more samples) give together.

    A criterion counts when more verdicts count it than do not: in a tie it does not, as for a single judge
    in doubt. Agreement is that of the criterion that was agreed on least.
    """
    polls = [_poll(verdicts, index) for index in range(len(rubric.criteria))]
    least = min(polls, key=lambda poll: poll.agreement)
    reason = least.problem(min_agreement)
    if reason == "no-agreement":
        criterion = rubric.criteria[polls.index(least)].id
        raw = f"{criterion}: {least.agreement:.2f} < {min_agreement:g}"
        return Unscored(reason, raw, tuple(_rows(polls, verdicts)))
    if reason:
        spoilt = next(vote for vote in verdicts if vote.failed)
        return Unscored(reason, spoilt.text, tuple(_spoilt(verdicts)) if len(verdicts) > 1 else ())
    return _scored(rubric, polls, verdicts, item, rule)


def _poll(verdicts: Sequence[Vote[Verdict]], index: int) -> Poll[bool]:
    counted = [
        Vote(None if vote.value is None else vote.value[index].counted, vote.call, vote.failed)
        for vote in verdicts
    ]
    return majority(counted, prefer=False)


def _scored(
    rubric: Rubric, polls: Sequence[Poll[bool]], verdicts: Sequence[Vote[Verdict]], item: Item, rule: Rule
) -> Scored:
    found = [_speaker(poll, verdicts, index) for index, poll in enumerate(polls)]
    earned = sum(finding.points for finding in found if finding.counted)
    value = _value(rubric, found)
    rationale = f"{earned:g} of {rubric.full_points:g} points; {_listed(found)}"
    usable = [vote.value for vote in verdicts if vote.value is not None]
    if rule != "majority":
        values = [_value(rubric, verdict) for verdict in usable]
        value = statistics.median(values) if rule == "median" else statistics.fmean(values)
    if len(verdicts) > 1:
        least = min(poll.agreement for poll in polls)
        rationale += f"; {rule} of {len(usable)}/{len(verdicts)} verdicts, least agreement {least:.2f}"
    return Scored(value, rationale, tuple(_evidence(found, item)), tuple(_rows(polls, verdicts)))


def _speaker(poll: Poll[bool], verdicts: Sequence[Vote[Verdict]], index: int) -> Finding:
    """The first finding that agrees with the outcome: its quote and reason stand for it."""
    assert poll.stands is not None
    verdict = verdicts[poll.stands].value
    assert verdict is not None
    return verdict[index]


def _value(rubric: Rubric, found: Verdict) -> float:
    earned = sum(finding.points for finding in found if finding.counted)
    # faults can push below zero; a score must not be negative
    return min(1.0, max(0.0, earned / rubric.full_points))


def _listed(found: Verdict) -> str:
    groups = {
        "met": [f.criterion for f in found if f.counted],
        "not met": [f.criterion for f in found if not f.met],
        "void (quote not found)": [f.criterion for f in found if f.met and not f.counted],
    }
    return "; ".join(f"{name}: {', '.join(ids)}" for name, ids in groups.items() if ids)


def _rows(polls: Sequence[Poll[bool]], verdicts: Sequence[Vote[Verdict]]) -> list[dict[str, Any]]:
    """One row for each criterion; of several verdicts with the agreement and every vote in it."""
    rows = []
    for index, poll in enumerate(polls):
        row: dict[str, Any] = asdict(_speaker(poll, verdicts, index))
        if len(verdicts) == 1:
            rows.append({**row, "call": verdicts[0].call})
            continue
        votes = [
            {"sample": place, "call": vote.call, **_shown(vote, index), "agrees": agrees}
            for place, (vote, agrees) in enumerate(zip(verdicts, poll.agrees, strict=True))
        ]
        rows.append({**row, "agreement": poll.agreement, "votes": votes})
    return rows


def _shown(vote: Vote[Verdict], index: int) -> Mapping[str, Any]:
    if vote.value is None:
        return {"failed": vote.failed}
    finding = asdict(vote.value[index])
    return {name: finding[name] for name in ("met", "counted", "quote", "quote_in", "reason")}


def _spoilt(verdicts: Sequence[Vote[Verdict]]) -> list[dict[str, Any]]:
    return [
        {"sample": place, "call": vote.call, "failed": vote.failed}
        if vote.failed
        else {
            "sample": place,
            "call": vote.call,
            "verdict": [asdict(finding) for finding in vote.value or ()],
        }
        for place, vote in enumerate(verdicts)
    ]


def _evidence(found: Verdict, item: Item) -> list[Evidence]:
    """Quotes that stand in the source, in offsets of the document."""
    rows: list[Evidence] = []
    for finding in found:
        span = find(finding.quote, item.chunk.text) if finding.counted else None
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
