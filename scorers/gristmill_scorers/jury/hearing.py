"""What the members of a jury say of one row, and what that makes together.

``votes`` of a jury's score hold a row of the jury and then one row for each member:

===========  ==============================================================================================
jury         name of the score (this key marks the row)
judge        ``jury``
mode         what is combined: ``verdicts`` of pairs, ``probabilities`` or ``scores``
weighted     whether weights were measured
agreement    share of the weight spoken that agrees with the outcome; of pairs over both orders
spoken       share of all weight that gave a verdict
-----------  ----------------------------------------------------------------------------------------------
role, model  who the member is; ``judge`` is its name in ``gristmill calibrate --db``
weight       what its vote weighs
value        its score; ``probability`` what its calibration makes of it, in that mode
unscored     the reason slug instead of a value, with the model's text in ``raw``
rationale    its own; ``votes`` its own rows
===========  ==============================================================================================

Of pairs the jury's row has ``winner_forward`` (its verdict on both orders together), ``score`` (how sure it
is: its agreement) and ``chars`` as well, as the scorer ``pair`` has them, so that calibration reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gristmill.juries import (
    NEAR,
    PairOutcome,
    ScoreOutcome,
    combine_pairs,
    combine_scores,
    votes_in_orders,
)
from gristmill.records import Evidence
from gristmill.registry import Scored, Unscored
from gristmill_scorers.jury.seats import Mode, Seat

NOT_ASKED = "no-weight"
Rows = tuple[Mapping[str, Any], ...]
_VALUES = {"1": 1.0, "2": 0.0, "tie": 0.5}
_NAMES = {"1": "chosen is better", "2": "rejected is better", "tie": "neither is better"}
_ORDERS = ("winner_forward", "winner_swapped")


@dataclass(frozen=True, slots=True)
class Said:
    """One member's word."""

    seat: Seat
    result: Scored | Unscored

    @property
    def value(self) -> float | None:
        """Its score, None when it has none."""
        return self.result.value if isinstance(self.result, Scored) else None

    @property
    def probability(self) -> float | None:
        """Its score as the probability of being right, None without a score or a calibration curve."""
        if self.value is None or self.seat.record is None:
            return None
        return self.seat.record.probability(self.value)

    @property
    def first_row(self) -> Mapping[str, Any]:
        """The first of its own rows, in which a judge of pairs keeps its verdicts."""
        return self.result.votes[0] if self.result.votes else {}

    @property
    def sides(self) -> tuple[str | None, ...]:
        """Its verdicts on a pair, one for each order that it was asked in."""
        if self.value is None:
            return (None,)
        return tuple(self.first_row[order] for order in _ORDERS if order in self.first_row) or (
            _side(self.value),
        )

    def row(self, mode: Mode) -> dict[str, Any]:
        """For the record."""
        seat = self.seat
        who = {"role": seat.role, "model": seat.model, "judge": seat.judge, "weight": seat.weight}
        said: dict[str, Any] = {"votes": list(self.result.votes)}
        if isinstance(self.result, Unscored):
            return {**who, "unscored": self.result.reason, "raw": self.result.raw, **said}
        if mode == "probabilities":
            said["probability"] = self.probability
        return {**who, "value": self.result.value, "rationale": self.result.rationale, **said}

    def line(self) -> str:
        """For people."""
        who = f"{self.seat.role} ({self.seat.model})"
        if isinstance(self.result, Unscored):
            return f"{who}: {_why(self.result.reason)}"
        return f"{who}: {self.result.value:.2f}, {self.result.rationale or 'without a reason'}"


@dataclass(frozen=True, slots=True)
class Hearing:
    """All that was said of one row, and by which rule it is combined.

    ``chars`` are the lengths of the two responses, where there are two.
    """

    label: str
    said: Sequence[Said]
    mode: Mode
    min_agreement: float = 0.0
    near: float = NEAR
    chars: tuple[int, int] | None = None

    def result(self) -> Scored | Unscored:
        """The jury's word."""
        return self._pair() if self.mode == "verdicts" else self._score()

    def _pair(self) -> Scored | Unscored:
        votes = votes_in_orders([(said.sides, said.seat.weight) for said in self.said])
        outcome = combine_pairs(votes, min_agreement=self.min_agreement)
        row: dict[str, Any] = {}
        if self.chars is not None:
            sure = {} if outcome.problem else {"score": outcome.agreement}
            row = {"winner_forward": outcome.winner, "chars": list(self.chars), **sure}
        if outcome.winner is None:
            return self._unscored(outcome, row)
        return self._scored(_VALUES[outcome.winner], _NAMES[outcome.winner], outcome, row)

    def _score(self) -> Scored | Unscored:
        sure = self.mode == "probabilities"
        given = [(said.probability if sure else said.value, said.seat.weight) for said in self.said]
        outcome = combine_scores(given, min_agreement=self.min_agreement, near=self.near)
        if outcome.value is None:
            return self._unscored(outcome, {})
        kind = "mean of calibrated probabilities" if sure else "mean of scores"
        return self._scored(outcome.value, f"{outcome.value:.2f}, {kind}", outcome, {})

    def _scored(
        self, value: float, what: str, outcome: PairOutcome | ScoreOutcome, row: Mapping[str, Any]
    ) -> Scored:
        head = f"{what}; {self._weights()}, agreement {outcome.agreement:.2f}"
        rationale = "\n".join([head, *(said.line() for said in self.said)])
        return Scored(value, rationale, self._evidence(), self._rows(outcome, row))

    def _unscored(self, outcome: PairOutcome | ScoreOutcome, row: Mapping[str, Any]) -> Unscored:
        asked = [said.result for said in self.said if said.seat.weight]
        reasons = {result.reason if isinstance(result, Unscored) else "" for result in asked}
        # all of them silent for one reason: that says more than that there was no quorum
        reason = reasons.pop() if len(reasons) == 1 and "" not in reasons else outcome.problem
        shares = f"{outcome.spoken:.2f} of the weight spoke, agreement {outcome.agreement:.2f}"
        raw = "\n".join([f"{self._weights()}, {shares}", *(said.line() for said in self.said)])
        return Unscored(reason, raw, self._rows(outcome, row))

    def _rows(self, outcome: PairOutcome | ScoreOutcome, row: Mapping[str, Any]) -> Rows:
        jury = {
            "jury": self.label,
            "judge": "jury",
            "mode": self.mode,
            "weighted": self._weighted,
            "agreement": outcome.agreement,
            "spoken": outcome.spoken,
            **row,
        }
        return (jury, *(said.row(self.mode) for said in self.said))

    @property
    def _weighted(self) -> bool:
        return any(said.seat.record is not None for said in self.said)

    def _weights(self) -> str:
        return f"jury of {len(self.said)}, " + ("weighted by accuracy" if self._weighted else "equal weights")

    def _evidence(self) -> tuple[Evidence, ...]:
        """Every passage once, whoever pointed to it."""
        given = [row for said in self.said if isinstance(said.result, Scored) for row in said.result.evidence]
        return tuple({(e["chunk_id"], e["start"], e["end"], e.get("criterion")): e for e in given}.values())


def _why(reason: str) -> str:
    return "not asked, its vote weighs nothing" if reason == NOT_ASKED else f"unscored, {reason}"


def _side(value: float) -> str:
    """The side of a judge of pairs that keeps no verdicts: chosen above one half."""
    if value == 0.5:
        return "tie"
    return "1" if value > 0.5 else "2"
