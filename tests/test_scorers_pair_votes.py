"""From a judge of pairs through the store to the lines of a votes file that calibration reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from support.store_rows import Dataset, fill, new_store, review

from gristmill.records import Score
from gristmill_data.store import SegmentWriter, Store
from gristmill_data.store.votes import pair_votes
from gristmill_evals.judging.votes_file import read_votes


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with new_store(tmp_path) as opened:
        yield opened


def judged(store: Store, made: Dataset, **votes: Any) -> None:
    row = {"judge": "m", "winner_forward": "1", "winner_swapped": "2", "chars": [9, 4], **votes}
    writer = SegmentWriter(store.path, "run-1")
    for pair in made.pairs:
        writer.add(Score(pair.id, "pair", "1", 0.5, votes=(row,)))
        writer.add(Score(pair.id, "answer", "1", 0.5, votes=({"criterion": "x"},)))
    writer.flush()
    store.ingest()


def test_only_pairs_that_people_compared_and_nobody_edited(store: Store) -> None:
    made = fill(store, pairs=3)
    judged(store, made)
    assert pair_votes(store) == []
    first, second, *_ = made.pairs
    store.decide(review(first, "prefer", side="rejected", by="ann"))
    store.decide(review(first, "accept", by="bob"))
    store.decide(review(second, "prefer", side="both_bad"))
    (line,) = pair_votes(store)
    assert line["id"] == first.id
    assert line["labels"] == {"ann": 2, "bob": 1}
    assert (line["judge"], line["winner_forward"], line["winner_swapped"]) == ("m", "1", "2")
    assert (line["scorer"], line["chars"]) == ("pair", [9, 4])
    assert pair_votes(store, after=(first.id, "pair")) == []
    store.decide(review(first, "edit", by="ann", chosen="better now"))
    assert pair_votes(store) == []


@pytest.mark.parametrize("side", ["chosen", "rejected", "tie"])
def test_calibration_reads_the_lines(store: Store, tmp_path: Path, side: str) -> None:
    made = fill(store, pairs=3)
    judged(store, made, winner_forward=None)
    for pair in made.pairs:
        store.decide(review(pair, "prefer", side=side))
    lines = pair_votes(store)
    path = tmp_path / "votes.jsonl"
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    votes = read_votes(path)
    assert [vote.id for vote in votes.pairs] == sorted(pair.id for pair in made.pairs)
    assert {vote.label for vote in votes.pairs} == {{"chosen": 1, "rejected": 2, "tie": 0}[side]}
    assert all((vote.forward, vote.swapped) == (None, 2) for vote in votes.pairs)
    assert votes.malformed == []


def test_how_sure_a_judge_was_comes_along_where_it_said_so(store: Store, tmp_path: Path) -> None:
    made = fill(store, pairs=3)
    judged(store, made, score=0.83)
    store.decide(review(made.pairs[0], "prefer", side="chosen"))
    (line,) = pair_votes(store)
    path = tmp_path / "votes.jsonl"
    path.write_bytes(orjson.dumps(line))
    (vote,) = read_votes(path).pairs
    assert (vote.score, vote.sureness, vote.verdict) == (0.83, 0.83, 0)
