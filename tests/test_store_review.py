"""Decisions: append-only events, receipts, undo, edits and conflicts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.store_rows import Dataset, fill, new_store, review, turns

from gristmill.errors import StoreError
from gristmill.records import Call, Example, Outcome, Usage
from gristmill_data.store import Filters, SegmentWriter, Store, StoreConflictError, drafts
from gristmill_data.store.journal import decisions_by


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with new_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def made(store: Store) -> Dataset:
    return fill(store)


STATUS_AFTER = [
    ("accept", {}, "accepted"),
    ("reject", {"reason": "wrong"}, "rejected"),
    ("edit", {"chosen": "better"}, "accepted"),
    ("prefer", {"side": "chosen"}, "accepted"),
    ("prefer", {"side": "rejected"}, "accepted"),
    ("prefer", {"side": "tie"}, "rejected"),
    ("prefer", {"side": "both_bad"}, "rejected"),
    ("skip", {}, "pending"),
]


@pytest.mark.parametrize(("action", "payload", "status"), STATUS_AFTER)
def test_status_after(store: Store, made: Dataset, action: Any, payload: dict[str, str], status: str) -> None:
    receipt = store.decide(review(made.pairs[0], action, **payload))
    view = store.item(made.pairs[0].id)
    assert receipt.status == status == view.status
    assert [(e["action"], e["payload"], e["undone"]) for e in view.history] == [(action, payload, False)]
    assert view.side == ("chosen" if action == "accept" else payload.get("side"))


def test_the_same_event_twice_is_one_row_and_one_receipt(store: Store, made: Dataset) -> None:
    event = review(made.examples[0], "accept")
    first = store.decide(event)
    store.decide(review(made.examples[0], "reject", by="bob"))
    assert store.decide(event) == first
    assert len(store.history(made.examples[0].id)) == 2


def test_an_event_id_used_for_something_else_is_refused(store: Store, made: Dataset) -> None:
    event = review(made.examples[0], "accept", event="e1")
    store.decide(event)
    with pytest.raises(StoreConflictError, match="already used"):
        store.decide(replace(event, action="reject"))


def test_double_clicks_from_many_threads_are_one_row(store: Store, made: Dataset) -> None:
    event = review(made.examples[0], "accept")
    receipts: list[object] = []
    threads = [threading.Thread(target=lambda: receipts.append(store.decide(event))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receipts) == 8
    assert len(set(receipts)) == 1
    assert store.rows("SELECT count(*) FROM review_events") == [(1,)]


def test_an_edit_gives_the_text_and_the_next_revision(store: Store, made: Dataset) -> None:
    example = made.examples[0]
    better = turns("What does a deck oven do?", "It holds heat.")
    receipt = store.decide(review(example, "edit", messages=better))
    view = store.item(example.id)
    assert (receipt.revision, receipt.status) == (1, "accepted")
    assert (view.revision, view.example.messages) == (1, tuple(better))
    assert view.original == example
    assert view.example.id == example.id


def test_an_edit_of_an_outdated_text_names_who_changed_it(store: Store, made: Dataset) -> None:
    example = made.examples[0]
    store.decide(review(example, "edit", by="bob", messages=turns("q", "by bob")))
    for action, payload in (("edit", {"messages": turns("q", "by ann")}), ("accept", {}), ("reject", {})):
        with pytest.raises(StoreConflictError, match="bob changed it at") as caught:
            store.decide(review(example, action, **payload))  # type: ignore[arg-type]
        assert caught.value.cure
    store.decide(review(example, "skip"))
    store.decide(review(example, "accept", revision=1))
    assert store.item(example.id).example.response == "by bob"


def test_edits_of_different_fields_add_up(store: Store, made: Dataset) -> None:
    pair = made.pairs[0]
    store.decide(review(pair, "edit", chosen="new good"))
    store.decide(review(pair, "edit", revision=1, rejected="new bad", side="rejected"))
    view = store.item(pair.id)
    assert (view.example.chosen, view.example.rejected) == ("new good", "new bad")
    assert (view.example.messages, view.side, view.revision) == (pair.messages, "rejected", 2)


def test_undo_brings_the_state_before_back(store: Store, made: Dataset) -> None:
    example = made.examples[0]
    store.decide(review(example, "reject", by="bob"))
    store.decide(review(example, "edit", event="mine", messages=turns("q", "a")))
    receipt = store.decide(review(example, "undo", revision=1, event_id="mine"))
    view = store.item(example.id)
    assert (receipt.status, view.example.messages) == ("rejected", example.messages)
    assert [event["undone"] for event in view.history] == [False, True, False]
    assert receipt.revision == view.revision == 2  # whoever still sees the undone text must reload


def test_undo_of_everything_is_pending_again(store: Store, made: Dataset) -> None:
    example = made.examples[0]
    for number in range(2):
        store.decide(review(example, "accept", event=f"e{number}"))
    for number in (1, 0):
        receipt = store.decide(review(example, "undo", event_id=f"e{number}"))
    assert receipt.status == "pending"


def test_any_own_decision_can_be_undone_once_and_nobody_elses(store: Store, made: Dataset) -> None:
    example = made.examples[0]
    store.decide(review(example, "accept", event="first"))
    store.decide(review(example, "reject", event="second"))
    store.decide(review(example, "reject", event="bobs", by="bob"))
    told = {"bobs": "only they can undo it", "nothing": "no such decision"}
    for target, message in told.items():
        with pytest.raises(StoreConflictError, match=message):
            store.decide(review(example, "undo", event_id=target))
    store.decide(review(example, "undo", event="back", event_id="first"))
    for target in ("first", "back"):
        with pytest.raises(StoreConflictError, match=r"undone already|no such decision"):
            store.decide(review(example, "undo", event_id=target))
    store.decide(review(example, "undo", event_id="second"))
    assert [event["undone"] for event in store.history(example.id)] == [True, True, False, False, False]


def test_a_draft_lives_until_the_decision_it_led_to_and_outlives_the_store(
    store: Store, made: Dataset, tmp_path: Path
) -> None:
    example, payload = made.examples[0], {"texts": {"1": "half a thought"}}
    drafts.save_draft(store, "ada", example.id, 0, {"texts": {}})
    drafts.save_draft(store, "ada", example.id, 0, payload)
    drafts.save_draft(store, "bob", example.id, 0, payload)
    store.close()
    with new_store(tmp_path) as again:
        [kept] = drafts.drafts_of(again, "ada")
        assert (kept.payload, kept.revision) == (payload, 0)
        assert [one.reviewer for one in drafts.others_drafting(again, "ada", example.id, kept.time)] == [
            "bob"
        ]
        again.decide(review(example, "skip", by="ada"))
        assert drafts.draft(again, "ada", example.id) is not None
        again.decide(review(example, "accept", by="ada"))
        assert drafts.draft(again, "ada", example.id) is None
        assert drafts.draft(again, "bob", example.id) is not None


def test_the_journal_lists_ones_own_decisions_the_latest_first(store: Store, made: Dataset) -> None:
    for number, example in enumerate(made.examples[:3]):
        store.decide(review(example, "accept", event=f"e{number}"))
    store.decide(review(made.examples[1], "accept", event="bobs", by="bob"))
    store.decide(review(made.examples[0], "undo", event="u", event_id="e0"))
    who = store.history(made.examples[0].id)[0]["reviewer"]
    rows = decisions_by(store, who)
    assert [(row["event_id"], row["undone"]) for row in rows] == [("e2", False), ("e1", False), ("e0", True)]
    assert [row["event_id"] for row in decisions_by(store, who, rows[0]["seq"], 1)] == ["e1"]


WRONG = [
    ("instruction", "prefer", {"side": "chosen"}, "does not fit"),
    ("preference", "prefer", {"side": "left"}, "does not fit"),
    ("preference", "prefer", {}, "needs a side"),
    ("instruction", "edit", {}, "needs messages"),
    ("instruction", "edit", {"chosen": "x"}, "only a preference"),
    ("preference", "edit", {"chosen": ""}, "must be text"),
    ("instruction", "edit", {"messages": []}, "list of"),
    ("instruction", "edit", {"messages": [{"role": "robot", "content": ""}]}, "list of"),
    ("instruction", "edit", {"messages": turns("only a question")}, "must be the assistant's"),
    ("preference", "edit", {"messages": turns("q", "a")}, "must be the user's"),
    ("instruction", "praise", {}, "unknown action"),
]


@pytest.mark.parametrize(("kind", "action", "payload", "message"), WRONG)
def test_decisions_that_do_not_fit_are_refused(
    store: Store, made: Dataset, kind: str, action: Any, payload: dict[str, Any], message: str
) -> None:
    example: Example = made.examples[0] if kind == "instruction" else made.pairs[0]
    with pytest.raises(StoreError, match=message):
        store.decide(review(example, action, **payload))
    assert store.history(example.id) == []


def test_unknown_examples_are_refused(store: Store, made: Dataset) -> None:
    stranger = replace(made.examples[0], id="nobody")
    with pytest.raises(StoreError, match="no such example"):
        store.decide(review(stranger, "accept"))
    with pytest.raises(StoreError, match="no such example"):
        store.item("nobody")


def test_a_person_outranks_the_machine(store: Store, made: Dataset) -> None:
    example = made.examples[0]
    writer = SegmentWriter(store.path, "run-2")
    slot = f"slot-{example.id}"
    writer.add(Outcome(slot, made.chunk.id, "qa", 0, "s2", "rejected", "low-score", example_id=example.id))
    writer.flush()
    store.ingest()
    assert store.item(example.id).status == "machine_rejected"
    assert store.item(example.id).reason == "low-score"
    assert store.decide(review(example, "accept")).status == "accepted"
    assert [r["example_id"] for r in store.queue_page(Filters(status=("accepted",)))] == [example.id]


def test_decisions_survive_reopening(store: Store, made: Dataset, tmp_path: Path) -> None:
    receipt = store.decide(review(made.examples[0], "reject", event="kept"))
    store.close()
    with new_store(tmp_path) as again:
        assert again.decide(review(made.examples[0], "reject", event="kept")) == receipt
        assert again.decide(review(made.examples[1], "accept")).seq > receipt.seq


def test_an_item_names_the_models_whose_answers_it_was_made_of(store: Store, made: Dataset) -> None:
    call = Call("call-9", "openai:some-model", (), {}, "An answer.", Usage(3, 2), None)
    example = replace(made.examples[0], id="traced", calls=(call.key, "not-stored"))
    writer = SegmentWriter(store.path, "run-2")
    writer.add(call)
    writer.add(example)
    writer.flush()
    store.ingest()
    assert store.item("traced").models == ("openai:some-model",)
    assert store.item(made.pairs[0].id).models == ()
