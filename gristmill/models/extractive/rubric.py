"""Rubric criteria in free words, mapped to what the rule judge can measure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gristmill.models.extractive.judge import Finding, Verdict, judge, units
from gristmill.models.extractive.passage import Passage
from gristmill.models.extractive.selfcheck import stands_alone

# Order matters: "the answer is supported by the passage" is about support, not completeness.
_FAMILIES: tuple[tuple[str, str], ...] = (
    ("safe", r"\bsafe|\bharm|\btoxic|\boffensive|\bdangerous|\bprivacy|\bpersonal data"),
    ("standalone", r"\bself[- ]?contained|\bstands?[- ]?alone|without (?:seeing|the passage|context)"),
    (
        "grounded",
        r"ground|support|faithful|hallucin|source|passage|evidence|invent|factual|accura|contradict",
    ),
    (
        "complete",
        r"complet|fully|cover|omit|omission|missing|every part|all parts|thorough|correct|answers?\b",
    ),
    ("relevant", r"relevan|on[- ]?topic|off[- ]?topic|address|responsive|focus"),
    ("form", r"clear|clarity|readab|fluen|gramma|form|concise|length|style|written|markup|fragment|coheren"),
)
# Deliberately short: this judge cannot understand harm, only spot a few phrases.
_UNSAFE = re.compile(
    r"\b(?:kill yourself|how to make a bomb|racial slur|credit card number is)\b|\b\d{3}-\d{2}-\d{4}\b", re.I
)
# From which value on a criterion of the family counts as met.
_BARS = {"grounded": 0.8, "complete": 0.6, "relevant": 0.5, "form": 0.9, "safe": 0.5, "standalone": 0.5}
UNKNOWN = "this rule-based judge cannot assess this criterion"


def assess(
    passage: Passage, question: str, response: str, reference: str, criteria: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One row a criterion. A criterion with negative points describes a fault and is met when it is there."""
    verdict = judge(passage, question, response, reference)
    return [_row(passage, question, response, verdict, criterion) for criterion in criteria]


def graded(
    passage: Passage, question: str, response: str, reference: str, criteria: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The same for criteria some of which have a scale (``lowest``, ``highest``): a grade for each."""
    verdict = judge(passage, question, response, reference)
    return [_grade(passage, question, response, verdict, criterion) for criterion in criteria]


def family(criterion: Mapping[str, Any]) -> str | None:
    """What a criterion is about, by its id first and its text second."""
    for text in (str(criterion.get("id", "")), str(criterion.get("text", ""))):
        for name, pattern in _FAMILIES:
            if re.search(pattern, text.replace("_", " "), re.I):
                return name
    return None


def _row(
    passage: Passage, question: str, response: str, verdict: Verdict, criterion: Mapping[str, Any]
) -> dict[str, Any]:
    row: dict[str, Any] = {"id": str(criterion.get("id", "")), "met": False, "quote": "", "reason": UNKNOWN}
    name = family(criterion)
    if name is None:
        return row
    finding = _finding(passage, question, response, verdict, name)
    good = finding.value >= _BARS[name]
    met = not good if float(criterion.get("points", 1) or 0) < 0 else good
    quote = finding.quote or next(iter(units(response)), "")
    return {**row, "met": bool(met and quote), "quote": quote if met else "", "reason": finding.reason}


def _grade(
    passage: Passage, question: str, response: str, verdict: Verdict, criterion: Mapping[str, Any]
) -> dict[str, Any]:
    row = _row(passage, question, response, verdict, criterion)
    met, name = row.pop("met"), family(criterion)
    if name is None or "highest" not in criterion:
        return {**row, "grade": int(met)}
    finding = _finding(passage, question, response, verdict, name)
    share = 1 - finding.value if float(criterion.get("points", 1)) < 0 else finding.value
    low, high = int(criterion["lowest"]), int(criterion["highest"])
    quote = finding.quote or next(iter(units(response)), "")
    # nothing is asserted without words that show it
    grade = low + int(share * (high - low) + 0.5) if quote else low
    return {**row, "grade": grade, "quote": quote if grade > low else "", "reason": finding.reason}


def _finding(passage: Passage, question: str, response: str, verdict: Verdict, name: str) -> Finding:
    first = next(iter(units(response)), "")
    extra: dict[str, Callable[[], Finding]] = {
        "safe": lambda: Finding(
            float(not _UNSAFE.search(response)), "a short list of unsafe phrases was looked for", first
        ),
        "standalone": lambda: Finding(
            float(stands_alone(passage, question)),
            "checked for pronouns and references without referent",
            first,
        ),
    }
    return extra[name]() if name in extra else getattr(verdict, name)
