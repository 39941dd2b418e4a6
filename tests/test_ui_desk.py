"""A reviewer's desk over a real dataset: what is shown next, what is saved once, what undo brings back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.review_rows import fill

from gristmill_data.store import Filters, Store
from gristmill_ui.services import blind, verdicts, view
from gristmill_ui.services.desk import Desk
from gristmill_ui.services.edits import Draft, draft_of
from gristmill_ui.services.progress import receipt
from gristmill_ui.services.table import BLIND, Table, display


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    fill(tmp_path / "mill.duckdb")
    with Store.open(tmp_path / "mill.duckdb") as opened:
        opened.ingest()
        yield opened


def desk_of(store: Store, who: str = "Ada", **options) -> Desk:
    desk = Desk(store, who, Filters(viewer=who, order="document", **options))
    desk.start()
    desk.look()
    return desk


def events(store: Store, example_id: str) -> list[tuple[str, str]]:
    return [(event["reviewer"], event["action"]) for event in store.history(example_id)]


def test_accepting_saves_an_event_and_goes_on(store):
    desk = desk_of(store)
    first = desk.example_id
    assert desk.decide(desk.decision_id, "accept", {})
    assert desk.example_id != first
    assert events(store, first) == [("Ada", "accept")]
    assert store.item(first).status == "accepted"


def test_a_second_click_on_the_same_screen_saves_nothing(store):
    desk = desk_of(store)
    first, screen = desk.example_id, desk.decision_id
    assert desk.decide(screen, "accept", {})
    assert not desk.decide(screen, "accept", {})
    assert store.counts("Ada")["accepted"] == 1
    assert len(store.history(first)) == 1


def test_the_saved_receipt_names_the_event(store):
    desk = desk_of(store)
    screen, first = desk.decision_id, desk.example_id
    desk.decide(screen, "accept", {})
    assert store.history(first)[0]["event_id"] == screen
    assert f"event {screen}" in receipt(desk.last)


def test_undo_brings_the_row_back_to_be_decided_again(store):
    desk = desk_of(store)
    first = desk.example_id
    desk.decide(desk.decision_id, "accept", {})
    assert desk.undo(desk.decision_id)
    assert desk.example_id == first
    assert store.item(first).status == "pending"
    desk.look()
    assert desk.decide(desk.decision_id, "skip", {})
    assert [action for _, action in events(store, first)] == ["accept", "undo", "skip"]


def test_undo_pressed_twice_takes_back_one_decision(store):
    desk = desk_of(store)
    for _ in range(2):
        desk.look()
        desk.decide(desk.decision_id, "accept", {})
    screen = desk.decision_id
    assert desk.undo(screen)
    assert not desk.undo(screen)
    assert store.counts("Ada")["accepted"] == 1


def test_skipped_rows_are_met_again_after_starting_over(store):
    desk = desk_of(store)
    shown = []
    while desk.example_id:
        shown.append(desk.example_id)
        desk.look()
        desk.decide(desk.decision_id, "skip", {})
    assert len(set(shown)) == len(shown) == 6
    assert not desk.more_waiting()
    desk.restart()
    assert desk.example_id in shown


def test_rows_of_a_running_run_end_the_wait(store, tmp_path):
    desk = desk_of(store, search="no row says this")
    assert desk.example_id is None
    assert not desk.more_waiting()
    desk.filters = Filters(viewer="Ada")
    assert desk.more_waiting()


def test_an_edit_saves_the_new_text_and_accepts(store):
    desk = desk_of(store, search="furrows cut")
    item = desk.look()
    draft = Draft(item.example.instruction, "They are 6 mm deep.")
    assert verdicts.save_edit(desk, desk.decision_id, item, draft)
    now = store.item(item.example.id)
    assert (now.status, now.revision, now.example.response) == ("accepted", 1, "They are 6 mm deep.")
    assert now.original.response == item.example.response


@pytest.mark.parametrize("response", [None, "  "])
def test_an_edit_that_changes_nothing_or_empties_a_text_is_not_saved(store, response):
    desk = desk_of(store, search="furrows cut")
    item = desk.look()
    draft = Draft(item.example.instruction, item.example.response if response is None else response)
    assert not verdicts.save_edit(desk, desk.decision_id, item, draft)
    assert desk.message
    assert store.history(item.example.id) == []


def test_a_draft_survives_leaving_the_row(store):
    desk = desk_of(store)
    item = desk.look()
    draft = Draft("Changed?", "Half a thought")
    verdicts.keep_draft(desk, item, draft)
    desk.forward()
    desk.back()
    assert desk.drafts[item.example.id] == draft
    verdicts.keep_draft(desk, item, draft_of(item))
    assert item.example.id not in desk.drafts


def test_a_decision_on_text_that_somebody_changed_meanwhile_is_refused(store):
    ada, bo = desk_of(store, search="furrows cut"), desk_of(store, "Bo", search="furrows cut")
    item = bo.look()
    verdicts.save_edit(bo, bo.decision_id, item, Draft(item.example.instruction, "6 mm."))
    assert not ada.decide(ada.decision_id, "reject", {"reason": "incorrect"})
    assert "Bo" in ada.message
    assert ada.example_id == item.example.id
    assert ada.look().example.response == "6 mm."
    assert ada.decide(ada.decision_id, "accept", {})


def test_rejecting_needs_a_reason(store):
    desk = desk_of(store)
    first = desk.example_id
    assert not verdicts.reject(desk, desk.decision_id, "")
    desk.toggle_reason(desk.decision_id, "trivial")
    desk.toggle_reason(desk.decision_id, "duplicate")
    desk.toggle_reason(desk.decision_id, "trivial")
    assert verdicts.reject(desk, desk.decision_id, "seen before")
    payload = store.history(first)[0]["payload"]
    assert payload == {"reason": "duplicate", "reasons": ["duplicate"], "note": "seen before"}


@pytest.mark.parametrize("who", ["Ada", "Bo", "Cyd", "Dee"])
def test_a_preference_is_saved_as_recorded_not_as_displayed(store, who):
    desk = desk_of(store, who, kind=("preference",))
    example_id = desk.example_id
    assert verdicts.prefer(desk, desk.decision_id, "left")
    payload = store.history(example_id)[0]["payload"]
    assert payload["side"] == payload["left"] == blind.sides(who, example_id)[0]


def test_a_pair_does_not_tell_its_sides_apart_before_the_verdict(store):
    desk = desk_of(store, kind=("preference",))
    item = desk.look()
    html = view.meta_line(item, revealed=False) + view.texts(item) + view.source(item)
    html += "".join(view.pair_side(item, letter, side, revealed=False)
                    for letter, side in zip("AB", ("chosen", "rejected"), strict=True))  # fmt: skip
    for word in ("chosen", "rejected", "omission", "fault"):
        assert word not in html
    assert "recorded as chosen" in view.pair_side(item, "A", "chosen", revealed=True)


def test_a_verdict_counts_as_mine_until_it_is_undone(store):
    desk = desk_of(store)
    first = desk.example_id
    desk.decide(desk.decision_id, "accept", {})
    assert view.decided_by(store.item(first), "Ada")
    assert not view.decided_by(store.item(first), "Bo")
    desk.undo(desk.decision_id)
    assert not view.decided_by(store.item(first), "Ada")


def test_a_link_to_an_unknown_row_says_so(store):
    desk = desk_of(store)
    before = desk.example_id
    assert not desk.open("nothing")
    assert desk.example_id == before


def test_the_table_pages_by_keyset_and_keeps_pairs_blind(store, monkeypatch):
    monkeypatch.setattr("gristmill_ui.services.table.PAGE", 4)
    table = Table(store, Filters(status=(), order="document"))
    first = [row["example_id"] for row in table.load()]
    assert table.more
    table.forward()
    second = [row["example_id"] for row in table.load()]
    assert not table.more
    assert len({*first, *second}) == 6
    table.back()
    assert [row["example_id"] for row in table.load()] == first
    shown = display(table.rows, desk_of(store))
    assert [row["Response"] for row in shown if row["Kind"] == "preference"] == [BLIND]
    assert all("Score" not in row for row in shown)
