"""One action on many rows: what is counted is decided, nobody is overruled, one undo takes all of it back."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.review_rows import fill

from gristmill.errors import StoreError
from gristmill.records import Action, Review
from gristmill_data.store import Filters, Store, StoreConflictError, bulk
from gristmill_data.store.people import NotAllowedError, appoint
from gristmill_data.store.settings import set_setting

WHY = {"reason": "trivial", "tags": ["trivial"], "note": ""}
EVERYTHING = Filters(status=())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset as every test begins with it: making it takes longer than most tests."""
    db = tmp_path_factory.mktemp("bulk") / "mill.duckdb"
    fill(db)
    with Store.open(db) as opened:
        opened.ingest()
        appoint(opened, "Lea", "lead")
    return db


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Iterator[Store]:
    with Store.open(shutil.copy(made, tmp_path / "mill.duckdb")) as opened:
        yield opened


def decide(store: Store, example_id: str, action: Action = "accept", who: str = "Bo", **payload) -> None:
    event_id = f"{who}-{action}-{example_id}-{len(store.history(example_id))}"
    store.decide(Review(event_id, example_id, 0, who, action, payload, datetime.now(UTC)))


def ids(store: Store, **options) -> list[str]:
    return [row["example_id"] for row in store.queue_page(Filters(**{"status": (), **options}))]


def reject_all(store: Store, filters: Filters = EVERYTHING, bulk_id: str = "b1") -> bulk.Bulk:
    return bulk.apply(store, bulk.select(store, filters, "reject"), WHY, "Lea", bulk_id)


def statuses(store: Store) -> Counter[str]:
    """Of all rows, as pages show them; the view and the last events must say the same."""
    shown = {row["example_id"]: row["queue_status"] for row in store.queue_page(EVERYTHING)}
    assert dict(store.rows("SELECT example_id, queue_status FROM rows_")) == shown
    last = "SELECT example_id, arg_max(status, seq) FROM review_events WHERE action <> 'skip' GROUP BY ALL"
    assert all(shown[example_id] == status for example_id, status in store.rows(last))
    return Counter(row["queue_status"] for row in store.queue_page(EVERYTHING))


def test_all_rows_of_a_filter_are_decided_with_one_id(store):
    done = reject_all(store, Filters(kind=("instruction",)))
    assert (done.rows, done.left_out, done.author) == (5, 0, "Lea")
    assert statuses(store) == {"rejected": 5, "pending": 1}
    for example_id in ids(store, kind=("instruction",)):
        [event] = store.history(example_id)
        assert event["payload"] == {**WHY, "bulk": "b1"}
        assert (event["reviewer"], event["action"], event["status"]) == ("Lea", "reject", "rejected")


def test_rows_decided_since_the_count_are_left_out_and_counted(store):
    asked = bulk.select(store, EVERYTHING, "reject")
    taken, skipped = ids(store)[:2]
    decide(store, taken)
    decide(store, skipped, "skip")
    done = bulk.apply(store, asked, WHY, "Lea", "b1")
    assert (asked.rows, done.rows, done.left_out) == (6, 5, 1)
    assert store.item(taken).status == "accepted"
    assert store.item(skipped).status == "rejected"


def test_rows_that_are_so_already_are_told_apart(store):
    first = ids(store)[0]
    decide(store, first, "reject", reason="trivial")
    asked = bulk.select(store, EVERYTHING, "reject")
    assert (asked.rows, asked.same) == (5, 1)
    assert first not in asked.first(10)


def test_one_undo_takes_all_of_it_back_and_leaves_later_decisions(store):
    reject_all(store)
    late, *others = ids(store)
    decide(store, late, "accept")
    back = bulk.undo(store, "b1", "Lea", "u1")
    assert (back.rows, back.left_out) == (6, 1)
    assert store.item(late).status == "accepted"
    assert statuses(store) == {"accepted": 1, "pending": 5}
    assert {store.item(other).status for other in others} == {"pending"}
    assert [done.undone_by for done in bulk.bulk_actions(store)] == ["u1"]
    assert all(event["undone"] for event in store.history(others[0]) if event["action"] == "reject")


def test_an_undo_brings_earlier_verdicts_back(store):
    first = ids(store)[0]
    decide(store, first, "accept")
    reject_all(store)
    assert store.item(first).status == "rejected"
    bulk.undo(store, "b1", "Lea", "u1")
    assert store.item(first).status == "accepted"


def test_the_same_id_again_changes_nothing(store):
    asked = bulk.select(store, EVERYTHING, "reject")
    done = bulk.apply(store, asked, WHY, "Lea", "b1")
    assert bulk.apply(store, asked, WHY, "Lea", "b1") == done
    back = bulk.undo(store, "b1", "Lea", "u1")
    assert bulk.undo(store, "b1", "Lea", "u1") == back
    assert store.rows("SELECT count(*) FROM review_events") == [(12,)]
    with pytest.raises(StoreConflictError, match="already, by Lea"):
        bulk.undo(store, "b1", "Lea", "u2")


def test_any_filter_will_do(store):
    asked = Filters(
        status=(), search="berth", scorer="answer", min_score=0.5, max_score=0.9, order="uncertain"
    )
    rows = {row["example_id"] for row in store.queue_page(asked)}
    done = reject_all(store, asked)
    assert done.rows == len(rows) == bulk.count(store, replace(asked, status=("rejected",))) > 1
    assert statuses(store)["rejected"] == done.rows


def test_put_back_and_make_again(store):
    rows = ids(store)
    decide(store, rows[0], "accept")
    asked = bulk.select(store, EVERYTHING, "requeue")
    assert asked.first(5) == (rows[0],)
    bulk.apply(store, asked, {}, "Lea", "b1")
    assert statuses(store) == {"pending": 6}
    bulk.apply(store, bulk.select(store, EVERYTHING, "regenerate"), WHY, "Lea", "b2")
    assert statuses(store) == {"rejected": 6}
    assert bulk.select(store, EVERYTHING, "regenerate").rows == 0


def test_where_two_are_wanted_a_bulk_is_one_of_them(store):
    set_setting(store, "overlap", {"reviewers": 2, "share": 1.0}, "Lea")
    agreed, differ, *_ = ids(store)
    decide(store, agreed, "reject", reason="trivial")
    decide(store, differ, "accept")
    assert ids(store, tags=("trivial",), viewer="Cyd") == []  # who has yet to decide is not told
    assert ids(store, tags=("trivial",), viewer="Bo") == [agreed]
    assert reject_all(store).rows == 6
    assert statuses(store) == {"rejected": 1, "disputed": 1, "pending": 4}
    bulk.undo(store, "b1", "Lea", "u1")
    assert statuses(store) == {"pending": 6}


@pytest.mark.parametrize("who", ["Bo", "Rae"])
def test_only_leads_act_on_many_rows(store, who):
    appoint(store, "Rae", "reader")
    asked = bulk.select(store, EVERYTHING, "reject")
    with pytest.raises(NotAllowedError, match="needs the role lead"):
        bulk.apply(store, asked, WHY, who, "b1")
    reject_all(store)
    with pytest.raises(NotAllowedError):
        bulk.undo(store, "b1", who, "u1")
    assert store.rows("SELECT DISTINCT reviewer FROM review_events") == [("Lea",)]


def test_a_rejection_without_a_reason_and_an_unknown_action_are_refused(store):
    with pytest.raises(StoreError, match="needs a reason"):
        bulk.apply(store, bulk.select(store, EVERYTHING, "reject"), {}, "Lea", "b1")
    with pytest.raises(StoreError, match="unknown action"):
        bulk.select(store, EVERYTHING, "delete")
    with pytest.raises(StoreError, match="no such action"):
        bulk.undo(store, "b9", "Lea", "u1")
    assert statuses(store) == {"pending": 6}


def test_a_bulk_that_fails_half_way_leaves_no_trace(store):
    asked = bulk.select(store, EVERYTHING, "reject")
    store.rows("ALTER TABLE bulk_actions RENAME TO gone")
    with pytest.raises(StoreError):
        bulk.apply(store, asked, WHY, "Lea", "b1")
    assert store.rows("SELECT count(*) FROM review_events") == [(0,)]
