"""Ratings from the scores and review decisions of a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gristmill_evals.judging.votes import Rating, Votes
from gristmill_evals.judging.votes_file import Reader

JURY = "jury"
"""What a jury calls itself among the judges of pairs of its scorer."""


def votes_of_store(
    rows: Iterable[Mapping[str, Any]], pairs: Iterable[Mapping[str, Any]], origin: str
) -> Votes:
    """Ratings of ``judged_rows`` and votes of ``pair_votes``; a judge of pairs is named scorer/model."""
    reader, lengths = Reader(), dict[str, tuple[int, int]]()
    for number, line in enumerate(pairs, 1):
        named = f"{line['scorer']}/{line['judge']}" if line["judge"] else line["scorer"]
        reader.take(number, {**line, "judge": named, "jury": line["scorer"]})
        if line["chars"] is not None:
            first, second = line["chars"]
            lengths[line["id"]] = first, second
    said, ratings = reader.votes(origin), votes_of_reviews(rows, origin)
    left_out = Counter(ratings.left_out)
    left_out.update(
        {f"a pair with {reason}": n for reason, n in Counter(m.reason for m in said.malformed).items()}
    )
    return replace(
        said,
        # a jury is a judge too, and no member of itself
        pairs=[replace(v, asked=None) if v.judge == f"{v.asked}/{JURY}" else v for v in said.pairs],
        ratings=ratings.ratings,
        raters=ratings.raters,
        lengths=lengths,
        malformed=(),
        left_out=dict(left_out),
    )


def votes_of_reviews(rows: Iterable[Mapping[str, Any]], origin: str) -> Votes:
    """Ratings of rows as the store operation ``judged_rows`` gives them; a scorer is a judge.

    The label is what most reviewers said. Rows on which they are divided, and rows that somebody edited (the
    text that was scored is not the one that was accepted), are left out and counted.
    """
    ratings: list[Rating] = []
    raters: dict[str, Mapping[str, float]] = {}
    left_out: Counter[str] = Counter()
    for row in rows:
        good, n = sum(row["labels"].values()), len(row["labels"])
        if n:
            raters[row["example_id"]] = {name: float(said) for name, said in row["labels"].items()}
        if row["edited"]:
            left_out["edited by a reviewer"] += 1
        elif 2 * good == n:
            left_out["reviewers divided"] += 1
        else:
            label = float(2 * good > n)
            given: tuple[Any, ...] = row["value"], label, row["document_id"], row["chars"], row.get("jury")
            ratings.append(Rating(row["example_id"], row["scorer"], *given))
    return Votes(origin, ratings=ratings, raters=raters, left_out=dict(left_out))
