"""How sure a judge of pairs is: the probability of each winner it could have named, over both orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gristmill.models.types import Answer
from gristmill_scorers.likelihood.chances import Likelihood, NoChancesError, expected
from gristmill_scorers.pairwise.verdict import PLACES, Place, Reading

if TYPE_CHECKING:
    from gristmill_scorers.pairwise.orders import Heard, Order, Side

SIDES: Mapping[Order, Mapping[str, Side]] = {
    "forward": {"first": "1", "second": "2", "tie": "tie"},
    "swapped": {"first": "2", "second": "1", "tie": "tie"},
}


def weighed(reading: Reading, answer: Answer) -> Reading:
    """The reading with P(A), P(B) and P(tie) at the place of the winner, scaled to a sum of 1.

    Where they cannot be known ``why`` says so and the verdict stands alone.
    """
    words = {place: word for word, place in PLACES.items() if place != "unsure"}
    if reading.winner == "unsure":
        return reading
    try:
        found = Likelihood(answer).chances(("winner",), [*words.values()])
        mass = expected({float(number): found[word] for number, word in enumerate(words.values())})[1]
    except NoChancesError as reason:
        return replace(reading, mode="verdict", why=str(reason))
    chances: dict[Place, float] = {place: found[word] / mass for place, word in words.items()}
    return replace(reading, mode="logprobs", chances=chances)


def by_side(reading: Reading, order: Order) -> dict[Side, float]:
    """Probabilities of places as those of sides; empty where none are known."""
    return {SIDES[order][place]: chance for place, chance in (reading.chances or {}).items()}


def sureness(heard: Sequence[Heard], winner: Side) -> float | None:
    """The mean probability of ``winner`` over the orders, of each the mean over its samples.

    None when no order has any. Of a winner that only the other order names it is what the judge left open.
    """
    orders: list[float] = []
    for said in heard:
        known = [by_side(vote.value, said.order) for vote in said.votes if vote.value and vote.value.chances]
        if known:
            orders.append(sum(chances[winner] for chances in known) / len(known))
    return sum(orders) / len(orders) if orders else None
