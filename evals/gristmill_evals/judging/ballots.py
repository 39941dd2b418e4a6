"""Judges that judged the same rows, side by side: what a jury of them is measured on."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Generic, TypeVar

from gristmill.errors import UsageError
from gristmill_evals.judging.votes import PairVote, Rating, Votes

FEWEST_MEMBERS = 2
EVERYONE = "all judges"
V = TypeVar("V", PairVote, Rating)


@dataclass(frozen=True, slots=True)
class Panel(Generic[V]):
    """The judges of a jury by name, each with the same rows in the same order.

    Rows that one of them did not judge are left out: ``seen`` counts the rows that any of them judged.
    """

    name: str
    members: Mapping[str, Sequence[V]]
    seen: int

    @property
    def rows(self) -> Sequence[V]:
        """One vote or rating of each row, for its label and source."""
        return next(iter(self.members.values()))

    def sources(self) -> list[Hashable] | None:
        """The source of each row, a row of unknown source being its own; None when none is known."""
        known = [row.source for row in self.rows]
        if all(source is None for source in known):
            return None
        return [("row", row.id) if row.source is None else row.source for row in self.rows]


def panels_of(
    votes: Votes, chosen: Sequence[Sequence[str]] = ()
) -> tuple[list[Panel[PairVote]], list[Panel[Rating]]]:
    """Juries of pair judges and of raters: those asked alike, or those ``chosen`` by name or pattern.

    Raises:
        UsageError: a name that fits no judge, or a choice without two judges of one kind.
    """
    if not chosen:
        return _alike(votes.pairs), _alike(votes.ratings)
    known = [*dict.fromkeys([*(v.judge for v in votes.pairs), *(r.judge for r in votes.ratings)])]
    pairs: list[Panel[PairVote]] = []
    ratings: list[Panel[Rating]] = []
    for names in chosen:
        picked = {judge for name in names for judge in _fitting(name, known)}
        title = ", ".join(names)
        pairs += (of_pairs := _panel(title, [v for v in votes.pairs if v.judge in picked]))
        ratings += (of_ratings := _panel(title, [r for r in votes.ratings if r.judge in picked]))
        if not of_pairs and not of_ratings:
            cure = "name two judges of one kind; * stands for anything"
            raise UsageError(f"a jury of one: {title}", where="--jury", cure=cure)
    return pairs, ratings


def _fitting(name: str, known: Sequence[str]) -> list[str]:
    found = [name] if name in known else [judge for judge in known if fnmatchcase(judge, name)]
    if not found:
        raise UsageError(
            f"no judge is called {name}", where="--jury", cure=f"there are: {', '.join(sorted(known))}"
        )
    return found


def _alike(rows: Sequence[V]) -> list[Panel[V]]:
    by_asked: dict[str, list[V]] = {}
    for row in rows:
        if row.asked is not None:
            by_asked.setdefault(row.asked, []).append(row)
    return [panel for asked in sorted(by_asked) for panel in _panel(asked or EVERYONE, by_asked[asked])]


def _panel(name: str, rows: Sequence[V]) -> list[Panel[V]]:
    """One jury, or none of fewer than two judges; sorted, so that the order of lines decides nothing."""
    by_judge: dict[str, dict[str, V]] = {}
    for row in rows:
        by_judge.setdefault(row.judge, {})[row.id] = row
    if len(by_judge) < FEWEST_MEMBERS:
        return []
    shared = sorted(set[str].intersection(*(set(said) for said in by_judge.values())))
    members = {judge: [by_judge[judge][key] for key in shared] for judge in sorted(by_judge)}
    return [Panel(name, members, len({row.id for row in rows}))]
