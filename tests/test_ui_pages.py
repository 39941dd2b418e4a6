"""Each page of the review app, run headless over a real dataset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.review_rows import fill

from gristmill_data.store import Store
from gristmill_ui.owner import attachment
from gristmill_ui.server import ENTRY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "mill.duckdb") as opened, attachment(opened):
        yield opened


@pytest.fixture
def filled(store: Store) -> Store:
    fill(store.path)
    store.ingest()
    return store


def started(**query: str) -> AppTest:
    app = AppTest.from_file(str(ENTRY), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    app.text_input(key="gm_name").input("Ada")
    next(button for button in app.button if button.label == "Start reviewing").click().run()
    return app


def only(function: str) -> AppTest:
    """One page alone, without the navigation around it."""
    app = AppTest.from_string(f"from gristmill_ui.app_pages import {function}\n{function}.render()")
    app.default_timeout = 60
    app.session_state["gm_reviewer"] = "Ada"
    return app.run()


def press(app: AppTest, label: str) -> AppTest:
    name = app.session_state["gm_desk"].decision_id
    return app.button(key=f"{label}_{name}").click().run()


def page(app: AppTest) -> str:
    return "\n".join(block.proto.body for block in app.get("html"))


def test_the_app_asks_who_is_reviewing(filled):
    app = AppTest.from_file(str(ENTRY), default_timeout=60).run()
    assert "Who is reviewing?" in page(app)
    assert not app.exception
    assert "gm_desk" not in app.session_state


def test_a_row_is_shown_with_its_source_and_evidence(filled):
    app = started()
    assert not app.exception
    assert "How often is a pair of French burr stones dressed?" in page(app)
    assert '<mark class="gm-evidence">dressed after about 100 hours of grinding</mark>' in page(app)
    assert "mill/dressing.md" in page(app)


def test_scores_are_held_back_until_the_verdict(filled):
    app = started()
    assert "groundedness" not in page(app)
    press(press(app, "Accept"), "Previous")
    assert "groundedness" in page(app)


def test_accept_saves_and_shows_the_receipt(filled):
    app = press(started(), "Accept")
    saved = app.session_state["gm_desk"].last
    assert f"event {saved.event_id}" in page(app)
    assert filled.item(saved.example_id).status == "accepted"
    assert filled.history(saved.example_id)[0]["reviewer"] == "Ada"


def test_reject_asks_for_a_reason_and_saves_it(filled):
    app = press(started(), "Reject")
    first = app.session_state["gm_desk"].example_id
    press(app, "Save rejection")
    assert filled.history(first) == []
    press(press(app, "Not in the source"), "Save rejection")
    assert filled.history(first)[0]["payload"]["tags"] == ["unsupported"]


def test_an_edit_is_shown_as_a_diff_and_saved(filled):
    app = press(started(), "Edit")
    desk = app.session_state["gm_desk"]
    first = desk.example_id
    app.text_area(key=f"gm_turn1_{desk.decision_id}").input("After about 90 hours.")
    press(press(app, "Back"), "Edit")
    assert "<ins>90" in page(app)
    press(app, "Save edit")
    assert filled.item(first).example.response == "After about 90 hours."
    assert filled.history(first)[0]["action"] == "edit"


def test_leaving_a_half_done_edit_does_not_lose_it(filled):
    app = press(started(), "Edit")
    desk = app.session_state["gm_desk"]
    app.text_area(key=f"gm_turn1_{desk.decision_id}").input("Half a thought")
    press(press(press(app, "Back"), "Next"), "Previous")
    assert "unsaved edit" in page(app)
    press(app, "Edit")
    assert app.text_area(key=f"gm_turn1_{desk.decision_id}").value == "Half a thought"


def test_a_row_is_graded_by_its_rubric_and_the_grades_stay_in_sight(filled):
    app = press(started(), "Grade")
    assert "1 of 6" in page(app)
    press(app, "1 · yes")
    assert "2 of 6" in page(app)
    press(press(app, "Done"), "Accept")
    saved = app.session_state["gm_desk"].last
    assert filled.history(saved.example_id)[0]["payload"]["ratings"] == {"grounded": 1}
    assert "you: yes" in page(press(app, "Previous"))


def test_the_history_of_a_row_takes_back_any_own_decision(filled):
    app = press(press(started(), "Accept"), "Previous")
    desk = app.session_state["gm_desk"]
    [event] = filled.history(desk.example_id)
    assert "accepted" in page(app)
    app.button(key=f"gm_undo_row_{event['event_id']}").click().run()
    assert filled.item(desk.example_id).status == "pending"
    assert "took back a decision" not in page(app)


def test_undo_takes_the_last_decision_back(filled):
    app = press(started(), "Accept")
    saved = app.session_state["gm_desk"].last
    press(app, "Undo")
    assert app.session_state["gm_desk"].example_id == saved.example_id
    assert filled.counts("Ada")["accepted"] == 0


def test_a_link_opens_its_row(filled):
    rows = filled.queue_page(app_filters())
    target = rows[-1]["example_id"]
    app = started(item=target)
    assert app.session_state["gm_desk"].example_id == target


def app_filters():
    from gristmill_data.store import Filters

    return Filters()


def test_a_filter_narrows_the_queue(filled):
    app = started()
    app.multiselect(key="gm_review_kind").select("preference").run()
    assert "Where does a vessel of 30 metres go?" in page(app)
    assert "Response A" in page(app)
    press(app, "Next")
    assert "No more rows with these filters" in page(app)


def test_a_search_finds_a_row(filled):
    app = started()
    app.text_input(key="gm_review_search").input("berth cost").run()
    assert "What does a berth cost?" in page(app)
    assert "harbour-math" in page(app)
    assert '<mark class="gm-match">2.40 per metre and night' in page(app)


def test_an_empty_dataset_says_what_to_do(store):
    app = started()
    assert not app.exception
    assert "No rows yet" in page(app)


def test_the_end_says_that_all_is_done(filled):
    app = started()
    while app.session_state["gm_desk"].example_id:
        item = app.session_state["gm_desk"].look()
        press(app, "Tie" if item.example.kind == "preference" else "Accept")
    assert "All done" in page(app)
    assert filled.counts("Ada")["mine"] == 6


def test_browse_lists_the_rows(filled):
    app = only("browse")
    assert not app.exception
    frame = app.dataframe[0].value
    assert len(frame) == 6
    assert set(frame["Status"]) == {"To review"}
    assert app.button(key="gm_open").disabled


def test_browse_of_an_empty_dataset_says_so(store):
    app = only("browse")
    assert not app.exception
    assert "No rows" in page(app)


def test_the_dashboard_shows_figures_and_charts(filled):
    app = only("dashboard")
    assert not app.exception
    assert {tile.label: tile.value for tile in app.metric}["Rows"] == "6"
    assert len(app.get("vega_lite_chart")) >= 4
    assert app.dataframe[0].value["Run"].tolist() == ["mill"]


def test_the_dashboard_of_an_empty_dataset_draws_nothing_and_says_why(store):
    app = only("dashboard")
    assert not app.exception
    assert len(app.get("vega_lite_chart")) == 0
    assert any("No run has decided" in caption.value for caption in app.caption)


def test_without_a_dataset_the_app_says_how_to_start_it():
    app = AppTest.from_file(str(ENTRY), default_timeout=60).run()
    assert not app.exception
    assert "gristmill review" in app.error[0].value
