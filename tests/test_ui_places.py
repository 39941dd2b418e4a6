"""Several reviewers at one dataset: who is shown what, who is told of whom, and whose word is the last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.review_rows import fill

from gristmill.errors import StoreError
from gristmill_data.store import Filters, Store
from gristmill_data.store.leases import holders, release
from gristmill_data.store.people import enter, set_role
from gristmill_data.store.settings import set_setting
from gristmill_data.store.teamwork import progress_by_person, words
from gristmill_ui.services import blind, disputes, team, team_table, verdicts, view
from gristmill_ui.services.desk import Desk
from gristmill_ui.services.place import Place
from gristmill_ui.services.team import Goal, Ways


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    fill(tmp_path / "mill.duckdb")
    with Store.open(tmp_path / "mill.duckdb") as opened:
        opened.ingest()
        enter(opened, "Lea", first_leads=True)
        yield opened


def desk_of(store: Store, who: str, **options) -> Desk:
    desk = Desk(store, who, Filters(viewer=who, order="document", **options))
    desk.start()
    desk.look()
    return desk


def overlap(store: Store, reviewers: int = 2) -> None:
    set_setting(store, "overlap", {"reviewers": reviewers, "share": 1.0}, "Lea")


def decide(desk: Desk, action: str = "accept", **payload) -> str:
    """Decide what is on the screen; which row that was."""
    shown = desk.example_id
    desk.look()
    assert desk.decide(desk.decision_id, action, payload), desk.message  # type: ignore[arg-type]
    return shown or ""


def edit(desk: Desk, response: str) -> str:
    item = desk.look()
    messages = [
        {**m, "content": response if m["role"] == "assistant" else m["content"]}
        for m in item.example.messages
    ]
    return decide(desk, "edit", messages=messages)


def disagreeing(store: Store, action: str = "reject", **payload) -> str:
    """One row that Ada accepts and Bo does not; its id."""
    overlap(store)
    row = decide(desk_of(store, "Ada", search="furrows cut"))
    decide(
        desk_of(store, "Bo", search="furrows cut"),
        action,
        **(payload or {"tags": ["trivial"], "note": "too easy"}),
    )
    return row


def test_two_reviewers_get_different_rows_until_none_is_left(store):
    ada, bo = desk_of(store, "Ada"), desk_of(store, "Bo")
    seen: list[str] = []
    while ada.example_id or bo.example_id:
        seen += [decide(desk) for desk in (ada, bo) if desk.example_id]
    assert len(seen) == len(set(seen)) == 6


def test_a_row_is_given_up_when_left_and_taken_again_on_return(store):
    ada = desk_of(store, "Ada")
    first = ada.example_id
    ada.forward()
    assert desk_of(store, "Bo").example_id == first
    ada.place.leave()
    assert holders(store, ada.example_id) == []
    ada.look()
    assert holders(store, ada.example_id) == ["Ada"]


def test_going_on_passes_over_rows_that_somebody_else_took_meanwhile(store):
    ada = desk_of(store, "Ada")
    first = ada.example_id
    ada.forward()
    second = ada.example_id
    ada.back()
    bo = desk_of(store, "Bo")
    assert bo.example_id == second
    ada.forward()
    assert ada.example_id not in (first, second)


def test_a_row_asked_for_by_a_link_is_shown_with_who_is_at_it(store):
    ada, bo = desk_of(store, "Ada"), desk_of(store, "Bo")
    assert bo.open(ada.example_id)
    assert bo.place.others == ["Ada"]
    assert "Ada has this row on the screen too" in view.company(bo.place.others)
    assert holders(store, ada.example_id) == ["Ada"]


def test_whoever_decides_second_is_told_and_can_say_their_word_all_the_same(store):
    ada, bo = desk_of(store, "Ada"), desk_of(store, "Bo")
    row, screen = ada.example_id, ada.decision_id
    bo.open(row)
    bo.look()
    decide(bo, "reject", tags=["trivial"])
    assert not ada.decide(screen, "accept", {})
    assert "Bo" in ada.message
    assert "reject" not in ada.message
    assert not ada.decide(screen, "accept", {}), "the second click of a double click"
    ada.look()
    assert ada.decide(ada.decision_id, "accept", {})
    assert [event["reviewer"] for event in store.history(row)] == ["Bo", "Ada"]


def test_a_reader_takes_no_place_and_decides_nothing(store):
    set_role(store, "Ria", "reader", "Lea")
    ria = desk_of(store, "Ria")
    assert holders(store, ria.example_id) == []
    assert not ria.decide(ria.decision_id, "accept", {})
    assert "reader" in ria.message


def test_an_idle_browser_does_not_keep_a_row_for_ever(store):
    minutes = [0]
    place = Place(store, "Ada", clock=lambda: 60.0 * minutes[0])
    row = place.first_free([r["example_id"] for r in store.queue_page(Filters())], fresh=True)
    prolonged = [minutes[0] for minutes[0] in range(90) if place.keep()]
    assert prolonged == list(range(4, 61, 4))
    assert holders(store, row) == ["Ada"]
    release(store, "Ada", row)
    place.act()
    assert not place.keep()
    assert place.example_id is None


def test_several_reviewers_judge_the_same_text_and_see_nothing_of_each_other(store):
    overlap(store)
    ada, bo = desk_of(store, "Ada", search="furrows cut"), desk_of(store, "Bo", search="furrows cut")
    assert ada.example_id == bo.example_id
    before = bo.look().example.response
    row = edit(ada, "They are 7 mm deep.")
    assert bo.look().example.response == before
    assert bo.message == ""
    assert store.item(row).status == "pending"
    decide(bo)
    assert [word.action for word in words(store, row)] == ["edit", "accept"]


def test_a_row_put_back_waits_for_everybody_again(store):
    ada = desk_of(store, "Ada")
    row = decide(ada)
    ada.back()
    ada.look()
    assert ada.requeue(ada.decision_id)
    assert (store.item(row).status, ada.example_id) == ("pending", row)
    assert ada.undo(ada.decision_id)
    assert store.item(row).status == "accepted"
    ada.look()
    assert ada.requeue(ada.decision_id)
    bo = desk_of(store, "Bo", status=())
    bo.open(row)
    decide(bo, "reject", tags=["trivial"])
    ada.look()
    assert not ada.requeue(ada.decision_id), "that is a lead's to do"
    assert "lead" in ada.message


def test_a_lead_settles_a_row_by_one_reviewers_word(store):
    row = disagreeing(store)
    desk = disputes.desk_for(store, "Lea")
    desk.start()
    item = desk.look()
    assert desk.example_id == row
    ada, bo = disputes.of(desk, item)
    assert disputes.said(item, bo, "Lea") == "rejected"
    assert "too trivial" in disputes.opinion_card(item, bo, "Lea")
    assert disputes.side_with(desk, desk.decision_id, item, bo)
    event = store.history(row)[-1]
    assert (event["action"], event["reviewer"], event["status"]) == ("adjudicate", "Lea", "rejected")
    assert event["payload"] == {
        "verdict": "rejected",
        "agrees_with": "Bo",
        "tags": ["trivial"],
        "note": "too easy",
    }
    assert desk.example_id is None
    assert ada.verdict == "accepted"


def test_undoing_the_last_word_brings_the_dispute_back(store):
    row = disagreeing(store)
    desk = disputes.desk_for(store, "Lea")
    desk.start()
    assert disputes.accept(desk, desk.decision_id, desk.look())
    assert store.item(row).status == "accepted"
    assert desk.undo(desk.decision_id)
    assert (store.item(row).status, desk.example_id) == ("disputed", row)


def test_only_a_lead_has_the_last_word(store):
    disagreeing(store)
    desk = disputes.desk_for(store, "Ada")
    desk.start()
    assert not disputes.accept(desk, desk.decision_id, desk.look())
    assert "needs the role lead" in desk.message


@pytest.mark.parametrize(
    ("agrees_with", "response"), [("Ada", "7 mm."), ("Bo", "8 mm."), ("", "They are 6 mm")]
)
def test_the_text_goes_with_the_word_that_is_taken(store, agrees_with, response):
    overlap(store, 3)
    desks = {name: desk_of(store, name, search="furrows cut") for name in ("Ada", "Bo", "Cyd")}
    edit(desks["Ada"], "7 mm.")
    row = edit(desks["Bo"], "8 mm.")
    decide(desks["Cyd"], "reject", tags=["incorrect"])
    desk = disputes.desk_for(store, "Lea")
    desk.start()
    item = desk.look()
    chosen = {word.reviewer: word for word in disputes.of(desk, item)}
    if agrees_with:
        assert "<ins>7" in disputes.opinion_card(item, chosen["Ada"], "Lea")
        assert disputes.side_with(desk, desk.decision_id, item, chosen[agrees_with])
    else:
        assert disputes.accept(desk, desk.decision_id, item)
    assert store.item(row).example.response.startswith(response)
    assert store.item(row).status == "accepted"


def test_a_lead_settles_a_row_with_a_text_of_their_own(store):
    row = disagreeing(store)
    desk = disputes.desk_for(store, "Lea")
    desk.start()
    item = desk.look()
    assert not disputes.edit(desk, desk.decision_id, item)
    assert desk.message == "Nothing was changed."
    verdicts.keep_typed(desk, item, {"turn1": "About 6 mm."})
    assert not disputes.accept(desk, desk.decision_id, item)
    assert "unsaved edit" in desk.message
    assert disputes.edit(desk, desk.decision_id, item)
    assert (store.item(row).status, store.item(row).example.response) == ("accepted", "About 6 mm.")


def test_the_words_on_a_pair_go_by_the_letters_of_the_leads_screen(store):
    overlap(store)
    row = decide(desk_of(store, "Ada", kind=("preference",)), "prefer", side="rejected", left="chosen")
    decide(desk_of(store, "Bo", kind=("preference",)), "prefer", side="tie", left="chosen")
    desk = disputes.desk_for(store, "Lea")
    desk.start()
    item = desk.look()
    ada, bo = disputes.of(desk, item)
    letter = "AB"[blind.sides("Lea", row).index("rejected")]
    assert [disputes.said(item, word, "Lea") for word in (ada, bo)] == [f"{letter} is better", "a tie"]
    html = disputes.opinion_card(item, ada, "Lea") + disputes.opinion_card(item, bo, "Lea")
    assert "rejected" not in html
    assert "chosen" not in html
    assert disputes.side_with(desk, desk.decision_id, item, ada)
    assert (store.item(row).status, store.item(row).side) == ("accepted", "rejected")


def test_progress_counts_what_stands_and_compares_what_several_decided(store):
    disagreeing(store)
    bo = desk_of(store, "Bo")
    decide(bo)
    decide(bo, "skip")
    found = {row["reviewer"]: row for row in progress_by_person(store)}
    assert (found["Bo"]["total"], found["Bo"]["today"], found["Bo"]["accepted"]) == (2, 2, 1)
    assert (found["Bo"]["agreed"], found["Bo"]["compared"], found["Ada"]["compared"]) == (0, 1, 1)
    assert found["Bo"]["looking"] == 1
    assert found["Bo"]["timed"] == 2
    table = team_table.table(store, progress_by_person(store))
    assert all(f'<th scope="row">{name}' in table for name in ("Ada", "Bo", "Lea"))
    assert "0% of 1" in table


def test_a_lead_sets_goals_for_everybody_and_for_one(store):
    wanted = Ways(2, 50, 20, False, Goal(10, 0))
    assert team.save_ways(store, "Lea", wanted) == 4
    assert team.save_ways(store, "Lea", wanted) == 0
    assert team.ways(store) == wanted
    assert desk_of(store, "Ada").show_scores
    team.save_person(store, "Lea", "Bo", "reader", Goal(3, 40))
    assert (team.goal_of(store, "Bo"), team.goal_of(store, "Ada")) == (Goal(3, 40), Goal(10, 0))
    counts = {"mine_today": 3, "mine": 7}
    assert "3</b> of 10 today" in team_table.goal_line(counts, team.goal_of(store, "Ada"))
    assert "7</b> of 40 in all" in team_table.goal_line(counts, team.goal_of(store, "Bo"))
    assert any("50 % of the rows get 2 reviewers" in line for line in team.told(store))
    assert any("Lea: minutes of a reservation is 20" in line for line in team.changes(store))
    with pytest.raises(StoreError, match="needs the role lead"):
        team.save_ways(store, "Ada", Ways(1, 100, 10, True, Goal()))
