"""Matches in the store: the tier that decided, old files, and what reviewers said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.store_rows import Dataset, fill, match, new_store

from gristmill.errors import StoreError
from gristmill.records import Example, Match
from gristmill_data.store import SegmentWriter, Store, call, schema
from gristmill_data.store.matches import (
    MatchFilters,
    MatchVerdict,
    judge_match,
    match_facets,
    match_page,
    match_verdicts,
)
from gristmill_data.store.review import StoreConflictError
from gristmill_data.store.tables import TABLES

SCORES = {"i1": 1.0, "i2": 0.55, "i3": 0.3}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with new_store(tmp_path) as opened:
        yield opened


def put(store: Store, *records: Match) -> None:
    writer = SegmentWriter(store.path, "run-1")
    for record in records:
        writer.add(record)
    writer.flush()
    store.ingest()


def found(example: Example, item: str, **more: str) -> Match:
    label = "paraphrase" if SCORES[item] < 0.6 else "verbatim"
    said = {"tier": "fuzzy", **more}
    return Match(example.id, "bench", item, label, SCORES[item], (0, 4), (0, 4), "What is it?", **said)  # type: ignore[arg-type]


@pytest.fixture
def matched(store: Store) -> Dataset:
    made = fill(store)
    put(store, *(found(made.examples[0], item) for item in SCORES))
    return made


def say(example: Example, item: str, is_right: bool | None, by: str = "ann", name: str = "") -> MatchVerdict:
    label = "paraphrase" if SCORES[item] < 0.6 else "verbatim"
    key = (example.id, "bench", item)
    return MatchVerdict(name or f"{by}-{item}-{is_right}", key, label, is_right, by, datetime.now(UTC))


def test_the_tier_and_the_side_come_back(store: Store) -> None:
    example = fill(store).examples[0]
    put(store, found(example, "i1", tier="exact", side="answer"), match(example, "i9"))
    assert [(m.tier, m.side) for m in store.item(example.id).matches] == [
        ("exact", "answer"),
        ("", "question"),
    ]
    frame = store.frames()["matches"]
    assert frame[["tier", "side"]].to_numpy().tolist() == [["exact", "answer"], ["", "question"]]


def test_a_file_of_version_3_is_migrated_with_its_matches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: kind for name, kind in TABLES["matches"].items() if name not in ("tier", "side")}
    with monkeypatch.context() as patch:
        scripts = schema.migrations()[:3]
        patch.setattr(schema, "migrations", lambda: scripts)
        with Store.open(tmp_path / "data.duckdb") as old:
            example = fill(old).examples[0]
            with old.write() as cursor:
                values = [example.id, "bench", "i1", "near", 0.8, 0, 4, 0, 4, "What is it?"]
                marks = ", ".join("?" * len(before))
                cursor.execute(f"INSERT INTO matches ({', '.join(before)}) VALUES ({marks})", values)
    with new_store(tmp_path) as store:
        [kept] = store.item(example.id).matches
        assert (kept.item_id, kept.tier, kept.side) == ("i1", "", "question")
        put(store, found(example, "i1"))
        assert store.item(example.id).matches[0].tier == "fuzzy"
    assert (tmp_path / "data.duckdb.v3.backup").is_file()


def test_a_segment_of_an_older_gristmill_is_still_taken(store: Store) -> None:
    import pyarrow.parquet as pq

    example = fill(store).examples[0]
    writer = SegmentWriter(store.path, "run-1")
    writer.add(found(example, "i2"))
    writer.flush()
    [file] = Path(f"{store.path}.segments").glob("*/matches.parquet")
    pq.write_table(pq.read_table(file).drop_columns(["tier", "side"]), file)
    store.ingest()
    assert [(m.item_id, m.tier) for m in store.item(example.id).matches] == [("i2", "")]


def test_pages_follow_the_filters(store: Store, matched: Dataset) -> None:
    def items(filters: MatchFilters, **more: object) -> list[str]:
        return [row["item_id"] for row in match_page(store, filters, **more)]  # type: ignore[arg-type]

    assert items(MatchFilters()) == ["i1", "i2", "i3"]
    assert items(MatchFilters(label=("paraphrase",))) == ["i2", "i3"]
    assert items(MatchFilters(band=(0.2, 0.8))) == ["i2", "i3"]
    assert items(MatchFilters(benchmark=("other",))) == []
    first = match_page(store, MatchFilters(), limit=1)[0]
    key = (first["example_id"], first["benchmark"], first["item_id"])
    assert items(MatchFilters(), after=(first["key_"], key)) == ["i2", "i3"]
    judge_match(store, say(matched.examples[0], "i2", True))
    assert items(MatchFilters(unseen_by="ann")) == ["i1", "i3"]
    assert items(MatchFilters(unseen_by="bo")) == ["i1", "i2", "i3"]


def test_a_verdict_is_saved_once_and_the_last_word_counts(store: Store, matched: Dataset) -> None:
    example = matched.examples[0]
    first = say(example, "i2", True)
    assert judge_match(store, first) == judge_match(store, first)
    judge_match(store, say(example, "i2", False))
    judge_match(store, say(example, "i2", True, by="bo"))
    assert [(row["right"], row["reviewer"]) for row in match_verdicts(store)] == [
        (False, "ann"),
        (True, "bo"),
    ]
    row = next(row for row in match_page(store, MatchFilters(), viewer="ann") if row["item_id"] == "i2")
    assert (row["mine"], row["said_right"], row["said_wrong"]) == (False, 1, 1)
    judge_match(store, say(example, "i2", None))
    assert [row["reviewer"] for row in match_verdicts(store)] == ["bo"]


def test_verdicts_outlive_the_match_they_are_about(store: Store, matched: Dataset) -> None:
    example = matched.examples[0]
    judge_match(store, say(example, "i2", True))
    put(store, found(example, "i1"))
    [kept] = call(store.path, "match_verdicts")
    said = (kept["score"], kept["label"], kept["tier"], kept["benchmark"], kept["right"])
    assert said == (0.55, "paraphrase", "fuzzy", "bench", True)
    assert store.frames()["match_verdicts"].to_dict("records")[0]["right"]
    facets = match_facets(store, (0.2, 0.8))
    assert (facets["total"], facets["uncertain"], facets["judged"], facets["verdicts"]) == (1, 0, 0, 1)


def test_a_verdict_on_what_is_not_there_is_refused(store: Store, matched: Dataset) -> None:
    with pytest.raises(StoreConflictError, match="gone"):
        judge_match(store, say(matched.examples[1], "i2", True))
    judge_match(store, say(matched.examples[0], "i2", True, name="x"))
    with pytest.raises(StoreConflictError, match="already used"):
        judge_match(store, say(matched.examples[0], "i3", True, name="x"))
    with pytest.raises(StoreError, match="a reviewer"):
        judge_match(store, say(matched.examples[0], "i3", True, by=""))
