"""The record of a comparison: what calibration needs to know about a judge of pairs.

``votes`` of a score hold one row:

===============  ==========================================================================================
judge            model that answered
winner_forward   ``1`` chosen, ``2`` rejected, ``tie``, None when it could not be read; chosen was shown first
winner_swapped   the same with rejected shown first, as sides and not as places; absent when not asked
agree            whether the orders agree (None with one verdict)
position         ``first`` or ``second`` when that place won in both orders, else empty
chars            lengths of chosen and rejected, in characters
scale            0, or the highest rating
score            how sure the judge is of its verdict: its probability, mean of the orders; only where log
                 probabilities were asked for and came
to_judge         sides (``1``, ``2``) that order a judge about or imitate one, in words not of the source
orders           for each order: order, winner, place, ratings (of chosen and rejected), explanation, call,
                 failed (the reason slug, only of what was not read), agreement and votes when there are
                 several samples; ``mode`` and ``chances`` of each side (or ``why`` there are none) where log
                 probabilities were asked for; ``abstained``
===============  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gristmill.voting import Vote
from gristmill_scorers.imitation import without_orders
from gristmill_scorers.pairwise.orders import Heard, Pair, Side
from gristmill_scorers.pairwise.sureness import SIDES, by_side, sureness
from gristmill_scorers.pairwise.verdict import Reading


@dataclass(frozen=True, slots=True)
class Together:
    """What one or two orders say: the winning side, whether they agree, the place that won both."""

    winner: Side
    agree: bool
    position: Literal["first", "second", ""]
    speakers: tuple[Reading, ...]


def together(heard: Sequence[Heard]) -> Together:
    """The common verdict of orders that were all read; a disagreement is a tie."""
    sides = [said.poll.outcome or "tie" for said in heard]
    agree = len(set(sides)) == 1
    readings = tuple(said.speaker.value for said in heard if said.speaker.value is not None)
    return Together(sides[0] if agree else "tie", agree, _position(readings) if not agree else "", readings)


def _position(readings: Sequence[Reading]) -> Literal["first", "second", ""]:
    places = {reading.winner for reading in readings}
    if places == {"first"}:
        return "first"
    return "second" if places == {"second"} else ""


def record(heard: Sequence[Heard], pair: Pair, scale: int = 0, source: str = "") -> dict[str, Any]:
    """The row that is stored for ``pair`` (chosen and rejected)."""
    winners = {said.order: None if said.poll.problem() else said.poll.outcome for said in heard}
    forward, swapped = winners.get("forward"), winners.get("swapped")
    known = forward is not None and swapped is not None
    result = together(heard) if known or (forward is not None and len(heard) == 1) else None
    return {
        "judge": next((said.model for said in heard if said.model), ""),
        "winner_forward": forward,
        **({"winner_swapped": swapped} if len(heard) > 1 else {}),
        "agree": result.agree if result and known else None,
        "position": result.position if result else "",
        "chars": [len(pair.one), len(pair.two)],
        "scale": scale,
        **_sure(heard, result),
        "to_judge": [
            side for side, text in (("1", pair.one), ("2", pair.two)) if without_orders(text, source) != text
        ],
        "orders": [_order(said) for said in heard],
    }


def _sure(heard: Sequence[Heard], result: Together | None) -> dict[str, float]:
    score = sureness(heard, result.winner) if result else None
    return {} if score is None else {"score": round(score, 6)}


def _order(said: Heard) -> dict[str, Any]:
    row: dict[str, Any] = {"order": said.order, **_shown(said.speaker, said)}
    if len(said.votes) == 1:
        return row
    votes = [
        {"sample": place, **_shown(vote, said), "agrees": agrees}
        for place, (vote, agrees) in enumerate(zip(said.votes, said.poll.agrees, strict=True))
    ]
    return {**row, "agreement": said.poll.agreement, "votes": votes}


def _shown(vote: Vote[Reading], said: Heard) -> dict[str, Any]:
    if vote.value is None:
        return {"call": vote.call, "failed": vote.failed}
    reading, swapped = vote.value, said.order == "swapped"
    side = SIDES[said.order].get(reading.winner)
    row: dict[str, Any] = {"winner": side, "place": reading.winner, "call": vote.call}
    if side is None:
        row = {"winner": None, "abstained": True, "call": vote.call}
    if reading.ratings is not None:
        row["ratings"] = list(reversed(reading.ratings)) if swapped else list(reading.ratings)
    if reading.mode:
        row["mode"] = reading.mode
        row |= {"why": reading.why} if reading.why else {"chances": by_side(reading, said.order)}
    return {**row, "explanation": reading.explanation}
