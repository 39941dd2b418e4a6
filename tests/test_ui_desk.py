"""A reviewer's desk over a real dataset: what is shown next, what is saved once, what undo brings back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.review_rows import fill

from gristmill_data.store import Filters, Store
from gristmill_data.store.journal import decisions_by
from gristmill_data.store.passages import score_steps
from gristmill_ui.services import blind, compare, grades, rubrics, verdicts, view
from gristmill_ui.services.desk import Desk, Saved
from gristmill_ui.services.edits import base_texts
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


def type_in(desk: Desk, item, response: str) -> None:
    """What the page does when somebody types a response."""
    desk.switch(desk.decision_id, "edit")
    verdicts.keep_typed(desk, item, {"turn1": response})


def sheets_of(store: Store, item):
    return rubrics.sheets(item, score_steps(store, item.example.id), store.path.parent)


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
    type_in(desk, item, "They are 6 mm deep.")
    assert verdicts.save_edit(desk, desk.decision_id, item)
    now = store.item(item.example.id)
    assert (now.status, now.revision, now.example.response) == ("accepted", 1, "They are 6 mm deep.")
    assert now.original.response == item.example.response


@pytest.mark.parametrize("response", [None, "  "])
def test_an_edit_that_changes_nothing_or_empties_a_text_is_not_saved(store, response):
    desk = desk_of(store, search="furrows cut")
    item = desk.look()
    type_in(desk, item, item.example.response if response is None else response)
    assert not verdicts.save_edit(desk, desk.decision_id, item)
    assert desk.message
    assert store.history(item.example.id) == []


def test_a_draft_survives_leaving_the_row_and_the_end_of_the_session(store):
    desk = desk_of(store, kind=("instruction",))
    item = desk.look()
    type_in(desk, item, "Half a thought")
    desk.forward()
    desk.back()
    assert desk.mode == "edit"
    assert desk_of(store).drafts.of(item.example.id).texts == {"1": "Half a thought"}
    type_in(desk, item, item.example.response)
    assert desk.drafts.open() == []


def test_a_decision_ends_the_draft_and_a_skip_does_not(store):
    desk = desk_of(store)
    item = desk.look()
    verdicts.keep_typed(desk, item, {"note": "to be asked"})
    desk.decide(desk.decision_id, "skip", {})
    assert desk.drafts.open() == [item.example.id]
    desk.back()
    assert verdicts.reject(desk, desk.decision_id)
    assert desk.drafts.open() == []


def test_an_unsaved_edit_is_not_lost_by_accepting_the_old_text(store):
    desk = desk_of(store, kind=("instruction",))
    item = desk.look()
    type_in(desk, item, "Better.")
    assert not verdicts.accept(desk, desk.decision_id)
    assert "unsaved edit" in desk.message
    verdicts.discard(desk, desk.decision_id)
    assert verdicts.accept(desk, desk.decision_id)


def test_a_decision_on_text_that_somebody_changed_meanwhile_is_refused(store):
    ada, bo = desk_of(store, search="furrows cut"), desk_of(store, "Bo", search="furrows cut")
    bo.open(ada.example_id)
    item = bo.look()
    type_in(bo, item, "6 mm.")
    assert verdicts.save_edit(bo, bo.decision_id, item)
    assert not ada.decide(ada.decision_id, "reject", {"reason": "incorrect"})
    assert "Bo" in ada.message
    assert ada.look().example.response == "6 mm."
    assert ada.decide(ada.decision_id, "accept", {})


def test_two_edits_of_one_row_keep_both_texts_for_merging(store):
    ada, bo = desk_of(store, search="furrows cut"), desk_of(store, "Bo", search="furrows cut")
    bo.open(ada.example_id)
    mine, theirs = ada.look(), bo.look()
    type_in(ada, mine, "Ada says 6 mm.")
    type_in(bo, theirs, "Bo says 6 mm.")
    assert verdicts.save_edit(bo, bo.decision_id, theirs)
    assert not verdicts.save_edit(ada, ada.decision_id, mine)
    now = ada.look()
    draft = ada.drafts.of(now.example.id)
    told = compare.others_changes(now, verdicts.fields(ada, now), draft)
    assert "<ins>Bo</ins>" in told
    assert "changed Response too" in told
    assert "<ins>Ada</ins>" in compare.own_changes(verdicts.fields(ada, now), draft)
    assert verdicts.save_edit(ada, ada.decision_id, now)
    assert [action for _, action in events(store, now.example.id)] == ["edit", "edit"]


def test_edits_of_different_texts_of_a_row_are_both_kept(store):
    ada, bo = desk_of(store, search="furrows cut"), desk_of(store, "Bo", search="furrows cut")
    bo.open(ada.example_id)
    mine, theirs = ada.look(), bo.look()
    verdicts.keep_typed(ada, mine, {"turn0": "How deep?", "turn1": mine.example.response})
    type_in(bo, theirs, "6 mm.")
    verdicts.save_edit(bo, bo.decision_id, theirs)
    verdicts.save_edit(ada, ada.decision_id, mine)
    now = ada.look()
    assert verdicts.save_edit(ada, ada.decision_id, now)
    assert base_texts(store.item(now.example.id)) == {"0": "How deep?", "1": "6 mm."}


def test_what_a_lost_page_had_typed_opens_the_row_as_it_was_left(store):
    desk = desk_of(store, kind=("instruction",))
    item = desk.look()
    told = {"screen": desk.decision_id, "example": item.example.id, "texts": {"turn1": "Typed, then cut off"}}
    assert verdicts.take_typed(desk, item, {**told, "recovered": True})
    assert desk.mode == "edit"
    assert "is back" in desk.message
    assert told["screen"] != desk.decision_id
    told["screen"] = desk.decision_id
    for other in ({"screen": "gone"}, {"example": "another"}, {"texts": "no"}):
        assert not verdicts.take_typed(desk, item, {**told, "texts": {"turn1": "x"}, **other})
    assert desk.drafts.of(item.example.id).texts == {"1": "Typed, then cut off"}


def test_grades_are_given_one_by_one_and_go_with_the_verdict(store):
    desk = desk_of(store)
    asked = grades.questions(sheets_of(store, desk.look()), None)
    verdicts.begin_grading(desk, desk.decision_id, asked)
    for value in [1] * (len(asked) - 1) + [0]:
        verdicts.grade(desk, desk.decision_id, asked, value)
    first, screen = desk.example_id, desk.decision_id
    assert desk.mode == "read"
    assert verdicts.accept(desk, screen)
    ratings = store.history(first)[0]["payload"]["ratings"]
    assert ratings == {**{q.criterion.key: 1 for q in asked}, "contradicts": 0}


@pytest.mark.parametrize("who", ["Ada", "Bo", "Cyd", "Dee"])
def test_grades_of_a_pair_are_saved_as_recorded_not_as_displayed(store, who):
    desk = desk_of(store, who, kind=("preference",))
    order = blind.sides(who, desk.example_id)
    asked = grades.questions(sheets_of(store, desk.look()), order)
    verdicts.begin_grading(desk, desk.decision_id, asked)
    verdicts.grade(desk, desk.decision_id, asked, 1)
    assert asked[0].who == "Response A"
    assert desk.drafts.of(desk.example_id).ratings == {order[0]: {asked[0].criterion.key: 1}}


def test_an_edited_pair_is_saved_with_the_side_that_is_better_now(store):
    desk = desk_of(store, kind=("preference",))
    item = desk.look()
    desk.switch(desk.decision_id, "edit")
    verdicts.keep_typed(desk, item, {"left": "Anchor in the roads."})
    assert not verdicts.save_edit(desk, desk.decision_id, item)
    assert desk.mode == "choose"
    assert verdicts.save_edited_pair(desk, desk.decision_id, item, "left")
    left = blind.sides("Ada", item.example.id)[0]
    now = store.item(item.example.id)
    assert (now.side, getattr(now.example, left)) == (left, "Anchor in the roads.")


def test_any_own_decision_can_be_taken_back_also_in_another_session(store):
    desk = desk_of(store)
    for _ in range(3):
        desk.look()
        desk.decide(desk.decision_id, "accept", {})
    later = desk_of(store)
    oldest = decisions_by(store, "Ada")[-1]
    saved = Saved(oldest["event_id"], oldest["example_id"], "accept")
    assert later.take_back(later.decision_id, saved)
    assert later.example_id == oldest["example_id"]
    assert store.item(oldest["example_id"]).status == "pending"
    assert not later.take_back(later.decision_id, saved)
    assert "undone already" in later.message
    assert later.undo(later.decision_id)


def test_rejecting_needs_a_reason(store):
    desk = desk_of(store)
    first = desk.example_id
    assert not verdicts.reject(desk, desk.decision_id)
    for reason in ("trivial", "duplicate", "trivial"):
        verdicts.toggle_reason(desk, desk.decision_id, reason)
    verdicts.keep_typed(desk, desk.look(), {"note": "seen before"})
    assert verdicts.reject(desk, desk.decision_id)
    payload = store.history(first)[0]["payload"]
    assert payload == {"reason": "duplicate", "tags": ["duplicate"], "note": "seen before"}


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
    fields = verdicts.fields(desk, item)
    html = view.meta_line(item, revealed=False) + view.texts(fields, ["user"]) + view.source(item)
    html += "".join(view.sides(fields, revealed=False))
    for word in ("chosen", "rejected", "omission", "fault"):
        assert word not in html
    assert "recorded as chosen" in "".join(view.sides(fields, revealed=True))


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


def test_a_press_counts_on_the_screen_and_in_the_mode_it_was_drawn_in(store):
    desk = desk_of(store)
    screen = desk.decision_id
    with desk.pressed(screen, "read") as counts:
        assert counts
        desk.switch(screen, "reject")
    with desk.pressed(screen, "read") as counts:  # meant for the bar that was there before
        assert not counts
    with desk.pressed(screen, "reject") as counts:
        assert counts
        desk.forward()
    with desk.pressed(screen, "read") as counts:
        assert not counts
