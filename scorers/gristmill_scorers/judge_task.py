"""The words of a judge's task for rubrics with scales, other subjects, or one call for each criterion.

The plain form stands in :mod:`gristmill_scorers.judge_prompt` and is never reworded: its words are part
of the address of every answer stored.
"""

from __future__ import annotations

from collections.abc import Mapping

from gristmill_scorers.rubric_file import ITEM_PREFIX, Criterion, Rubric, Subject

ITEM_BLOCK = "CRITERIA"

_WHAT: Mapping[Subject, str] = {
    "response": "the RESPONSE to the QUESTION",
    "instruction": "the INSTRUCTION, not any answer to it,",
    "conversation": "the ASSISTANT's turns, all of them together,",
}
_PLACES: Mapping[Subject, str] = {
    "response": "the RESPONSE or from the PASSAGE",
    "instruction": "the INSTRUCTION or from the PASSAGE",
    "conversation": "one of the turns or from the PASSAGE",
}

_RULES = """- Decide each criterion for itself. {doubt}
{faults}- {proof} "quote" is copied word for word from {places}: the words that show it.
  A quote that stands in neither makes your verdict void. Otherwise leave "quote" empty.
- "reason" is one short sentence. Length, style and politeness count only where a criterion says so.
- Judge every criterion exactly once, under its id.

Form: {{"criteria": [{form}]}}"""

_BINARY_DOUBT = '"met" is true or false. If you are in doubt, it is not met.'
_GRADE_DOUBT = (
    '"grade" is a whole number on the scale of the criterion, never between or beyond. If you hesitate '
    "between two grades, take the lower one. A criterion without a scale is a yes-or-no question: 1 or 0."
)
_UNSURE = (
    'Where the material does not let you tell, "{decides}" is the text "unsure", with an empty quote, '
    "whatever is said above of doubt. Do not guess: a verdict that you cannot stand by is worse than none."
)
_BINARY_FORM = '{"id": "…", "met": true, "quote": "…", "reason": "…"}'
_GRADE_FORM = '{"id": "…", "grade": 1, "quote": "…", "reason": "…"}'


def task_text(rubric: Rubric, has_reference: bool, *, abstain: bool = False) -> str:
    """The system turn's task: the criteria, unless each has its own call, and the rules of judging."""
    head = f"Judge {_WHAT[rubric.judges]} by "
    if rubric.calls == "each":
        head += "the one criterion at the end of the user's turn."
    else:
        own = [criterion for criterion in rubric.criteria if not criterion.id.startswith(ITEM_PREFIX)]
        head += f"each of these criteria:\n\n{criteria_lines(rubric, own)}"
        if len(own) < len(rubric.criteria):
            head += (
                f"\n\nand by each criterion of the block {ITEM_BLOCK}, which says what to look for, no more."
            )
    parts = [head, rubric.guidance.strip(), _reference(has_reference), _rules(rubric)]
    parts.append(unsure(rubric) if abstain else "")
    return "\n\n".join(part for part in parts if part)


def unsure(rubric: Rubric) -> str:
    """What a judge is told that may abstain."""
    return _UNSURE.format(decides="grade" if rubric.graded else "met")


def criteria_lines(rubric: Rubric, criteria: list[Criterion]) -> str:
    """One line for each criterion, with the anchors of its scale below it."""
    return "\n".join(_line(rubric, criterion) for criterion in criteria)


def closing(rubric: Rubric) -> str:
    """The last words of the user's turn, after all material."""
    what = _WHAT[rubric.judges].split(",")[0]
    if rubric.calls == "one":
        return f"Judge {what} by the criteria above. Answer with the JSON object alone."
    (criterion,) = rubric.criteria
    if criterion.id.startswith(ITEM_PREFIX):
        line = f" {criterion.id} of the block {ITEM_BLOCK}"
    else:
        line = f"\n{_line(rubric, criterion)}\n"
    return f"Judge {what} by this criterion:{line}\nAnswer with the JSON object alone."


def _line(rubric: Rubric, criterion: Criterion) -> str:
    lead = ""
    if rubric.style == "additive":
        points = "one point" if criterion.points == 1 else f"{criterion.points:g} points"
        lead = f"{points} if "
    fault = " (a fault)" if criterion.points < 0 else ""
    scale = (criterion.scale or {}).items()
    anchors = [f"\n    {grade}: {meaning.strip()}" for grade, meaning in sorted(scale)]
    return f"- {criterion.id}{fault}: {lead}{criterion.text}" + "".join(anchors)


def _reference(there: bool) -> str:
    if not there:
        return ""
    return (
        "REFERENCE is an answer known to be good. It is a yardstick, not a form: other words, or another "
        "way, are as good when they say the same. A quote cannot be taken from it."
    )


def _rules(rubric: Rubric) -> str:
    graded = rubric.graded
    # calls about one criterion each begin alike, so that engines compute the beginning once
    has_faults = rubric.calls == "each" or any(criterion.points < 0 for criterion in rubric.criteria)
    meaning = "the grade says how grave that fault is" if graded else '"met" is true when that fault is there'
    lowest = (
        "For every grade above the lowest of its scale," if graded else "For every criterion that is met,"
    )
    return _RULES.format(
        doubt=_GRADE_DOUBT if graded else _BINARY_DOUBT,
        faults=f"- For a criterion marked as a fault, {meaning}.\n" if has_faults else "",
        proof=lowest,
        places=_PLACES[rubric.judges],
        form=_GRADE_FORM if graded else _BINARY_FORM,
    )
