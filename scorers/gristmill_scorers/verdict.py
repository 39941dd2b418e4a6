"""Reading a judge's verdict: one finding for each criterion, void where its quote is nowhere to be found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gristmill.voting import SpoiltVoteError
from gristmill_scorers.imitation import without_orders
from gristmill_scorers.quotes import find
from gristmill_scorers.rubric_file import Criterion, Rubric

Place = Literal["response", "instruction", "conversation", "source", ""]
Decides = Literal["met", "grade"]
Mode = Literal["logprobs", "verdict", ""]
UNSURE = "unsure"
LONGEST_QUOTE = 6_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What a judge found on one criterion. ``counted`` is false when it is met but its quote is nowhere.

    Of a criterion with a scale ``grade`` is what the judge gave and ``met`` whether it is above the lowest.
    ``share`` of the points is what grade or verdict earn; with ``mode`` ``logprobs`` it is the mean over all
    that the judge could have said, and ``mass`` the probability of these. With ``verdict`` log probabilities
    were asked for and could not be used: ``why`` says why. ``unsure``: the judge abstains.
    """

    criterion: str
    points: float
    met: bool
    counted: bool
    quote: str
    quote_in: Place
    reason: str
    grade: int | None = None
    share: float = 0.0
    mode: Mode = ""
    why: str = ""
    mass: float | None = None
    unsure: bool = False

    @property
    def kept(self) -> float:
        """The share of the points that counts: none when it is met and its quote is nowhere."""
        return 0.0 if self.met and not self.counted else self.share

    @property
    def earned(self) -> float:
        """The points, negative of a fault."""
        return self.points * self.kept

    def row(self) -> dict[str, Any]:
        """For the record; ``grade`` only where there is a scale, ``share`` only where it is weighed."""
        given: dict[str, Any] = {name: getattr(self, name) for name in _ALWAYS}
        if self.grade is not None:
            given["grade"] = self.grade
        if self.unsure:
            given = {**given, "met": None, "counted": False, "abstained": True}
        if self.mode == "logprobs":
            given |= {"mode": self.mode, "share": round(self.share, 6), "mass": round(self.mass or 0.0, 6)}
        elif self.mode:
            given |= {"mode": self.mode, "why": self.why}
        return given


_ALWAYS = ("criterion", "points", "met", "counted", "quote", "quote_in", "reason")


class MalformedVerdictError(SpoiltVoteError):
    """The judge's rows do not fit the rubric; the message is the reason slug, ``detail`` tells the judge."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail or reason.replace("-", " ")


def count(
    rubric: Rubric,
    data: object,
    response: str,
    passage: str,
    place: Place = "response",
    *,
    abstain: bool = False,
) -> list[Finding]:
    """One finding for each criterion, in the rubric's order. ``place`` says what ``response`` is.

    With ``abstain`` a judge may say "unsure" in place of true, false or a grade.

    Raises:
        MalformedVerdictError: ``malformed-verdict``, ``unknown-criterion``, ``duplicate-criterion``,
            ``missing-criterion`` or ``grade-out-of-range``.
    """
    decides: Decides = "grade" if rubric.graded else "met"
    rows = _rows(data, decides, abstain)
    ids = [row["id"] for row in rows]
    known = [criterion.id for criterion in rubric.criteria]
    _same(set(ids) - set(known), "unknown-criterion", f"the ids are {', '.join(known)}; there is no")
    _same({id_ for id_ in ids if ids.count(id_) > 1}, "duplicate-criterion", "judged more than once:")
    _same(set(known) - set(ids), "missing-criterion", "not judged:")
    # order is the judge's affair, completeness is ours
    by_id = {row["id"]: row for row in rows}
    shown = {place: without_orders(response, passage), "source": without_orders(passage)}
    return [_finding(criterion, by_id[criterion.id], decides, shown) for criterion in rubric.criteria]


def _same(wrong: set[str], reason: str, words: str) -> None:
    if wrong:
        named = ", ".join(sorted(wrong)[:8])
        raise MalformedVerdictError(reason, f"{words} {named[:200]}")


def _rows(data: object, decides: Decides, abstain: bool) -> Sequence[Mapping[str, Any]]:
    rows = data.get("criteria") if isinstance(data, Mapping) else None
    if not isinstance(rows, list):
        raise MalformedVerdictError("malformed-verdict", '"criteria" is not a list')
    kind = "true or false" if decides == "met" else "a whole number, not text"
    for row in rows:
        texts = isinstance(row, Mapping) and all(
            isinstance(row.get(k), str) for k in ("id", "quote", "reason")
        )
        if not texts:
            raise MalformedVerdictError("malformed-verdict", "a row needs the texts id, quote and reason")
        if not (_decision(row.get(decides), decides) or (abstain and row.get(decides) == UNSURE)):
            raise MalformedVerdictError("malformed-verdict", f'"{decides}" of {row["id"][:80]} is not {kind}')
    return rows


def _decision(value: object, decides: Decides) -> bool:
    if decides == "met":
        return isinstance(value, bool)
    # 3.0 is the number 3 in JSON; 2.5 is no grade, and true is not 1
    return not isinstance(value, bool) and (
        isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    )


def _finding(
    criterion: Criterion, row: Mapping[str, Any], decides: Decides, shown: Mapping[Place, str]
) -> Finding:
    if row[decides] == UNSURE:
        words = row["quote"], row["reason"]
        return Finding(criterion.id, criterion.points, False, False, words[0], "", words[1], unsure=True)
    grade = int(row[decides])
    if not criterion.lowest <= grade <= criterion.highest:
        bounds = f"the grade of {criterion.id} must be from {criterion.lowest} to {criterion.highest}"
        raise MalformedVerdictError("grade-out-of-range", bounds)
    quote = row["quote"]
    place = _place(quote, shown)
    met = grade > criterion.lowest
    share = (grade - criterion.lowest) / (criterion.highest - criterion.lowest)
    kept = grade if criterion.scale else None
    # also for faults: what cannot be shown neither earns nor costs
    counted = met and bool(place)
    return Finding(criterion.id, criterion.points, met, counted, quote, place, row["reason"], kept, share)


def _place(quote: str, shown: Mapping[Place, str]) -> Place:
    if len(quote) > LONGEST_QUOTE:
        return ""
    return next((place for place, text in shown.items() if find(quote, text)), "")
